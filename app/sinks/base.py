"""The one thing a sink promises: every line it is given has an outcome before the deadline."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

STREAM_UNAVAILABLE = "stream_unavailable"
ERROR_BUCKET_UNAVAILABLE = "error_bucket_unavailable"
RETRY_REASONS = (STREAM_UNAVAILABLE, ERROR_BUCKET_UNAVAILABLE)
"""Why a record is answered `retry`: which sink did not confirm it."""


class Outcome(Enum):
    """What a sink knows of one line when `put` returns."""

    CONFIRMED = "confirmed"
    SPILLED = "spilled"  # kept in the error bucket's spill area, to be put into the stream later
    UNCONFIRMED = "unconfirmed"  # it may yet have been stored


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it will be stored.

    Attributes:
        data: the whole line, UTF-8 JSON ended by ``\\n``.
        partition_key: hex digits; equal for lines that must meet in one shard.
    """

    data: bytes
    partition_key: str


@dataclass(slots=True)
class Effort:
    """What it took to store the lines of one request in one sink.

    Attributes:
        milliseconds: from the call of `put` to its end.
        resent: how many lines were sent again, counted each time; the sink notes it as it goes.
        breaker_opened, breaker_closed: whether this put changed the state of the stream's breaker.
    """

    milliseconds: float = 0.0
    resent: int = 0
    breaker_opened: bool = False
    breaker_closed: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one request, in index order."""

    request_id: str
    received_at: datetime
    lines: Sequence[Line]
    effort: Effort = field(default_factory=Effort, compare=False)


class Sink(Protocol):
    """A place that stores lines. Opened once per process or Lambda container."""

    async def open(self) -> None:
        """Make clients. Asks nothing of the network."""

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        """Store `lines`; one outcome per line, in order, no later than `deadline` (seconds of the loop's clock)."""

    async def check(self, deadline: float) -> bool:
        """Whether the place behind the sink can be reached now."""

    async def close(self) -> None:
        """Finish what is in flight and let the clients go."""
