"""The pipeline as the gateway's `/pipeline` endpoints see it: counts, rows, rejected lines, traces, the reset."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from app.exceptions import HttpError
from local_pipeline.home import Home
from local_pipeline.ledger import Ledger
from local_pipeline.ledger_reader import LedgerReader, RawTable, Sources
from local_pipeline.metrics import ServiceMetrics
from local_pipeline.pipeline_models import Summary, Trace
from local_pipeline.tracing import request_and_index, trace_of

RESET_SECONDS = 20.0
RESET_POLL_SECONDS = 0.05
WORKERS = ("firehose", "snowpipe")
T = TypeVar("T")
logger = logging.getLogger(__name__)


class UnknownRecordError(HttpError):
    """No receipt, object, stream record or row has the ingest_id."""

    status = 404
    reason = "unknown_ingest_id"
    title = "Unknown record"


class ResetNotDoneError(HttpError):
    """A stand-in did not carry the reset out in time."""

    status = 503
    reason = "reset_not_done"
    title = "Reset not done"
    retry_after = 5


class Warehouse(RawTable, Protocol):
    """The raw table, as the endpoints need it."""

    def rows(self, limit: int, ingest_id: str | None) -> list[dict[str, Any]]:
        """Rows with lower-case names, the last loaded first; the payload as JSON text, times as ISO 8601."""

    def files_skipped(self) -> int:
        """How many landing files of the last 14 days were not loaded."""

    def truncate(self) -> None:
        """Remove every row."""

    def warm_up(self) -> None:
        """Do once what would make the first call slow."""


@dataclass(frozen=True, slots=True)
class View:
    """What can be seen and done, blocking; one call at a time."""

    home: Home
    ledger: Ledger
    sources: Sources
    reader: LedgerReader
    warehouse: Warehouse
    services: ServiceMetrics

    def read(self) -> None:
        """Bring the ledger up to now."""
        self.reader.refresh()

    def summary(self) -> Summary:
        """Counts as of the last reading."""
        return Summary.model_validate(self.ledger.counts())

    def rejected(self, limit: int) -> list[dict[str, Any]]:
        """Lines of the error bucket as of the last reading."""
        return self.reader.rejected_lines(limit)

    def trace(self, ingest_id: str) -> Trace:
        """A record's way as of the last reading.

        Raises:
            UnknownRecordError: it has been seen nowhere.
        """
        told = request_and_index(ingest_id)
        trace = trace_of(
            ingest_id,
            self.ledger.places(ingest_id),
            self.reader.receipts(told[0]) if told else (),
            landing_bucket=self.sources.landing_bucket,
            error_bucket=self.sources.error_bucket,
        )
        if trace is None:
            raise UnknownRecordError("No record with this ingest_id was answered, stored or loaded here.")
        return trace

    def reset(self) -> Summary:
        """Empty everything behind the gateway; what the stream holds by now is passed over.

        Raises:
            ResetNotDoneError: a stand-in did not follow in time; then nothing has been removed.
        """
        self._ask_workers()
        for bucket, prefix in self.sources.kept():
            self._empty(bucket, prefix)
        self.warehouse.truncate()
        if self.sources.receipts.exists():
            self.sources.receipts.write_bytes(b"")
        self.reader.start_over()
        return self.summary()

    def _ask_workers(self) -> None:
        generation = self.home.ask_for_reset()
        give_up = time.monotonic() + RESET_SECONDS
        for name in WORKERS:
            while self.home.done_reset(name) < generation:
                if time.monotonic() > give_up:
                    raise ResetNotDoneError(f"{name} did not follow within {RESET_SECONDS:.0f} s; try again.")
                time.sleep(RESET_POLL_SECONDS)

    def _empty(self, bucket: str, prefix: str) -> None:
        s3 = self.sources.s3
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            if listed := page.get("Contents"):
                s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": each["Key"]} for each in listed]})


class Pipeline:
    """A view for the event loop: work goes to a thread, one piece at a time.

    Attributes:
        undrained: held by whoever drains, and by a reset, which must not see old records come back.
    """

    def __init__(self, open_view: Callable[[], View]) -> None:
        self._open_view = open_view
        self._view: View | None = None
        self._opening: asyncio.Future[View] | None = None
        self._thread = ThreadPoolExecutor(1, "pipeline")
        self._turn = asyncio.Lock()
        self.undrained = asyncio.Lock()
        self._readings_begun = 0

    def is_open(self) -> bool:
        """Whether it can be looked at; the first call begins to open it."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._run(self._opened))
            self._opening.add_done_callback(self._warm_up)
        return self._view is not None

    def _warm_up(self, opening: "asyncio.Future[View]") -> None:
        if error := opening.exception():
            logger.error("cannot open the ledger, trying again: %s", error)
            self._opening = None
        else:
            self._thread.submit(opening.result().warehouse.warm_up)

    async def now(self, look: Callable[[View], T]) -> T:
        """Read on, then look. One reading serves every caller that was waiting when it began."""
        wanted = self._readings_begun + 1
        async with self._turn:
            if self._readings_begun < wanted:
                self._readings_begun += 1
                await self._run(lambda: self._opened().read())
            return await self._run(lambda: look(self._opened()))

    async def do(self, work: Callable[[View], T]) -> T:
        """Work without reading first."""
        async with self._turn:
            return await self._run(lambda: work(self._opened()))

    async def reset(self) -> Summary:
        """As `View.reset`."""
        async with self.undrained:
            return await self.do(lambda view: view.reset())

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _opened(self) -> View:
        if self._view is None:
            self._view = self._open_view()
        return self._view
