"""The one thing a sink promises: every line it is given has an outcome before the deadline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple, Protocol

STREAM_UNAVAILABLE = "stream_unavailable"
ERROR_BUCKET_UNAVAILABLE = "error_bucket_unavailable"
RETRY_REASONS = (STREAM_UNAVAILABLE, ERROR_BUCKET_UNAVAILABLE)
"""Why a record is answered `retry`: which sink did not confirm it."""


class Outcome(Enum):
    """What a sink knows of one line when `put` returns."""

    CONFIRMED = "confirmed"
    SPILLED = "spilled"  # kept in the error bucket's spill area, to be put into the stream later
    UNCONFIRMED = "unconfirmed"  # it may yet have been stored


class Line(NamedTuple):
    """One line as it will be stored.

    Attributes:
        data: the whole line, UTF-8 JSON ended by ``\\n``.
        key: 32 bits, equal for lines that must meet in one shard; of no meaning outside the stream.
    """

    data: bytes
    key: int = 0


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


@dataclass(slots=True)
class Lines:
    """Lines of one request, in index order: column by column, for an object a line costs more than storing it.

    Attributes:
        data, keys: of each line, as `Line` has them.
    """

    request_id: str
    received_at: datetime
    data: Sequence[bytes]
    keys: Sequence[int]
    effort: Effort = field(default_factory=Effort, compare=False)

    @classmethod
    def of(cls, request_id: str, received_at: datetime, lines: Sequence[Line]) -> "Lines":
        """From single ones."""
        return cls(request_id, received_at, [line.data for line in lines], [line.key for line in lines])

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Line]:
        return map(Line._make, zip(self.data, self.keys, strict=True))

    def some(self, positions: Sequence[int]) -> "Lines":
        """Those at `positions`; what it takes to store them is part of the same effort."""
        data, keys = self.data, self.keys
        chosen = [data[position] for position in positions], [keys[position] for position in positions]
        return Lines(self.request_id, self.received_at, *chosen, self.effort)


class Sink(Protocol):
    """A place that stores lines. Opened once per process or Lambda container."""

    async def open(self) -> None:
        """Make clients. Nothing is sent."""

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        """Store `lines`; one outcome per line, in order, no later than `deadline` (seconds of the loop's clock)."""

    async def check(self, deadline: float) -> bool:
        """Whether the place behind the sink can be reached now."""

    async def close(self) -> None:
        """Finish what is in flight and let the clients go."""
