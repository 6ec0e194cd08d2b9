"""A slow, plain judge of records: the tests' second opinion, from the contract alone, none of the gateway's code in it.

It knows the reasons that need neither a schema nor the size of a line. Recursion limits how deep it can look, so the
depth limit is given and texts far beyond it are not for it.
"""

import json
import math
from typing import Any


class _Duplicate(dict[str, Any]):
    """An object that held a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Duplicate(found)


def _refuse(word: str) -> None:
    raise ValueError(word)


def _parts(value: Any, depth: int = 0) -> list[tuple[int, Any]]:
    """Every value inside `value`, itself included, with the number of containers that hold it, itself counted."""
    if isinstance(value, dict):
        return [(depth + 1, value), *(part for child in value.values() for part in _parts(child, depth + 1))]
    if isinstance(value, list):
        return [(depth + 1, value), *(part for child in value for part in _parts(child, depth + 1))]
    return [(depth, value)]


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, child in value.items() for text in (key, *_strings(child))]
    if isinstance(value, list):
        return [text for child in value for text in _strings(child)]
    return [value] if isinstance(value, str) else []


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
    """The value of a JSON text by RFC 8259; ValueError if it is none."""
    value = json.loads(text.decode(), parse_constant=_refuse, object_pairs_hook=_object)
    for found in _strings(value):
        found.encode()  # a lone surrogate cannot be encoded
    return value


def judge(text: bytes, max_depth: int) -> str:
    """`accepted`, or the first reason that applies."""
    try:
        value = parse(text)
    except ValueError:
        return "malformed_json"
    parts = _parts(value)
    checks = [
        ("too_deep", max(depth for depth, _ in parts) > max_depth),
        ("not_an_object", not isinstance(value, dict)),
        ("duplicate_key", any(isinstance(part, _Duplicate) for _, part in parts)),
        ("number_out_of_range", any(_is_infinite(part) for _, part in parts)),
        ("missing_id", isinstance(value, dict) and "id" not in value),
        ("null_id", isinstance(value, dict) and value.get("id", 0) is None),
    ]
    return next((reason for reason, applies in checks if applies), "accepted")
