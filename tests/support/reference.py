"""A slow, plain judge of records: the tests' second opinion, from the contract alone, none of the gateway's code in it.

It knows the reasons that need neither a schema nor the size of a line. Python's parser limits how deep it can
look: texts of some 900 levels and more are not for it.
"""

import json
import math
from typing import Any


class _Object(list[tuple[str, Any]]):
    """An object's members as they stand, so that a key that comes twice hides nothing."""

    def has_duplicates(self) -> bool:
        # Snowflake's parser drops NULs at the end of a key (snowflake-ingest-java, DataValidationUtil).
        return len({name.rstrip("\0") for name, _ in self}) < len(self)

    def values_of(self, name: str) -> list[Any]:
        return [value for found, value in self if found == name]


def _refuse(word: str) -> None:
    raise ValueError(word)


def _children(value: Any) -> list[Any]:
    if isinstance(value, _Object):
        return [part for member in value for part in member]
    return value if isinstance(value, list) else []


def _parts(value: Any) -> list[tuple[int, Any]]:
    """Every value and key inside `value`, itself included, with the number of containers it lies in, itself counted."""
    found: list[tuple[int, Any]] = []
    rest = [(0, value)]
    while rest:
        outside, part = rest.pop()
        depth = outside + isinstance(part, list)
        found.append((depth, part))
        rest += [(depth, child) for child in _children(part)]
    return found


def _is_infinite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, int):
        try:
            float(value)
        except OverflowError:
            return True
    return False


def parse(text: bytes) -> Any:
    """The value of a JSON text by RFC 8259, objects as lists of pairs; ValueError if it is none."""
    value = json.loads(text.decode(), parse_constant=_refuse, object_pairs_hook=_Object)
    for _, part in _parts(value):
        if isinstance(part, str):
            part.encode()  # a lone surrogate cannot be encoded
    return value


def judge(text: bytes, max_depth: int) -> str:
    """`accepted`, or the first reason that applies."""
    try:
        value = parse(text)
    except ValueError:
        return "malformed_json"
    parts = _parts(value)
    ids = value.values_of("id") if isinstance(value, _Object) else []
    checks = [
        ("too_deep", max(depth for depth, _ in parts) > max_depth),
        ("not_an_object", not isinstance(value, _Object)),
        ("duplicate_key", any(isinstance(part, _Object) and part.has_duplicates() for _, part in parts)),
        ("number_out_of_range", any(_is_infinite(part) for _, part in parts)),
        ("missing_id", not ids),
        ("null_id", ids == [None]),
    ]
    return next((reason for reason, applies in checks if applies), "accepted")
