"""One run over the error bucket: read, mend and judge, put, mark.

Every record goes put → confirmed → marked, batch by batch. A run that is killed in between has put at most one batch
that is not marked: the next run puts those records again, with the same ingest_ids, and RECORDS shows each once.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from app.sinks.base import Lines, Outcome, Sink
from app.sinks.batching import pack
from ops.replay.bucket import Bucket
from ops.replay.errors import ReplayError
from ops.replay.marks import Marks
from ops.replay.records import RejectedRecord, UnreadableLine, read_error_line, request_id_of
from ops.replay.report import BY_ANOTHER_RUN, NOT_CONFIRMED, Report
from ops.replay.selection import ErrorObject, Selection, chunks
from ops.replay.trial import Rules, Trial

T = TypeVar("T")
PUT_SECONDS = 30.0
"""For one batch: the sink tries that long."""
THREADS = 8
REJECTED_BATCH = 500


@dataclass
class Run:
    """What a run works with.

    Attributes:
        stream: open; None for a dry run.
        progress: is told objects done, objects in all.
    """

    bucket: Bucket
    selection: Selection
    rules: Rules
    report: Report
    stream: Sink | None = None
    progress: Callable[[int, int], None] = lambda _done, _all: None
    name: str = field(default_factory=lambda: f"replay-{secrets.token_hex(8)}")

    def __post_init__(self) -> None:
        self._marks = Marks(self.bucket, self.rules.digest, self.name)
        self._met: set[str] = set()
        self._replayed: set[str] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="replay")

    async def go(self) -> None:
        """Do it; the report counts as it goes, and holds what was done when an error ends the run."""
        try:
            objects = await self._in_thread(lambda: self.bucket.selected(self.selection))
            await self._in_thread(self._marks.find_all)
            done = 0
            self.progress(done, len(objects))
            for chunk in _from_anywhere(list(chunks(objects))):
                await self._chunk(chunk)
                done += len(chunk)
                self.progress(done, len(objects))
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _chunk(self, chunk: Sequence[ErrorObject]) -> None:
        keys = [found.key for found in chunk]
        await self._in_thread(lambda: self._marks.find_new(keys))
        request_ids = {request_id for key in keys if (request_id := request_id_of(key))}
        await asyncio.gather(*(self._in_thread(self._marks.read, [request_id]) for request_id in request_ids))
        bodies = await asyncio.gather(*(self._in_thread(self.bucket.read_if_there, key) for key in keys))
        trials = []
        for found, body in zip(chunk, bodies, strict=True):
            if body is None:  # expired since it was listed
                continue
            self.report.objects += 1
            trials += [self.rules.check(record) for record in self._records(found, body) if self._is_due(record)]
        for trial in trials:
            self.report.met(trial)
        if self.stream is None:
            for trial in trials:
                self.report.ended(trial, trial.result)
            return
        await self._apply(self.stream, trials)

    def _records(self, found: ErrorObject, body: bytes) -> Iterator[RejectedRecord]:
        for number, line in enumerate(body.split(b"\n"), start=1):
            if not line:
                continue
            try:
                yield read_error_line(found.key, line, found.written)
            except UnreadableLine as error:
                self.report.not_read(f"{found.key} line {number}: {error}")

    def _is_due(self, record: RejectedRecord) -> bool:
        """Whether to try it: it is meant, and neither done, nor tried in vain, nor met in this run."""
        if not self.selection.takes(record):
            return False
        if record.ingest_id in self._met:
            self.report.copies += 1
            return False
        if self._marks.is_replayed(record):
            # Not met: Snowflake may have refused it since, which another object says.
            if record.ingest_id in self._replayed:
                self.report.copies += 1
            else:
                self._replayed.add(record.ingest_id)
                self.report.replayed_before += 1
            return False
        self._met.add(record.ingest_id)
        if record.ingest_id in self._replayed:
            self._replayed.remove(record.ingest_id)
            self.report.replayed_before -= 1
        if self._marks.tried(record):
            self.report.tried_before += 1
            return False
        return True

    async def _apply(self, stream: Sink, trials: Sequence[Trial]) -> None:
        hopeless = [trial for trial in trials if trial.line is None]
        for start in range(0, len(hopeless), REJECTED_BATCH):
            await self._mark(hopeless[start : start + REJECTED_BATCH])
        good = [(trial, trial.line) for trial in trials if trial.line is not None and self._is_free(trial)]
        lines = [line for _, line in good]
        for batch in pack(lines, range(len(lines))):
            put = Lines.of(self.name, datetime.now(UTC), [lines[index] for index in batch])
            outcomes = await stream.put(put, asyncio.get_running_loop().time() + PUT_SECONDS)
            tried = [(good[index][0], outcome) for index, outcome in zip(batch, outcomes, strict=True)]
            confirmed = [trial for trial, outcome in tried if outcome is Outcome.CONFIRMED]
            for trial, outcome in tried:
                if outcome is not Outcome.CONFIRMED:
                    self.report.ended(trial, NOT_CONFIRMED)
            await self._mark(confirmed)
            if not confirmed:
                raise ReplayError("the stream confirms nothing; run this again when it does")

    def _is_free(self, trial: Trial) -> bool:
        """Whether no other run has been seen to replay it since it was read."""
        if self._marks.is_replayed(trial.record):
            self.report.ended(trial, BY_ANOTHER_RUN)
            return False
        return True

    async def _mark(self, trials: Sequence[Trial]) -> None:
        by_object: dict[str, list[Trial]] = {}
        for trial in trials:
            by_object.setdefault(trial.record.key, []).append(trial)
        marking = [self._in_thread(self._marks.write, key, of_object) for key, of_object in by_object.items()]
        answers = await asyncio.gather(*marking, return_exceptions=True)
        failure = None
        for of_object, answer in zip(by_object.values(), answers, strict=True):
            if isinstance(answer, BaseException):
                failure = answer
                continue
            marked = {trial.record.ingest_id for trial in answer}
            for trial in of_object:
                by_another = trial.line is not None and trial.record.ingest_id not in marked
                self.report.ended(trial, BY_ANOTHER_RUN if by_another else trial.result)
        if failure is not None:
            raise failure

    def _in_thread(self, call: Callable[..., T], *arguments: object) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


def _from_anywhere(portions: Sequence[T]) -> Iterator[T]:
    """All of them in their order, from one of them on and round: two runs at a time seldom try the same records."""
    start = secrets.randbelow(len(portions)) if portions else 0
    yield from portions[start:]
    yield from portions[:start]
