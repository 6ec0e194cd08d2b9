"""Sizes, ids, batches, arrivals and latencies: what is drawn is what is said. Seeds are fixed, so nothing varies."""

from collections import Counter
from itertools import takewhile
from random import Random
from statistics import mean, median

import pytest

from loadtest.arrivals import Burst, due_times, expected
from loadtest.latencies import GROWTH, Latencies
from loadtest.records import Records
from loadtest.skew import Geometric, Zipf
from loadtest.slow_body import SlowBody


def test_records_have_the_sizes_that_are_said() -> None:
    sizes = [len(record) for record in Records("1", Zipf()).draw(Random("x"), 20_000)]
    assert 275 < median(sizes) < 300
    assert 330 < mean(sizes) < 360
    assert 0.005 < sum(size > 1_100 for size in sizes) / len(sizes) < 0.02


def test_ids_follow_zipfs_law() -> None:
    ranks = Counter(Zipf().draw(Random("x"), 50_000))
    assert 0.09 < ranks[0] / 50_000 < 0.11
    assert 1.7 < ranks[0] / ranks[1] < 2.3
    assert 0.48 < sum(count for rank, count in ranks.items() if rank < 100) / 50_000 < 0.55


def test_a_hot_id_has_its_share() -> None:
    ranks = Counter(Zipf(hot_share=0.35).draw(Random("x"), 50_000))
    assert 0.34 < ranks[0] / 50_000 < 0.36
    assert ranks[1] / 50_000 < 0.1


def test_geometric_batches_have_their_mean_and_their_most() -> None:
    rng = Random("x")
    sizes = [Geometric(6.7, 20).draw(rng) for _ in range(5_000)]
    assert (min(sizes), max(sizes)) == (1, 20)
    assert 5.5 < mean(sizes) < 6.7


@pytest.mark.parametrize("burst", [None, Burst(4, 5, 20)], ids=["steady", "burst"])
def test_as_many_requests_are_due_as_expected(burst: Burst | None) -> None:
    due = list(takewhile(lambda at: at < 400, due_times(Random("x"), 10.0, burst)))
    assert due == sorted(due)
    assert abs(len(due) - 4_000) < 4 * 4_000**0.5
    assert expected(10.0, 400, burst) == pytest.approx(4_000)


def test_a_burst_has_its_ratio() -> None:
    burst = Burst(ratio=4, seconds=5, period=20)
    due = list(takewhile(lambda at: at < 4_000, due_times(Random("x"), 10.0, burst)))
    within = sum(at % 20 < 5 for at in due)
    assert 3.7 < (within / 5) / ((len(due) - within) / 15) < 4.3
    assert expected(10.0, 5, burst) == pytest.approx(5 * 4 * burst.quiet_rate(10.0))
    assert expected(10.0, 30, burst) == pytest.approx(200 + (5 * 4 + 5) * burst.quiet_rate(10.0))


def test_a_user_that_comes_later_begins_then() -> None:
    assert next(due_times(Random("x"), 10.0, None, start=7.0)) > 7.0


def test_percentiles_are_at_most_a_bucket_too_high() -> None:
    latencies = Latencies()
    for number in range(1, 1_001):
        latencies.add(number)
    for share, exact in ((0.5, 500), (0.99, 990), (0.999, 999)):
        assert exact <= latencies.percentile(share) <= exact * GROWTH
    assert Latencies().percentile(0.99) == 0


def test_a_slow_body_takes_the_time_of_its_line() -> None:
    slept: list[float] = []
    body = SlowBody(b"x" * 10_000, 1_000.0, slept.append, lambda: 7.0)
    assert len(body) == 10_000
    pieces = [body.read(8_192)]
    assert (len(pieces[0]), body.ended_at) == (4_096, None)
    while piece := body.read(8_192):
        pieces.append(piece)
    assert b"".join(pieces) == b"x" * 10_000
    assert sum(slept) == pytest.approx(10.0)
    assert body.ended_at == 7.0
