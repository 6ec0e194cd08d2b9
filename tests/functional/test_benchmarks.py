"""The benchmark itself, for a moment: gateway, floor, stub and load generator, all from this environment."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import parts
from benchmarks.bench import Bench, InvalidRun, bench
from benchmarks.bodies import Shape
from benchmarks.parts import (
    HALF,
    HALF_CONNECTIONS,
    MEMORY,
    OWN_RATE,
    SINGLE,
    Entry,
    half_load,
    in_turns,
    memory,
    single,
)
from benchmarks.plan import QUICK
from benchmarks.results import CPU, P99, RATE, Results
from benchmarks.subjects import FLOOR, OURS, TUTORIAL, Server, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU time is read from /proc")
PLAN = replace(QUICK, rounds=2, seconds=0.2, warm_up=0.05, connections=(HALF_CONNECTIONS,))
PYTHON = Path(sys.executable)
Started = tuple[Bench, dict[str, Server]]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("bench")
    with ExitStack() as stack:
        running_bench = stack.enter_context(bench(Results({}), folder, python=PYTHON))
        names = (OURS, FLOOR)
        yield (
            running_bench,
            {name: stack.enter_context(running(name, running_bench.stub_url, folder, PYTHON)) for name in names},
        )


def test_both_are_measured_in_turns_and_at_half_load(started: Started) -> None:
    running_bench, servers = started
    single(running_bench, servers, PLAN)
    half_load(running_bench, servers, PLAN)
    found = running_bench.found
    case = f"{HALF_CONNECTIONS} connections"
    assert found.subjects(SINGLE, case) == [OURS, FLOOR]
    assert [sample.subject for sample in found.samples if sample.part == SINGLE] == [OURS, FLOOR, FLOOR, OURS]
    for name in (OURS, FLOOR):
        assert len(found.values(SINGLE, case, name, CPU)) == PLAN.rounds
        assert min(found.values(HALF, OWN_RATE, name, P99)) > 0
        assert max(found.values(HALF, OWN_RATE, name, RATE)) < max(found.values(SINGLE, case, name, RATE))
    check = found.checks[0]
    assert (check.subject, check.case) == (OURS, case)
    assert check.accepted > check.entries > 0


@pytest.mark.parametrize(
    "shape",
    [Shape("array", 500), Shape("ndjson", 500, gzip=True, schema="order/1"), Shape("ndjson", 500, has_bad=True)],
    ids=["array", "gzip and a schema", "1% bad"],
)
def test_batches_are_accepted_and_put(started: Started, shape: Shape) -> None:
    running_bench, servers = started
    job = running_bench.job(
        servers[OURS], shape=shape, connections=2, seconds=0.2, warm_up=0.0, status=shape.status, limit=20
    )
    in_turns(running_bench, "batches", [Entry(str(shape), servers[OURS], job)], 1)
    assert running_bench.found.values("batches", str(shape), OURS, CPU)[0] > 0


def test_a_gateway_that_loses_what_it_takes_makes_the_run_invalid(started: Started) -> None:
    running_bench, servers = started
    liar = replace(servers[FLOOR], name="liar")
    job = running_bench.job(liar, shape=Shape(), connections=2, seconds=0.1)
    with pytest.raises(InvalidRun, match="the stub has"):
        running_bench.check("single", "2 connections", liar, job)
    with pytest.raises(InvalidRun, match="the stub has"):
        running_bench.measure("single", "2 connections", liar, job)


def test_an_answer_that_was_not_expected_makes_the_run_invalid(started: Started) -> None:
    running_bench, servers = started
    job = running_bench.job(servers[OURS], shape=Shape(path="/nowhere"), connections=2, seconds=0.1)
    with pytest.raises(InvalidRun, match="status 404"):
        running_bench.measure("single", "2 connections", servers[OURS], job)


def test_a_server_that_goes_away_makes_the_run_invalid(started: Started, tmp_path: Path) -> None:
    running_bench, _ = started
    with running(FLOOR, running_bench.stub_url, tmp_path, PYTHON) as gone:
        job = running_bench.job(replace(gone, port=1), shape=Shape(), connections=2, seconds=0.1)
        with pytest.raises(InvalidRun, match="not there"):
            running_bench.measure("single", "2 connections", gone, job)


def test_the_tutorial_puts_what_it_accepts(started: Started, tmp_path: Path) -> None:
    running_bench, _ = started
    with running(TUTORIAL, running_bench.stub_url, tmp_path, PYTHON) as tutorial:
        for case, shape in {"one": Shape(), "array": Shape("array", 500, path="/batches")}.items():
            job = running_bench.job(tutorial, shape=shape, connections=2, seconds=0.2)
            running_bench.check("tutorial", case, tutorial, job)
    one, array = (check for check in running_bench.found.checks if check.part == "tutorial")
    assert one.accepted == one.entries > 0
    assert array.accepted == array.entries > 0


def test_a_memory_curve_that_did_not_get_all_its_records_makes_the_run_invalid(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    running_bench, servers = started
    memory(running_bench, servers[OURS], replace(PLAN, records=50_000))
    cases = running_bench.found.cases(MEMORY)
    assert (cases[0], cases[-1], len(cases)) == ("10,000 records", "50,000 records", 5)
    monkeypatch.setattr(parts, "FIFTH_SECONDS", 0.01)
    with pytest.raises(InvalidRun, match="of 20000 requests"):
        memory(running_bench, servers[OURS], replace(PLAN, records=50_000_000))
