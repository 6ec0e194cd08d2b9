"""The loop: read, buffer, write, remember; in this order, so that no moment to be killed at loses a record."""

import base64
import gzip
import json
import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from local_pipeline.firehose.buffer import Batch, Buffer, Record
from local_pipeline.firehose.checkpoint import Checkpoint
from local_pipeline.firehose.keys import evaluate, object_key
from local_pipeline.firehose.reader import StreamReader
from local_pipeline.home import Home
from local_pipeline.template import DeliverySettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "firehose"
# While records come, and up to what an empty stream slows it down to: the engine walks through every record it keeps at
# each call (20,000 records: 5 ms). The service reads each shard once a second.
POLL_SECONDS = 0.25
IDLE_POLL_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 5.0
# From SIGTERM on, less than the five seconds that whoever stops the process waits.
STOP_SECONDS = 4.0
STOP_PAUSE_SECONDS = 0.2
# "The maximum size of a record sent to Firehose, before base64-encoding, is 1,000 KiB" (Amazon Data Firehose quota).
MAX_RECORD_BYTES = 1000 * 1024
logger = logging.getLogger("firehose")


def backoff(attempt: int) -> float:
    """Seconds before attempt `attempt + 1`, with full jitter."""
    return random.uniform(0, min(LONGEST_BACKOFF_SECONDS, 0.1 * 2 ** min(attempt, 10)))  # noqa: S311


@dataclass(slots=True)
class Delivery:
    """One delivery stream at work."""

    settings: DeliverySettings
    s3: "S3Client"
    reader: StreamReader
    checkpoint: Checkpoint
    home: Home
    stop: Event
    _buffer: Buffer = field(init=False)
    _failures: int = field(init=False, default=0)
    _poll_seconds: float = field(init=False, default=POLL_SECONDS)

    def __post_init__(self) -> None:
        self._buffer = Buffer(self.settings.buffer_bytes, self.settings.buffer_seconds)

    def run(self) -> None:
        """Deliver until `stop` is set; then write what is buffered, if S3 takes it in time."""
        while not self.stop.is_set():
            self._reset_if_asked()
            for record in self._read():
                if not self._take(record):
                    return
            if self._buffer.seconds_left(time.monotonic()) <= 0 and not self._deliver(self._buffer.take()):
                return
            self.stop.wait(self._pause())
        self._deliver(self._buffer.take())

    def _pause(self) -> float:
        if self._failures:
            return backoff(self._failures)
        if self.reader.is_behind:
            return 0
        return min(self._poll_seconds, self._buffer.seconds_left(time.monotonic()))

    def _read(self) -> Iterator[Record]:
        self._poll_seconds = min(self._poll_seconds * 2, IDLE_POLL_SECONDS)
        try:
            for record in self.reader.read(time.monotonic()):
                self._poll_seconds = POLL_SECONDS
                yield record
        except (ClientError, BotoCoreError) as error:
            self._failures += 1
            logger.warning("cannot read the stream, attempt %d: %s", self._failures, error)
        else:
            self._failures = 0

    def _take(self, record: Record) -> bool:
        if len(record.data) > MAX_RECORD_BYTES:
            if not self._refuse(record):
                return False
            # Its position still has to reach the checkpoint.
            record = Record(record.shard_id, record.sequence_number, b"", record.arrived_at)
        full = self._buffer.add(record, time.monotonic())
        return full is None or self._deliver(full)

    def _deliver(self, batch: Batch | None) -> bool:
        """Write one file and remember it; False if `stop` came first, and then nothing is remembered."""
        if batch is None:
            return True
        if batch.data:
            key = self._key(evaluate(self.settings.prefix, batch.oldest), batch.oldest)
            body = gzip.compress(batch.data, mtime=0) if self.settings.compression == "GZIP" else batch.data
            if not self._put(key, body):
                return False
            logger.info("wrote %s: %d records, %d bytes", key, batch.records, len(batch.data))
        self.checkpoint.advance(batch.positions)
        return True

    def _refuse(self, record: Record) -> bool:
        failure = {
            "attemptsMade": 1,
            "arrivalTimestamp": int(record.arrived_at.timestamp() * 1000),
            "errorCode": "Firehose.RecordTooLarge",
            "errorMessage": f"The record has {len(record.data)} bytes, more than {MAX_RECORD_BYTES}.",
            "attemptEndingTimestamp": int(datetime.now(UTC).timestamp() * 1000),
            "rawData": base64.b64encode(record.data).decode("ascii"),
        }
        prefix = evaluate(self.settings.error_prefix, record.arrived_at, "processing-failed")
        logger.warning("record %s is too large: kept below %s", record.sequence_number, prefix)
        return self._put(self._key(prefix, record.arrived_at), json.dumps(failure).encode() + b"\n")

    def _key(self, prefix: str, at: datetime) -> str:
        return object_key(prefix, self.settings.delivery_stream_name, at, uuid4(), self.settings.extension)

    def _put(self, key: str, body: bytes) -> bool:
        """Try until S3 has it; the key stays the same, so that a lost answer makes no second file."""
        attempt = 0
        give_up = float("inf")
        while time.monotonic() < give_up:
            attempt += 1
            try:
                self.s3.put_object(Bucket=self.settings.bucket, Key=key, Body=body)
            except (ClientError, BotoCoreError) as error:
                logger.warning("cannot write %s, attempt %d: %s", key, attempt, error)
            else:
                return True
            if self.stop.is_set():
                give_up = min(give_up, time.monotonic() + STOP_SECONDS)
                time.sleep(STOP_PAUSE_SECONDS)
            else:
                self.stop.wait(backoff(attempt))
        logger.warning("ends with %d bytes not written; they stay in the stream", len(body))
        return False

    def _reset_if_asked(self) -> None:
        wanted = self.home.wanted_reset()
        if wanted <= self.home.done_reset(NAME):
            return
        self._buffer.take()
        for _ in self._read():
            pass
        while (self.reader.is_behind or self._failures) and not self.stop.is_set():
            self.stop.wait(self._pause())
            for _ in self._read():
                pass
        if not self.stop.is_set():
            self.checkpoint.advance(self.reader.positions)
            self.home.reset_is_done(NAME, wanted)
            logger.info("reset %d: at the tip of every shard", wanted)
