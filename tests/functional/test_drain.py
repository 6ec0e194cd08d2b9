"""The drain against AWS's protocols: the function, the command, and what S3 and Kinesis do to it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.drain import Drain
from app.draining import DrainReport, Stopped, drain_once
from app.envelope import Origin, StreamLines
from app.sinks.aws import READ_TIMEOUT_SECONDS, AttemptFailed
from app.sinks.memory import MemorySink
from app.spill_area import S3SpillArea
from local_pipeline import engine
from tests.support.aws import Aws, make_aws, session
from tests.support.embedded_metrics import points_in, total
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_RECORDS, Fault, Rule
from tests.support.processes import ROOT, clean_environment
from tests.support.spilling import drain

HOUR = "spill/dt=2026-11-23/hr=02/"
MORNING = datetime(2026, 11, 23, 2, 17, tzinfo=UTC)


@pytest.fixture(scope="module")
def proxy(endpoint: str) -> Iterator[ProxyThread]:
    with running_proxy(endpoint) as running:
        yield running


@pytest.fixture
def aws(endpoint: str, proxy: ProxyThread) -> Aws:
    proxy.set_rules([])
    proxy.forget_calls()
    return make_aws(endpoint)


def spill(aws: Aws, count: int, lines: int = 3) -> set[str]:
    """Spill `count` objects; the ingest_ids in them."""
    ids = set()
    for number in range(count):
        origin = Origin(f"0199a1f2-6c1e-7c30-9d55-{number:012x}", MORNING, "shop", None, None)
        body = b"".join(StreamLines(origin).line(index, b'{"id":%d}' % index) for index in range(lines))
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{HOUR}{origin.request_id}.0123.ndjson", Body=body)
        ids |= {origin.ingest_id(index) for index in range(lines)}
    return ids


def drain_through(proxy: ProxyThread, aws: Aws, seconds: float = 10.0) -> DrainReport:
    async def once() -> DrainReport:
        draining = Drain(session(), aws.stream, aws.bucket, endpoint=proxy.url)
        await draining.open()
        try:
            return await draining.once(seconds)
        finally:
            await draining.close()

    return asyncio.run(once())


def test_more_objects_than_a_page_lists_are_drained(aws: Aws) -> None:
    spill(aws, 11, lines=1)
    put, stream = aws.error_keys(), MemorySink()

    async def once() -> DrainReport:
        area = S3SpillArea(lambda: aws.s3, aws.bucket, 4, page=2)
        area.open()
        return await drain_once(area, stream, asyncio.get_running_loop().time() + 10)

    report = asyncio.run(once())
    assert (report.objects, report.is_clean, aws.error_keys()) == (11, True, [])
    assert sorted(f"{HOUR}{lines.request_id}.0123.ndjson" for lines in stream.puts) == put


def test_nothing_but_the_spill_area_is_touched(aws: Aws) -> None:
    others = ["rejected/dt=2026-11-23/hr=02/a.b.ndjson", "spilled/x.ndjson", "spill"]
    for key in others:
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=b"{}\n")
    assert drain(aws) == DrainReport()
    assert aws.error_keys() == sorted(others)


def test_a_drain_that_finds_nothing_lists_once(aws: Aws, proxy: ProxyThread) -> None:
    """`sluice cost` bills a run as much."""
    assert drain_through(proxy, aws) == DrainReport()
    assert [call.operation for call in proxy.calls()] == ["s3.ListObjectsV2"]


def test_throttled_entries_are_put_again_within_the_drain(aws: Aws, proxy: ProxyThread) -> None:
    ids = spill(aws, 5, lines=20)
    proxy.set_rules([Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=0.5, times=5)])
    assert drain_through(proxy, aws).is_clean
    assert sorted(line.ingest_id for line in aws.lines()) == sorted(ids), "each once"


def test_a_stream_that_takes_seconds_for_each_call_is_waited_for(aws: Aws, proxy: ProxyThread) -> None:
    ids = spill(aws, 1)
    proxy.set_rules([Rule(PUT_RECORDS, Fault.DELAY, seconds=READ_TIMEOUT_SECONDS + 0.5)])
    assert drain_through(proxy, aws).is_clean
    assert sorted(line.ingest_id for line in aws.lines()) == sorted(ids), "each once"


@pytest.mark.parametrize(
    ("operation", "stopped"),
    [
        ("kinesis.*", Stopped.STREAM),
        ("s3.ListObjectsV2", Stopped.BUCKET),
        ("s3.GetObject", Stopped.BUCKET),
        ("s3.DeleteObject", Stopped.BUCKET),
    ],
)
def test_what_is_denied_ends_the_drain_and_loses_nothing(
    aws: Aws, proxy: ProxyThread, operation: str, stopped: Stopped
) -> None:
    spill(aws, 8)
    proxy.set_rules([Rule(operation, Fault.DENY)])
    report = drain_through(proxy, aws)
    assert (report.objects, report.stopped) == (0, stopped)
    assert len(aws.error_keys()) == 8


def test_an_object_that_is_gone_is_told_from_one_that_is_denied(aws: Aws, proxy: ProxyThread) -> None:
    """A role that may list spill/ only is answered 403 for either; a drain beside this one is no fault."""
    spill(aws, 1)
    [there] = aws.error_keys()
    proxy.set_rules([Rule("s3.GetObject", Fault.DENY)])
    area = S3SpillArea(lambda: session().client("s3", endpoint_url=proxy.url), aws.bucket, 1)
    area.open()

    async def read(key: str) -> bytes | None:
        return await area.read(key, asyncio.get_running_loop().time() + 10)

    assert asyncio.run(read(f"{there}.gone")) is None
    assert asyncio.run(read(there[:-1])) is None, "another key that begins so is another"
    with pytest.raises(AttemptFailed, match="AccessDenied"):
        asyncio.run(read(there))
    area.close()


@pytest.mark.parametrize("operation", ["s3.ListObjectsV2", "s3.GetObject", "s3.DeleteObject"])
@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.CUT_AFTER])
def test_a_failure_of_the_bucket_that_passes_ends_nothing(
    aws: Aws, proxy: ProxyThread, operation: str, fault: Fault
) -> None:
    ids = spill(aws, 5)
    proxy.set_rules([Rule(operation, fault, times=2)])
    report = drain_through(proxy, aws)
    assert report == DrainReport(objects=5, records=15)
    assert sorted(line.ingest_id for line in aws.lines()) == sorted(ids), "each once"


@pytest.mark.parametrize("operation", [PUT_RECORDS, "s3.DeleteObject"])
def test_a_connection_cut_after_the_write_loses_nothing(aws: Aws, proxy: ProxyThread, operation: str) -> None:
    ids = spill(aws, 3)
    proxy.set_rules([Rule(operation, Fault.CUT_AFTER, times=1)])
    drain_through(proxy, aws)
    assert drain(aws).is_clean
    assert {line.ingest_id for line in aws.lines()} == ids
    assert aws.error_keys() == []


def test_the_function_drains_tells_and_fails_with_the_bucket(aws: Aws, proxy: ProxyThread) -> None:
    ids = spill(aws, 2)
    code = """
import app.drain
class Context:
    def get_remaining_time_in_millis(self): return 15_000
print(app.drain.handler({}, Context()))
print(app.drain.handler({}, Context()))
"""
    environment = clean_environment({**aws.environment(proxy.url), "SLUICE_STAGE": "dev"})
    done = run([sys.executable, "-c", code], environment)
    first, answer, second, _ = done.stdout.splitlines()
    assert answer == "{'objects': 2, 'records': 6}"
    assert json.loads(first)["event"] == "drain"
    points = points_in([line.encode() + b"\n" for line in (first, second)])
    assert (total(points, "RecordsDrained", Stage="dev"), total(points, "SpillAgeSeconds", Stage="dev")) == (6, 0)
    assert {line.ingest_id for line in aws.lines()} == ids
    assert sum(call.operation == PUT_RECORDS for call in proxy.calls()) == 2

    spill(aws, 1)
    proxy.set_rules([Rule("s3.DeleteObject", Fault.DENY)])
    failed = run([sys.executable, "-c", code], environment)
    assert failed.returncode == 1
    assert "DrainFailedError" in failed.stderr
    [point] = [point for point in points_in([failed.stdout.encode()]) if point.name == "SpillAgeSeconds"]
    assert 0 < point.value < 60


def run(command: list[str], environment: dict[str, str]) -> Any:
    return subprocess.run(  # noqa: S603
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def sluice(*arguments: str, **environment: str) -> Any:
    return run([sys.executable, "-m", "ops.cli", "drain", *arguments], clean_environment(environment))


def test_the_command_says_what_it_did_and_what_is_left(aws: Aws) -> None:
    spill(aws, 2)
    named = ("--bucket", aws.bucket, "--stream", aws.stream)
    done = sluice(*named, **aws.environment())
    assert (done.returncode, done.stdout) == (0, "drained: 6 records of 2 objects\n")
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{HOUR}strange.ndjson", Body=b"hello\n")
    done = sluice(*named, **aws.environment())
    assert done.returncode == 1
    assert f"  {HOUR}strange.ndjson\n" in done.stdout
    assert aws.error_keys() == [f"{HOUR}strange.ndjson"]


def test_the_command_drains_a_stage_in_the_region_of_aws_s_variable(aws: Aws) -> None:
    spill(aws, 1)
    outputs = {"StreamName": {"Value": aws.stream}, "ErrorBucketName": {"Value": aws.bucket}}
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
    stage, environment = aws.stream[-8:], aws.environment()
    session().client("cloudformation", endpoint_url=aws.endpoint).create_stack(
        StackName=f"sluice-{stage}-storage", TemplateBody=json.dumps(template)
    )
    environment["AWS_REGION"] = environment.pop("AWS_DEFAULT_REGION")
    done = sluice("--stage", stage, **environment)
    assert (done.returncode, done.stdout) == (0, "drained: 3 records of 1 objects\n"), done.stderr


def test_a_broken_note_of_what_runs_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    done = sluice(SLUICE_HOME=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr


def test_the_command_drains_the_pipeline_of_a_home(aws: Aws, tmp_path: Path) -> None:
    kinesis = session().client("kinesis", region_name=engine.REGION, endpoint_url=aws.endpoint)
    kinesis.create_stream(StreamName=aws.stream, ShardCount=1)
    spill(aws, 1)
    (tmp_path / "run.json").write_text(json.dumps({"processes": {"engine": {"pid": os.getpid(), "url": aws.endpoint}}}))
    (tmp_path / "deployed.json").write_text(json.dumps({"error_bucket": aws.bucket, "stream_name": aws.stream}))
    done = sluice(SLUICE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "drained: 3 records of 1 objects\n")


@pytest.mark.parametrize(
    "arguments",
    [["--bucket", "b"], ["--stream", "s"], ["--stage", "dev", "--bucket", "b", "--stream", "s"], []],
)
def test_the_command_says_what_is_missing(arguments: list[str], tmp_path: Path) -> None:
    done = sluice(*arguments, SLUICE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sluice: ")
    assert done.stderr.count("\n") == 1
