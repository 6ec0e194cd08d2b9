"""The token bucket, on a clock of the test's own."""

import pytest

from app.exceptions import RateLimited
from app.rate_limit import RateLimiter


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
