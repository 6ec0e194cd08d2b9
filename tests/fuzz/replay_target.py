"""Editing JSON as text, held against the same edit of the value."""

import json
from typing import Any

from ops.replay.json_text import EVERY_ELEMENT, Container, edit, is_json
from tests.fuzz.second import second_reading

PATHS: tuple[tuple[str, ...], ...] = (
    ("id",),
    ("a",),
    ("a", "b"),
    ("*",),
    ("0",),
    ("*", "a"),
    ("a", "*", "id"),
    ("",),
    ("v", "0", "*"),
    ("\u00e9",),
)
NEW = "[7,8]"


class Pairs(list[tuple[str, Any]]):
    """An object with all its keys, those that stand twice too."""


def replaying(data: bytes) -> None:
    """A text that is JSON, edited as text, has the value that the edit of its value has."""
    choice, text = (data[:1] or b"\0")[0], data[1:].decode("utf-8", "replace")
    steps, removes = PATHS[choice // 2 % len(PATHS)], bool(choice & 1)
    if not is_json(text):
        try:
            value_of(text)
        except (ValueError, RecursionError):
            return
        raise AssertionError("what the standard library reads is refused")
    edited = edit(text, steps, _remove if removes else _replace)
    assert second_reading(lambda: value_of(edited) == _edited(value_of(text), steps, removes=removes))
    assert edit(text, steps, lambda _, __: False) == text, "what is not edited keeps its bytes"


def _remove(container: Container, step: str) -> bool:
    places = container.positions(step)
    for place in reversed(places):
        del container.members[place]
    return bool(places)


def _replace(container: Container, step: str) -> bool:
    places = container.positions(step)
    for place in places:
        container.members[place].text = NEW
    return bool(places)


def value_of(text: str) -> Any:
    """The value, numbers as they are written."""
    return json.loads(text, object_pairs_hook=Pairs, parse_int=str, parse_float=str, parse_constant=str)


def _edited(value: Any, steps: tuple[str, ...], *, removes: bool) -> Any:
    places = _places(value, steps[0])
    for place in reversed(places):
        if len(steps) == 1 and removes:
            del value[place]
            continue
        inner = value[place][1] if isinstance(value, Pairs) else value[place]
        inner = value_of(NEW) if len(steps) == 1 else _edited(inner, steps[1:], removes=removes)
        value[place] = (value[place][0], inner) if isinstance(value, Pairs) else inner
    return value


def _places(value: Any, step: str) -> list[int]:
    if isinstance(value, Pairs):
        return [place for place, (key, _) in enumerate(value) if key == step][-1:]
    if not isinstance(value, list):
        return []
    if step == EVERY_ELEMENT:
        return list(range(len(value)))
    return [int(step)] if step.isascii() and step.isdigit() and int(step) < len(value) else []
