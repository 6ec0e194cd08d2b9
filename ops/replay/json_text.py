"""Edits JSON as text: only containers on the way to what is edited are written anew, every other value keeps its bytes.

So numbers keep their digits, strings their escapes, and objects the keys that stand twice. Pure.

What is JSON here is what the standard library reads: NaN and lone surrogates too, so that what holds them can be
edited away. Whether the result is right is for `app.validation.judge`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

_WHITESPACE = re.compile(r"[ \t\n\r]*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_CLOSER = {"{": "}", "[": "]"}
EVERY_ELEMENT = "*"


def _nothing(_: object) -> None:
    """Of values only the end is asked; numbers are not even read, so none is too long."""


_DECODER = json.JSONDecoder(
    object_pairs_hook=_nothing, parse_float=_nothing, parse_int=_nothing, parse_constant=_nothing
)


@dataclass(slots=True)
class Member:
    """A member of an object, or an element of an array.

    Attributes:
        key: as a string; empty in an array.
        literal: the key as it is written, quotes included; empty in an array.
        text: the value as it is written.
    """

    key: str
    literal: str
    text: str


@dataclass(slots=True)
class Container:
    """An object or an array."""

    is_object: bool
    members: list[Member]

    def positions(self, step: str) -> list[int]:
        """Where `step` leads: of a key that stands more than once the last place, of an array's ``*`` all."""
        if self.is_object:
            return [place for place, member in enumerate(self.members) if member.key == step][-1:]
        if step == EVERY_ELEMENT:
            return list(range(len(self.members)))
        return [int(step)] if _INDEX.fullmatch(step) and int(step) < len(self.members) else []

    def write(self) -> str:
        """Its text; no space between tokens of its own."""
        if self.is_object:
            return "{" + ",".join(f"{member.literal}:{member.text}" for member in self.members) + "}"
        return "[" + ",".join(member.text for member in self.members) + "]"


Change = Callable[[Container, str], bool]
"""Changes a container at a step, and says whether it did."""


def is_json(text: str) -> bool:
    """Whether all of `text` is one JSON value, nested no deeper than the standard library reads (near 1,000)."""
    start = _skip(text, 0)
    try:
        _, end = _DECODER.raw_decode(text, start)
    except (json.JSONDecodeError, RecursionError):
        return False
    return _skip(text, end) == len(text)


def edit(text: str, steps: tuple[str, ...], change: Change) -> str:
    """`text`, which is JSON, with `change` done to each container that `steps` but the last lead to."""
    container = take_apart(text)
    if container is None:
        return text
    if len(steps) == 1:
        changed = change(container, steps[0])
    else:
        changed = False
        for place in container.positions(steps[0]):
            member = container.members[place]
            edited = edit(member.text, steps[1:], change)
            changed = changed or edited != member.text
            member.text = edited
    return container.write() if changed else text


def take_apart(text: str) -> Container | None:
    """The members of a container; None for another value. `text` is JSON."""
    position = _skip(text, 0)
    opener = text[position : position + 1]
    if opener not in _CLOSER:
        return None
    container = Container(opener == "{", [])
    position = _skip(text, position + 1)
    while text[position] != _CLOSER[opener]:
        key, literal = "", ""
        if container.is_object:
            key, end = _DECODER.raw_decode(text, position)
            literal = text[position:end]
            position = _skip(text, _skip(text, end) + 1)  # behind the colon
        _, end = _DECODER.raw_decode(text, position)
        container.members.append(Member(key, literal, text[position:end]))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return container


def _skip(text: str, position: int) -> int:
    match = _WHITESPACE.match(text, position)
    return position if match is None else match.end()
