"""A second reading of JSON texts, to hold the gateway's against: slow, recursive, on Python's own parser."""

import json
import math
from dataclasses import dataclass, field

from hypothesis import reject

from tests.property.recursion import room_for

_DECODER = json.JSONDecoder(parse_int=float)
Path = tuple[str | int, ...]


class NotJsonError(ValueError):
    """Not RFC 8259 JSON in UTF-8, or with half of a surrogate pair."""


@dataclass
class Read:
    """What `read` finds; paths are those of the first in the order of the text."""

    top: str
    depth: int = 0
    duplicate: Path | None = None
    out_of_range: Path | None = None
    elements: list[tuple[int, int]] = field(default_factory=list)


def read(raw: bytes) -> Read:
    """Read `raw`.

    Raises:
        NotJsonError: by the verdict of `json.loads`, made strict.
    """
    with room_for(10_000):
        text = _checked(raw)
        start = _skip(text, 0)
        found = Read(text[start])
        _walk(text, start, (), found)
    return found


def _checked(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
        json.loads(text, parse_constant=_no_constant, parse_int=float)
    except ValueError as error:
        raise NotJsonError from error
    except RecursionError:  # CPython 3.12's limit for C cannot be raised: there this text has no second reading
        reject()
    return text


def _no_constant(name: str) -> float:
    raise NotJsonError(name)


def _walk(text: str, start: int, path: Path, found: Read) -> int:
    """Note what is found in the value at `start`, and return its end."""
    match text[start]:
        case "{":
            return _walk_object(text, start + 1, path, found)
        case "[":
            return _walk_array(text, start + 1, path, found)
        case '"':
            return _string(text, start)[1]
        case _:
            value, end = _DECODER.raw_decode(text, start)
            if isinstance(value, float) and not math.isfinite(value) and found.out_of_range is None:
                found.out_of_range = path
            return end


def _walk_object(text: str, position: int, path: Path, found: Read) -> int:
    found.depth = max(found.depth, len(path) + 1)
    seen: set[str] = set()
    position = _skip(text, position)
    while text[position] != "}":
        key, position = _string(text, _skip(text, position + (text[position] == ",")))
        if key.rstrip("\0") in seen and found.duplicate is None:
            found.duplicate = (*path, key)
        seen.add(key.rstrip("\0"))
        position = _skip(text, _skip(text, position) + 1)
        position = _skip(text, _walk(text, position, (*path, key), found))
    return position + 1


def _walk_array(text: str, position: int, path: Path, found: Read) -> int:
    found.depth = max(found.depth, len(path) + 1)
    index = 0
    position = _skip(text, position)
    while text[position] != "]":
        start = _skip(text, position + (text[position] == ","))
        end = _walk(text, start, (*path, index), found)
        if not path:
            found.elements.append((start, end))
        index += 1
        position = _skip(text, end)
    return position + 1


def _string(text: str, start: int) -> tuple[str, int]:
    value, end = _DECODER.raw_decode(text, start)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise NotJsonError from error
    return value, end


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\n\r":
        position += 1
    return position
