"""Reads a fix: YAML or JSON. Its values become JSON text with the digits that stand in the file."""

import json
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import yaml

from app import strict_json
from ops.replay.casting import Kind
from ops.replay.errors import FixFileError
from ops.replay.fix import NULL, Cast, Fact, Fix, Operation, Otherwise, Remove, Rename, ReplaceText, Set
from ops.replay.json_text import Container, take_apart

Choice = TypeVar("Choice", bound=StrEnum)
MAX_DEPTH = 100
_JSON_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class _Operation:
    """The members of one operation, each to be taken once."""

    def __init__(self, container: Container) -> None:
        self._members = {member.key: member.text for member in container.members}

    def has(self, name: str) -> bool:
        return name in self._members

    def take(self, name: str) -> str:
        """A value as JSON text."""
        if name not in self._members:
            raise FixFileError(f'"{name}" is missing')
        return self._members.pop(name)

    def take_text(self, name: str) -> str:
        value = json.loads(self.take(name), parse_int=_no_text, parse_float=_no_text)
        if not isinstance(value, str):
            raise FixFileError(f'"{name}" has to be text')
        return value

    def take_path(self, name: str) -> tuple[str, ...]:
        return parse_path(self.take_text(name))

    def take_choice(self, name: str, choices: type[Choice], default: Choice | None = None) -> Choice:
        if default is not None and not self.has(name):
            return default
        try:
            return choices(self.take_text(name))
        except ValueError:
            raise FixFileError(f'"{name}" is one of {", ".join(choices)}') from None

    def take_flag(self, name: str, *, default: bool) -> bool:
        text = self.take(name) if self.has(name) else json.dumps(default)
        if text not in {"true", "false"}:
            raise FixFileError(f'"{name}" is true or false')
        return text == "true"

    def refuse_rest(self) -> None:
        if self._members:
            raise FixFileError(f"unknown here: {', '.join(sorted(self._members))}")


def read_fix(path: Path) -> Fix:
    """The fix in a file; `.json` is JSON, everything else YAML.

    Raises:
        FixFileError: it cannot be read or is not of its form.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FixFileError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FixFileError(f"{path} is not UTF-8") from None
    try:
        return parse_fix(text if path.suffix == ".json" else yaml_to_json(text))
    except FixFileError as error:
        raise FixFileError(f"{path}: {error}") from None


def parse_fix(text: str) -> Fix:
    """The fix that JSON text describes.

    Raises:
        FixFileError: it is not of its form; says which operation, counted from 1.
    """
    try:
        reading = strict_json.read(text.encode(), MAX_DEPTH)
    except ValueError as error:
        raise FixFileError(f"no JSON: {error}") from None
    if reading.duplicate is not None or reading.depth > MAX_DEPTH:
        raise FixFileError("a key stands twice, or it nests too deep")
    document = take_apart(text)
    if document is None or not document.is_object or [member.key for member in document.members] != ["operations"]:
        raise FixFileError('not of the form {"operations": […]}')
    listed = take_apart(document.members[0].text)
    if listed is None or listed.is_object:
        raise FixFileError('"operations" has to be a list')
    operations = []
    for number, member in enumerate(listed.members, start=1):
        try:
            operations.append(_operation(member.text))
        except FixFileError as error:
            raise FixFileError(f"operation {number}: {error}") from None
    return Fix(tuple(operations), text)


def parse_path(text: str) -> tuple[str, ...]:
    """The steps of a path: a JSON Pointer (RFC 6901) to a member or an element.

    Raises:
        FixFileError: it is none.
    """
    if not text.startswith("/") or re.search("~(?![01])", text):
        raise FixFileError(f"{json.dumps(text)} is no path: it begins with / and writes ~ as ~0 and / in a key as ~1")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def yaml_to_json(text: str) -> str:
    """YAML as JSON text. What JSON would read as number, true, false or null is that; all else is text.

    Raises:
        FixFileError: it is no YAML.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise FixFileError(f"no YAML: {' '.join(str(error).split())}") from None
    return "null" if node is None else _to_json(node, 0)


def _to_json(node: yaml.Node, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise FixFileError("it nests too deep")
    if isinstance(node, yaml.MappingNode):
        pairs = (f"{_key(key)}:{_to_json(value, depth + 1)}" for key, value in node.value)
        return "{" + ",".join(pairs) + "}"
    if isinstance(node, yaml.SequenceNode):
        return "[" + ",".join(_to_json(item, depth + 1) for item in node.value) + "]"
    text = str(node.value)
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return json.dumps(text)
    return text if _JSON_SCALAR.fullmatch(text) else json.dumps(text) if text else NULL


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise FixFileError("a key has to be text")
    return json.dumps(node.value)


def _operation(text: str) -> Operation:
    container = take_apart(text)
    if container is None or not container.is_object:
        raise FixFileError("not an object")
    members = _Operation(container)
    named = [name for name in _READERS if members.has(name)]
    if len(named) != 1:
        raise FixFileError(f"it has to be one of {', '.join(_READERS)}")
    operation = _READERS[named[0]](members)
    members.refuse_rest()
    return operation


def _set(members: _Operation) -> Set:
    path, overwrite = members.take_path("set"), members.take_flag("overwrite", default=True)
    if members.has("from"):
        return Set(path, members.take_choice("from", Fact), overwrite)
    return Set(path, members.take("value"), overwrite)


def _rename(members: _Operation) -> Rename:
    return Rename(members.take_path("rename"), members.take_text("to"))


def _remove(members: _Operation) -> Remove:
    return Remove(members.take_path("remove"))


def _cast(members: _Operation) -> Cast:
    path, kind = members.take_path("cast"), members.take_choice("to", Kind)
    return Cast(path, kind, members.take_choice("otherwise", Otherwise, Otherwise.FAIL))


def _replace_text(members: _Operation) -> ReplaceText:
    text, to = members.take_text("replace_text"), members.take_text("to")
    if not text:
        raise FixFileError('"replace_text" has to be some text')
    return ReplaceText(text.encode(), to.encode())


_READERS: dict[str, Callable[[_Operation], Operation]] = {
    "set": _set,
    "rename": _rename,
    "remove": _remove,
    "cast": _cast,
    "replace_text": _replace_text,
}


def _no_text(_: str) -> None:
    """A number where text is asked for."""
