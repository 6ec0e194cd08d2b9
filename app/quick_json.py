"""What the standard library's reader, in C, can tell of a JSON text that orjson does not: cheap, without places.

It recurses, so it stops short of very deep texts, and takes NaN and lone surrogates unless told otherwise.
"""

import json
import math
from dataclasses import dataclass
from typing import NoReturn

from app import strict_json
from app.strict_json import MalformedJsonError


@dataclass(slots=True)
class Findings:
    """What stands somewhere in a JSON text.

    Attributes:
        duplicate: an object with a key twice, compared as `strict_json` does.
        out_of_range: a number that is not finite as a double.
    """

    duplicate: bool = False
    out_of_range: bool = False


def look_through(raw: bytes) -> Findings:
    """Read `raw` once.

    Raises:
        MalformedJsonError: not RFC 8259 JSON in UTF-8, or with a lone surrogate escape.
        RecursionError: nested too deep for this reader, which is near 1,000 levels.
    """
    findings = Findings()

    def note_duplicates(pairs: list[tuple[str, object]]) -> None:
        if len({key.rstrip("\0") for key, _ in pairs}) < len(pairs):
            findings.duplicate = True

    def note_range(number: str) -> None:
        if not math.isfinite(float(number)):
            findings.out_of_range = True

    try:
        json.loads(
            raw.decode(),
            object_pairs_hook=note_duplicates,
            parse_float=note_range,
            parse_int=note_range,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise MalformedJsonError("not UTF-8", error.start) from error
    except json.JSONDecodeError as error:
        raise MalformedJsonError(error.msg, len(error.doc[: error.pos].encode())) from error
    if (escape := strict_json.find_lone_surrogate(raw)) is not None:
        raise MalformedJsonError(strict_json.LONE_SURROGATE, escape)
    return findings


def _refuse_constant(constant: str) -> NoReturn:
    raise MalformedJsonError(f"{constant} is no JSON number", 0)
