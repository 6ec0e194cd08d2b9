"""The token bucket, on a clock of the test's own."""

import pytest

from app.exceptions import RateLimited
from app.rate_limit import MAX_BUCKETS, RateLimiter
from app.settings import SourceLimit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def admitted(limiter: RateLimiter, source: str, times: int) -> int:
    count = 0
    for _ in range(times):
        try:
            limiter.admit(source)
        except RateLimited:
            break
        count += 1
    return count


def test_a_second_s_worth_at_once_then_the_rate() -> None:
    clock = Clock()
    limiter = RateLimiter(5, clock)
    assert admitted(limiter, "shop", 100) == 5
    clock.now += 0.4
    assert admitted(limiter, "shop", 100) == 2
    clock.now += 3_600
    assert admitted(limiter, "shop", 100) == 5


def test_sources_do_not_share() -> None:
    limiter = RateLimiter(1, Clock())
    assert [admitted(limiter, source, 3) for source in ("shop", "till", "shop")] == [1, 1, 0]


@pytest.mark.parametrize(("rate", "seconds"), [(1, 1), (100, 1), (0.5, 2), (0.1, 10), (0.3, 4)])
def test_who_is_refused_is_told_when_to_come_again(rate: float, seconds: int) -> None:
    clock = Clock()
    limiter = RateLimiter(rate, clock)
    admitted(limiter, "shop", 1_000)
    with pytest.raises(RateLimited) as refusal:
        limiter.admit("shop")
    assert refusal.value.headers == {"Retry-After": str(seconds)}
    clock.now += seconds
    limiter.admit("shop")


def test_no_limit() -> None:
    assert admitted(RateLimiter(0, Clock()), "shop", 5_000) == 5_000


def test_a_source_s_own_rate_and_burst() -> None:
    clock = Clock()
    limits = {
        "shop": SourceLimit(requests_per_second=2, burst=10),
        "till": SourceLimit(burst=3),
        "free": SourceLimit(requests_per_second=0),
        "small": SourceLimit(max_body_bytes=1),
    }
    limiter = RateLimiter(5, clock, limits)
    sources = ("shop", "till", "free", "small", "other")
    assert [admitted(limiter, source, 100) for source in sources] == [10, 3, 100, 5, 5]
    clock.now += 1
    assert [admitted(limiter, source, 100) for source in sources] == [2, 3, 100, 5, 5]
    with pytest.raises(RateLimited, match="2 requests a second"):
        limiter.admit("shop")


def test_only_some_sources_are_limited() -> None:
    limiter = RateLimiter(0, Clock(), {"shop": SourceLimit(requests_per_second=1)})
    assert [admitted(limiter, source, 50) for source in ("shop", "till")] == [1, 50]


def test_sources_that_are_gone_are_forgotten_and_nobody_is_let_in_for_it() -> None:
    clock = Clock()
    limiter = RateLimiter(1, clock, {"slow": SourceLimit(requests_per_second=0.001)})
    assert admitted(limiter, "slow", 2) == 1
    for number in range(10 * MAX_BUCKETS):
        limiter.admit(f"source {number}")
        clock.now += 0.01
        assert len(limiter) <= MAX_BUCKETS
    assert admitted(limiter, "slow", 1) == 0
