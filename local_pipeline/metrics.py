"""What AWS and Snowflake would measure of the services around the gateway, as far as one machine knows it.

Each metric bears the name of the one it stands for. Lambda's and the stream's own throttles have no counterpart: one
container that nothing limits, and an engine that throttles nobody.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import orjson
from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from local_pipeline.firehose.checkpoint import Checkpoint

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_sqs import SQSClient

ITERATOR_AGE = "aws_kinesis_get_records_iterator_age_milliseconds"
FRESHNESS = "aws_firehose_delivery_to_s3_data_freshness_seconds"
QUEUE_DEPTH = "aws_sqs_approximate_number_of_messages_visible"
SERVER_ERRORS = "aws_apigateway_5xx"
FILES_SKIPPED = "snowpipe_files_skipped"
SERVER_ERROR = 500
logger = logging.getLogger(__name__)


class Loads(Protocol):
    """What became of the landing files."""

    def files_skipped(self) -> int:
        """How many of the last 14 days were not loaded."""


@dataclass(slots=True)
class ServiceMetrics:
    """Reads the services at each scrape; blocking, so call it from a thread, one at a time.

    Attributes:
        positions: how far Firehose has delivered each shard.
        queue_prefix: of the names of the queues to look at.
        receipts: those that came through Lambda are marked by their embedded metrics.
    """

    kinesis: "KinesisClient"
    stream_name: str
    positions: Callable[[], Mapping[str, str]]
    sqs: "SQSClient"
    queue_prefix: str
    receipts: Path
    loads: Loads
    _errors: "_ServerErrors" = field(init=False)

    def __post_init__(self) -> None:
        self._errors = _ServerErrors(self.receipts)

    def read(self) -> Sequence[Metric]:
        """All that can be read now; a service that does not answer is left out, and logged."""
        from snowflake.connector.errors import Error as SnowflakeError  # noqa: PLC0415 - a second of CPU at start

        found: list[Metric] = []
        for ask in (self._delivery, self._queues, self._http_api, self._snowpipe):
            try:
                found += ask()
            except (BotoCoreError, ClientError, OSError, SnowflakeError) as error:
                logger.warning("metrics: %s", type(error).__name__)
        return found

    def _delivery(self) -> Iterator[Metric]:
        """Firehose keeps no other position than that of what it delivered, so both ages are the same."""
        oldest = oldest_undelivered(self.kinesis, self.stream_name, self.positions())
        age = 0.0 if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds())
        yield _gauge(ITERATOR_AGE, "Kinesis GetRecords.IteratorAgeMilliseconds: oldest undelivered record", age * 1000)
        yield _gauge(FRESHNESS, "Firehose DeliveryToS3.DataFreshness: age of the oldest undelivered record", age)

    def _queues(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(QUEUE_DEPTH, "SQS ApproximateNumberOfMessagesVisible", labels=["queue"])
        for url in self.sqs.list_queues(QueueNamePrefix=self.queue_prefix).get("QueueUrls", ()):
            answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
            depth.add_metric([url.rpartition("/")[2]], int(answer["Attributes"]["ApproximateNumberOfMessages"]))
        yield depth

    def _http_api(self) -> Iterator[Metric]:
        text = "ApiGateway 5xx: answers of the Lambda handler; not what the HTTP API itself refuses"
        yield CounterMetricFamily(SERVER_ERRORS, text, value=self._errors.count())

    def _snowpipe(self) -> Iterator[Metric]:
        yield _gauge(FILES_SKIPPED, "Files that the pipe did not load, of the last 14 days", self.loads.files_skipped())


def delivered(checkpoint: Path, stream_arn: str) -> Callable[[], Mapping[str, str]]:
    """How far Firehose has come, read from its checkpoint each time."""
    return lambda: Checkpoint(checkpoint, stream_arn).positions


def oldest_undelivered(kinesis: "KinesisClient", stream_name: str, positions: Mapping[str, str]) -> datetime | None:
    """When the oldest record after `positions` came; None if all are delivered."""
    arrivals = []
    for shard in kinesis.list_shards(StreamName=stream_name)["Shards"]:
        shard_id = shard["ShardId"]
        if position := positions.get(shard_id):
            iterator = kinesis.get_shard_iterator(
                StreamName=stream_name,
                ShardId=shard_id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=position,
            )
        else:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream_name, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
            )
        answer = kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=1)
        arrivals += [record["ApproximateArrivalTimestamp"].astimezone(UTC) for record in answer["Records"]]
    return min(arrivals, default=None)


class _ServerErrors:
    """Counts 5xx among the receipts of requests through Lambda, reading on from where it stopped."""

    def __init__(self, receipts: Path) -> None:
        self._receipts = receipts
        self._offset = 0
        self._count = 0

    def count(self) -> int:
        """So far; a reset of the pipeline empties the file and takes nothing away from the count."""
        if not self._receipts.exists():
            return self._count
        if self._receipts.stat().st_size < self._offset:
            self._offset = 0
        with self._receipts.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):  # still being written
                    break
                self._offset += len(line)
                self._count += b'"_aws"' in line and _status(line) >= SERVER_ERROR
        return self._count


def _status(line: bytes) -> int:
    try:
        return int(orjson.loads(line)["status"])
    except (ValueError, KeyError, TypeError):  # whatever it is, it is no receipt
        return 0


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
