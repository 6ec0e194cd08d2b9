"""Reading all stages of a window, in an order in which what moves meanwhile is seen late rather than never.

First what a record leaves (receipts, spill area), then what it comes to (stream, landing files, raw table). The stream
and the landing bucket are read as far as the window's records should be, and on towards now only while something is
missing that may be there: drained, replayed or delivered late. A row names its landing file, which is read by its name.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

from app.sinks.error_bucket import REJECTED_AREA, SPILL_AREA
from ops.objects import Objects, Stored
from ops.reconcile.compare import Scope
from ops.reconcile.lines import INGEST_ID, Grouped, Portion, group
from ops.reconcile.missing import files_of_rows, lacks_in_landing, lacks_in_stream, of_other_attempts
from ops.reconcile.receipts import Broken, Receipts
from ops.reconcile.refusals import Refusals, read_marks
from ops.reconcile.stream import Stream
from ops.reconcile.tally import WAY, Place, Stage, Tally
from ops.reconcile.window import CLOCKS, Window, hour_prefix, hours
from ops.replay.marks import REPLAYED_AREA
from ops.warehouse import Load, Warehouse

T = TypeVar("T")
R = TypeVar("R")
ON_THE_WAY = timedelta(minutes=1)
"""From receiving a record to its arrival in the stream, unless it was spilled."""
LONGEST_BUFFER = timedelta(minutes=15)
"""Firehose's (900 s): a file stands under the hour in which its oldest record arrived."""
AT_ONCE = 8
"""Objects that are read at a time; with their size this bounds the memory."""
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Sources:
    """What is read.

    Attributes:
        stream: None leaves it out.
        landing_prefix: ends with a slash.
    """

    receipts: Receipts
    stream: Stream | None
    errors: Objects
    landing: Objects
    landing_prefix: str
    warehouse: Warehouse


class LandingFile(NamedTuple):
    """A landing file. `foreign`: how many of its lines are none of ours."""

    written: datetime
    foreign: int


@dataclass(slots=True)
class Reading:
    """What was read.

    Attributes:
        left_out: what reaches not back far enough, or was not asked for, one line each.
        broken: receipts that cannot be read.
        receipts: how many there are, of all sources, those that cannot be read included; receipts_in: where.
        loads: what became of each file, by key; empty if the history does not reach back.
        files: landing files that were read, by key.
    """

    tally: Tally
    scope: Scope
    left_out: list[str]
    broken: list[Broken] = field(default_factory=list)
    receipts: int = 0
    receipts_in: str = ""
    loads: dict[str, Load] = field(default_factory=dict)
    files: dict[str, LandingFile] = field(default_factory=dict)


class _File(NamedTuple):
    stored: Stored
    grouped: Grouped | None


class Reader:
    """Reads one window.

    Args:
        say: is told what is read now.
    """

    def __init__(
        self, sources: Sources, window: Window, now: datetime, threads: Executor, say: Callable[[str], None]
    ) -> None:
        self._sources = sources
        self._window = window
        self._now = now
        self._threads = threads
        self._say = say
        self._tally = Tally(window.source)
        self._read = Reading(self._tally, Scope(), [])
        self._refusals = Refusals()
        self._stale_before = now - max(window.settle, window.drain_within)

    def read(self) -> Reading:
        """All of it."""
        self._read.scope = scope = self._reach()
        if scope.receipts:
            self._receipts()
        self._objects(SPILL_AREA, Stage.WAITING)
        if scope.errors:
            self._objects(REJECTED_AREA, Stage.KEPT)
            self._marks()
        expected = self._window.until + ON_THE_WAY
        if Stage.STREAMED in scope.way:
            self._stream(expected)
        if Stage.LANDED in scope.way:
            for hour in hours(self._window.since - LONGEST_BUFFER, min(expected, self._now)):
                self._landing_hour(hour)
        self._history()
        self._rows()
        self._late(scope, expected)
        self._elsewhere()
        return self._read

    def _reach(self) -> Scope:
        """What goes back to the window's beginning; a line for each that does not."""
        sources, way = self._sources, list(WAY)
        if sources.stream is None:
            way.remove(Stage.STREAMED)
            self._read.left_out.append("the stream was not read (--no-stream)")
        elif not self._reaches("the stream keeps", sources.stream.keeps()):
            way.remove(Stage.STREAMED)
        if not self._reaches(
            "the landing bucket keeps files", _days(sources.landing.keeps_days(sources.landing_prefix))
        ):
            way.remove(Stage.LANDED)
        return Scope(
            way=tuple(way),
            receipts=self._reaches("the log of receipts is kept", _days(sources.receipts.keeps_days())),
            errors=self._reaches(
                "the error bucket keeps records", _days(sources.errors.keeps_days(f"{REJECTED_AREA}/"))
            ),
        )

    def _reaches(self, what: str, kept: timedelta | None) -> bool:
        if kept is None or self._window.since >= self._now - kept:
            return True
        span = f"{kept.days} days" if kept.days > 1 else f"{kept.total_seconds() / 3600:.0f} hours"
        self._read.left_out.append(f"{what} for {span} only: left out of the comparison")
        return False

    def _receipts(self) -> None:
        self._say("receipts")
        self._read.receipts_in = self._sources.receipts.where
        for receipt in self._sources.receipts.read(self._window):
            self._read.receipts += 1
            if isinstance(receipt, Broken):
                self._read.broken.append(receipt)
                continue
            said = {Stage.ACCEPTED: receipt.accepted, Stage.REJECTED: receipt.rejected, Stage.RETRY: receipt.retry}
            for stage, indexes in said.items():
                if indexes:
                    self._tally.add(stage, Portion(receipt.request_id, receipt.received, receipt.source, indexes))

    def _objects(self, area: str, stage: Stage) -> None:
        """An area of the error bucket: kept by the hour in which records were received."""
        for hour in self._window_hours():
            prefix = hour_prefix(f"{area}/", hour)
            self._say(prefix)
            for file in self._each(self._sources.errors, self._sources.errors.listed(prefix)):
                if file.grouped is not None:
                    self._add(stage, file.grouped.portions, Place(stage, file.stored.key))
                    moved = file.stored.modified.timestamp()
                    for portion in file.grouped.refused:
                        self._refusals.refused(portion.request_id, portion.indexes, moved)
                        self._tally.note(Stage.REFUSED, portion.request_id, portion.indexes, moved)
                    if stage is Stage.WAITING and file.stored.modified < self._stale_before:
                        for portion in file.grouped.portions:
                            self._tally.note(Stage.STALE, portion.request_id, portion.indexes)

    def _marks(self) -> None:
        unreadable = 0
        for hour in self._window_hours():
            prefix = hour_prefix(f"{REPLAYED_AREA}/", hour)
            self._say(prefix)
            for stored in self._sources.errors.listed(prefix):
                request_id = stored.key.rpartition("/")[2].partition(".")[0]
                if request_id not in self._tally.requests:
                    continue
                marks, bad = read_marks(self._sources.errors.read(stored.key) or b"")
                unreadable += bad
                for mark in marks:
                    self._refusals.replayed(*mark, stored.modified.timestamp())
                    self._tally.note(Stage.REPLAYED, *mark, stored.modified.timestamp())
        for again in self._refusals.again():
            self._tally.note(Stage.REFUSED_AGAIN, *again)
        if unreadable:
            self._read.left_out.append(f"{unreadable:,} lines below {REPLAYED_AREA}/ are no marks")

    def _stream(self, until: datetime) -> None:
        stream = self._sources.stream
        assert stream is not None  # noqa: S101 - else it is not in the scope
        self._say(f"stream {stream.name}")
        for seen in stream.read(self._window, until, self._threads):
            if seen.grouped.portions:
                place = Place(Stage.STREAMED, seen.shard, seen.sequence_number)
                self._add(Stage.STREAMED, seen.grouped.portions, place, seen.arrived)

    def _landing_hour(self, hour: datetime) -> None:
        prefix = hour_prefix(self._sources.landing_prefix, hour)
        self._say(prefix)
        since = self._window.since - CLOCKS
        listed = self._sources.landing.listed(prefix)
        self._landing(each for each in listed if each.modified >= since and each.key not in self._read.files)

    def _landing(self, listed: Iterable[Stored]) -> None:
        for file in self._each(self._sources.landing, listed):
            if file.grouped is None:
                continue
            self._read.files[file.stored.key] = LandingFile(file.stored.modified, file.grouped.foreign)
            moved = file.stored.modified.timestamp()
            self._add(Stage.LANDED, file.grouped.portions, Place(Stage.LANDED, file.stored.key), moved)

    def _history(self) -> None:
        if self._window.since < self._sources.warehouse.history_reaches(self._now):
            self._read.left_out.append("COPY_HISTORY goes back 14 days: files that were skipped before are not told")
        self._say("COPY_HISTORY")
        self._read.loads = {load.key: load for load in self._sources.warehouse.loads(self._window.since, self._now)}

    def _rows(self) -> None:
        self._say("raw table")
        places: dict[str, int] = {}
        rows = self._sources.warehouse.rows(self._window.since, self._window.until)
        while some := list(islice(rows, ROWS_AT_ONCE)):
            portions: dict[tuple[str, str, int], Portion] = {}
            for row in some:
                match = INGEST_ID.fullmatch(row.ingest_id)
                if match is None:
                    continue  # somebody else's
                key = match["request"], row.file_name, row.received_at
                portion = portions.get(key)
                if portion is None:
                    portion = portions[key] = Portion(match["request"], row.received_at, row.source)
                portion.indexes |= 1 << int(match["index"])
                portion.lines += 1
            for (_, name, _), portion in portions.items():
                if name not in places:
                    places[name] = self._tally.place(Place(Stage.LOADED, name))
                self._tally.add(Stage.LOADED, portion, places[name])

    def _late(self, scope: Scope, expected: datetime) -> None:
        """What is elsewhere than expected: files that rows name, then the rest of the stream and of the bucket."""
        if Stage.LANDED in scope.way:
            names = files_of_rows(self._tally) - self._read.files.keys()
            self._landing(Stored(name, 0, self._window.since) for name in sorted(names))
        if Stage.STREAMED in scope.way and lacks_in_stream(self._tally):
            self._stream(self._now)
        if Stage.LANDED in scope.way:
            for hour in list(hours(expected, self._now))[1:]:
                if not lacks_in_landing(self._tally, scope):
                    return
                self._landing_hour(hour)

    def _elsewhere(self) -> None:
        wanted = list(of_other_attempts(self._tally))
        if wanted:
            self._say("raw table, other attempts")
        for ingest_id in self._sources.warehouse.among(wanted):
            request_id, _, index = ingest_id.rpartition("-")
            self._tally.note(Stage.ELSEWHERE, request_id, 1 << int(index))

    def _window_hours(self) -> Iterator[datetime]:
        return hours(self._window.since, self._window.until - timedelta.resolution)

    def _each(self, objects: Objects, listed: Iterable[Stored]) -> Iterator[_File]:
        return _some_at_a_time(partial(_read_file, objects, self._window), listed, self._threads)

    def _add(self, stage: Stage, portions: list[Portion], place: Place, moved: float = 0.0) -> None:
        number = self._tally.place(place) if portions else None
        for portion in portions:
            self._tally.add(stage, portion, number, moved)


def _read_file(objects: Objects, window: Window, stored: Stored) -> _File:
    body = objects.read(stored.key)
    return _File(stored, None if body is None else group(body, window))


def _some_at_a_time(work: Callable[[T], R], items: Iterable[T], threads: Executor) -> Iterator[R]:
    rest = iter(items)
    while some := list(islice(rest, AT_ONCE)):
        yield from threads.map(work, some)


def _days(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
