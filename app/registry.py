"""The schema registry: JSON Schemas of ``<folder>/<name>/<version>.json``, compiled once at start."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema_rs

from app.exceptions import ConfigurationError, SchemaNotFound
from app.validation import MAX_ERRORS, ErrorDetail, Reason, RecordSchema, error_detail

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,2}")
MAX_LABEL_CHARACTERS = 130  # longer than any label that names a schema
_TOO_DEEP_TO_TELL = "what breaks the schema, or may, nests over 255 levels deep: too deep to say what is wrong with it"
_RECORD_URI = "urn:sluice:record"
_DEFAULT_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_MASK = "the value"  # stands for a record's own values in messages


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one schema."""

    name: str
    version: str
    document: dict[str, Any]
    check: RecordSchema

    @property
    def label(self) -> str:
        """``name/version``, as the stream line has it."""
        return f"{self.name}/{self.version}"


class Registry:
    """Schemas by name and version."""

    def __init__(self, schemas: Mapping[str, Mapping[str, Schema]]) -> None:
        self._schemas = {
            name: dict(sorted(versions.items(), key=lambda item: _version_order(item[0])))
            for name, versions in sorted(schemas.items())
        }

    @classmethod
    def load(cls, uri: str) -> "Registry":
        """Read and compile a folder, given as a path or a file: URI.

        Raises:
            ConfigurationError: no such folder, a file out of place, or one that is no JSON Schema.
        """
        parts = urlsplit(uri)
        if parts.scheme not in ("", "file"):
            raise ConfigurationError(f"SLUICE_SCHEMAS_URI: {parts.scheme}: is not read; give a folder or a file: URI.")
        folder = Path(unquote(parts.path))
        if not folder.is_dir():
            raise ConfigurationError(f"SLUICE_SCHEMAS_URI: there is no folder {folder}.")
        schemas: dict[str, dict[str, Schema]] = {}
        for file in sorted(folder.rglob("*.json")):
            schema = _load_file(folder, file)
            schemas.setdefault(schema.name, {})[schema.version] = schema
        return cls(schemas)

    def names(self) -> dict[str, list[str]]:
        """Versions of each schema, oldest first."""
        return {name: list(versions) for name, versions in self._schemas.items()}

    def get(self, reference: str) -> Schema:
        """The schema that ``name`` (its newest version) or ``name/version`` means.

        Raises:
            SchemaNotFound: there is none.
        """
        name, slash, version = reference.partition("/")
        versions = self._schemas.get(name)
        if not versions:
            raise SchemaNotFound("There is no schema of this name; GET /schemas lists them.")
        if not slash:
            return versions[list(versions)[-1]]
        if version not in versions:
            raise SchemaNotFound(f"The schema has no such version; it has {', '.join(versions)}.")
        return versions[version]

    def resolve(self, references: Sequence[str]) -> tuple[str | None, RecordSchema | None]:
        """What the schema parameters of a request ask for: a label and a check that its records have to pass.

        Where there is no such schema the label is the client's own word and no record passes.
        """
        if not references:
            return None, None
        problem = "Name one schema: the parameter stands more than once."
        if len(references) == 1:
            try:
                schema = self.get(references[0])
            except SchemaNotFound as error:
                problem = error.detail
            else:
                return schema.label, schema.check
        errors = (error_detail((), problem, Reason.UNKNOWN_SCHEMA.value),)
        return references[0][:MAX_LABEL_CHARACTERS], RecordSchema(
            lambda _: errors, lambda _: False, Reason.UNKNOWN_SCHEMA
        )


def _version_order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _load_file(folder: Path, file: Path) -> Schema:
    name, version = file.parent.name, file.stem
    if file.parent.parent != folder or not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise ConfigurationError(f"{file}: a schema's place is <name>/<version>.json, like order/1.json.")
    try:
        document = json.loads(file.read_bytes())
        validator = jsonschema_rs.validator_for(document, mask=_MASK, validate_formats=True)
    except ValueError as error:  # jsonschema_rs.ValidationError is one too
        raise ConfigurationError(f"{file}: not a JSON Schema: {str(error).splitlines()[0]}") from error
    return Schema(name, version, document, RecordSchema(_finder(validator), _checker(document, validator)))


def _finder(validator: jsonschema_rs.Validator) -> Callable[[dict[str, object]], tuple[ErrorDetail, ...]]:
    def find_errors(record: dict[str, object]) -> tuple[ErrorDetail, ...]:
        errors: list[ErrorDetail] = []
        try:
            if validator.is_valid(record):
                return ()
            errors.extend(
                error_detail(error.instance_path, error.message, error.kind.name)
                for error in islice(validator.iter_errors(record), MAX_ERRORS)
            )
        except ValueError:  # "Recursion limit reached": it compares values, and hands them out, down to 255 levels
            errors.append(error_detail((), _TOO_DEEP_TO_TELL, Reason.SCHEMA_VIOLATION.value))
        return tuple(errors)

    return find_errors


def _checker(document: Any, validator: jsonschema_rs.Validator) -> Callable[[list[dict[str, object]]], bool]:  # noqa: ANN401  a schema may be true
    is_valid = _of_all(document) or (lambda records: all(map(validator.is_valid, records)))

    def all_obey(records: list[dict[str, object]]) -> bool:
        try:
            return is_valid(records)
        except ValueError:  # as above
            return False

    return all_obey


def _of_all(document: Any) -> Callable[[list[dict[str, object]]], bool] | None:  # noqa: ANN401  as above
    """The same of an array of records, which takes a tenth less than asking for each. None if the schema's own id keeps
    it from being referred to.

    It is referred to by a name of ours: one of its own could be that of a metaschema, or of the array's schema.
    """
    draft = document.get("$schema", _DEFAULT_DRAFT) if isinstance(document, dict) else _DEFAULT_DRAFT
    array = {"$schema": draft, "items": {"$ref": _RECORD_URI}}
    try:
        registry = jsonschema_rs.Registry([(_RECORD_URI, document)])
        return jsonschema_rs.validator_for(array, registry=registry, validate_formats=True).is_valid
    except (TypeError, ValueError):
        return None
