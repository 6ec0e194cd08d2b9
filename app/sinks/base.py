"""The one thing a sink promises: every line it is given has an outcome before the deadline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


class Outcome(Enum):
    """What a sink knows of one line when `put` returns."""

    CONFIRMED = "confirmed"
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


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one request, in index order."""

    request_id: str
    received_at: datetime
    lines: Sequence[Line]


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
