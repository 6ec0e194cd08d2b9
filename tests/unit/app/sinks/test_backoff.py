"""The wait before another try."""

import pytest

from app.sinks.backoff import BASE_SECONDS, CAP_SECONDS, full_jitter


@pytest.mark.parametrize(
    ("attempt", "most"),
    [(0, BASE_SECONDS), (1, BASE_SECONDS * 2), (3, BASE_SECONDS * 8), (20, CAP_SECONDS), (999, CAP_SECONDS)],
)
def test_it_is_drawn_between_nothing_and_a_bound_that_doubles(attempt: int, most: float) -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high / 2

    assert full_jitter(attempt, uniform) == most / 2
    assert drawn == [(0, most)]


def test_two_clients_do_not_wait_alike() -> None:
    assert len({full_jitter(10) for _ in range(20)}) > 1
