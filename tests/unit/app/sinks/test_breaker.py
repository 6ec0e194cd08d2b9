"""The breaker with a clock that the test moves."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sinks.breaker import (
    APART_SECONDS,
    FAILURES_TO_OPEN,
    FIRST_PAUSE_SECONDS,
    LAST_PAUSE_SECONDS,
    WINDOW_SECONDS,
    Breaker,
    State,
    Ticket,
)


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker, clock: Clock, times: int = 1) -> State | None:
    """Failures that are just apart."""
    changed = None
    for _ in range(times):
        clock.now += APART_SECONDS * 1.01
        ticket = breaker.ask()
        assert ticket
        changed = breaker.ended(ticket, took_something=False)
    return changed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def test_it_opens_with_the_last_of_some_failures_in_a_row(breaker: Breaker, clock: Clock) -> None:
    assert fail(breaker, clock, FAILURES_TO_OPEN - 1) is None
    assert breaker.state is State.CLOSED
    assert fail(breaker, clock) is State.OPEN
    assert breaker.ask() is None


def test_failures_at_one_time_are_one(breaker: Breaker, clock: Clock) -> None:
    """Of all that shared a call."""
    for _ in range(FAILURES_TO_OPEN * 2):
        ticket = breaker.ask()
        assert ticket
        assert breaker.ended(ticket, took_something=False) is None
        clock.now += APART_SECONDS / 100
    assert fail(breaker, clock, FAILURES_TO_OPEN - 1) is State.OPEN


def test_a_success_in_between_begins_the_row_anew(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock, FAILURES_TO_OPEN - 1)
    ticket = breaker.ask()
    assert ticket
    assert breaker.ended(ticket, took_something=True) is None
    assert fail(breaker, clock, FAILURES_TO_OPEN - 1) is None


def test_failures_far_apart_are_no_row(breaker: Breaker, clock: Clock) -> None:
    for _ in range(FAILURES_TO_OPEN * 2):
        assert fail(breaker, clock) is None
        clock.now += WINDOW_SECONDS + 1


def test_after_the_pause_one_put_probes_and_its_success_closes(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock, FAILURES_TO_OPEN)
    clock.now += FIRST_PAUSE_SECONDS - 0.01
    assert breaker.ask() is None
    clock.now += 0.01
    probe = breaker.ask()
    assert probe
    assert [breaker.ask() for _ in range(3)] == [None] * 3
    assert breaker.ended(probe, took_something=True) is State.CLOSED
    assert breaker.ask()


def test_probes_that_fail_come_less_and_less_often(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock, FAILURES_TO_OPEN)
    pauses = []
    for _ in range(7):
        asked = clock.now
        while (probe := breaker.ask()) is None:
            clock.now += 0.25
        pauses.append(clock.now - asked)
        assert breaker.ended(probe, took_something=False) is None, "it was open before"
    assert pauses == pytest.approx([1, 2, 4, 8, LAST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, LAST_PAUSE_SECONDS])


def test_a_pause_is_short_again_once_it_was_closed(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock, FAILURES_TO_OPEN)
    for took_something in (False, False, True):
        clock.now += LAST_PAUSE_SECONDS
        probe = breaker.ask()
        assert probe
        breaker.ended(probe, took_something=took_something)
    fail(breaker, clock, FAILURES_TO_OPEN)
    clock.now += FIRST_PAUSE_SECONDS
    assert breaker.ask()


def test_a_probe_that_is_given_up_leaves_its_place_to_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock, FAILURES_TO_OPEN)
    clock.now += FIRST_PAUSE_SECONDS
    probe = breaker.ask()
    assert probe
    breaker.given_up(probe)
    assert breaker.ended(probe, took_something=True) is None, "it has given its place away"
    assert breaker.ask()


@pytest.mark.parametrize("took_something", [True, False])
def test_what_ends_after_a_change_says_nothing_of_now(breaker: Breaker, clock: Clock, took_something: bool) -> None:
    late = breaker.ask()
    assert late
    fail(breaker, clock, FAILURES_TO_OPEN)
    assert breaker.ended(late, took_something=took_something) is None
    assert breaker.state is State.OPEN
    clock.now += FIRST_PAUSE_SECONDS
    assert breaker.ask()


Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "took", "failed", "gave up", "wait"]), st.integers(0, 9)), max_size=60
)


@given(STEPS)
def test_whatever_happens_one_probe_at_a_time_and_a_working_stream_is_asked_again(steps: list[Step]) -> None:
    clock = Clock()
    breaker, held, changes = Breaker(clock), list[Ticket](), list[State]()
    ends: dict[str, Callable[[Ticket], State | None]] = {
        "took": lambda ticket: breaker.ended(ticket, took_something=True),
        "failed": lambda ticket: breaker.ended(ticket, took_something=False),
        "gave up": breaker.given_up,
    }
    for step, number in steps:
        if step == "ask":
            probing = breaker.state is State.HALF_OPEN
            ticket = breaker.ask()
            assert not (probing and ticket), "a second probe"
            held += [ticket] if ticket else []
        elif step == "wait":
            clock.now += number
        elif held and (changed := ends[step](held.pop(number % len(held)))):
            assert breaker.state is changed
            changes.append(changed)
    assert all(each is (State.OPEN, State.CLOSED)[index % 2] for index, each in enumerate(changes)), changes

    for ticket in held:
        breaker.given_up(ticket)
    clock.now += LAST_PAUSE_SECONDS
    ticket = breaker.ask()
    assert ticket
    breaker.ended(ticket, took_something=True)
    assert breaker.state is State.CLOSED
