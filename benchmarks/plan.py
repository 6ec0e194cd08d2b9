"""How much is measured. Pure."""

from dataclasses import dataclass

from benchmarks.bodies import RECORD_BYTES

LARGEST_RECORD = 1_022_000
"""Bytes: with what the gateway puts around it, it just stays a line that Firehose takes (1,000 KiB); 1 MiB does not."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Rounds and points.

    Attributes:
        rounds: of everything but cold starts, and twice as many at half load; figures are their medians.
        seconds: of a round, after `warm_up`.
        starts: cold starts of each function.
        records: sent for the memory's curve, in fifths.
    """

    name: str
    rounds: int
    seconds: float
    warm_up: float
    starts: int
    records: int
    connections: tuple[int, ...] = (8, 32, 128, 512)
    sizes: tuple[int, ...] = (100, RECORD_BYTES, 1_024, 4_096, 16_384, 65_536, 262_144, LARGEST_RECORD)
    batches: tuple[int, ...] = (1, 10, 50, 100, 500, 1_000, 5_000)
    concurrency: tuple[int, ...] = (1, 8, 32, 128, 512)


FULL = Plan("full", rounds=11, seconds=1.0, warm_up=0.2, starts=15, records=1_000_000)
QUICK = Plan(
    "quick",
    rounds=3,
    seconds=0.6,
    warm_up=0.1,
    starts=3,
    records=200_000,
    connections=(32, 128),
    sizes=(100, RECORD_BYTES, 16_384, LARGEST_RECORD),
    batches=(1, 50, 500, 5_000),
    concurrency=(8, 512),
)
PLANS = {plan.name: plan for plan in (FULL, QUICK)}
