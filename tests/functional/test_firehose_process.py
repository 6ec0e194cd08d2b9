"""The Firehose stand-in as a process, between the engine's stream and the engine's bucket."""

import base64
import gzip
import hashlib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from local_pipeline.engine import STACK_PARAMETERS
from local_pipeline.template import DELIVERY_TEMPLATE
from ops.stacks import deploy
from tests.support.engine import RunningEngine, eventually, running_engine
from tests.support.processes import start, stop

SHIPPED_KEY = re.compile(
    r"records/dt=\d{4}-\d\d-\d\d/hr=\d\d/"
    r"sluice-dev-delivery-1-\d{4}(-\d\d){5}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json"
)


@dataclass
class Delivery:
    """A stream, a landing bucket and stand-ins that deliver from one to the other."""

    engine: RunningEngine
    outputs: dict[str, str]
    home: Path
    log: Path
    _put: int = 0
    _processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, *, template: Path = DELIVERY_TEMPLATE, **parameters: str) -> "subprocess.Popen[bytes]":
        wired = {name: self.outputs[name] for name in ("StreamArn", "LandingBucketArn", "LandingPrefix", "DataKeyArn")}
        command = [sys.executable, "-m", "local_pipeline.firehose"]
        command += ["--home", str(self.home), "--template", str(template)]
        for name, value in (wired | parameters).items():
            command += ["--parameter", f"{name}={value}"]
        with self.log.open("ab") as log:
            process = start(command, self.engine.engine.client_environment, log)
        self._processes.append(process)
        return process

    def stop_all(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                stop(process)

    def put(self, count: int, *, size: int = 0, key: str | None = None) -> list[bytes]:
        """Put `count` lines that occur nowhere else into the stream."""
        lines = [json.dumps({"n": self._put + n, "fill": "x" * size}).encode() + b"\n" for n in range(count)]
        self._put += count
        for at in range(0, count, 400):
            answer = self.engine.kinesis.put_records(
                StreamName=self.outputs["StreamName"],
                Records=[
                    {"Data": line, "PartitionKey": key or hashlib.sha256(line).hexdigest()}
                    for line in lines[at : at + 400]
                ],
            )
            assert answer["FailedRecordCount"] == 0
        return lines

    def keys(self, prefix: str = "records/") -> list[str]:
        pages = self.engine.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.outputs["LandingBucketName"], Prefix=prefix
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def files(self, prefix: str = "records/") -> dict[str, bytes]:
        s3, bucket = self.engine.s3, self.outputs["LandingBucketName"]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in self.keys(prefix)}

    def landed(self) -> Counter[bytes]:
        return Counter(line for body in self.files().values() for line in body.splitlines(keepends=True))

    def wait_for(self, lines: list[bytes], seconds: float = 30) -> Counter[bytes]:
        """Everything that has landed, once all of `lines` have."""

        def all_there() -> Counter[bytes]:
            landed = self.landed()
            return landed if landed.keys() >= set(lines) else Counter()

        return eventually(all_there, seconds)


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture
def engine_of_its_own(tmp_path: Path) -> Iterator[RunningEngine]:
    with running_engine(tmp_path) as engine:
        yield engine


@contextmanager
def new_delivery(engine: RunningEngine, folder: Path) -> Iterator[Delivery]:
    stage = f"t{uuid4().hex[:8]}"
    outputs = deploy(engine.cloudformation, stage, STACK_PARAMETERS, ("storage",))
    made = Delivery(engine, outputs, folder / "home", folder / "firehose.log")
    made.home.mkdir()
    try:
        yield made
    finally:
        made.stop_all()


@pytest.fixture
def delivery(shared_engine: RunningEngine, tmp_path: Path) -> Iterator[Delivery]:
    with new_delivery(shared_engine, tmp_path) as made:
        yield made


@pytest.fixture
def restartable(engine_of_its_own: RunningEngine, tmp_path: Path) -> Iterator[Delivery]:
    """A delivery whose engine serves nobody else."""
    with new_delivery(engine_of_its_own, tmp_path) as made:
        yield made


def edited_template(tmp_path: Path, old: str, new: str) -> Path:
    text = DELIVERY_TEMPLATE.read_text()
    assert old in text
    template = tmp_path / "edited.yaml"
    template.write_text(text.replace(old, new))
    return template


def test_lines_land_verbatim_in_files_named_by_the_template(delivery: Delivery) -> None:
    started = time.monotonic()
    delivery.start()
    lines = delivery.put(50)
    landed = delivery.wait_for(lines, seconds=15)
    assert time.monotonic() - started >= 5, "the buffer's five seconds"
    assert landed == Counter(lines)
    files = delivery.files()
    assert all(SHIPPED_KEY.fullmatch(key) for key in files), list(files)
    assert len(files) == 1


def test_the_order_of_a_shard_is_kept(delivery: Delivery) -> None:
    delivery.start(BufferSeconds="1")
    lines = delivery.put(1000, key="one-shard")
    delivery.wait_for(lines)
    assert b"".join(delivery.files().values()) == b"".join(lines)


def test_the_buffer_s_size_bounds_the_files(delivery: Delivery) -> None:
    lines = delivery.put(400, size=8000)
    delivery.start(BufferSeconds="900", BufferSizeMiB="1")
    eventually(lambda: len(delivery.keys()) == 3)
    sizes = [len(body) for body in delivery.files().values()]
    assert all(1024 * 1024 - 9000 < size <= 1024 * 1024 for size in sizes), sizes
    assert len(b"".join(lines)) > 3 * 1024 * 1024


def test_an_edited_template_changes_the_files(delivery: Delivery, tmp_path: Path) -> None:
    old = 'Prefix: !Sub "${LandingPrefix}dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/"'
    template = edited_template(tmp_path, old, 'Prefix: !Sub "${LandingPrefix}day-!{timestamp:DDD}/"')
    delivery.start(template=template, BufferSeconds="1", CompressionFormat="GZIP")
    lines = delivery.put(20, key="one-shard")
    files = eventually(lambda: delivery.files("records/day-"))
    assert all(re.fullmatch(r"records/day-\d{3}/sluice-dev-delivery-1-.*\.json\.gz", key) for key in files)
    eventually(lambda: sum(len(gzip.decompress(body)) for body in delivery.files().values()) >= len(b"".join(lines)))
    assert b"".join(gzip.decompress(body) for body in delivery.files().values()) == b"".join(lines)


def test_sigterm_writes_what_is_buffered_and_nothing_twice(delivery: Delivery) -> None:
    lines = delivery.put(150, size=8000, key="one-shard")
    process = delivery.start(BufferSeconds="900")
    eventually(delivery.files)  # the first MiB: all of the shard has been read by then
    started = time.monotonic()
    process.terminate()
    assert process.wait(10) == 0
    assert time.monotonic() - started < 5
    assert delivery.landed() == Counter(lines)

    more = delivery.put(10)
    delivery.start(BufferSeconds="1")
    assert delivery.wait_for(more) == Counter(lines + more)


def test_kill_9_under_load_loses_nothing(delivery: Delivery) -> None:
    lines: list[bytes] = []
    for more_files in (1, 2, 3):
        written = len(delivery.keys())
        process = delivery.start(BufferSeconds="1")
        while len(delivery.keys()) < written + more_files:
            lines += delivery.put(200, size=2000)
            assert process.poll() is None
        lines += delivery.put(200, size=2000)
        process.kill()
        process.wait(10)
    assert len(delivery.landed()) < len(lines), "killed in the middle of its work"
    delivery.start(BufferSeconds="1")
    landed = delivery.wait_for(lines, seconds=60)
    assert set(landed) == set(lines)


def test_a_file_that_is_not_remembered_is_written_again(delivery: Delivery) -> None:
    """Killed between S3 and the checkpoint: at least once, so the lines land twice rather than never."""
    process = delivery.start(BufferSeconds="1")
    lines = delivery.put(20)
    delivery.wait_for(lines)
    process.kill()
    process.wait(10)
    (delivery.home / "firehose" / "checkpoint.json").unlink()
    delivery.start(BufferSeconds="1")
    eventually(lambda: delivery.landed() == Counter(lines + lines))


def test_an_engine_that_is_away_is_waited_for(restartable: Delivery) -> None:
    process = restartable.start(BufferSeconds="1")
    first = restartable.put(20)
    restartable.wait_for(first)
    second = restartable.put(20)
    restartable.engine.stop()
    eventually(lambda: b"cannot read the stream" in restartable.log.read_bytes())
    restartable.engine.start()
    third = restartable.put(20)
    landed = restartable.wait_for(first + second + third)
    assert process.poll() is None
    assert set(landed) == {*first, *second, *third}


def test_sigterm_while_the_bucket_is_away_ends_in_time_and_loses_nothing(restartable: Delivery) -> None:
    lines = restartable.put(150, size=8000, key="one-shard")
    process = restartable.start(BufferSeconds="900")
    eventually(restartable.files)  # the first MiB: the rest waits in the buffer
    restartable.engine.stop()
    started = time.monotonic()
    process.terminate()
    assert process.wait(10) == 0
    assert time.monotonic() - started < 6
    restartable.engine.start()
    restartable.start(BufferSeconds="1")
    restartable.wait_for(lines)


def test_a_record_over_the_limit_goes_to_the_error_prefix_once(delivery: Delivery) -> None:
    largest = b"y" * (1000 * 1024 - 1) + b"\n"
    large = b"x" * (1000 * 1024 + 1)
    for data in (largest, large):
        delivery.engine.kinesis.put_record(StreamName=delivery.outputs["StreamName"], Data=data, PartitionKey="1")
    process = delivery.start(BufferSeconds="1")
    errors = eventually(lambda: delivery.files("delivery-errors/processing-failed/"))
    assert [base64.b64decode(json.loads(body)["rawData"]) for body in errors.values()] == [large]
    process.terminate()
    assert process.wait(10) == 0
    assert delivery.landed() == Counter([largest])

    delivery.start(BufferSeconds="1")
    delivery.wait_for(delivery.put(1))
    assert len(delivery.files("delivery-errors/")) == 1, "the last record of its shard, and its position was remembered"


def test_shards_that_come_later_are_read(delivery: Delivery) -> None:
    delivery.start(BufferSeconds="1")
    before = delivery.put(50)
    delivery.wait_for(before)
    kinesis, stream = delivery.engine.kinesis, delivery.outputs["StreamName"]
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]
    middle = (int(shard["HashKeyRange"]["StartingHashKey"]) + int(shard["HashKeyRange"]["EndingHashKey"])) // 2
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))
    after = delivery.put(50)
    assert delivery.wait_for(before + after) == Counter(before + after)


def test_a_reset_drops_what_waits_and_goes_on_from_the_tip(delivery: Delivery) -> None:
    delivery.put(150, size=8000, key="one-shard")
    process = delivery.start(BufferSeconds="900")
    written = eventually(delivery.landed)  # the first MiB: the rest waits in the buffer
    (delivery.home / "reset").write_text("1")
    eventually((delivery.home / "reset.firehose.done").exists)
    assert (delivery.home / "reset.firehose.done").read_text().strip() == "1"
    process.terminate()
    assert process.wait(10) == 0
    assert delivery.landed() == written

    kept = delivery.put(10)
    delivery.start(BufferSeconds="1")
    assert delivery.wait_for(kept) == written + Counter(kept)


def test_a_template_that_cannot_be_followed_is_one_line(delivery: Delivery, tmp_path: Path) -> None:
    template = edited_template(tmp_path, "hr=!{timestamp:HH}", "hr=!{timestamp:QQ}")
    process = delivery.start(template=template)
    assert process.wait(20) == 2
    assert delivery.log.read_text().count("\n") == 1
    assert "does not know 'Q'" in delivery.log.read_text()
