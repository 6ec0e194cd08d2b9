"""Read a stream's shards from where the last reading ended, for the ledger."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef, RecordTypeDef

# GetRecords: at most 10,000 records and 10 MiB a call (Kinesis API reference). The engine knows only the first limit,
# and each call costs it a walk over all that the stream holds: calls ask for as many records as keep to the second.
MAX_CALL_RECORDS = 10_000
CALL_BYTES = 10 * 1024 * 1024
FEWEST_CALL_RECORDS = 10
LOST_ITERATOR = {"ExpiredIteratorException", "ResourceNotFoundException", "InvalidArgumentException"}


@dataclass(slots=True)
class StreamTail:
    """A reader that keeps its iterators between readings."""

    kinesis: "KinesisClient"
    stream_name: str
    _iterators: dict[str, str] = field(init=False, default_factory=dict)
    _call_records: int = field(init=False, default=500)

    def read(self, position: Callable[[str], str | None]) -> "Iterator[tuple[str, Sequence[RecordTypeDef]]]":
        """What is new after the sequence number `position(shard id)`, or all there is, as (shard id, records).

        A shard has been read when a call reaches its tip: waiting for a call that finds nothing would mean to run after
        a busy producer for ever.
        """
        for shard in self.kinesis.list_shards(StreamName=self.stream_name)["Shards"]:
            shard_id = shard["ShardId"]
            behind = True
            while behind:
                answer = self._next(shard_id, position(shard_id))
                behind = bool(answer.get("NextShardIterator") and answer.get("MillisBehindLatest"))
                if records := answer["Records"]:
                    self._learn(records)
                    yield shard_id, records

    def _next(self, shard_id: str, position: str | None) -> "GetRecordsOutputTypeDef":
        while True:
            iterator = self._iterators.pop(shard_id, None) or self._iterator(shard_id, position)
            try:
                answer = self.kinesis.get_records(ShardIterator=iterator, Limit=self._call_records)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in LOST_ITERATOR:
                    raise
                continue
            if following := answer.get("NextShardIterator"):
                self._iterators[shard_id] = following
            return answer

    def _iterator(self, shard_id: str, after: str | None) -> str:
        if after is None:
            answer = self.kinesis.get_shard_iterator(
                StreamName=self.stream_name, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            answer = self.kinesis.get_shard_iterator(
                StreamName=self.stream_name,
                ShardId=shard_id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=after,
            )
        return answer["ShardIterator"]

    def _learn(self, records: "Sequence[RecordTypeDef]") -> None:
        average = sum(len(record["Data"]) for record in records) // len(records) + 1
        self._call_records = max(FEWEST_CALL_RECORDS, min(MAX_CALL_RECORDS, CALL_BYTES // average))
