"""When requests are due. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from random import Random


@dataclass(frozen=True, slots=True)
class Burst:
    """The first `seconds` of every `period` (seconds) have `ratio` times the rate of the rest."""

    ratio: float
    seconds: float
    period: float

    def quiet_rate(self, mean: float) -> float:
        """The rate between bursts, for a mean rate over a period."""
        return mean * self.period / (self.period + (self.ratio - 1) * self.seconds)

    def level(self, at: float, mean: float) -> tuple[float, float]:
        """The rate at second `at`, and the second at which it changes."""
        began = at // self.period * self.period
        quiet = self.quiet_rate(mean)
        if at < began + self.seconds:
            return quiet * self.ratio, began + self.seconds
        return quiet, began + self.period


def expected(rate: float, seconds: float, burst: Burst | None = None) -> float:
    """How many requests are due in the first `seconds` of a run, on average."""
    if burst is None:
        return rate * seconds
    total, at = 0.0, 0.0
    while at < seconds:
        level, until = burst.level(at, rate)
        total += level * (min(until, seconds) - at)
        at = until
    return total


def due_times(rng: Random, rate: float, burst: Burst | None = None, start: float = 0.0) -> Iterator[float]:
    """Seconds since the run began at which one client's requests are due: a Poisson process of `rate` a second.

    Many clients that know nothing of one another arrive like that, and clients drawn alone add up to the whole rate.
    With a `burst` the rate changes with time and all clients feel it together.
    """
    at = start
    while True:
        needed = rng.expovariate(1.0)
        while True:
            level, until = (rate, inf) if burst is None else burst.level(at, rate)
            if at + needed / level < until:
                at += needed / level
                break
            needed -= (until - at) * level
            at = until
        yield at
