"""Reads a stage's parameter file, infra/cloudformation/parameters/<stage>.yaml."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from ops.deploy.errors import DeployError


class ParametersError(DeployError):
    """The file cannot be read or is not of its form; the message is one line for the user."""


def read_parameters(path: Path) -> dict[str, str]:
    """Values by parameter name.

    Only quoted text is a value: unquoted, YAML reads `0400` and `no` as something else than what stands there.

    Raises:
        ParametersError: there is no such file, it is no YAML mapping, names a parameter twice or has a value that is
            not text.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ParametersError(f"{path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ParametersError(f"{path} is not UTF-8.") from error
    except yaml.YAMLError as error:
        raise ParametersError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document):
        raise ParametersError(f'{path}: not a mapping of the form Name: "value".')
    if wrong := sorted(name for name, value in document.items() if not isinstance(value, str)):
        raise ParametersError(f'{path}: {", ".join(wrong)}: put the value in quotes ("…").')
    return document


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} twice", node.start_mark)
        return super().construct_mapping(node, deep)
