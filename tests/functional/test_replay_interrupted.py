"""`sluice replay` killed, interrupted, doubled and failed on purpose: each record once, none skipped."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.registry import Registry
from app.sinks.memory import MemorySink
from ops.replay.bucket import Bucket
from ops.replay.fix_file import parse_fix, yaml_to_json
from ops.replay.report import Report
from ops.replay.run import Run
from ops.replay.selection import CHUNK_KEYS, ErrorObject, Selection
from ops.replay.trial import ACCEPTED, Rules
from tests.support.aws import make_aws
from tests.support.fault_proxy import running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.rejected import FIX, KINDS
from tests.support.replaying import PER_OBJECT, RECORDS, SECONDS, World, every_kind

DELAY = Rule(PUT_OBJECT, Fault.DELAY, seconds=600)


@pytest.fixture
def world(endpoint: str, schemas_folder: Path, tmp_path: Path) -> Iterator[World]:
    with running_proxy(endpoint) as proxy:
        yield World(make_aws(endpoint), proxy, tmp_path, schemas_folder)


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


def test_two_runs_at_a_time(world: World) -> None:
    world.plant(every_kind(), 90, per_object=2)

    both = [world.start("--apply"), world.start("--apply")]
    printed = [process.communicate(timeout=SECONDS)[0] for process in both]

    assert [process.returncode for process in both] == [3, 3], printed
    world.assert_all_is_done()


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


class Expiring(Bucket):
    """Loses an error object, and the marks of another, between listing and reading."""

    def selected(self, selection: Selection) -> list[ErrorObject]:
        found = super().selected(selection)
        self._s3.delete_object(Bucket=self.name, Key=found[0].key)
        return found

    def listed(self, first: str, last: str) -> Iterator[ErrorObject]:
        for found in super().listed(first, last):
            if found.key.startswith("replayed/"):
                self._s3.delete_object(Bucket=self.name, Key=found.key)
            yield found


def test_what_expires_while_it_runs_ends_nothing(world: World) -> None:
    world.plant([KINDS["renamed id"]], 10)
    assert world.run("--apply", "--ingest-id", world.planted[1].ingest_id)[0] == 0
    stream, report = MemorySink(), Report(applied=True, max_samples=0)
    rules = Rules(parse_fix(yaml_to_json(FIX)), Registry.load(str(world.schemas)))

    asyncio.run(Run(Expiring(world.aws.s3, world.aws.bucket), Selection(), rules, report, stream).go())

    assert (report.objects, report.count(ACCEPTED)) == (len(world.error_objects) - 1, 9)
