"""How fast one source may send: a token bucket each, in one process. Pure but for the clock passed in."""

import math
from collections.abc import Callable, Mapping

from app.exceptions import RateLimited
from app.settings import SourceLimit

ROUNDING = 1e-6  # of sums of floats: who waits as long as told is let in
MAX_BUCKETS = 1_024
"""Sources come and go with their keys; with more buckets than this, those that are full again are forgotten."""


class RateLimiter:
    """Admits `rate` requests a second and source, and a second's worth at once. A rate of 0 admits all.

    Args:
        limits: of sources that have a rate or a burst of their own.
    """

    def __init__(
        self, rate: float, clock: Callable[[], float], limits: Mapping[str, SourceLimit] | None = None
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._limits = limits or {}
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, source: str) -> None:
        """Take one token of `source`.

        Raises:
            RateLimited: it has none; says when it will.
        """
        rate, burst = self._of(source)
        if not rate:
            return
        now = self._clock()
        if source not in self._buckets and len(self._buckets) >= MAX_BUCKETS:
            self._forget_full_ones(now)
        tokens, since = self._buckets.get(source, (burst, now))
        tokens = min(burst, tokens + (now - since) * rate)
        if tokens < 1 - ROUNDING:
            wait = max(1, math.ceil((1 - tokens) / rate))
            raise RateLimited(f"This source may send {rate:g} requests a second: slow down.", wait)
        self._buckets[source] = (tokens - 1, now)

    def __len__(self) -> int:
        """How many buckets there are."""
        return len(self._buckets)

    def _of(self, source: str) -> tuple[float, float]:
        limit = self._limits.get(source)
        if limit is None:
            return self._rate, max(1.0, self._rate)
        rate = self._rate if limit.requests_per_second is None else limit.requests_per_second
        return rate, float(limit.burst or max(1.0, rate))

    def _forget_full_ones(self, now: float) -> None:
        for source, (tokens, since) in list(self._buckets.items()):
            rate, burst = self._of(source)
            if tokens + (now - since) * rate >= burst:
                del self._buckets[source]
