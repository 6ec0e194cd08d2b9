"""A breaker: after some failures in a row the stream is not asked for a while, and costs no request its deadline.

    closed ── FAILURES_TO_OPEN times in a row, puts took nothing ──▶ open
    open ── the pause is over, the next put is the probe ──▶ half-open
    half-open ── the probe took something ──▶ closed
    half-open ── it took nothing ──▶ open, with twice the pause

No I/O and no clock of its own. Shared by all requests of a process, from one event loop.
"""

from collections.abc import Callable
from enum import Enum

FAILURES_TO_OPEN = 3
"""Puts in a row that took nothing. One alone may be a connection that was cut."""
APART_SECONDS = 0.1
"""Failures closer than this are one: requests share calls, and a call that hangs fails all that share it at once."""
WINDOW_SECONDS = 60.0
"""Failures further apart than this are not in a row: where requests are rare, each may ask."""
FIRST_PAUSE_SECONDS = 1.0
LAST_PAUSE_SECONDS = 10.0
"""What a stream that is back waits for at the most; meanwhile one request in ten seconds pays for asking."""


class State(Enum):
    """Whether puts go to the stream."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Ticket:
    """Leave to ask the stream once. Worth nothing any more when the breaker has changed meanwhile."""

    __slots__ = ()


class Breaker:
    """The state machine.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ticket = Ticket()
        self._failures = 0
        self._last_failure = 0.0
        self._pause = FIRST_PAUSE_SECONDS
        self._ask_at = 0.0
        self.state = State.CLOSED

    def ask(self) -> Ticket | None:
        """Leave to put once, which `ended` or `given_up` has to follow; None: do without the stream."""
        if self.state is State.CLOSED:
            return self._ticket
        if self.state is State.HALF_OPEN or self._clock() < self._ask_at:
            return None
        self._become(State.HALF_OPEN)
        return self._ticket

    def ended(self, ticket: Ticket, *, took_something: bool) -> State | None:
        """A put has ended; CLOSED or OPEN when that closed or opened it, None when it is as it was before the put."""
        if ticket is not self._ticket:
            return None
        if took_something:
            self._failures = 0
            return None if self.state is State.CLOSED else self._close()
        if self.state is State.HALF_OPEN:
            self._pause = min(self._pause * 2, LAST_PAUSE_SECONDS)
            self._open()
            return None
        now = self._clock()
        if self._failures and now - self._last_failure < APART_SECONDS:
            return None
        self._failures = self._failures + 1 if now - self._last_failure <= WINDOW_SECONDS else 1
        self._last_failure = now
        return self._open() if self._failures >= FAILURES_TO_OPEN else None

    def given_up(self, ticket: Ticket) -> None:
        """A put was given up, so that nothing is known of it; if it was the probe, the next put is."""
        if ticket is self._ticket and self.state is State.HALF_OPEN:
            self._become(State.OPEN)

    def _open(self) -> State:
        self._ask_at = self._clock() + self._pause
        return self._become(State.OPEN)

    def _close(self) -> State:
        self._pause = FIRST_PAUSE_SECONDS
        return self._become(State.CLOSED)

    def _become(self, state: State) -> State:
        self.state = state
        self._failures = 0
        self._ticket = Ticket()
        return state
