"""How ids and batch sizes are distributed. Pure; the generator of random numbers is passed in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

YCSB_EXPONENT = 0.99
"""ZIPFIAN_CONSTANT of YCSB's ZipfianGenerator (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", 2010)."""
IDS = 10_000
"""With YCSB's exponent the most frequent of 10,000 ids has 10% of the records, the first hundred together half."""


@dataclass(frozen=True)
class Zipf:
    """Ranks from 0, of which rank r comes with a weight of 1 / (r + 1) ** exponent.

    Attributes:
        hot_share: what rank 0 gets instead, of all draws; 0 leaves it its weight.
    """

    count: int = IDS
    exponent: float = YCSB_EXPONENT
    hot_share: float = 0.0
    _cumulative: list[float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights = [1 / rank**self.exponent for rank in range(1, self.count + 1)]
        if self.hot_share:
            weights[0] = sum(weights[1:]) * self.hot_share / (1 - self.hot_share)
        object.__setattr__(self, "_cumulative", list(accumulate(weights)))

    def draw(self, rng: Random, count: int) -> list[int]:
        """`count` ranks, independent of one another."""
        return rng.choices(range(self.count), cum_weights=self._cumulative, k=count)


@dataclass(frozen=True)
class Geometric:
    """Batch sizes from 1 with a mean, many small and few large ones: how records pile up between two flushes."""

    mean: float
    most: int

    def draw(self, rng: Random) -> int:
        """One size, at most `most`."""
        size = 1
        while size < self.most and rng.random() > 1 / self.mean:
            size += 1
        return size


@dataclass(frozen=True)
class Choice:
    """One of a few batch sizes."""

    sizes: Sequence[int]
    weights: Sequence[int]

    def draw(self, rng: Random) -> int:
        """One size."""
        return rng.choices(self.sizes, self.weights)[0]
