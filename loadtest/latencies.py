"""A histogram of latencies that processes can add up. Pure."""

from collections import Counter
from math import ceil, log

GROWTH = 1.02
"""Each bucket ends 2% above the one before, so a percentile is at most 2% too high; Locust rounds to 2 digits."""


class Latencies:
    """Counts of latencies by bucket."""

    def __init__(self, buckets: dict[str, int] | None = None) -> None:
        self.buckets = Counter(buckets or {})

    def add(self, milliseconds: float) -> None:
        """Count one; under 0.1 ms is 0.1 ms."""
        self.buckets[str(ceil(log(max(milliseconds, 0.1), GROWTH)))] += 1

    @property
    def count(self) -> int:
        """How many were counted."""
        return self.buckets.total()

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` of all stayed under, 0 to 1; 0 when there are none."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(map(int, self.buckets)):
            seen += self.buckets[str(bucket)]
            if seen >= wanted:
                return float(GROWTH**bucket)
        return 0.0
