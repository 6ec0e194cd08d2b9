"""Group commit: lines of requests that come at the same time share calls to the stream.

A call leaves as soon as a slot is free, so an idle gateway adds no delay, and under load calls fill by themselves while
others are under way. Each request is answered by what became of its own lines.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from app.sinks.aws import AttemptFailed
from app.sinks.backoff import full_jitter
from app.sinks.base import Effort, Line, Outcome
from app.sinks.batching import Call, Chain, Packing, Record
from app.sinks.batching import chains as chains_of

logger = logging.getLogger(__name__)
Send = Callable[[Sequence[Record]], Awaitable[Sequence[int]]]
"""Makes one PutRecords call; the positions of the records that its answer does not confirm.

Raises:
    AttemptFailed: none is known to be confirmed.
"""

WATCH_SECONDS = 0.05
"""How exactly deadlines are kept: a put ends by so much before its own."""
REFUSES_WHOLE_CALLS = frozenset({"InvalidArgumentException", "SerializationException", "ValidationException"})
"""Codes that one line can bring upon all that share its call."""


class Put:
    """The lines of one request on their way.

    Attributes:
        outcomes: of each line, as far as is known.
        failures: what went wrong on the way, by code; "entries" counts refused records.
    """

    __slots__ = ("_done", "_undecided", "effort", "failures", "outcomes")

    def __init__(self, count: int, effort: Effort, done: "asyncio.Future[None]") -> None:
        self.outcomes = [Outcome.UNCONFIRMED] * count
        self.failures: Counter[str] = Counter()
        self.effort = effort
        self._undecided = count
        self._done = done

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        return self._done.done()

    def confirm(self, indexes: Sequence[int]) -> None:
        """These lines are in the stream."""
        for index in indexes:
            self.outcomes[index] = Outcome.CONFIRMED
        self.decide(len(indexes))

    def decide(self, count: int) -> None:
        """So many lines have the outcome that they will have."""
        self._undecided -= count
        if not self._undecided:
            self.end()

    def end(self) -> None:
        """Wait no longer."""
        if not self._done.done():
            self._done.set_result(None)


class GroupCommit:
    """Shares calls between requests. For one event loop.

    Args:
        send: makes a call.
        calls: how many may be under way at a time.
        packing: how lines share records.
    """

    def __init__(self, send: Send, *, calls: int, packing: Packing) -> None:
        self._send = send
        self._free = calls
        self._packing = packing
        self._waiting: deque[Chain] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_woken = False
        self._deadlines: dict[Put, float] = {}
        self._is_watched = False

    async def put(self, lines: Sequence[Line], effort: Effort, deadline: float) -> Put:
        """Send `lines` until each is confirmed or cannot be, or `deadline` (seconds of the loop's clock)."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        put = Put(len(lines), effort, done)
        if not lines:
            return put
        for chain in chains_of(lines, self._packing):
            chain.owner = put
            self._waiting.append(chain)
        self._wake(loop)
        self._deadlines[put] = deadline
        if not self._is_watched:
            self._watch(loop)
        try:
            await done
        finally:
            del self._deadlines[put]
        return put

    async def close(self) -> None:
        """Wait for the calls that somebody waits for; whatever the others do, nobody will be told."""
        while self._deadlines and self._tasks:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # who waited goes
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """End puts whose time is up. One timer for all of them: a timer each costs more than the put."""
        soon = loop.time() + WATCH_SECONDS
        for put in [put for put, deadline in self._deadlines.items() if deadline <= soon]:
            put.end()
        self._is_watched = bool(self._deadlines)
        if self._is_watched:
            loop.call_at(soon, self._watch, loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """Requests that come in the same turn of the loop leave together."""
        if self._free and not self._is_woken:
            self._is_woken = True
            loop.call_soon(self._leave)

    def _leave(self) -> None:
        self._is_woken = False
        while self._free and self._waiting and (call := self._fill()).records:
            self._free -= 1
            task = asyncio.create_task(self._make(call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _fill(self) -> Call:
        call = Call()
        while self._waiting:
            chain = self._waiting[0]
            if _owner(chain).is_over:
                self._waiting.popleft()
                continue
            if (chain.alone and call.records) or not call.add(chain):
                break
            self._waiting.popleft()
            if chain.alone or call.left:
                break
        return call

    async def _make(self, call: Call) -> None:
        try:
            await self._try(call)
        except Exception:  # whatever went wrong, who waits is told that nothing is known
            logger.exception("a call to the stream failed")
            for chain in _touched(call):
                _owner(chain).end()
        finally:
            self._free += 1
            self._waiting.extendleft(reversed(call.left))
            self._leave()

    async def _try(self, call: Call) -> None:
        try:
            failed = set(await self._send(call.records))
        except AttemptFailed as failure:
            self._whole_call_failed(call, failure)
            return
        refused: dict[Chain, list[int]] = {}
        for position, record in enumerate(call.records):
            for chain, indexes in record.parts:
                put = _owner(chain)
                if position in failed:
                    put.failures["entries"] += len(indexes)
                    refused.setdefault(chain, []).extend(indexes)
                else:
                    put.confirm(indexes)
        for chain, indexes in refused.items():
            chain.tries = chain.tries + 1 if len(indexes) == len(chain.indexes) else 0
            chain.indexes = indexes
        self._again(refused)

    def _whole_call_failed(self, call: Call, failure: AttemptFailed) -> None:
        touched = _touched(call)
        puts = {_owner(chain) for chain in touched}
        for put in puts:
            put.failures[failure.code] += 1
        if failure.retryable:
            for chain in touched:
                chain.tries += 1
            self._again(touched)
        elif len(puts) > 1 and failure.code in REFUSES_WHOLE_CALLS:
            for chain in touched:
                chain.alone = True
            self._again(touched)
        else:
            for put in puts:
                put.end()

    def _again(self, chains: Iterable[Chain]) -> None:
        """Send them again together, after a moment that grows as long as nothing of them is taken."""
        waiting = [chain for chain in chains if not _owner(chain).is_over]
        if waiting:
            pause = full_jitter(max(chain.tries for chain in waiting))
            asyncio.get_running_loop().call_later(pause, self._wait_again, waiting)

    def _wait_again(self, chains: Sequence[Chain]) -> None:
        for chain in chains:
            put = _owner(chain)
            if not put.is_over:
                put.effort.resent += len(chain.indexes)
                self._waiting.append(chain)
        self._leave()


def _owner(chain: Chain) -> Put:
    if not isinstance(chain.owner, Put):
        raise TypeError("a chain without an owner")
    return chain.owner


def _touched(call: Call) -> Sequence[Chain]:
    return list(dict.fromkeys(chain for record in call.records for chain, _ in record.parts))
