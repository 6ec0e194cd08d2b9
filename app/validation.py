"""Judging one record: accepted, or rejected with the first reason that applies. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, islice

import orjson

from app import strict_json
from app.quick_json import Findings, look_through
from app.strict_json import Budget, MalformedJsonError

MAX_DEPTH = 500
"""Containers around the innermost value, the record's own object included.

Snowflake documents no limit. Parsers on the way of its VARIANT do: Jackson's StreamReadConstraints in its ingest SDK
stop at 1,000 levels, Iceberg's variant reader at 500 (apache/iceberg#16568), CPython's and orjson's at about 1,000.
"""
MAX_ERRORS = 5
"""Errors explained per record; more help nobody and a record of 1 MB can hold 100,000."""
_STRING = re.compile(rb'"[^"]*"')
_NEITHER_QUOTE_NOR_BRACKET = bytes(set(range(256)) - set(b'"[]{}'))
_LEVEL = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_ORJSON_INFINITY = "number is infinity"
_ORJSON_DEPTH = "depth limit"
_WHITESPACE = b" \t\n\r"
SCREENED_BYTES = 2 * 1024 * 1024
"""Far over what a stream line holds. Writing a longer value out again costs memory up to 100 times its size."""
MAX_LOC_STEPS = 20
MAX_LOC_CHARACTERS = 100
MAX_MESSAGE_CHARACTERS = 300


class Reason(StrEnum):
    """Why a record, or a body, is rejected."""

    UNDECODABLE_BODY = "undecodable_body"
    MALFORMED_JSON = "malformed_json"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    MISSING_ID = "missing_id"
    NULL_ID = "null_id"
    TOO_LARGE = "too_large"
    UNKNOWN_SCHEMA = "unknown_schema"
    SCHEMA_VIOLATION = "schema_violation"


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One thing that is wrong, and what would be right.

    Attributes:
        loc: keys and indexes that lead to it from the record's top.
        msg: for people; never quotes a value.
        type: for programs.
    """

    loc: tuple[str | int, ...]
    msg: str
    type: str


def error_detail(loc: Iterable[str | int], message: str, kind: str) -> ErrorDetail:
    """An ErrorDetail whose texts, which can hold a client's keys, are cut to a length that people read."""
    steps = tuple(step if isinstance(step, int) else step[:MAX_LOC_CHARACTERS] for step in islice(loc, MAX_LOC_STEPS))
    return ErrorDetail(steps, message[:MAX_MESSAGE_CHARACTERS], kind)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record that will load.

    Attributes:
        raw: the client's bytes.
        record_id: the parsed value of ``id``.
    """

    raw: bytes
    record_id: object


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that would not load, or breaks its schema."""

    raw: bytes
    reason: Reason
    errors: tuple[ErrorDetail, ...]


_MISSING = object()


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """The part of a schema that judging needs.

    Attributes:
        find_errors: what is wrong with a parsed record.
        all_obey: whether nothing is in any of several; False also where that cannot be told.
    """

    find_errors: Callable[[dict[str, object]], tuple[ErrorDetail, ...]]
    all_obey: Callable[[list[dict[str, object]]], bool]
    reason: Reason = Reason.SCHEMA_VIOLATION


def judge(raw: bytes, room: int, schema: RecordSchema | None, budget: Budget | None = None) -> Accepted | Rejected:
    """Judge one record.

    Args:
        raw: the record as the client sent it.
        room: bytes that its payload may have in a stream line.
        schema: what the request asks its records to obey.
        budget: for finding the places of errors, a new one if not given; spent, errors are told without them.
    """
    budget = budget or Budget()
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _explain(raw, error, budget)
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and (depth := _depth(raw)) > MAX_DEPTH:
        return _too_deep(raw, depth)
    if not isinstance(value, dict):
        return _not_an_object(raw)
    if could_have_duplicates(raw, value) and look_through(raw).duplicate:
        return _duplicate_key(raw, _locate(raw, budget).duplicate)
    return _refuse_content(raw, value, room, schema) or Accepted(raw, value["id"])


def _refuse_content(raw: bytes, record: dict[str, object], room: int, schema: RecordSchema | None) -> Rejected | None:
    record_id = record.get("id", _MISSING)
    if record_id is _MISSING:
        return _reject(raw, Reason.MISSING_ID, ("id",), 'the record has no "id"; give it one that is not null')
    if record_id is None:
        return _reject(raw, Reason.NULL_ID, ("id",), '"id" is null; any other value will do')
    if len(raw) > room:
        message = f"the record is {len(raw)} bytes and its stream line has room for {room}; split or shorten it"
        return _reject(raw, Reason.TOO_LARGE, (), message)
    if schema is None:
        return None
    errors = schema.find_errors(record)
    return Rejected(raw, schema.reason, errors) if errors else None


def reject_body(raw: bytes, reason: Reason, message: str) -> Rejected:
    """A body that cannot be told apart into records, as one record."""
    return _reject(raw, reason, (), message)


def _depth(raw: bytes) -> int:
    """Levels of a text that is JSON."""
    without_escapes = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes_and_brackets = without_escapes.translate(None, _NEITHER_QUOTE_NOR_BRACKET).replace(b'""', b"")
    brackets = _STRING.sub(b"", quotes_and_brackets)
    return max(accumulate(map(_LEVEL.__getitem__, brackets)), default=0)


def could_have_duplicates(text: bytes, value: object) -> bool:
    r"""False only when no object in `text` repeats a key, and none nests over 254 levels.

    Every key brings a colon. The parsed value keeps each key and string once, so a key that was dropped shows as fewer
    colons when it is written out again. Only an escape that writes a colon blurs the count, and one that writes a NUL,
    which Snowflake drops at a key's end.

    Args:
        text: JSON texts, one or several.
        value: the one's value, or a list of theirs: none can make up for what another has dropped.
    """
    if len(text) > SCREENED_BYTES:
        return True
    if b"\\" in text and (b"\\u0000" in text or b"\\u003a" in text or b"\\u003A" in text):
        return True
    try:
        return text.count(b":") != orjson.dumps(value).count(b":")
    except TypeError:  # orjson writes 254 levels at the most
        return True


def _explain(raw: bytes, refusal: orjson.JSONDecodeError, budget: Budget) -> Rejected:
    """Why orjson refused `raw`: it stops at the first thing it meets, which need not be the first that applies."""
    if refusal.msg.startswith(_ORJSON_INFINITY):
        try:
            return _explain_infinity(raw, look_through(raw), budget)
        except MalformedJsonError as error:
            return _malformed(raw, error, budget)
        except RecursionError:
            return _explain_deep(raw, budget)
    if refusal.msg.startswith(_ORJSON_DEPTH):
        return _explain_deep(raw, budget)
    return _malformed(raw, refusal, budget)


def _explain_infinity(raw: bytes, findings: Findings, budget: Budget) -> Rejected:
    depth = _depth(raw)
    if depth > MAX_DEPTH:
        return _too_deep(raw, depth)
    if not raw.lstrip(_WHITESPACE).startswith(b"{"):
        return _not_an_object(raw)
    if findings.duplicate:
        return _duplicate_key(raw, _locate(raw, budget).duplicate)
    message = "a number that does not fit a double; send it as a string"
    return _reject(raw, Reason.NUMBER_OUT_OF_RANGE, _locate(raw, budget).out_of_range or (), message)


def _explain_deep(raw: bytes, budget: Budget) -> Rejected:
    """Of a text too deep for either parser: malformed, if that is seen before the budget is spent."""
    try:
        depth = strict_json.read(raw, MAX_DEPTH, budget).depth
    except MalformedJsonError as error:
        return _reject(raw, Reason.MALFORMED_JSON, (), f"not JSON at byte {error.offset}: {error}")
    except strict_json.BudgetSpentError as error:
        depth = error.reading.depth
    return _too_deep(raw, max(depth, MAX_DEPTH + 1))


def _malformed(raw: bytes, refusal: ValueError, budget: Budget) -> Rejected:
    try:
        strict_json.read(raw, MAX_DEPTH, budget)
    except MalformedJsonError as error:
        return _reject(raw, Reason.MALFORMED_JSON, (), f"not JSON at byte {error.offset}: {error}")
    except strict_json.BudgetSpentError:
        pass
    return _reject(raw, Reason.MALFORMED_JSON, (), f"not JSON: {refusal}")


def _locate(raw: bytes, budget: Budget) -> strict_json.Reading:
    """Where things stand in a text that is JSON, as far as the budget goes."""
    try:
        return strict_json.read(raw, MAX_DEPTH, budget)
    except strict_json.BudgetSpentError as error:
        return error.reading


def _too_deep(raw: bytes, depth: int) -> Rejected:
    return _reject(raw, Reason.TOO_DEEP, (), f"nested {depth} levels deep; {MAX_DEPTH} is the most")


def _not_an_object(raw: bytes) -> Rejected:
    return _reject(raw, Reason.NOT_AN_OBJECT, (), "a record is a JSON object with an id")


def _duplicate_key(raw: bytes, loc: strict_json.Path | None) -> Rejected:
    return _reject(raw, Reason.DUPLICATE_KEY, loc or (), "a key stands more than once in its object; send it once")


def _reject(raw: bytes, reason: Reason, loc: strict_json.Path, message: str) -> Rejected:
    return Rejected(raw, reason, (error_detail(loc, message, reason.value),))
