"""Reads every shard of a stream, in order within each, from a given position on."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from local_pipeline.firehose.buffer import Record

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef, ShardTypeDef

LIST_SECONDS = 5.0
# GetRecords gives at most 10 MB a call (API reference); this keeps a call into the engine short.
RECORDS_PER_CALL = 2000
logger = logging.getLogger("firehose")


@dataclass(slots=True)
class _Shard:
    identifier: str
    iterator: str | None = None


@dataclass(slots=True)
class StreamReader:
    """One pass over all shards at a time.

    Attributes:
        positions: the last sequence number read, by shard; reading goes on after it, or from the oldest record that the
            stream has.
    """

    kinesis: "KinesisClient"
    stream_arn: str
    positions: dict[str, str]
    _open: dict[str, _Shard] = field(init=False, default_factory=dict)
    _finished: set[str] = field(init=False, default_factory=set)
    _listed_at: float = field(init=False, default=float("-inf"))
    _behind: bool = field(init=False, default=False)

    @classmethod
    def after(cls, kinesis: "KinesisClient", stream_arn: str, positions: Mapping[str, str]) -> "StreamReader":
        """A reader that goes on after `positions`."""
        return cls(kinesis, stream_arn, dict(positions))

    @property
    def is_behind(self) -> bool:
        """Whether the last pass left records unread."""
        return self._behind

    def read(self, now: float) -> Iterator[Record]:
        """What is new, shard by shard.

        Raises:
            ClientError, BotoCoreError: the stream did not answer; reading can be tried again and skips nothing.
        """
        if now - self._listed_at >= LIST_SECONDS:
            self._list()
            self._listed_at = now
        self._behind = False
        for shard in list(self._open.values()):
            yield from self._read_shard(shard)

    def _read_shard(self, shard: _Shard) -> Iterator[Record]:
        try:
            if shard.iterator is None:
                shard.iterator = self._iterator(shard.identifier)
            answer = self.kinesis.get_records(ShardIterator=shard.iterator, Limit=RECORDS_PER_CALL)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "ExpiredIteratorException":
                shard.iterator, self._behind = None, True
                return
            if code == "ResourceNotFoundException":  # the shard is gone, or its stream is
                self._open.pop(shard.identifier, None)
                self._listed_at = float("-inf")
            raise
        yield from self._records(shard, answer)

    def _records(self, shard: _Shard, answer: "GetRecordsOutputTypeDef") -> Iterator[Record]:
        # The iterator moves on only after its records were taken: an error between leaves them to be read again.
        for entry in answer["Records"]:
            yield Record(
                shard.identifier,
                entry["SequenceNumber"],
                entry["Data"],
                entry["ApproximateArrivalTimestamp"].astimezone(UTC),
            )
            self.positions[shard.identifier] = entry["SequenceNumber"]
        shard.iterator = cast("str | None", answer.get("NextShardIterator"))
        self._behind |= answer.get("MillisBehindLatest", 0) > 0
        if shard.iterator is None:
            logger.info("shard %s is closed and read to its end", shard.identifier)
            self._finished.add(shard.identifier)
            del self._open[shard.identifier]
            self._listed_at = float("-inf")

    def _iterator(self, shard_id: str) -> str:
        position = self.positions.get(shard_id)
        if position is None:
            answer = self.kinesis.get_shard_iterator(
                StreamARN=self.stream_arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            answer = self.kinesis.get_shard_iterator(
                StreamARN=self.stream_arn,
                ShardId=shard_id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=position,
            )
        return answer["ShardIterator"]

    def _list(self) -> None:
        shards: list[ShardTypeDef] = []
        page = self.kinesis.list_shards(StreamARN=self.stream_arn)
        shards += page["Shards"]
        while token := page.get("NextToken"):
            page = self.kinesis.list_shards(NextToken=token)
            shards += page["Shards"]
        unread = {shard["ShardId"] for shard in shards} - self._finished
        for shard in shards:
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")}
            # Parents first: what was resharded stays in order.
            if shard["ShardId"] in unread and not parents & unread and shard["ShardId"] not in self._open:
                self._open[shard["ShardId"]] = _Shard(shard["ShardId"])
