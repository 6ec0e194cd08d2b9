"""Sizes of what the gateway writes, measured on the gateway's own code."""

import json
from datetime import UTC, datetime
from functools import cache
from math import ceil

from app.embedded_metrics import embedded_lines
from app.envelope import Origin, StreamLines, error_line
from app.observability import Receipt
from app.sinks.base import Effort
from app.validation import ErrorDetail, Reason, Rejected

ACCESS_LOG_BYTES = 330
"""A line of the HTTP API's access log (gateway.yaml's format, filled in as a test does)."""
PLATFORM_LOG_BYTES = 290
"""START, END and REPORT, which Lambda logs of every invocation (Lambda Developer Guide, "Working with Lambda logs"); an
assumption."""
DRAIN_LINE_BYTES = 350
"""What a run of the drain that finds nothing writes: its report with the embedded metrics."""
ANSWER_HEAD_BYTES = 700
"""Status line and headers of an answer, ours and those that the HTTP API adds: an assumption."""
_REQUEST_ID = "01a20647-bcd4-772d-bc79-80582d1f178e"
_RECEIVED = datetime(2026, 11, 23, 2, 41, 34, 420771, tzinfo=UTC)
_REASON = Reason.MISSING_ID
_DETAIL = ErrorDetail(("id",), "a record needs an id", "missing")


@cache
def line_bytes(source: str, schema: str | None, size: int, batch: int) -> int:
    """A stream line with a payload of `size` bytes; the index is of the mean length in a request of `batch` records."""
    line = StreamLines(_origin(source, schema)).line(0, b"")
    digits = sum(len(str(index)) for index in range(batch)) / batch
    return size + len(line) - 1 + ceil(digits)


@cache
def error_line_bytes(source: str, schema: str | None, size: int) -> int:
    """A line of the error bucket for a record of `size` bytes, two of seven of them quotes, which are escaped."""
    sample = ('{"a":1}' + '"key":"value",' * (size // 14 + 1))[:size].encode()
    return len(error_line(_origin(source, schema), 0, Rejected(sample, _REASON, (_DETAIL,))))


@cache
def receipt_bytes(source: str, schema: str | None, batch: int, rejected: int) -> int:
    """What one request writes to the function's log: its receipt with the embedded metrics, and a line for a reason."""
    bad = sorted({round((number + 0.5) * batch / rejected) % batch for number in range(rejected)}) if rejected else []
    missing = set(bad)
    receipt = Receipt(
        _REQUEST_ID,
        "2026-11-23T02:41:34.420771Z",
        source=source,
        schema=schema,
        status=(202 if not bad else 207 if len(bad) < batch else 422),
        records=batch,
        accepted=[index for index in range(batch) if index not in missing],
        rejected=bad,
        received_bytes=300 * batch,
        decoded_bytes=300 * batch,
        milliseconds={"decode": 0.123, "judge": 0.456, "store": 12.345, "total": 13.456},
        judged_bad=len(bad),
        rejected_reasons={_REASON.value: len(bad)} if bad else {},
        stream=Effort(milliseconds=12.345) if len(bad) < batch else None,
        error_bucket=Effort(milliseconds=23.456) if bad else None,
    )
    return sum(len(line) for line in embedded_lines("prod")(receipt))


@cache
def answer_bytes(rejected: float) -> float:
    """An answer's head and body, with so many results."""
    result = {
        "index": 100,
        "ingest_id": f"{_REQUEST_ID}-100",
        "status": "rejected",
        "reason": _REASON.value,
        "errors": [{"loc": list(_DETAIL.loc), "msg": _DETAIL.msg, "type": _DETAIL.type}],
    }
    body = {
        "request_id": _REQUEST_ID,
        "received_at": "2026-11-23T02:41:34.420771Z",
        "accepted": 100,
        "rejected": 0,
        "results": [],
    }
    return ANSWER_HEAD_BYTES + _compact(body) + rejected * (_compact(result) + 1)


def _compact(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _origin(source: str, schema: str | None) -> Origin:
    return Origin(_REQUEST_ID, _RECEIVED, source, schema, "application/x-ndjson")
