"""Judging one record: accepted, or rejected with the first reason that applies. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import cast

import orjson

from app import strict_json

MAX_DEPTH = 500
"""Containers around the innermost value, the record's own object included.

Snowflake documents no limit. Parsers on the way of its VARIANT do: Jackson's StreamReadConstraints in its ingest SDK
stop at 1,000 levels, Iceberg's variant reader at 500 (apache/iceberg#16568), CPython's and orjson's at about 1,000.
"""
MAX_ERRORS = 5
"""Errors explained per record; more help nobody and a record of 1 MB can hold 100,000."""
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


UNPARSED = object()


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """The part of a schema that judging needs: what it finds wrong with a parsed record."""

    find_errors: Callable[[dict[str, object]], tuple[ErrorDetail, ...]]
    reason: Reason = Reason.SCHEMA_VIOLATION


def judge(raw: bytes, value: object, room: int, schema: RecordSchema | None) -> Accepted | Rejected:
    """Judge one record.

    Args:
        raw: the record as the client sent it.
        value: the same record parsed, or UNPARSED.
        room: bytes that its payload may have in a stream line.
        schema: what the request asks its records to obey.
    """
    if value is UNPARSED:
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return _explain(raw)
    if not isinstance(value, dict) or _could_be_deep(raw) or _could_have_duplicates(raw, value):
        rejected = _explain_structure(raw, strict_json.read(raw, MAX_DEPTH))
        if rejected is not None:
            return rejected
    record = cast("dict[str, object]", value)
    return _refuse_content(raw, record, room, schema) or Accepted(raw, record["id"])


def _refuse_content(raw: bytes, record: dict[str, object], room: int, schema: RecordSchema | None) -> Rejected | None:
    record_id = record.get("id", UNPARSED)
    if record_id is UNPARSED:
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


def _could_be_deep(raw: bytes) -> bool:
    return raw.count(b"[") + raw.count(b"{") > MAX_DEPTH


def _could_have_duplicates(raw: bytes, value: object) -> bool:
    r"""False only when no object in `raw` repeats a key.

    Every key brings a colon. The parsed value keeps each key and string once, so a key that was dropped shows as fewer
    colons when it is written out again; only escapes that write a colon (``\u003a``) or a NUL blur the count.
    """
    if b"\\u00" in raw:
        return True
    try:
        return raw.count(b":") != orjson.dumps(value).count(b":")
    except TypeError:  # orjson writes 254 levels at the most
        return True


def _explain(raw: bytes) -> Rejected:
    """Why orjson refused `raw`."""
    try:
        reading = strict_json.read(raw, MAX_DEPTH)
    except strict_json.MalformedJsonError as error:
        return _reject(raw, Reason.MALFORMED_JSON, (), f"not JSON at byte {error.offset}: {error}")
    rejected = _explain_structure(raw, reading)
    if rejected is not None:
        return rejected
    if reading.out_of_range is not None:
        message = "a number that does not fit a double; send it as a string"
        return _reject(raw, Reason.NUMBER_OUT_OF_RANGE, reading.out_of_range, message)
    return _reject(raw, Reason.MALFORMED_JSON, (), "not JSON as the gateway's parser reads it")


def _explain_structure(raw: bytes, reading: strict_json.Reading) -> Rejected | None:
    if reading.depth > MAX_DEPTH:
        message = f"nested {reading.depth} levels deep; {MAX_DEPTH} is the most"
        return _reject(raw, Reason.TOO_DEEP, (), message)
    if reading.top != b"{":
        return _reject(raw, Reason.NOT_AN_OBJECT, (), "a record is a JSON object with an id")
    if reading.duplicate is not None:
        message = "the key stands more than once in its object; send it once"
        return _reject(raw, Reason.DUPLICATE_KEY, reading.duplicate, message)
    return None


def _reject(raw: bytes, reason: Reason, loc: strict_json.Path, message: str) -> Rejected:
    return Rejected(raw, reason, (error_detail(loc, message, reason.value),))
