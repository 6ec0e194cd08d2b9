"""What the templates take and give, read from their text: for the plan, which asks no AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ops.deploy.errors import DeployError


class _Loader(yaml.CSafeLoader):
    """Takes CloudFormation's short functions (!Ref …) for None: nothing that is read here uses them."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


@dataclass(frozen=True, slots=True)
class Template:
    """What one template says.

    Attributes:
        parameters: default by name, None if it has none.
        outputs: their names.
        rules: all that a parameter's declaration says (Type, AllowedValues …), by its name.
    """

    parameters: Mapping[str, str | None]
    outputs: tuple[str, ...]
    rules: Mapping[str, Mapping[str, Any]]


def read_template(path: Path) -> Template:
    """Read one template.

    Raises:
        DeployError: it cannot be read.
    """
    try:
        document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
        parameters = document.get("Parameters") or {}
        return Template(
            {name: _text(details.get("Default")) for name, details in parameters.items()},
            tuple(document.get("Outputs") or ()),
            parameters,
        )
    except OSError as error:
        raise DeployError(f"{path}: {error.strerror}.") from error
    except (yaml.YAMLError, AttributeError) as error:
        raise DeployError(f"{path} is no template: {' '.join(str(error).split())}") from error


def _text(default: object) -> str | None:
    return None if default is None else str(default)
