"""`make bench`: measure everything in one run, print what it shows, write the report and the picture.

    python -m benchmarks [--quick] [--readme] [--any-load] [--write] [--part NAME …]

Exit status: 1 when the run means nothing (errors, lost records, a busy machine), 2 where it cannot be done; 0
otherwise, whether or not a target is met.
"""

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import documents, functions, lambda_part, machine, node, parts
from benchmarks.bench import Bench, InvalidRun, bench
from benchmarks.installing import NotInstalled
from benchmarks.places import LAST, RESULTS
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.publication import Publication, publication
from benchmarks.report import verdicts
from benchmarks.results import Results
from benchmarks.subjects import FASTIFY, FLOOR, OURS, TUTORIAL, DidNotStart

Part = Callable[[Bench, Plan, Path], None]
GROWTH = "growth"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the options say."""
    options = _parser().parse_args(arguments)
    if options.readme:
        documents.write_readme(Results.load(LAST))
        return 0
    if sys.platform != "linux":
        sys.stderr.write("make bench needs Linux: CPU time and memory of the gateways are read from /proc\n")
        return 2
    plan = _plan(options)
    try:
        found = run(plan, options, _command(sys.argv[1:] if arguments is None else arguments))
    except NotInstalled as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (InvalidRun, DidNotStart) as error:
        sys.stderr.write(f"the run is not valid: {error}\n")
        return 1
    return _write(found, plan, options)


def _write(found: Results, plan: Plan, options: argparse.Namespace) -> int:
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    found.save(path)
    sys.stdout.write(f"{verdicts(found)}\n\nall figures: {path}\n")
    if found.about["is_busy"] and not options.any_load:
        sys.stderr.write("the run is not valid: other processes kept the machine busy meanwhile\n")
        return 1
    published = publication(
        plan,
        parts=bool(options.part),
        latency_ms=options.latency_ms,
        any_load=options.any_load,
        write=options.write,
    )
    if published is not Publication.NOTHING:
        documents.write_report(found)
    if published is Publication.ALL:
        found.save(LAST)
        documents.write_readme(found)
    return 0


def run(plan: Plan, options: argparse.Namespace, command: str) -> Results:
    """Every part, or those that the options name.

    Raises:
        InvalidRun: the figures would mean nothing.
        NotInstalled: what it is measured against could not be had.
    """
    found = Results(_about(plan, command, is_any_load=options.any_load))
    node.install()
    functions.install()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="sluice-bench-") as name,
        bench(found, Path(name), options.latency_ms) as running,
    ):
        for part in options.part or PARTS:
            PARTS[part](running, plan, Path(name))
    found.about["took_seconds"] = round(time.monotonic() - began)
    found.about["is_busy"] |= machine.was_busy(found)
    return found


def _about(plan: Plan, command: str, *, is_any_load: bool) -> dict[str, Any]:
    load_average, busy = machine.load_now()
    is_busy = busy > machine.BUSY_SHARE
    sys.stderr.write(f"load average {load_average:.2f}, {busy:.0%} of all cores busy\n")
    if is_busy and not is_any_load:
        raise InvalidRun(f"{busy:.0%} of all cores are busy; wait, or say --any-load (ARGS=--any-load)")
    measured = {"load_average": load_average, "busy": busy, "is_busy": is_busy}
    rounds = {"plan": plan.name, "rounds": plan.rounds, "seconds": plan.seconds, "starts": plan.starts}
    return {**machine.about(command), **rounds, **measured}


def _load(bench: Bench, plan: Plan, folder: Path) -> None:
    with parts.all_running([OURS, FLOOR, TUTORIAL, FASTIFY], bench, folder) as servers:
        parts.single(bench, servers, plan)
        parts.half_load(bench, {name: servers[name] for name in (OURS, FLOOR)}, plan)


def _batches(bench: Bench, plan: Plan, folder: Path) -> None:
    with parts.all_running([OURS, FLOOR, TUTORIAL, FASTIFY], bench, folder) as servers:
        parts.batches(bench, servers, plan)


def _growth(bench: Bench, plan: Plan, folder: Path) -> None:
    with parts.all_running([OURS], bench, folder) as servers:
        parts.growth(bench, servers[OURS], plan)


def _memory(bench: Bench, plan: Plan, folder: Path) -> None:
    with parts.all_running([OURS], bench, folder) as servers:
        parts.memory(bench, servers[OURS], plan)


PARTS: dict[str, Part] = {
    parts.SINGLE: _load,
    parts.BATCHES: _batches,
    lambda_part.LAMBDA: lambda_part.functions,
    GROWTH: _growth,
    parts.MEMORY: _memory,
}


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    return replace(plan, rounds=options.rounds) if options.rounds else plan


def _command(arguments: Sequence[str]) -> str:
    return f"make bench ARGS='{shlex.join(arguments)}'" if arguments else "make bench"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n", 1)[0] if __doc__ else ""
    )
    parser.add_argument("--quick", action="store_true", help="about two minutes; figures are rough")
    parser.add_argument("--rounds", type=int, default=0, help="of each measurement, instead of the plan's")
    parser.add_argument("--part", action="append", choices=list(PARTS), default=[], help="only this; may be repeated")
    parser.add_argument(
        "--any-load", action="store_true", help="measure though the machine is busy; the report, by --write, says so"
    )
    parser.add_argument(
        "--write", action="store_true", help="write docs/benchmarks.md though this is no full run on a quiet machine"
    )
    parser.add_argument("--latency-ms", type=float, default=0.0, help="what the stub waits before each answer")
    parser.add_argument("--readme", action="store_true", help="only write the README's table, from the last results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
