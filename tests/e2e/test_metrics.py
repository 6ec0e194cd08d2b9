"""Each alarm's fault, raised in the running pipeline: the metric that the alarm looks at moves.

The gateway's own metrics are read as CloudWatch reads them, from the handler's log; those of the services around it
from the pipeline's /metrics, under names that mirror AWS's (docs/local-pipeline.md).
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import boto3
import httpx
import pytest
from cfnlint.decode.cfn_yaml import loads  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from app.envelope import Origin, StreamLines
from app.sinks.breaker import APART_SECONDS, FAILURES_TO_OPEN
from local_pipeline import metrics as local
from local_pipeline.engine import REGION, Engine
from local_pipeline.template import DELIVERY_TEMPLATE
from ops.stacks import TEMPLATES
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_retry
from tests.support.embedded_metrics import Point, points_in, total, values
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.local_pipeline import LocalPipeline, eventually
from tests.support.stores import Stores, behind_http_api
from tests.support.transports import LambdaClient, lambda_drain, lambda_gateway, post

pytestmark = pytest.mark.e2e
STAGE = "local"

RAISED = {
    "Gateway5xx": "AWS/ApiGateway 5xx",
    "RecordsRetry": "Sluice RecordsRetry",
    "RejectedShare": "Sluice RejectedShare",
    "IteratorAge": "AWS/Kinesis GetRecords.IteratorAgeMilliseconds",
    "DeliveryStale": "AWS/Firehose DeliveryToS3.DataFreshness",
    "RecordsSpilled": "Sluice RecordsSpilled",
    "SpillWaits": "Sluice SpillAgeSeconds",
    "DeliveryFailures": "AWS/SQS ApproximateNumberOfMessagesVisible",
    "PipeErrors": "AWS/SQS ApproximateNumberOfMessagesVisible",
}
"""Alarms and their metrics; each has a test here."""

NOT_RAISED = {
    "StreamThrottled": "The engine throttles nobody. What a throttle does to the gateway is raised by the proxy: "
    "RecordsResent and RecordsRetry.",
    "StreamUnread": "The engine counts no calls. What follows when nobody reads is raised: IteratorAge, DeliveryStale.",
    "DeliveryFailing": "The stand-in tries again until S3 takes the file; what shows is DeliveryStale.",
    "GatewaySlow": "Lambda measures it; the gateway's own measure of the same is RequestMilliseconds.",
    "GatewayThrottled": "The Lambda host lets requests wait instead of refusing them.",
    "GatewayErrors": "The Lambda host counts no failed invocations.",
    "GatewayConcurrency": "The Lambda host is one container.",
    "ApiKeysUnread": "The engine does not search logs; tests/infra holds the filter against the gateway's line.",
    "DeadLetters": "The engine's topic always reaches its queue.",
    "DrainErrors": "Lambda counts them, and the drain is a task of the gateway here; that the function fails with the "
    "bucket is raised in test_drain_permissions.",
    "DrainSilent": "What is missed is written by nobody here; that each run writes it is seen there too.",
    "DrainDeadLetters": "The pipeline has no such queue, for it does without that stack; raised in test_stacks.",
}
"""Alarms that nothing on one machine can set off, and why."""

MOVED: set[str] = set()


def moves(*alarms: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The test raises the fault of these alarms."""
    MOVED.update(alarms)
    return lambda test: test


@dataclass(frozen=True)
class Faulty:
    """The Lambda handler beside the running pipeline, with a proxy between it and the engine."""

    client: LambdaClient
    proxy: ProxyThread
    log: Path

    def points(self) -> list[Point]:
        return points_in(self.log.read_bytes().splitlines(keepends=True))


@pytest.fixture(scope="module")
def faulty(pipeline: LocalPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    deployed, folder = pipeline.deployed(), tmp_path_factory.mktemp("faulty")
    engine = pipeline_engine(pipeline)
    with running_proxy(pipeline.engine_url) as proxy:
        environment = {
            **engine.client_environment,
            "AWS_ENDPOINT_URL": proxy.url,
            "SLUICE_AUTH": "none",
            "SLUICE_STREAM_NAME": deployed["stream_name"],
            "SLUICE_ERROR_BUCKET": deployed["error_bucket"],
            "SLUICE_RECEIPT_FILE": str(pipeline.home / "receipts.ndjson"),
            "SLUICE_METRICS": "cloudwatch",
            "SLUICE_STAGE": STAGE,
            "SLUICE_DELIVERY_TIMEOUT_SECONDS": "1",
        }
        with lambda_gateway(environment, folder) as client:
            yield Faulty(client, proxy, folder / "lambda.log")


def pipeline_engine(pipeline: LocalPipeline) -> Engine:
    return Engine(int(pipeline.engine_url.rpartition(":")[2]), pipeline.home / "engine")


def shown(pipeline: LocalPipeline, name: str, **labels: str) -> float:
    """A metric on the pipeline's page; a label may be the beginning of its value."""
    text = httpx.get(f"{pipeline.url}/metrics", timeout=60).raise_for_status().text
    [value] = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and all(sample.labels[label].startswith(text) for label, text in labels.items())
    ]
    return value


@moves("Gateway5xx", "RecordsRetry")
def test_the_stream_throttles_and_the_bucket_too(pipeline: LocalPipeline, faulty: Faulty) -> None:
    errors = shown(pipeline, f"{local.SERVER_ERRORS}_total")
    faulty.proxy.set_rules([Rule(PUT_RECORDS, Fault.THROTTLE), Rule(PUT_OBJECT, Fault.THROTTLE)])
    answer = post(faulty.client, make.ndjson([make.record(number) for number in range(3)]), media="ndjson")
    faulty.proxy.set_rules([])

    assert_retry(answer, accepted=0, retry=[(index, "stream_unavailable") for index in range(3)])
    points = faulty.points()
    assert total(points, "RecordsRetry", Stage=STAGE) == 3
    assert total(points, "RecordsResent", Stage=STAGE) >= 3
    assert total(points, "RequestCount", Stage=STAGE, Status="503") == 1
    assert values(points, "StreamMilliseconds", Stage=STAGE)[0] > 100
    assert shown(pipeline, f"{local.SERVER_ERRORS}_total") == errors + 1


@moves("RecordsSpilled")
def test_a_stream_that_is_down_is_spilled_around(faulty: Faulty) -> None:
    spilled = total(faulty.points(), "RecordsSpilled", Stage=STAGE)
    opened = total(faulty.points(), "BreakerOpened", Stage=STAGE)
    faulty.proxy.set_rules([Rule(PUT_RECORDS, Fault.DENY)])
    for _ in range(FAILURES_TO_OPEN):
        time.sleep(APART_SECONDS)
        assert_answer(post(faulty.client, make.record(1)), 202, accepted=1)
    faulty.proxy.set_rules([])
    assert total(faulty.points(), "RecordsSpilled", Stage=STAGE) == spilled + FAILURES_TO_OPEN
    assert total(faulty.points(), "BreakerOpened", Stage=STAGE) == opened + 1


@moves("SpillWaits")
def test_what_is_spilled_waits(pipeline: LocalPipeline, faulty: Faulty, tmp_path: Path) -> None:
    """In a bucket of its own, for the gateway of the pipeline drains too; the stream takes nothing of it."""
    s3, bucket, engine = Stores(pipeline).s3, "sluice-local-spill-for-metrics", pipeline_engine(pipeline)
    origin = Origin("0199a1f2-6c1e-7c30-9d55-000000000000", datetime.now(UTC), "shop", None, None)
    key = f"spill/dt=2026-11-23/hr=02/{origin.request_id}.0123.ndjson"
    s3.create_bucket(Bucket=bucket)
    environment = {
        **engine.client_environment,
        "AWS_ENDPOINT_URL": faulty.proxy.url,
        "SLUICE_STREAM_NAME": pipeline.deployed()["stream_name"],
        "SLUICE_ERROR_BUCKET": bucket,
        "SLUICE_STAGE": STAGE,
    }
    faulty.proxy.set_rules([Rule(PUT_RECORDS, Fault.DENY)])
    with lambda_drain(environment, tmp_path) as drain:
        s3.put_object(Bucket=bucket, Key=key, Body=StreamLines(origin).line(0, make.record(1)))
        assert drain.run() == drain.run() == {"objects": 0, "records": 0}
        s3.delete_object(Bucket=bucket, Key=key)
        drain.run()
        points = points_in(drain.log.read_bytes().splitlines(keepends=True))
    faulty.proxy.set_rules([])
    s3.delete_bucket(Bucket=bucket)
    first, second, last = values(points, "SpillAgeSeconds", Stage=STAGE)
    assert 0 < first < second, "it gets older"
    assert last == 0
    assert values(points, "RecordsDrained", Stage=STAGE) == [0, 0, 0]


@moves("RejectedShare")
def test_bad_records_come(pipeline: LocalPipeline) -> None:
    log = pipeline.home / "logs" / "lambda.log"
    before = log.stat().st_size
    post(behind_http_api(pipeline), make.array([make.record(1), b"{}", b'{"id":null}', b"{}"]))

    points = points_in(log.read_bytes()[before:].splitlines(keepends=True))
    assert values(points, "RejectedShare", Stage=STAGE) == [75]
    assert total(points, "RecordsRejected", Stage=STAGE) == 3
    assert total(points, "RecordsRejected", Stage=STAGE, Reason="missing_id") == 2
    assert total(points, "RecordsRejected", Stage=STAGE, Reason="null_id") == 1


@moves("IteratorAge", "DeliveryStale")
def test_firehose_stands_still(pipeline: LocalPipeline) -> None:
    buffer_seconds = loads(DELIVERY_TEMPLATE.read_text())["Parameters"]["BufferSeconds"]["Default"]
    firehose = pipeline.pid("firehose")
    os.kill(firehose, signal.SIGSTOP)
    try:
        pipeline.post(make.record(1)).raise_for_status()
        stale = eventually(lambda: shown(pipeline, local.FRESHNESS), lambda age: age > buffer_seconds + 1, 20)
        assert shown(pipeline, local.ITERATOR_AGE) > stale * 1000
    finally:
        os.kill(firehose, signal.SIGCONT)
    eventually(lambda: shown(pipeline, local.FRESHNESS), lambda age: age == 0, 30)


def test_snowpipe_skips_a_file(pipeline: LocalPipeline) -> None:
    s3, deployed = Stores(pipeline).s3, pipeline.deployed()
    bucket, key = deployed["landing_bucket"], f"{deployed['landing_prefix']}planted-for-metrics.json"
    skipped = shown(pipeline, local.FILES_SKIPPED)
    s3.put_object(Bucket=bucket, Key=key, Body=b'{"payload":NaN\n')
    eventually(lambda: shown(pipeline, local.FILES_SKIPPED), lambda count: count == skipped + 1, 20)
    s3.delete_object(Bucket=bucket, Key=key)


@moves("DeliveryFailures")
def test_firehose_puts_a_file_aside(pipeline: LocalPipeline) -> None:
    s3, bucket = Stores(pipeline).s3, pipeline.deployed()["landing_bucket"]
    queue = f"sluice-{STAGE}-storage-DeliveryFailures"
    waiting = shown(pipeline, local.QUEUE_DEPTH, queue=queue)
    key = "delivery-errors/processing-failed/planted-for-metrics"
    s3.put_object(Bucket=bucket, Key=key, Body=b"{}\n")
    eventually(lambda: shown(pipeline, local.QUEUE_DEPTH, queue=queue), lambda depth: depth == waiting + 1, 10)
    s3.delete_object(Bucket=bucket, Key=key)


@moves("PipeErrors")
def test_the_pipe_reports_an_error(pipeline: LocalPipeline) -> None:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    sns = session.client("sns", endpoint_url=pipeline.engine_url)
    [topic] = [each["TopicArn"] for each in sns.list_topics()["Topics"] if "pipe-errors" in each["TopicArn"]]
    queue = f"sluice-{STAGE}-snowflake-access-PipeErrors"
    waiting = shown(pipeline, local.QUEUE_DEPTH, queue=queue)
    sns.publish(TopicArn=topic, Message="{}")
    eventually(lambda: shown(pipeline, local.QUEUE_DEPTH, queue=queue), lambda depth: depth == waiting + 1, 10)


def test_every_alarm_has_its_fault_here_or_the_reason_why_not() -> None:
    template = loads((TEMPLATES / "monitoring.yaml").read_text())
    alarms = {
        name: f"{resource['Properties']['Namespace']} {resource['Properties']['MetricName']}"
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert alarms.keys() == RAISED.keys() | NOT_RAISED.keys()
    assert RAISED.keys() == MOVED, "each has a test"
    assert {name: alarms[name] for name in RAISED} == RAISED
    assert not RAISED.keys() & NOT_RAISED.keys()
