"""A strict reading of JSON text (RFC 8259) that says where and why a text is refused.

orjson and `quick_json` decide; this scanner finds places, and reads what nests too deep for them. It is iterative:
nesting costs one byte a level, not a stack frame. It is also slow, a microsecond or two a member, so what it may spend
is budgeted.
"""

import json
import math
import re
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_BOM = b"\xef\xbb\xbf"
# No possessive groups: CPython before 3.11.5 matches some of them wrongly (gh-106052). Bounded repeats instead, since
# the others keep a place to come back to for every turn.
_WHITESPACE = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_ESCAPES = re.compile(rb'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*){1,1000}')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERAL = re.compile(rb"true|false|null")
_NUMBERS_AND_LITERALS = re.compile(
    rb"(?:[ \t\n\r]*,[ \t\n\r]*(?:-?(?:0|[1-9][0-9]{0,299})(?:\.[0-9]+)?|true|false|null)(?=[ \t\n\r,\]])){1,1000}"
)
"""Array elements, each after its comma, that are finite for certain."""
_OPENING_BRACKETS = re.compile(rb"\[+")
_CLOSING_BRACKETS = re.compile(rb"[\]}]+")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
LONE_SURROGATE = "a \\u escape that is half of a surrogate pair"
_OPENER_OF = bytes.maketrans(b"]}", b"[{")
_ARRAY, _OBJECT = b"[{"


class MalformedJsonError(ValueError):
    """The text is not JSON.

    Attributes:
        offset: the byte at which it stops being JSON.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class TooManyElementsError(ValueError):
    """The array at the top holds more elements than asked for."""


class BudgetSpentError(ValueError):
    """The text is longer than the budget lets be read.

    Attributes:
        reading: what was found until then.
    """

    def __init__(self, reading: "Reading") -> None:
        super().__init__("more members than the budget lets be read")
        self.reading = reading


@dataclass(slots=True)
class Budget:
    """Members that may still be read, by all readings that share it; 500,000 take a second at the most."""

    members: int = 500_000


@dataclass(slots=True)
class Reading:
    """What a JSON text holds that a plain parser does not tell.

    Attributes:
        top: the first byte of the value: ``{``, ``[``, ``"``, a digit, …
        depth: containers around the innermost value; 0 for a scalar.
        duplicate: path of the first key that its object already has; keys are compared as Snowflake's parser does,
            without trailing NULs (snowflake-ingest-java, DataValidationUtil: "to match the behavior of the server side
            json parser").
        out_of_range: path of the first number that is not finite as a double.
        elements: byte spans of the elements, when the top is an array and they are asked for.
    """

    top: bytes = b""
    depth: int = 0
    duplicate: Path | None = None
    out_of_range: Path | None = None
    elements: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Frame:
    """An open container: the key or index it stands at, and the keys it has seen."""

    at: str | int
    keys: set[str]


def read(text: bytes, max_depth: int, budget: Budget | None = None, max_elements: int | None = None) -> Reading:
    """Read `text`, tracking paths down to `max_depth`; deeper only the syntax is checked.

    Args:
        budget: what may be spent, a new one if not given; less is left of it afterwards.
        max_elements: collect the spans of a top array's elements, and stop when there are more.

    Raises:
        MalformedJsonError: not RFC 8259 JSON in UTF-8, or with a lone surrogate escape.
        TooManyElementsError: an array at the top with more than `max_elements` elements.
        BudgetSpentError: too long to be read to its end.
    """
    if text.startswith(_BOM):
        raise MalformedJsonError("starts with a byte order mark; send UTF-8 without one", 0)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise MalformedJsonError("not UTF-8", error.start) from error
    return _Scanner(text, max_depth, max_elements).run(budget or Budget())


class _Scanner:
    def __init__(self, text: bytes, max_depth: int, max_elements: int | None) -> None:
        self._text = text
        self._max_depth = max_depth
        self._max_elements = max_elements
        self._position = 0
        self._open = bytearray()
        self._just_opened = False
        self._frames: list[_Frame] = []
        self._element_start = 0
        self._reading = Reading()

    def run(self, budget: Budget) -> Reading:
        self._skip_whitespace()
        self._reading.top = self._text[self._position : self._position + 1]
        self._value()
        while self._open:
            budget.members -= 1
            if budget.members < 0:
                raise BudgetSpentError(self._reading)
            self._step()
        self._skip_whitespace()
        if self._position < len(self._text):
            raise self._malformed("nothing may follow the value")
        return self._reading

    def _step(self) -> None:
        """Inside a container: read its next member, or its end."""
        self._skip_whitespace()
        kind = self._open[-1]
        if self._peek() == (b"]" if kind == _ARRAY else b"}"):
            self._close()
            return
        if not self._just_opened:
            self._separator(kind)
        self._just_opened = False
        if kind == _OBJECT:
            self._key()
        elif len(self._open) <= len(self._frames):
            frame = self._frames[-1]
            frame.at = int(frame.at) + 1
        if len(self._open) == 1:
            self._element_start = self._position
        self._value()
        if kind == _ARRAY and len(self._open) > 1:
            self._skip_numbers_and_literals()

    def _skip_numbers_and_literals(self) -> None:
        if self._just_opened or self._open[-1] != _ARRAY:
            return
        start = self._position
        while run := _NUMBERS_AND_LITERALS.match(self._text, self._position):
            self._position = run.end()
        if len(self._open) <= len(self._frames):
            frame = self._frames[-1]
            frame.at = int(frame.at) + self._text.count(b",", start, self._position)

    def _separator(self, kind: int) -> None:
        if self._peek() != b",":
            raise self._malformed("expected ',' or ']'" if kind == _ARRAY else "expected ',' or '}'")
        self._position += 1
        self._skip_whitespace()

    def _key(self) -> None:
        literal = self._string("expected a key in double quotes")
        self._skip_whitespace()
        if self._peek() != b":":
            raise self._malformed("expected ':'")
        self._position += 1
        self._skip_whitespace()
        if len(self._open) > len(self._frames):
            return
        frame = self._frames[-1]
        frame.at = str(json.loads(literal)) if b"\\" in literal else literal[1:-1].decode()
        key = frame.at.rstrip("\0")
        if key in frame.keys and self._reading.duplicate is None:
            self._reading.duplicate = self._path()
        frame.keys.add(key)

    def _value(self) -> None:
        first = self._peek()
        if first in (b"{", b"["):
            self._enter(first)
        else:
            self._scalar(first)
            self._value_ended()

    def _enter(self, opener: bytes) -> None:
        run = 1
        if opener == b"[" and len(self._open) > self._max_depth:
            brackets = _OPENING_BRACKETS.match(self._text, self._position)
            run = len(brackets.group()) if brackets else 1
        self._open += opener * run
        self._position += run
        self._just_opened = True
        self._reading.depth = max(self._reading.depth, len(self._open))
        if len(self._open) <= self._max_depth:
            self._frames.append(_Frame(-1 if opener == b"[" else "", set()))

    def _close(self) -> None:
        run = 1
        if len(self._open) > self._max_depth + 1:
            run = self._closing_run()
        del self._open[-run:]
        self._position += run
        self._just_opened = False
        del self._frames[len(self._open) :]
        self._value_ended()

    def _closing_run(self) -> int:
        brackets = _CLOSING_BRACKETS.match(self._text, self._position)
        run = min(len(brackets.group()) if brackets else 1, len(self._open) - self._max_depth)
        closed = self._text[self._position : self._position + run].translate(_OPENER_OF)
        expected = bytes(self._open[: -run - 1 : -1])
        if closed == expected:
            return run
        return next(index for index, pair in enumerate(zip(closed, expected, strict=True)) if pair[0] != pair[1])

    def _value_ended(self) -> None:
        if self._max_elements is not None and len(self._open) == 1 and self._open[0] == _ARRAY:
            elements = self._reading.elements
            elements.append((self._element_start, self._position))
            if len(elements) > self._max_elements:
                raise TooManyElementsError

    def _scalar(self, first: bytes) -> None:
        if first == b'"':
            self._string("expected a value")
            return
        if first == b"-" or first.isdigit():
            self._number()
            return
        literal = _LITERAL.match(self._text, self._position)
        if literal is None:
            raise self._malformed("expected a value")
        self._position = literal.end()

    def _number(self) -> None:
        number = _NUMBER.match(self._text, self._position)
        if number is None:
            raise self._malformed("not a JSON number")
        if not math.isfinite(float(number.group())) and self._reading.out_of_range is None:
            self._reading.out_of_range = self._path()
        self._position = number.end()

    def _string(self, expectation: str) -> bytes:
        start = self._position
        if self._peek() != b'"':
            raise self._malformed(expectation)
        self._position = _end(_PLAIN, self._text, start + 1)
        while (end := _end(_ESCAPES, self._text, self._position)) > self._position:
            self._position = end
        if self._peek() != b'"':
            raise self._malformed_string()
        self._position += 1
        literal = self._text[start : self._position]
        if (escape := find_lone_surrogate(literal)) is not None:
            raise MalformedJsonError(LONE_SURROGATE, start + escape)
        return literal

    def _malformed_string(self) -> MalformedJsonError:
        if self._peek() == b"\\":
            return self._malformed("not an escape that JSON knows")
        if self._peek() == b"":
            return self._malformed("a string without its closing quote")
        return self._malformed("a control character in a string; write it as an escape")

    def _malformed(self, message: str) -> MalformedJsonError:
        if self._position >= len(self._text):
            message = f"{message}, but the text ends"
        return MalformedJsonError(message, self._position)

    def _path(self) -> Path:
        return tuple(frame.at for frame in self._frames)

    def _peek(self) -> bytes:
        return self._text[self._position : self._position + 1]

    def _skip_whitespace(self) -> None:
        self._position = _end(_WHITESPACE, self._text, self._position)


def _end(pattern: re.Pattern[bytes], text: bytes, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


def find_lone_surrogate(text: bytes) -> int | None:
    r"""Where the first ``\u`` escape stands that is half of a surrogate pair, in a text whose escapes are right."""
    if b"\\u" not in text:
        return None
    high: re.Match[bytes] | None = None
    for escape in _ESCAPE.finditer(text):
        unit = int(escape.group(1), 16) if escape.group(1) else 0
        is_low = 0xDC00 <= unit <= 0xDFFF
        if high is None and is_low:
            return escape.start()
        if high is not None and not (is_low and high.end() == escape.start()):
            return high.start()
        high = escape if 0xD800 <= unit <= 0xDBFF else None
    return None if high is None else high.start()
