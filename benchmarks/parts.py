"""The parts of a run under uvicorn and Node. Each takes its subjects in turns, round by round."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.bench import Bench, InvalidRun
from benchmarks.bodies import Shape
from benchmarks.job import Job
from benchmarks.plan import Plan
from benchmarks.subjects import FASTIFY, FLOOR, OURS, TUTORIAL, Server, running

SINGLE, HALF, BATCHES, MEMORY = "single", "half", "batches", "memory"
SIZES, BATCH_SIZES, CONCURRENCY = "record size", "batch size", "concurrency"
BATCH_CONNECTIONS = 8
SIZE_CONNECTIONS = 8
BATCH_SIZE_CONNECTIONS = 2
HALF_CONNECTIONS = 128
RATE_SHARE = 4
"""By how much shorter than a round at half load that is which shows the rate."""
FIFTH_SECONDS = 60.0
FEW = 10
"""Requests of the check before the memory's curve: no part of the records that it counts."""
OWN_RATE, SAME_RATE = "half of its own rate", "half of Sluice's rate"
JSON, NDJSON, GZIP, JSON_GZIP = "JSON array", "NDJSON", "NDJSON, gzip", "JSON array, gzip"
SCHEMA, JSON_SCHEMA, BAD = "NDJSON, JSON Schema", "JSON array, JSON Schema", "NDJSON, 1% bad"
YARDSTICK = "one record, to tell the machine's speed by"
ORDER = "order/1"
ONE_RECORD = Shape()
BATCH_SHAPES: Mapping[str, Shape] = {
    JSON: Shape("array", 500),
    NDJSON: Shape("ndjson", 500),
    GZIP: Shape("ndjson", 500, gzip=True),
    JSON_GZIP: Shape("array", 500, gzip=True),
    SCHEMA: Shape("ndjson", 500, schema=ORDER),
    JSON_SCHEMA: Shape("array", 500, schema=ORDER),
    BAD: Shape("ndjson", 500, has_bad=True),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What is measured in a round of a part.

    Attributes:
        half_of: at half of whose rate requests are due; None where each is sent as the last is answered.
    """

    case: str
    server: Server
    job: Job
    half_of: Server | None = None


Servers = Mapping[str, Server]


@contextmanager
def all_running(names: Sequence[str], bench: Bench, folder: Path) -> Iterator[Servers]:
    """Those servers, side by side; only one at a time is sent anything."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(running(name, bench.stub_url, folder)) for name in names}


def single(bench: Bench, servers: Servers, plan: Plan) -> None:
    """A record a request, by connections."""
    for connections in plan.connections:
        entries = [
            _entry(bench, plan, counted(connections, "connection"), server, connections) for server in servers.values()
        ]
        in_turns(bench, SINGLE, entries, plan.rounds)


def half_load(bench: Bench, servers: Servers, plan: Plan) -> None:
    """Latency while requests are due at half of the rate that a server shows just before, and come at random: were it
    measured once, half of it would be more than all when the machine has become slow. In twice as many rounds as all
    else: of what is measured, the slowest requests differ most from round to round."""
    rates = [(OWN_RATE, server, server) for server in servers.values()]
    rates += [(SAME_RATE, server, servers[OURS]) for server in servers.values()]
    entries = [
        replace(_entry(bench, plan, label, server, HALF_CONNECTIONS, seconds=plan.seconds * 2), half_of=of)
        for label, server, of in rates
    ]
    in_turns(bench, HALF, entries, 2 * plan.rounds)


def batches(bench: Bench, servers: Servers, plan: Plan) -> None:
    """500 records a request, in the forms that each takes; and the floor route's single ones beside them."""
    taken = {
        OURS: list(BATCH_SHAPES.items()),
        FASTIFY: [(case, BATCH_SHAPES[case]) for case in (JSON, NDJSON)],
        TUTORIAL: [(JSON, Shape("array", 500, path="/batches"))],
        FLOOR: [(YARDSTICK, ONE_RECORD)],
    }
    entries = [
        _entry(bench, plan, case, server, BATCH_CONNECTIONS, shape=shape)
        for name, server in servers.items()
        for case, shape in taken[name]
    ]
    in_turns(bench, BATCHES, entries, plan.rounds)


def growth(bench: Bench, ours: Server, plan: Plan) -> None:
    """What a record costs as records, batches and the crowd grow."""
    by_size = [
        _entry(bench, plan, f"{size:,} bytes", ours, SIZE_CONNECTIONS, shape=Shape(size=size)) for size in plan.sizes
    ]
    by_batch = [
        _entry(bench, plan, counted(records, "record"), ours, BATCH_SIZE_CONNECTIONS, shape=Shape("ndjson", records))
        for records in plan.batches
    ]
    by_crowd = [_entry(bench, plan, counted(crowd, "connection"), ours, crowd) for crowd in plan.concurrency]
    for part, entries in ((SIZES, by_size), (BATCH_SIZES, by_batch), (CONCURRENCY, by_crowd)):
        in_turns(bench, part, entries, plan.rounds)


def memory(bench: Bench, ours: Server, plan: Plan) -> None:
    """What is resident while records come in batches of 500, after each fifth of them; once, whatever the plan.

    Raises:
        InvalidRun: the time was up before all of a fifth's records were sent.
    """
    shape = BATCH_SHAPES[NDJSON]
    requests = plan.records // 5 // shape.records
    of_check = bench.job(ours, shape=shape, connections=BATCH_CONNECTIONS, seconds=FIFTH_SECONDS, limit=FEW)
    bench.check(MEMORY, "check", ours, of_check)
    for fifth in range(1, 6):
        case = f"{fifth * plan.records // 5:,} records"
        job = bench.job(ours, shape=shape, connections=BATCH_CONNECTIONS, seconds=FIFTH_SECONDS, limit=requests)
        tally = bench.measure(MEMORY, case, ours, job)
        if tally.sent < requests:
            raise InvalidRun(f"{MEMORY}, {case}: {tally.sent} of {requests} requests in {FIFTH_SECONDS} s")


def in_turns(bench: Bench, part: str, entries: Sequence[Entry], rounds: int) -> None:
    """Check each, then measure each `rounds` times, in another order each round."""
    sys.stderr.write(f"{part}: {', '.join(dict.fromkeys(entry.case for entry in entries))}\n")
    for entry in entries:
        bench.check(part, entry.case, entry.server, entry.job)
    for number in range(rounds):
        start = number % len(entries)
        for entry in [*entries[start:], *entries[:start]]:
            job = entry.job if entry.half_of is None else _at_half_load(bench, entry.job, entry.half_of)
            bench.measure(part, entry.case, entry.server, job)


def _at_half_load(bench: Bench, job: Job, of: Server) -> Job:
    as_it_can = replace(job, port=of.port, pid=of.pid, seconds=job.seconds / RATE_SHARE)
    return replace(job, rate=bench.rate(of, as_it_can) / 2)


def counted(number: int, noun: str) -> str:
    """`1 record`, `5,000 records`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _entry(  # noqa: PLR0913 - a point of a grid
    bench: Bench,
    plan: Plan,
    case: str,
    server: Server,
    connections: int,
    *,
    shape: Shape = ONE_RECORD,
    seconds: float = 0.0,
) -> Entry:
    job = bench.job(
        server,
        shape=shape,
        connections=connections,
        seconds=seconds or plan.seconds,
        warm_up=plan.warm_up,
        status=shape.status,
    )
    return Entry(case, server, job)
