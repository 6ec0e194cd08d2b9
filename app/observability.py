"""Receipts and logs: one line of JSON each, never with a payload or a key."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any, BinaryIO

import orjson

from app.sinks.base import Effort

Range = tuple[int, int]
MAX_CAUSES = 5
_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@dataclass(slots=True)
class Receipt:
    """What became of one request; the ledger that reconciling reads.

    Attributes:
        status: of the answer; 500 until there is one.
        schema: label of the schema that the records had to obey; None too where there is none of the name asked for, so
            that a client's own word is in no log.
        reason: why the request as a whole was refused or rejected, if it was.
        accepted, rejected, retry: indexes of records, as inclusive ranges.
        spilled: of the accepted, those that wait in the spill area for the stream.
        received_bytes, decoded_bytes: sizes of the body.
        milliseconds: time by stage: decode, judge, store, total; to the microsecond.
        rejected_reasons, retry_reasons: how many records by reason; they add up to `rejected` and `retry`.

    For the metrics alone:
        judged_bad: how many records would not load, stored or not.
        stream, error_bucket: what storing took; None if there was nothing to store.
    """

    request_id: str
    received_at: str
    source: str | None = None
    schema: str | None = None
    status: int = 500
    reason: str | None = None
    records: int = 0
    accepted: Sequence[int] = ()
    spilled: Sequence[int] = ()
    rejected: Sequence[int] = ()
    retry: Sequence[int] = ()
    received_bytes: int = 0
    decoded_bytes: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)
    judged_bad: int = 0
    rejected_reasons: Mapping[str, int] = field(default_factory=dict)
    retry_reasons: Mapping[str, int] = field(default_factory=dict)
    stream: Effort | None = None
    error_bucket: Effort | None = None

    def members(self) -> dict[str, Any]:
        """What the line says.

        The ranges stand last: they can be thousands, and CloudWatch Logs Insights finds 200 fields in a line
        (CloudWatch Logs User Guide, "Supported logs and discovered fields").
        """
        return {
            "event": "receipt",
            "request_id": self.request_id,
            "received_at": self.received_at,
            "source": self.source,
            "schema": self.schema,
            "status": self.status,
            "reason": self.reason,
            "records": self.records,
            "counts": {
                "accepted": len(self.accepted),
                "spilled": len(self.spilled),
                "rejected": len(self.rejected),
                "retry": len(self.retry),
            },
            "reasons": {"rejected": self.rejected_reasons, "retry": self.retry_reasons},
            "bytes": {"received": self.received_bytes, "decoded": self.decoded_bytes},
            "ms": self.milliseconds,
            "accepted": ranges(self.accepted),
            "spilled": ranges(self.spilled),
            "rejected": ranges(self.rejected),
            "retry": ranges(self.retry),
        }


def milliseconds(nanoseconds: int) -> float:
    """To the microsecond: as exact as it means anything, and as short as it is read."""
    return nanoseconds // 1_000 / 1_000


def plain_lines(receipt: Receipt) -> Sequence[bytes]:
    """The receipt alone."""
    return [orjson.dumps(receipt.members(), option=orjson.OPT_APPEND_NEWLINE)]


def ranges(indexes: Sequence[int]) -> list[Range]:
    """Ascending indexes as inclusive ranges: 0, 1, 2, 5 → (0, 2), (5, 5)."""
    if not indexes:
        return []
    if indexes[-1] - indexes[0] == len(indexes) - 1:  # most requests: all records fare alike
        return [(indexes[0], indexes[-1])]
    found: list[Range] = []
    start = end = indexes[0]
    for index in indexes[1:]:
        if index != end + 1:
            found.append((start, end))
            start = index
        end = index
    return [*found, (start, end)]


class ReceiptLog:
    """Writes receipts to standard output and, if asked, a file; what belongs to one request in one write.

    Args:
        file: to append to; it gets the receipt's own line only.
        lines_of: a receipt's own line, then any that only standard output gets.
    """

    def __init__(
        self,
        file: str | None,
        stdout: BinaryIO | None = None,
        lines_of: Callable[[Receipt], Sequence[bytes]] = plain_lines,
    ) -> None:
        self._lines_of = lines_of
        self._path = None if file is None else Path(file)
        self._stdout = stdout
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Open the file for appending."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)

    def write(self, receipt: Receipt) -> None:
        """Write one receipt."""
        lines = self._lines_of(receipt)
        stdout = self._stdout or sys.stdout.buffer
        stdout.write(b"".join(lines))
        stdout.flush()
        rest = memoryview(lines[0])
        while self._file is not None and rest:
            rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON, its `extra` as members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Format `record`."""
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD_ATTRIBUTES}
        line = {
            "event": "log",
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            line |= _what_was_raised(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def _what_was_raised(error: BaseException | None) -> dict[str, str]:
    """Its type and where it comes from, and the same of its causes; no message, for it may quote a payload or a key."""
    types: list[str] = []
    places: list[str] = []
    while error is not None and len(types) < MAX_CAUSES:
        types.append(type(error).__name__)
        places += [f"{frame.filename}:{frame.lineno}" for frame in extract_tb(error.__traceback__)[-1:]]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return {"exception": " from ".join(types), "raised_at": ", ".join(places)}


def configure_logging() -> None:
    """Send the gateway's own logs to standard error as JSON. Called by the entry points, once."""
    logger = logging.getLogger("app")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
