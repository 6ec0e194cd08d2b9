"""The receipts of a window: the ledger, from CloudWatch Logs or a file.

A receipt is at most some 180 KB (10,000 records in 15,000 ranges), less than an event of CloudWatch Logs may have (its
quotas: 256 KB and more). One that cannot be read all the same is told, never passed over: what it accepted would not be
looked for.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from ops.reconcile.lines import REQUEST_ID, bits_of
from ops.reconcile.window import CLOCKS, Window

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

WRITTEN_WITHIN = timedelta(minutes=5)
"""After the request came: a request takes 30 s at the most (HTTP API), and its log line is written with its answer."""
PATTERN = "%event...receipt%"
"""Also finds a receipt that is cut off, which a JSON pattern would not. A dot is any character; quotation marks cannot
stand in an expression (CloudWatch Logs User Guide, "Filter pattern syntax")."""
_MARK = b'"event":"receipt"'
_INDEXES = 10**6
"""An index has six digits at the most (INGEST_ID): a set of bits stays small whatever stands in the log."""
_RECEIVED_AT = re.compile(rb'"received_at":"([^"]{27})"')
_REQUEST_ID = re.compile(rb'"request_id":"(%b)"' % REQUEST_ID.encode())


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was answered, as sets of bits. `received` is in seconds since the epoch."""

    request_id: str
    received: int
    source: str
    accepted: int
    rejected: int
    retry: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A receipt that cannot be read."""

    where: str
    request_id: str | None


class Receipts(Protocol):
    """Where receipts are."""

    def read(self, window: Window) -> Iterator[Receipt | Broken]:
        """Those of records received in the window."""

    def keeps_days(self) -> int | None:
        """How far back they go; None for all of it."""

    @property
    def where(self) -> str:
        """What to look at when there are none."""


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """The file of a local pipeline."""

    path: Path

    def read(self, window: Window) -> Iterator[Receipt | Broken]:
        """As the protocol says. A line that is no receipt counts as written when the one before it was."""
        if not self.path.exists():
            return
        within, offset = True, 0
        with self.path.open("rb") as file:
            for line in file:
                within = _holds(window, line, otherwise=within)
                if within and not (line.endswith(b"\n") or _is_whole(line) or self._is_old(window)):
                    return  # still being written
                if within:
                    yield from _read(line, f"{self.path} byte {offset}")
                offset += len(line)

    def _is_old(self, window: Window) -> bool:
        """Whether nothing was written for so long that nobody writes any more."""
        return time.time() - self.path.stat().st_mtime > max(window.settle, CLOCKS).total_seconds()

    @property
    def where(self) -> str:
        """As the protocol says."""
        return str(self.path)

    def keeps_days(self) -> int | None:
        """Nobody shortens the file but a reset."""
        return None


@dataclass(frozen=True, slots=True)
class LogGroup:
    """The gateway's log in AWS."""

    logs: "CloudWatchLogsClient"
    name: str

    def read(self, window: Window) -> Iterator[Receipt | Broken]:
        """As the protocol says; 1 MB or 10,000 events a call (FilterLogEvents' API reference)."""
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.name,
            startTime=int((window.since - CLOCKS).timestamp() * 1000),
            endTime=int((window.until + WRITTEN_WITHIN).timestamp() * 1000),
            filterPattern=PATTERN,
        )
        for page in pages:
            for event in page.get("events", ()):
                line = event["message"].encode()
                if _MARK in line and _holds(window, line, otherwise=True):
                    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                    yield from _read(line, f"{self.name} {event.get('logStreamName')} {moment:%Y-%m-%dT%H:%M:%S.%fZ}")

    def keeps_days(self) -> int | None:
        """As the group is set."""
        groups = self.logs.describe_log_groups(logGroupNamePrefix=self.name)["logGroups"]
        return next((group.get("retentionInDays") for group in groups if group["logGroupName"] == self.name), None)

    @property
    def where(self) -> str:
        """As the protocol says."""
        return f"the log group {self.name}"


def _holds(window: Window, line: bytes, *, otherwise: bool) -> bool:
    """Whether it is of the window. Where a write was cut, two receipts stand in one line: one of them does."""
    moments = _RECEIVED_AT.findall(line)
    return any(window.first <= moment < window.behind for moment in moments) if moments else otherwise


def _is_whole(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except ValueError:
        return False
    return True


def _read(line: bytes, where: str) -> Iterator[Receipt | Broken]:
    try:
        members = _one_receipt(line)
        if not members["records"]:
            return
        yield Receipt(
            request_id=_request_id(members["request_id"]),
            received=int(datetime.fromisoformat(members["received_at"]).timestamp()),
            source=str(members["source"]),
            accepted=_bits(members["accepted"]),
            rejected=_bits(members["rejected"]),
            retry=_bits(members["retry"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        found = _REQUEST_ID.search(line)
        yield Broken(where, None if found is None else found[1].decode())


def _one_receipt(line: bytes) -> dict[str, Any]:
    if line.count(_MARK) > 1:
        raise ValueError("two receipts in a line")
    members: dict[str, Any] = orjson.loads(line)
    return members


def _request_id(text: str) -> str:
    if re.fullmatch(REQUEST_ID, text) is None:
        raise ValueError("no request_id of ours")
    return text


def _bits(ranges: Sequence[tuple[int, int]]) -> int:
    if not all(0 <= first <= last < _INDEXES for first, last in ranges):
        raise ValueError("no range of indexes")
    return bits_of(ranges)
