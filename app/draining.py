"""Spilled lines back into the stream, with the ingest_ids they have.

An object is removed only when each of its lines is confirmed. Until then it stays whole: lines that went already go
again next time, so they are twice in the stream and once in RECORDS. For the same reason two drains at once, or one
that is killed between putting and removing, do no harm.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.envelope import MAX_LINE_BYTES, line_key, take_apart
from app.settings import MAX_DECODED_BYTES
from app.sinks.aws import AttemptFailed
from app.sinks.base import Line, Lines, Outcome, Sink
from app.validation import Accepted, judge

logger = logging.getLogger(__name__)
MAX_OBJECT_BYTES = MAX_DECODED_BYTES + 8 * 1024 * 1024
"""More than a request can spill: its payloads and 10,000 times some 400 bytes around them."""
AT_ONCE = 4
"""Objects in work at a time, of which one is large."""
LARGE_BYTES = 1024 * 1024
"""What a shard takes in a second (Kinesis Data Streams, "Quotas and limits"). Objects larger than that go one after the
other: beside each other they would take longer than a drain has, go in part, and begin anew with the next drain."""
FAILURES_TO_STOP = 3
"""Objects in a row that could not be read, or that the stream did not take whole: one alone holds up none behind it."""
FRUITLESS_SECONDS = 15.0
"""How long the stream may take nothing more of an object."""


class Stopped(StrEnum):
    """Why a drain ended before the end of the area."""

    STREAM = "stream_unavailable"
    BUCKET = "error_bucket_unavailable"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Spilled:
    """One object of the spill area."""

    key: str
    size: int
    since: datetime


class SpillArea(Protocol):
    """Where spilled objects wait; a call that fails raises `AttemptFailed`."""

    def objects(self, deadline: float) -> AsyncGenerator[Spilled, None]:
        """What is there, the oldest first."""

    async def read(self, key: str, deadline: float) -> bytes | None:
        """The object's bytes, None if it is gone."""

    async def remove(self, key: str, deadline: float) -> None:
        """Remove it; one that is gone is success."""


@dataclass(slots=True)
class DrainReport:
    """What a drain did.

    Attributes:
        objects, records: how many are in the stream and no longer in the area.
        malformed: keys of objects that hold something else than stream lines; they are left as they are.
        kept: keys of objects that were seen and stay for the next drain.
        stopped: why it did not see the whole area; None if it did.
        oldest: since when the oldest object waits of those that were seen and stay; within the hour of the first one
            that there was no time for, for keys tell the order of hours. None if none was seen.
    """

    objects: int = 0
    records: int = 0
    malformed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    stopped: Stopped | None = None
    oldest: datetime | None = None

    @property
    def is_clean(self) -> bool:
        """Whether nothing was left that should have gone."""
        return not (self.malformed or self.kept or self.stopped)

    def saw_stay(self, since: datetime) -> None:
        """An object was seen that stays."""
        self.oldest = since if self.oldest is None else min(self.oldest, since)


class MalformedObjectError(Exception):
    """An object of the spill area holds something else than stream lines."""


async def drain_once(area: SpillArea, stream: Sink, deadline: float) -> DrainReport:
    """Put what is in `area` into `stream`, until its end, `deadline` (seconds of the loop's clock), or a failure.

    Ends by itself where the stream takes nothing, or the bucket cannot be listed or written: what could not be
    removed would go into the stream with every drain.
    """
    report = DrainReport()
    drain = _Drain(area, stream, deadline, report)
    async with aclosing(area.objects(deadline)) as objects:
        workers = [asyncio.create_task(drain.work(objects)) for _ in range(AT_ONCE)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    return report


class _Drain:
    """What the workers of one drain share."""

    def __init__(self, area: SpillArea, stream: Sink, deadline: float, report: DrainReport) -> None:
        self._area = area
        self._stream = stream
        self._deadline = deadline
        self._report = report
        self._listing = asyncio.Lock()
        self._large = asyncio.Lock()
        self._failures = 0

    async def work(self, objects: AsyncGenerator[Spilled, None]) -> None:
        """Take one object after the other, as long as no worker has a reason to stop."""
        while spilled := await self._next(objects):
            try:
                async with self._large if spilled.size > LARGE_BYTES else nullcontext():
                    await self._move(spilled)
            except MalformedObjectError as error:
                logger.warning("a spilled object is left as it is: %s", error, extra={"key": spilled.key})
                self._stays(spilled, self._report.malformed)
            except AttemptFailed as failure:
                self._stop_for_bucket(failure)
                self._stays(spilled, self._report.kept)

    async def _next(self, objects: AsyncGenerator[Spilled, None]) -> Spilled | None:
        async with self._listing:
            if self._report.stopped:
                return None
            try:
                spilled = await anext(objects, None)
            except AttemptFailed as failure:
                self._stop_for_bucket(failure)
                return None
        if spilled is not None and asyncio.get_running_loop().time() >= self._deadline:
            self._stop(Stopped.TIME)
            self._stays(spilled, self._report.kept)
            return None
        return spilled

    async def _move(self, spilled: Spilled) -> None:
        if spilled.size > MAX_OBJECT_BYTES:
            raise MalformedObjectError(f"{spilled.size} bytes are more than a request can spill")
        try:
            body = await self._area.read(spilled.key, self._deadline)
        except AttemptFailed:
            self._failed(spilled, Stopped.BUCKET)
            return
        if body is None:  # another drain was faster
            return
        lines = await asyncio.to_thread(read_lines, spilled.key, body)
        del body
        if not await self._put(lines):
            self._failed(spilled, Stopped.STREAM)
            return
        self._failures = 0
        await self._area.remove(spilled.key, self._deadline)
        self._report.objects += 1
        self._report.records += len(lines)

    async def _put(self, lines: Lines) -> bool:
        """Whether the stream took every line: as long as it takes some, it is asked for the rest."""
        left, clock = lines, asyncio.get_running_loop().time
        while True:
            deadline = min(self._deadline, clock() + FRUITLESS_SECONDS)
            outcomes = await self._stream.put(left, deadline)
            rest = [place for place, outcome in enumerate(outcomes) if outcome is not Outcome.CONFIRMED]
            if not rest:
                return True
            if len(rest) == len(left) or clock() >= self._deadline:
                return False
            left = left.some(rest)

    def _failed(self, spilled: Spilled, reason: Stopped) -> None:
        self._stays(spilled, self._report.kept)
        self._failures += 1
        if self._failures >= FAILURES_TO_STOP:
            self._stop(reason)

    def _stays(self, spilled: Spilled, keys: list[str]) -> None:
        keys.append(spilled.key)
        self._report.saw_stay(spilled.since)

    def _stop_for_bucket(self, failure: AttemptFailed) -> None:
        self._stop(Stopped.BUCKET)
        logger.warning("the spill area failed", extra={"code": failure.code})

    def _stop(self, reason: Stopped) -> None:
        late = asyncio.get_running_loop().time() >= self._deadline
        self._report.stopped = self._report.stopped or (Stopped.TIME if late else reason)


def read_lines(key: str, body: bytes) -> Lines:
    """The lines of a spilled object with the partition keys that they had.

    Raises:
        MalformedObjectError: it holds something else.
    """
    if not body.endswith(b"\n"):
        raise MalformedObjectError("its last line is not whole")
    request_id = key.rpartition("/")[2].partition(".")[0]
    try:
        lines = [_line(line) for line in body.splitlines(keepends=True)]
        received_at = datetime.fromisoformat(str(take_apart(lines[0].data)[0]["received_at"]))
    except (ValueError, KeyError) as error:
        raise MalformedObjectError("it holds more than stream lines") from error
    return Lines.of(request_id, received_at, lines)


def _line(data: bytes) -> Line:
    members, payload = take_apart(data)
    source = members["source"]
    record = judge(payload, MAX_LINE_BYTES, None)
    is_ours = isinstance(source, str) and isinstance(members["ingest_id"], str) and len(data) <= MAX_LINE_BYTES
    if not is_ours or not isinstance(source, str) or not isinstance(record, Accepted):
        raise ValueError("no stream line")
    return Line(data, line_key(source, record.record_id))
