"""What the gateway is to show, and whether a run shows it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import parts
from benchmarks.figures import Spread, scaled
from benchmarks.lambda_part import LAMBDA, ONE
from benchmarks.results import COLD, CPU, FIRST, LATER, P99, RESIDENT, Results
from benchmarks.subjects import FASTIFY, FLOOR, NAIVE, OURS, TUTORIAL

Find = Callable[[Results], Spread | None]
REFERENCE_FLOOR_US = 77.0
"""What the floor route took, with as many connections as batches have, on the machine for which the targets in
microseconds were set."""


@dataclass(frozen=True, slots=True)
class Target:
    """A median that is to be at most `limit`.

    Attributes:
        limit: None for what is only shown beside another.
        limit_text: as people write it.
    """

    what: str
    limit: float | None
    limit_text: str
    unit: str
    find: Find


@dataclass(frozen=True, slots=True)
class Row:
    """A target and what was measured; None when it was not."""

    target: Target
    spread: Spread | None

    @property
    def verdict(self) -> str:
        """In plain words."""
        if self.spread is None:
            return "not measured"
        if self.target.limit is None:
            return "only shown"
        return "met" if self.spread.median <= self.target.limit else "not met"


def rows(results: Results) -> Sequence[Row]:
    """Each target, held against the results."""
    return [Row(target, target.find(results)) for target in TARGETS]


def _against(part: str, case: str, peer: str, figure: str) -> Find:
    return lambda found: found.ratio((part, case, OURS, figure), (part, case, peer, figure))


def _grown(part: str, large: str, small: str, figure: str = CPU) -> Find:
    return lambda found: found.ratio((part, large, OURS, figure), (part, small, OURS, figure))


def _of_ours(part: str, case: str, figure: str) -> Find:
    return lambda found: found.spread(part, case, OURS, figure)


def _at_reference_speed(case: str) -> Find:
    """CPU a record of a batch, had the machine been as fast as that one."""

    def find(found: Results) -> Spread | None:
        to_floor = found.ratio((parts.BATCHES, case, OURS, CPU), (parts.BATCHES, parts.YARDSTICK, FLOOR, CPU))
        return to_floor and scaled(to_floor, REFERENCE_FLOOR_US)

    return find


def _memory(found: Results) -> Spread | None:
    fifths = found.cases(parts.MEMORY)
    return _grown(parts.MEMORY, fifths[-1], fifths[0], RESIDENT)(found) if fifths else None


_CROWD = "128 connections"
_RATIO = ""
TARGETS = (
    Target("CPU of a single POST, Sluice / floor, 128 connections", 1.5, "≤ 1.5, aiming at 1.25", _RATIO,
           _against(parts.SINGLE, _CROWD, FLOOR, CPU)),
    Target("the same, 32 connections", 1.6, "≤ 1.6", _RATIO,
           _against(parts.SINGLE, "32 connections", FLOOR, CPU)),
    Target("the same, Sluice / tutorial, 128 connections", 1 / 8, "≤ 1/8", _RATIO,
           _against(parts.SINGLE, _CROWD, TUTORIAL, CPU)),
    Target("the same, Sluice / Fastify, 128 connections", 0.4, "≤ 0.4", _RATIO,
           _against(parts.SINGLE, _CROWD, FASTIFY, CPU)),
    Target("p99 at half load, Sluice / floor, each at half of its own rate", 3.0, "≤ 3", _RATIO,
           _against(parts.HALF, parts.OWN_RATE, FLOOR, P99)),
    Target("the same, both at half of Sluice's rate", None, "", _RATIO,
           _against(parts.HALF, parts.SAME_RATE, FLOOR, P99)),
    Target("CPU a record, NDJSON batches of 500", 4.0, "≤ 4 µs", " µs",
           _of_ours(parts.BATCHES, parts.NDJSON, CPU)),
    Target("the same, had the floor route taken 77 µs a request", 4.0, "≤ 4 µs", " µs",
           _at_reference_speed(parts.NDJSON)),
    Target("CPU a record, NDJSON batches of 500, JSON Schema", 5.0, "≤ 5 µs", " µs",
           _of_ours(parts.BATCHES, parts.SCHEMA, CPU)),
    Target("the same, JSON Schema, had the floor route taken 77 µs", 5.0, "≤ 5 µs", " µs",
           _at_reference_speed(parts.SCHEMA)),
    Target("CPU a record, NDJSON batches of 500, Sluice / Fastify, which does not validate", 1.0, "≤ 1", _RATIO,
           _against(parts.BATCHES, parts.NDJSON, FASTIFY, CPU)),
    Target("CPU of a single POST, 512 connections / 8", 1.2, "≤ 1.2", _RATIO,
           _grown(parts.CONCURRENCY, "512 connections", "8 connections")),
    Target("CPU a record, batches of 5,000 / 500", 1.2, "≤ 1.2", _RATIO,
           _grown(parts.BATCH_SIZES, "5,000 records", "500 records")),
    Target("memory, last fifth of the records / first", 1.1, "≤ 1.1", _RATIO, _memory),
    Target("cold start, Sluice / FastAPI + Mangum + boto3", 0.75, "≤ 0.75, aiming at 0.65", _RATIO,
           _against(LAMBDA, ONE, NAIVE, COLD)),
    Target("first invocation less the later ones", 2.0, "≤ 2 ms", " ms",
           lambda found: found.difference((LAMBDA, ONE, OURS, FIRST), (LAMBDA, ONE, OURS, LATER))),
)  # fmt: skip
