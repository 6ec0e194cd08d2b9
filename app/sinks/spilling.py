"""The stream with a spill area beside it: what the one does not take in its time goes to the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from app.sinks.base import Effort, Lines, Outcome, Sink
from app.sinks.breaker import Breaker, State, Ticket

logger = logging.getLogger(__name__)
STREAM_SHARE = 0.5
"""Of the time that a request has for storing, what the stream may take when the rest is to be enough for one object of
at most 10 MiB, tried again once or twice."""

Spill = Callable[[Lines, float], Awaitable[Sequence[Outcome]]]
"""Stores lines in one object before the deadline; as `Sink.put`."""


class SpillingSink:
    """A sink whose lines are CONFIRMED (in the stream), SPILLED, or in neither."""

    def __init__(self, stream: Sink, spill: Spill, breaker: Breaker) -> None:
        self._stream = stream
        self._spill = spill
        self._breaker = breaker

    async def open(self) -> None:
        """Open the stream; the spill area's owner opens that."""
        await self._stream.open()

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        """Put `lines` into the stream, and what it does not take into one object of the spill area.

        While the breaker is open the stream is asked only where spilling fails: the breaker makes no answer worse.
        """
        ticket = self._breaker.ask()
        if ticket is None:
            outcomes = await self._spill_rest(lines, [Outcome.UNCONFIRMED] * len(lines), deadline)
            return outcomes if Outcome.SPILLED in outcomes else await self._ask(lines, deadline)
        now = asyncio.get_running_loop().time()
        outcomes = await self._ask_with(ticket, lines, now + (deadline - now) * STREAM_SHARE)
        return await self._spill_rest(lines, outcomes, deadline)

    async def check(self, deadline: float) -> bool:
        """Whether the stream takes records."""
        return await self._stream.check(deadline)

    async def close(self) -> None:
        """Close the stream."""
        await self._stream.close()

    async def _ask_with(self, ticket: Ticket, lines: Lines, deadline: float) -> Sequence[Outcome]:
        """A part that is taken shows a stream that works: opening for one busy shard would spill what others take."""
        try:
            outcomes = await self._ask(lines, deadline)
        except BaseException:  # the request was given up
            self._breaker.given_up(ticket)
            raise
        took_something = Outcome.CONFIRMED in outcomes
        self._note(self._breaker.ended(ticket, took_something=took_something), lines.effort, lines.request_id)
        return outcomes

    async def _ask(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        try:
            return await self._stream.put(lines, deadline)
        except Exception:  # whatever went wrong in the stream's sink, its lines can still be spilled
            logger.exception("the stream's sink failed", extra={"request_id": lines.request_id})
            return [Outcome.UNCONFIRMED] * len(lines)

    async def _spill_rest(self, lines: Lines, outcomes: Sequence[Outcome], deadline: float) -> Sequence[Outcome]:
        if Outcome.UNCONFIRMED not in outcomes:
            return outcomes
        left = [index for index, outcome in enumerate(outcomes) if outcome is Outcome.UNCONFIRMED]
        rest = lines.some(left)
        whole = list(outcomes)
        try:
            stored = await self._spill(rest, deadline)
        except Exception:  # what the stream confirmed stays confirmed
            logger.exception("the spill area failed", extra={"request_id": lines.request_id})
            return whole
        for index, outcome in zip(left, stored, strict=True):
            if outcome is Outcome.CONFIRMED:
                whole[index] = Outcome.SPILLED
        return whole

    @staticmethod
    def _note(changed: State | None, effort: Effort, request_id: str) -> None:
        if changed is State.OPEN:
            effort.breaker_opened = True
            logger.warning("the stream takes nothing: its breaker is open", extra={"request_id": request_id})
        elif changed is State.CLOSED:
            effort.breaker_closed = True
            logger.warning("the stream takes records again: its breaker is closed", extra={"request_id": request_id})
