"""From a planned request to the bytes that are sent, and what each of its records deserves. Pure."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.account import Record
from tests.chaos.schedule import Form, PlannedRequest
from tests.support import generators as make
from tests.support import varied

QUERIES = {Form.ORDERS: "?schema=order/1", Form.UNKNOWN_SCHEMA: "?schema=none/7"}
NO_ORDERS = (b'"customer":"ada"', b'"customer":"","amount":1', b'"customer":"ada","amount":-1')
OVERSIZED_BYTES = 1_030_000
"""More than Firehose takes as one record, 1,000 KiB."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request but for its key.

    Attributes:
        records: what it holds; of a body that is none, one record: the body as received.
        is_whole: whether the body itself can be taken apart.
    """

    content: bytes
    media: str
    records: Sequence[Record]
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    is_whole: bool = True


def body_of(request: PlannedRequest) -> Body:
    """Its body."""
    if request.form is Form.BROKEN:
        return _refused(b'{"id":%d,"v":[1,2' % request.first, "json", "malformed_json", {})
    if request.form is Form.BROKEN_GZIP:
        cut = gzip.compress(b'{"id":%d}\n' % request.first, mtime=0)[:-6]
        return _refused(cut, "ndjson", "undecodable_body", {"Content-Encoding": "gzip"})
    records = [_record(request, index) for index in range(request.records)]
    payloads = [record.payload for record in records]
    match request.form:
        case Form.SINGLE:
            return Body(payloads[0], "json", records)
        case Form.ARRAY:
            return Body(make.array(payloads), "json", records)
        case Form.GZIP:
            packed = gzip.compress(make.ndjson(payloads), compresslevel=1, mtime=0)
            return Body(packed, "ndjson", records, {"Content-Encoding": "gzip"})
        case form:
            return in_lines(records, QUERIES.get(form, ""))


def in_lines(records: Sequence[Record], query: str = "") -> Body:
    """Records as NDJSON."""
    return Body(make.ndjson([record.payload for record in records]), "ndjson", records, query=query)


def _refused(content: bytes, media: str, reason: str, headers: dict[str, str]) -> Body:
    return Body(content, media, [Record(content, reason)], headers, is_whole=False)


def _record(request: PlannedRequest, index: int) -> Record:
    number, is_bad = request.first + index, index in request.bad
    if request.form is Form.UNKNOWN_SCHEMA:
        return Record(varied.good(number), "unknown_schema")
    if request.form is Form.ORDERS:
        return _order(number, is_bad=is_bad)
    if request.form is Form.OVERSIZED and is_bad:
        return Record(b'{"id":"big-%d","pad":"%b"}' % (number, b"x" * OVERSIZED_BYTES), "too_large")
    return Record(*varied.bad(request.bad[index])) if is_bad else Record(varied.good(number))


def _order(number: int, *, is_bad: bool) -> Record:
    if not is_bad:
        return Record(b'{"id":"o-%d","customer":"ada","amount":12345678901234567890.10}' % number)
    return Record(b'{"id":"o-%d",%b}' % (number, NO_ORDERS[number % len(NO_ORDERS)]), "schema_violation")
