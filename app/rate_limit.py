"""How fast one source may send: a token bucket each, in one process. Pure but for the clock passed in."""

import math
from collections.abc import Callable

from app.exceptions import RateLimited

ROUNDING = 1e-6  # of sums of floats: who waits as long as told is let in


class RateLimiter:
    """Admits `rate` requests a second and source, and a second's worth at once. A rate of 0 admits all."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, source: str) -> None:
        """Take one token of `source`.

        Raises:
            RateLimited: it has none; says when it will.
        """
        if not self._rate:
            return
        now = self._clock()
        tokens, since = self._buckets.get(source, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens < 1 - ROUNDING:
            wait = max(1, math.ceil((1 - tokens) / self._rate))
            raise RateLimited(f"This source may send {self._rate:g} requests a second: slow down.", wait)
        self._buckets[source] = (tokens - 1, now)
