"""`sluice replay` in processes of its own, over a bucket of rejected records, killed, doubled and failed on purpose."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from app.registry import Registry
from ops.replay.selection import CHUNK_KEYS
from tests.support.aws import Aws, make_aws
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.processes import ROOT, clean_environment
from tests.support.rejected import FIX, KINDS, OVERSIZED, Kind, Planted, plant

RECORDS = int(os.environ.get("SLUICE_TEST_REPLAY_RECORDS", "1000"))
PER_OBJECT = 10
SECONDS = 60 + RECORDS / 50
DELAY = Rule(PUT_OBJECT, Fault.DELAY, seconds=600)


@dataclass
class World:
    """A bucket with rejected records, a stream, a fix, and the command."""

    aws: Aws
    proxy: ProxyThread
    folder: Path
    schemas: Path
    planted: list[Planted] = field(default_factory=list)
    error_objects: dict[str, bytes] = field(default_factory=dict)

    def plant(self, kinds: Sequence[Kind], count: int, per_object: int = PER_OBJECT) -> None:
        registry = Registry.load(str(self.schemas))
        self.planted = plant(self.aws.s3, self.aws.bucket, registry, kinds, count, per_object)
        self.error_objects = self.objects("rejected/")

    def objects(self, prefix: str) -> dict[str, bytes]:
        read = self.aws.s3.get_object
        return {key: read(Bucket=self.aws.bucket, Key=key)["Body"].read() for key in self.aws.error_keys(prefix)}

    def start(self, *arguments: str, fix: str = FIX, stderr: int = subprocess.STDOUT) -> "subprocess.Popen[str]":
        (self.folder / "fix.yaml").write_text(fix)
        where = ["--stream", self.aws.stream, "--bucket", self.aws.bucket, "--schemas", str(self.schemas)]
        command = [sys.executable, "-m", "ops.cli", "replay", *where, "--fix", str(self.folder / "fix.yaml")]
        return subprocess.Popen(  # noqa: S603
            [*command, *arguments],
            cwd=ROOT,
            env=clean_environment(self.aws.environment(self.proxy.url)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, *arguments: str, fix: str = FIX) -> tuple[int, str]:
        """Exit status, and what was printed."""
        process = self.start(*arguments, fix=fix)
        printed, _ = process.communicate(timeout=SECONDS)
        return process.returncode, printed

    def kill_when(self, look: Callable[[], object], *arguments: str) -> None:
        """Start it with --apply, and kill -9 as soon as `look` is true."""
        process = self.start("--apply", *arguments)
        try:
            give_up = time.monotonic() + SECONDS
            while not look():
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < give_up
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL

    def marks(self) -> dict[str, list[dict[str, Any]]]:
        """Mark lines by ingest_id, in the order of their objects' keys."""
        found: dict[str, list[dict[str, Any]]] = {}
        for body in self.objects("replayed/").values():
            for line in body.splitlines():
                mark = json.loads(line)
                found.setdefault(mark["ingest_id"], []).append(mark)
        return found

    def good(self) -> set[str]:
        return {record.ingest_id for record in self.planted if record.mended is not None}

    def streamed(self) -> Counter[str]:
        return Counter(line.ingest_id for line in self.aws.lines())

    def assert_all_is_done(self) -> None:
        """Each record that the fix helps is in the stream as it should be and marked replayed once; each of the others
        is marked with its second attempt, once; the error objects are what they were."""
        marks = self.marks()
        assert set(marks) == {record.ingest_id for record in self.planted}
        for record in self.planted:
            assert len(marks[record.ingest_id]) == 1, (record, marks[record.ingest_id])
            [mark] = marks[record.ingest_id]
            assert mark["attempts"] == 2
            outcome = ("rejected", record.kind.result) if record.mended is None else ("replayed", None)
            assert (mark["outcome"], mark["reason"]) == outcome
        by_id = {record.ingest_id: record for record in self.planted}
        assert set(self.streamed()) == self.good()
        for line in self.aws.lines():
            record = by_id[line.ingest_id]
            assert line.payload == record.mended
            assert line.source == record.source
            assert line.received_at == record.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            assert line.schema == record.kind.schema
        assert self.objects("rejected/") == self.error_objects


@pytest.fixture
def world(endpoint: str, schemas_folder: Path, tmp_path: Path) -> Iterator[World]:
    with running_proxy(endpoint) as proxy:
        yield World(make_aws(endpoint), proxy, tmp_path, schemas_folder)


def every_kind() -> list[Kind]:
    return list(KINDS.values())


def test_a_dry_run_shows_what_would_come_of_it_and_changes_nothing(world: World) -> None:
    world.plant([*every_kind(), OVERSIZED], 90)

    with world.aws.nothing_stored():
        status, printed = world.run()

    assert status == 0, printed
    assert "90 rejected records" in printed
    assert "Nothing was changed." in printed
    counts = Counter((record.kind.reason, record.kind.result) for record in world.planted)
    for (before, after), count in counts.items():
        assert re.search(rf"^ +{count}  {before} → {after}$", printed, re.MULTILINE), (before, after, count, printed)
    assert "  - " + '{"order_id": ' in printed
    assert "12345678901234567890.10" in printed
    assert "  ! /amount: the value cannot be made number" in printed


def test_all_kinds_are_replayed_or_stay(world: World) -> None:
    world.plant([*every_kind(), OVERSIZED], 90)

    status, printed = world.run("--apply")

    assert status == 3, printed
    world.assert_all_is_done()
    assert max(world.streamed().values()) == 1
    status, printed = world.run("--apply")
    assert (status, "0 rejected records" in printed) == (3, True), printed
    assert f"{len(world.good()):,} replayed before" in printed
    assert "tried before" in printed
    world.assert_all_is_done()


def test_killed_twice_and_resumed_each_is_loaded_and_none_is_skipped(world: World) -> None:
    world.plant(every_kind(), RECORDS)

    def hang_between_put_and_mark() -> bool:
        if not world.proxy.calls(PUT_RECORDS):
            return False
        world.proxy.set_rules([DELAY])
        time.sleep(0.2)
        return True

    world.kill_when(hang_between_put_and_mark)
    world.proxy.set_rules([])
    first = world.marks()
    unmarked = set(world.streamed()) - {of for of, marks in first.items() if marks[-1]["outcome"] == "replayed"}
    assert unmarked, "the kill came between put and mark"
    seen = len(world.proxy.calls(PUT_OBJECT))
    world.kill_when(lambda: len(world.proxy.calls(PUT_OBJECT)) > seen + 60)
    second = world.marks()
    assert len(first) < len(second) < RECORDS, "the second kill came in the middle"

    status, printed = world.run("--apply")

    assert status == 3, printed
    world.assert_all_is_done()
    again = world.streamed().total() - len(world.good())
    assert len(unmarked) <= again <= 2 * CHUNK_KEYS * PER_OBJECT, "put twice: what was put and not marked, no more"
    print(f"{RECORDS} records, {again} lines put twice, {len(first)} and {len(second)} marked at the kills")


def test_ctrl_c_tells_what_was_done_and_the_same_command_goes_on(world: World) -> None:
    world.plant([KINDS["renamed id"]], 12)
    world.proxy.set_rules([Rule(PUT_OBJECT, Fault.DELAY, seconds=2)])
    process = world.start("--apply")
    while not world.proxy.calls(PUT_RECORDS):
        assert process.poll() is None
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 130, printed
    assert "the same command goes on" in printed
    assert "Traceback" not in printed
    world.proxy.set_rules([])
    assert world.run("--apply")[0] == 0
    world.assert_all_is_done()


def test_progress_is_for_terminals(world: World) -> None:
    world.plant([KINDS["renamed id"]], 12)
    terminal, seen_by_it = os.openpty()

    process = world.start(stderr=seen_by_it)
    printed, _ = process.communicate(timeout=SECONDS)
    os.close(seen_by_it)
    progress = os.read(terminal, 4096).decode()
    os.close(terminal)

    assert "12 rejected records" in printed
    assert progress.endswith("5 of 5 objects, 12 records\r\n"), progress
    assert "objects, " not in world.run()[1]


def test_two_runs_at_a_time(world: World) -> None:
    world.plant(every_kind(), 90, per_object=2)

    both = [world.start("--apply"), world.start("--apply")]
    printed = [process.communicate(timeout=SECONDS)[0] for process in both]

    assert [process.returncode for process in both] == [3, 3], printed
    world.assert_all_is_done()


def test_a_fix_that_does_not_help_is_counted_and_another_one_may_help(world: World) -> None:
    world.plant([KINDS["renamed id"]], 12)
    no_help = "operations: [{rename: /order, to: id}]"

    assert world.run("--apply", fix=no_help)[0] == 3
    assert world.run("--apply", fix=no_help)[0] == 3, "the same again is the same try"
    assert {marks[-1]["attempts"] for marks in world.marks().values()} == {2}
    assert world.run("--apply", fix=no_help + " # another")[0] == 3
    assert world.run("--apply", fix="operations: [{remove: /x}]")[0] == 3
    assert world.streamed() == {}
    status, printed = world.run("--apply")

    assert status == 0, printed
    assert world.streamed() == dict.fromkeys(world.good(), 1)
    for marks in world.marks().values():
        assert [(mark["attempts"], mark["outcome"]) for mark in marks] == [
            (2, "rejected"),
            (3, "rejected"),
            (4, "replayed"),
        ]
        assert marks[0]["errors"][0]["type"] == "missing_id"
    assert world.objects("rejected/") == world.error_objects


def test_only_what_is_meant(world: World) -> None:
    world.plant(every_kind(), 150)
    middle = world.planted[60].received_at
    wanted = [
        record
        for record in world.planted
        if record.received_at >= middle and record.source == "shop" and record.kind.reason in {"null_id", "missing_id"}
    ]

    status, printed = world.run(
        "--apply", "--from", middle.isoformat(), "--source", "shop", "--reason", "null_id", "--reason", "missing_id"
    )

    assert status == 0, printed
    assert set(world.marks()) == {record.ingest_id for record in wanted} != set()
    until = world.planted[20]
    status, printed = world.run("--apply", "--to", until.received_at.isoformat(), "--of-schema", "order")
    early = {r.ingest_id for r in world.planted if r.received_at < until.received_at and r.kind.schema == "order/1"}
    assert set(world.marks()) - {record.ingest_id for record in wanted} == early != set()
    one = next(record for record in world.planted if record.ingest_id not in world.marks() and record.mended)
    assert world.run("--apply", "--ingest-id", one.ingest_id)[0] == 0
    assert world.marks()[one.ingest_id][0]["outcome"] == "replayed"


def test_another_schema_than_was_asked_for(world: World) -> None:
    world.plant([KINDS["no such schema"]], 10)

    assert "unknown_schema → schema_violation" in world.run("--schema", "order")[1]
    status, printed = world.run("--apply", "--no-schema")

    assert status == 0, printed
    assert {line.schema for line in world.aws.lines()} == {None}
    assert world.streamed() == {record.ingest_id: 1 for record in world.planted}


@pytest.mark.parametrize(
    "rule",
    [
        Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=0.4, times=4),
        Rule(PUT_RECORDS, Fault.THROTTLE, times=3),
        Rule(PUT_OBJECT, Fault.ERROR, probability=0.2),
        Rule(PUT_OBJECT, Fault.CUT_AFTER, probability=0.2),
    ],
    ids=lambda rule: f"{rule.operation} {rule.fault.value}",
)
def test_faults_that_pass(world: World, rule: Rule) -> None:
    world.plant(every_kind(), 50)
    world.proxy.set_rules([rule])

    status, printed = world.run("--apply")

    assert status == 3, printed
    world.assert_all_is_done()


def test_a_stream_that_takes_nothing_leaves_everything_to_the_next_run(world: World) -> None:
    world.plant([KINDS["renamed id"]], 30)
    world.proxy.set_rules([Rule(PUT_RECORDS, Fault.DENY)])

    status, printed = world.run("--apply")

    assert status == 1
    assert "the stream confirms nothing" in printed
    assert "30  missing_id → not confirmed by the stream" in printed
    assert world.marks() == {}
    world.proxy.set_rules([])
    assert world.run("--apply")[0] == 0
    world.assert_all_is_done()


def test_a_bucket_that_takes_no_marks(world: World) -> None:
    world.plant([KINDS["renamed id"]], 30)
    world.proxy.set_rules([Rule(PUT_OBJECT, Fault.DENY)])

    status, printed = world.run("--apply")

    assert status == 1
    assert "AccessDenied" in printed
    assert "the same command goes on" in printed
    world.proxy.set_rules([])
    assert world.run("--apply")[0] == 0
    world.assert_all_is_done()


def test_a_request_that_was_sent_again_is_replayed_once(world: World) -> None:
    world.plant([KINDS["renamed id"]], 10)
    for key, body in world.error_objects.items():
        copy = key.replace("hr=21", "hr=23").replace(".ndjson", "0.ndjson")
        world.aws.s3.put_object(Bucket=world.aws.bucket, Key=copy, Body=body)

    first = world.run("--apply", "--to", "2026-11-20T21:59:59Z")
    rest = world.run("--apply")

    assert (first[0], rest[0]) == (0, 0), (first, rest)
    assert world.streamed() == dict.fromkeys(world.good(), 1)
    assert {ingest_id: len(marks) for ingest_id, marks in world.marks().items()} == dict.fromkeys(world.good(), 1)


def test_what_is_no_error_line_is_told_and_stops_nothing(world: World) -> None:
    world.plant([KINDS["renamed id"]], 10)
    first = min(world.error_objects)
    strange = {
        "rejected/notes.txt": b"somebody's notes\n",
        f"{first[:-7]}1.ndjson": b'{"ingest_id":"x"}\n' + world.error_objects[first],
    }
    for key, body in strange.items():
        world.aws.s3.put_object(Bucket=world.aws.bucket, Key=key, Body=body)

    status, printed = world.run("--apply")

    assert status == 1
    assert printed.count("not an error line of ours: ") == 2
    assert "somebody" not in printed
    assert world.streamed() == dict.fromkeys(world.good(), 1)
