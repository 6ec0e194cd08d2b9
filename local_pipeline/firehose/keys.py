"""Names of delivered files: `<evaluated prefix><stream>-<version>-<yyyy-MM-dd-HH-mm-ss>-<uuid><extension>`.

Sources: "Configure Amazon S3 object name format" and "Understand custom prefixes for Amazon S3 objects" in the Amazon
Data Firehose Developer Guide; patterns as in Java's DateTimeFormatter, of which the letters below are known and any
other is an error.
"""

import re
import secrets
import string
from calendar import day_abbr, day_name, month_abbr, month_name
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from local_pipeline.template import TemplateError

VERSION = 1
RANDOM_STRING_LENGTH = 11
_ALPHABET = string.ascii_letters + string.digits
_EXPRESSION = re.compile(r"!\{([^:{}]*):([^{}]*)\}")


def _number(value: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda at, width: f"{value(at):0{width}d}"


def _year(at: datetime, width: int) -> str:
    return f"{at.year % 100:02d}" if width == 2 else f"{at.year:0{width}d}"


def _month(at: datetime, width: int) -> str:
    if width <= 2:
        return f"{at.month:0{width}d}"
    return month_name[at.month] if width == 4 else month_abbr[at.month]


def _weekday(at: datetime, width: int) -> str:
    return day_name[at.weekday()] if width == 4 else day_abbr[at.weekday()]


_LETTERS: dict[str, Callable[[datetime, int], str]] = {
    "y": _year,
    "u": _year,
    "M": _month,
    "E": _weekday,
    "d": _number(lambda at: at.day),
    "D": _number(lambda at: at.timetuple().tm_yday),
    "H": _number(lambda at: at.hour),
    "m": _number(lambda at: at.minute),
    "s": _number(lambda at: at.second),
    "S": lambda at, width: f"{at.microsecond:06d}".ljust(width, "0")[:width],
}
_TOKEN = re.compile(r"(?P<quoted>'(?:[^']|'')*')|(?P<run>([A-Za-z])\3*)|(?P<plain>[^A-Za-z'\[\]{}#])")


def format_time(pattern: str, at: datetime) -> str:
    """`at` by a DateTimeFormatter pattern.

    Raises:
        TemplateError: a letter or sign that is not known here.
    """
    parts = []
    position = 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None or (token["run"] and token["run"][0] not in _LETTERS):
            raise TemplateError(
                f"the Firehose stand-in does not know {pattern[position]!r} in the pattern {pattern!r}."
            )
        position = token.end()
        if token["quoted"]:
            parts.append(token["quoted"][1:-1].replace("''", "'") or "'")
        elif token["run"]:
            parts.append(_LETTERS[token["run"][0]](at, len(token["run"])))
        else:
            parts.append(token["plain"])
    return "".join(parts)


def random_string() -> str:
    """What `!{firehose:random-string}` stands for."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_STRING_LENGTH))


def evaluate(prefix: str, at: datetime, error_output_type: str | None = None) -> str:
    """A prefix with its `!{namespace:value}` expressions replaced.

    Args:
        at: arrival of the file's oldest record, UTC.
        error_output_type: set for error prefixes only, as the service allows the expression only there.

    Raises:
        TemplateError: an expression that is not known here.
    """

    def value(expression: re.Match[str]) -> str:
        namespace, argument = expression.groups()
        if namespace == "timestamp":
            return format_time(argument, at)
        if (namespace, argument) == ("firehose", "random-string"):
            return random_string()
        if (namespace, argument) == ("firehose", "error-output-type") and error_output_type:
            return error_output_type
        raise TemplateError(f"the Firehose stand-in cannot evaluate {expression[0]} in the prefix {prefix!r}.")

    return _EXPRESSION.sub(value, prefix)


def object_key(evaluated_prefix: str, delivery_stream: str, at: datetime, identifier: UUID, extension: str) -> str:
    """The whole key of one file."""
    return f"{evaluated_prefix}{delivery_stream}-{VERSION}-{at:%Y-%m-%d-%H-%M-%S}-{identifier}{extension}"
