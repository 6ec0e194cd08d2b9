"""What one machine knows of the services' own metrics."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_pipeline.metrics import (
    FILES_SKIPPED,
    FRESHNESS,
    ITERATOR_AGE,
    QUEUE_DEPTH,
    SERVER_ERRORS,
    ServiceMetrics,
    delivered,
    oldest_undelivered,
)
from tests.support.aws import Aws, make_aws, moto_endpoint, session

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/s"


@dataclass
class Loads:
    """Files that were not loaded, or nobody who knows."""

    skipped: int = 0
    up: bool = True

    def files_skipped(self) -> int:
        if not self.up:
            raise OSError("gone")
        return self.skipped


@dataclass
class World:
    """An AWS of its own with one queue."""

    aws: Aws
    sqs: "SQSClient"
    queue_url: str
    receipts: Path
    loads: Loads = field(default_factory=Loads)
    positions: dict[str, str] = field(default_factory=dict)

    def put(self) -> dict[str, str]:
        """Where it is: its shard and its sequence number."""
        answer = self.aws.kinesis.put_record(StreamName=self.aws.stream, Data=b"line\n", PartitionKey="one")
        return {answer["ShardId"]: answer["SequenceNumber"]}

    def metrics(self) -> ServiceMetrics:
        return ServiceMetrics(
            kinesis=self.aws.kinesis,
            stream_name=self.aws.stream,
            positions=lambda: self.positions,
            sqs=self.sqs,
            queue_prefix=self.aws.stream,
            receipts=self.receipts,
            loads=self.loads,
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with moto_endpoint() as url:
        aws = make_aws(url)
        sqs = session().client("sqs", endpoint_url=url)
        queue = sqs.create_queue(QueueName=f"{aws.stream}-DeliveryFailures")["QueueUrl"]
        yield World(aws, sqs, queue, tmp_path / "receipts.ndjson")


def read(metrics: ServiceMetrics) -> dict[str, float]:
    return {sample.name: sample.value for metric in metrics.read() for sample in metric.samples}


def test_nothing_has_happened(world: World) -> None:
    assert read(world.metrics()) == {
        ITERATOR_AGE: 0,
        FRESHNESS: 0,
        QUEUE_DEPTH: 0,
        f"{SERVER_ERRORS}_total": 0,
        FILES_SKIPPED: 0,
    }


def test_the_age_is_that_of_the_oldest_record_that_is_not_delivered(world: World) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    world.put()
    oldest = oldest_undelivered(world.aws.kinesis, world.aws.stream, {})
    assert oldest is not None
    assert before <= oldest <= datetime.now(UTC)
    found = read(world.metrics())
    assert found[ITERATOR_AGE] == pytest.approx(found[FRESHNESS] * 1000)
    assert found[FRESHNESS] > 0
    world.positions = world.put()
    assert oldest_undelivered(world.aws.kinesis, world.aws.stream, world.positions) is None
    assert read(world.metrics())[FRESHNESS] == 0


def test_messages_are_counted_by_queue(world: World) -> None:
    world.sqs.send_message(QueueUrl=world.queue_url, MessageBody="a file")
    [depth] = [metric for metric in world.metrics().read() if metric.name == QUEUE_DEPTH]
    [sample] = depth.samples
    assert (sample.labels, sample.value) == ({"queue": f"{world.aws.stream}-DeliveryFailures"}, 1)


def test_answers_of_lambda_from_500_are_counted_once(world: World) -> None:
    def answered(*lines: object) -> None:
        with world.receipts.open("ab") as file:
            file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def counted() -> float:
        return read(metrics)[f"{SERVER_ERRORS}_total"]

    metrics = world.metrics()
    answered({"status": 503, "_aws": {}}, {"status": 503}, {"status": 202, "_aws": {}}, {"_aws": {}})
    assert counted() == 1
    answered({"status": 500, "_aws": {}})
    with world.receipts.open("ab") as file:
        file.write(b'{"status": 500, "_aws"')
    assert counted() == 2
    world.receipts.write_bytes(b"")
    answered({"status": 503, "_aws": {}})
    assert counted() == 3


def test_what_does_not_answer_is_left_out(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.loads.up = False
    assert FILES_SKIPPED not in read(world.metrics())
    assert FRESHNESS in read(world.metrics())
    assert "metrics: OSError" in caplog.text


def test_positions_are_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.json"
    positions = delivered(file, ARN)
    assert positions() == {}
    file.write_text(json.dumps({"stream_arn": ARN, "positions": {"shard": "1"}}))
    assert positions() == {"shard": "1"}
