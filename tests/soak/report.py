"""Whether memory stayed flat. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WARM_UP = 0.1
"""Of the requests: caches, pools and arenas fill."""
PARTS = 5
TOLERANCE = 0.1
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident bytes when so many requests were answered."""

    requests: int
    resident: int


@dataclass(frozen=True, slots=True)
class Part:
    """A fifth of the samples after the warm-up; `resident` is their mean."""

    first: int
    last: int
    resident: float


def parts(samples: Sequence[Sample], requests: int) -> list[Part]:
    """The samples after the warm-up in PARTS equal parts."""
    warm = [sample for sample in samples if sample.requests > requests * WARM_UP]
    if len(warm) < PARTS:
        raise ValueError(f"{len(warm)} samples are too few for {PARTS} parts")
    cuts = [len(warm) * part // PARTS for part in range(PARTS + 1)]
    found = [warm[start:end] for start, end in pairwise(cuts)]
    return [
        Part(part[0].requests, part[-1].requests, sum(each.resident for each in part) / len(part)) for part in found
    ]


def growth(found: Sequence[Part]) -> float:
    """By what share the last part is over the first."""
    return found[-1].resident / found[0].resident - 1


def is_flat(found: Sequence[Part]) -> bool:
    """Whether the last part is within TOLERANCE of the first."""
    return abs(growth(found)) <= TOLERANCE


def table(found: Sequence[Part]) -> str:
    """For people."""
    rows = [f"{part.first:>10,} - {part.last:>10,}   {part.resident / MIB:8.1f} MiB" for part in found]
    verdict = "flat" if is_flat(found) else "NOT flat"
    change = f"last fifth against the first: {growth(found):+.1%}: {verdict} (±{TOLERANCE:.0%})"
    return "\n".join(["   requests                  resident", *rows, change])
