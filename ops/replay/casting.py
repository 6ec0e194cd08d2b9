"""JSON text of one type as JSON text of another, digit for digit. Pure."""

import json
import re
from decimal import Decimal
from enum import StrEnum

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_WHITESPACE = " \t\n\r"
_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}
MAX_INTEGER_DIGITS = 309
"""The largest double has 309; an exponent could ask for a billion."""


class Kind(StrEnum):
    """What a value can be cast to."""

    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"


def cast(text: str, kind: Kind) -> str | None:
    """`text`, a JSON value without space around it, as a `kind`; None when it cannot be."""
    content = json.loads(text).strip(_WHITESPACE) if text.startswith('"') else text
    if kind is Kind.STRING:
        return _string(text)
    if kind is Kind.BOOLEAN:
        return _BOOLEANS.get(content.lower() if text.startswith('"') else text)
    if not _NUMBER.fullmatch(content):
        return None
    return content if kind is Kind.NUMBER else _integer(content)


def _string(text: str) -> str | None:
    if text.startswith('"'):
        return text
    return f'"{text}"' if text in {"true", "false"} or _NUMBER.fullmatch(text) else None


def _integer(number: str) -> str | None:
    if _INTEGER.fullmatch(number):
        return number
    try:
        exact = Decimal(number)
        if exact and exact.adjusted() >= MAX_INTEGER_DIGITS:
            return None
        whole = int(exact)
    except (ArithmeticError, ValueError):  # an exponent beyond what Decimal takes
        return None
    return str(whole) if whole == exact else None
