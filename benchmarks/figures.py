"""Medians, spreads, ratios, percentiles. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of rounds, and the smallest and largest of them."""

    median: float
    least: float
    most: float
    rounds: int


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(median(values), min(values), max(values), len(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Of each round's two figures, which were taken one after the other: what slows both down falls out."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


def scaled(found: Spread, factor: float) -> Spread:
    """Each figure times `factor`."""
    return Spread(found.median * factor, found.least * factor, found.most * factor, found.rounds)


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """As `ratio`."""
    return spread([one - other for one, other in zip(ours, theirs, strict=True)])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that `share` (to four digits) of them do not exceed (nearest rank); `ordered` ascends."""
    return ordered[max(0, -(-round(share * 10_000) * len(ordered) // 10_000) - 1)]
