"""The stream from a moment on, all shards at a time, no faster than leaves Firehose its share."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.reconcile.lines import Grouped, group
from ops.reconcile.window import CLOCKS, Window

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetShardIteratorInputTypeDef, RecordTypeDef

SHARED_BYTES_A_SECOND = 1_000_000
"""Half of the 2 MB/s that all consumers of a shard share (Kinesis Data Streams quotas)."""
SHARED_CALL_SECONDS = 0.4
"""Half of the five calls a second (likewise)."""
CALL_RECORDS = 1_000


def in_half(size: int) -> None:
    """Wait as long as a call of this many bytes may take, so that half of the shard is left."""
    time.sleep(max(SHARED_CALL_SECONDS, size / SHARED_BYTES_A_SECOND))


@dataclass(frozen=True, slots=True)
class Seen:
    """One Kinesis record of the window. `arrived` is in seconds since the epoch."""

    shard: str
    sequence_number: int
    arrived: float
    grouped: Grouped


@dataclass(slots=True)
class Stream:
    """One stream.

    Args:
        pace: is told the bytes of each call, and waits.
        call_records: the most a call asks for.
    """

    kinesis: "KinesisClient"
    name: str
    pace: Callable[[int], None] = in_half
    call_records: int = CALL_RECORDS
    _shards: "list[_Shard]" = field(default_factory=list)

    def keeps(self) -> timedelta:
        """How long it keeps records."""
        summary = self.kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]
        return timedelta(hours=summary["RetentionPeriodHours"])

    def read(self, window: Window, until: datetime, threads: Executor) -> Iterator[Seen]:
        """What arrived from the window's beginning on and before `until`, and a little more; call again to read on."""
        if not self._shards:
            pages = self.kinesis.get_paginator("list_shards").paginate(StreamName=self.name)
            self._shards = [_Shard(self, shard["ShardId"], window) for page in pages for shard in page["Shards"]]
        reading = [shard for shard in self._shards if shard.begin(until)]
        while reading:
            for records in threads.map(_Shard.next, reading):
                yield from records
            reading = [shard for shard in reading if not shard.is_done]

    def iterator(self, shard_id: str, since: datetime, after: int | None) -> str:
        """A shard iterator, which lives for five minutes."""
        request: GetShardIteratorInputTypeDef = {
            "StreamName": self.name,
            "ShardId": shard_id,
            "ShardIteratorType": "AT_TIMESTAMP",
            "Timestamp": since,
        }
        if after is not None:
            request = {
                "StreamName": self.name,
                "ShardId": shard_id,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": str(after),
            }
        return self.kinesis.get_shard_iterator(**request)["ShardIterator"]


@dataclass(slots=True)
class _Shard:
    """One shard, read by one thread at a time."""

    stream: Stream
    shard_id: str
    window: Window
    is_done: bool = False
    _is_closed: bool = False
    _until: float = 0.0
    _last: int | None = None
    _iterator: str | None = None

    def begin(self, until: datetime) -> bool:
        """Read on until then; False for a closed shard that was read to its end."""
        self._until, self.is_done = until.timestamp(), self._is_closed
        return not self.is_done

    def next(self) -> list[Seen]:
        """One call."""
        iterator = self._iterator or self.stream.iterator(self.shard_id, self.window.since - CLOCKS, self._last)
        try:
            answer = self.stream.kinesis.get_records(ShardIterator=iterator, Limit=self.stream.call_records)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ExpiredIteratorException":
                raise
            self._iterator = None
            return []
        self._iterator = answer.get("NextShardIterator")
        self._is_closed = self._iterator is None
        records = answer["Records"]
        if records:
            self._last = int(records[-1]["SequenceNumber"])
        passed = bool(records) and records[-1]["ApproximateArrivalTimestamp"].timestamp() >= self._until
        self.is_done = self._is_closed or passed or not answer.get("MillisBehindLatest")
        if not self.is_done:
            self.stream.pace(sum(len(record["Data"]) for record in records))
        return [self._seen(record) for record in records]

    def _seen(self, record: "RecordTypeDef") -> Seen:
        grouped = group(record["Data"], self.window)
        arrived = record["ApproximateArrivalTimestamp"].timestamp()
        return Seen(self.shard_id, int(record["SequenceNumber"]), arrived, grouped)
