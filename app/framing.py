"""From a decoded body to raw records. Pure."""

from dataclasses import dataclass

import msgspec
import orjson

from app import strict_json
from app.content import Framing
from app.exceptions import ContentTooLarge, EmptyBody, MalformedBody

_JSON_WHITESPACE = b" \t\n\r"
_split_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class RawRecords:
    """Records of a body in their order, each the client's bytes.

    Attributes:
        raws: one JSON text (or what should be one) a record.
        values: the same records parsed, where parsing the whole body gave them already; else None.
    """

    raws: list[bytes]
    values: list[object] | None


def split(body: bytes, framing: Framing, max_records: int) -> RawRecords:
    """Tell the records of a decoded body apart.

    Raises:
        EmptyBody: no record in it.
        ContentTooLarge: more than `max_records`.
        MalformedBody: a JSON body that is no JSON as a whole.
    """
    records = _split_lines(body, max_records) if framing is Framing.NDJSON else _split_json(body, max_records)
    if not records.raws:
        raise EmptyBody("The body holds no record: send an object, an array of objects, or one object a line.")
    if len(records.raws) > max_records:
        raise _too_many(max_records)
    return records


def _too_many(max_records: int) -> ContentTooLarge:
    return ContentTooLarge(f"Over {max_records} records: send them in several requests.")


def _split_lines(body: bytes, max_records: int) -> RawRecords:
    lines = body.split(b"\n") if body.count(b"\n") < max_records else _first_lines(body, max_records + 1)
    return RawRecords([line.removesuffix(b"\r") for line in lines if line.strip(_JSON_WHITESPACE)], None)


def _first_lines(body: bytes, enough: int) -> list[bytes]:
    """Lines that are not blank, `enough` at the most: a body of newlines alone makes no list of millions."""
    lines: list[bytes] = []
    start = 0
    while start <= len(body) and len(lines) < enough:
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        line = body[start:end]
        if line.strip(_JSON_WHITESPACE):
            lines.append(line)
        start = end + 1
    return lines


def _split_json(body: bytes, max_records: int) -> RawRecords:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _split_json_with_reason(body, max_records)
    if type(value) is not list:
        return RawRecords([body], [value])
    try:
        raws = [bytes(raw) for raw in _split_array(body)]
    except RecursionError:
        return _split_json_with_reason(body, max_records)
    return RawRecords(raws, value)


def _split_json_with_reason(body: bytes, max_records: int) -> RawRecords:
    if not body.strip(_JSON_WHITESPACE):
        return RawRecords([], None)
    try:
        reading = strict_json.read(body, max_depth=1, max_elements=max_records)
    except strict_json.MalformedJsonError as error:
        raise MalformedBody(f"Not JSON at byte {error.offset}: {error}.", error.offset) from error
    except strict_json.TooManyElementsError:
        raise _too_many(max_records) from None
    if reading.top != b"[":
        return RawRecords([body], None)
    return RawRecords([body[start:end] for start, end in reading.elements], None)
