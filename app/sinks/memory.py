"""Sinks without a network: they keep what they are given. For tests and for measuring the rest."""

from collections.abc import Sequence

from app.sinks.base import Line, Lines, Outcome


class MemorySink:
    """Confirms every line, or none while `up` is False."""

    def __init__(self) -> None:
        self.up = True
        self.puts: list[Lines] = []

    @property
    def lines(self) -> list[Line]:
        """All lines confirmed so far, in order."""
        return [line for put in self.puts for line in put]

    async def open(self) -> None:
        """Nothing to open."""

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:  # noqa: ARG002  the protocol's
        """Keep `lines`."""
        if not self.up:
            return [Outcome.UNCONFIRMED] * len(lines)
        self.puts.append(lines)
        return [Outcome.CONFIRMED] * len(lines)

    async def check(self, deadline: float) -> bool:  # noqa: ARG002  the protocol's
        """Whether it is up."""
        return self.up

    async def close(self) -> None:
        """Nothing to close."""
