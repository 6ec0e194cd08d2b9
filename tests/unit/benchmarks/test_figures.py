"""Medians with their spread, ratios round by round, percentiles."""

import pytest

from benchmarks.figures import Spread, difference, percentile, ratio, spread


def test_a_median_stands_with_the_least_and_the_most() -> None:
    assert spread([5.0, 1.0, 9.0, 2.0, 3.0]) == Spread(3.0, 1.0, 9.0, 5)


def test_a_ratio_is_of_each_round_so_that_a_slow_moment_falls_out() -> None:
    ours, theirs = [10.0, 40.0, 11.0], [20.0, 80.0, 20.0]
    assert ratio(ours, theirs) == Spread(0.5, 0.5, 0.55, 3)
    assert difference(ours, theirs) == Spread(-10.0, -40.0, -9.0, 3)


def test_a_ratio_of_different_rounds_is_none() -> None:
    with pytest.raises(ValueError, match="argument"):
        ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, 500), (0.99, 990), (0.999, 999), (0.9991, 1000), (1.0, 1000), (0.0, 1), (0.07, 70), (0.57, 570)],
)
def test_percentiles_are_values_that_were_measured(share: float, expected: int) -> None:
    assert percentile(list(range(1, 1001)), share) == expected
