"""Group commit: lines of requests that come at the same time share calls to the stream.

A call leaves at once while none is under way, so an idle gateway adds no delay; while others are, when SPACING_SECONDS
have gone by since the last, so that under load calls fill by themselves. Each request is answered by what became of its
own lines.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import chain as chained

from app.sinks.aws import AttemptFailed
from app.sinks.backoff import full_jitter
from app.sinks.base import Effort, Lines, Outcome
from app.sinks.batching import Call, Chain, Packing, Record
from app.sinks.batching import chains as chains_of

logger = logging.getLogger(__name__)
Send = Callable[[Sequence[Record]], Awaitable[Mapping[int, str]]]
"""Makes one PutRecords call; the positions of the records that its answer does not confirm, with AWS' code for each.

Raises:
    AttemptFailed: none is known to be confirmed.
"""

WATCH_SECONDS = 0.05
"""How exactly deadlines are kept: a put ends by so much before its own."""
SPACING_SECONDS = 0.002
"""A fraction of what a call to AWS takes: what a line may wait for others while a call is under way. A call of few
lines costs as much as all else that its requests need (docs/decisions/0017)."""
FULL_LINES = 128
"""Of usual size these cost so much more than the call itself that waiting for more saves nothing."""
REFUSES_WHOLE_CALLS = frozenset({"InvalidArgumentException", "SerializationException", "ValidationException"})
"""Codes that one line can bring upon all that share its call."""


class Put:
    """The lines of one request on their way.

    Attributes:
        failures: what went wrong on the way, by code: calls that failed, and lines that were refused.
    """

    __slots__ = ("_confirmed", "_count", "_unconfirmed", "done", "effort", "failures")

    def __init__(self, count: int, effort: Effort, done: "asyncio.Future[None]") -> None:
        self._count = self._unconfirmed = count
        self._confirmed: list[Sequence[int]] = []
        self.failures: defaultdict[str, int] = defaultdict(int)
        self.effort = effort
        self.done = done

    @property
    def outcomes(self) -> list[Outcome]:
        """Of each line, as far as is known."""
        if not self._unconfirmed:
            return [Outcome.CONFIRMED] * self._count
        outcomes = [Outcome.UNCONFIRMED] * self._count
        for index in chained.from_iterable(self._confirmed):
            outcomes[index] = Outcome.CONFIRMED
        return outcomes

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        return self.done.done()

    def confirm(self, indexes: Sequence[int]) -> None:
        """These lines, of which nothing was known, are in the stream."""
        self._confirmed.append(indexes)
        self._unconfirmed -= len(indexes)
        if not self._unconfirmed:
            self.end()

    def end(self) -> None:
        """Wait no longer."""
        if not self.done.done():
            self.done.set_result(None)


class GroupCommit:
    """Shares calls between requests. For one event loop.

    Args:
        send: makes a call.
        calls: how many may be under way at a time.
        packing: how lines share records.
    """

    def __init__(self, send: Send, *, calls: int, packing: Packing) -> None:
        self._send = send
        self._calls = calls
        self._free = calls
        self._left_at = 0.0
        self._is_spacing = False
        self._packing = packing
        self._waiting: deque[Chain] = deque()
        self._waiting_lines = 0
        self._under_way: dict[asyncio.Task[None], Call] = {}
        self._is_woken = False
        self._deadlines: dict[Put, float] = {}
        self._is_watched = False

    async def put(self, lines: Lines, deadline: float) -> Put:
        """Send `lines` until each is confirmed or cannot be, or `deadline` (seconds of the loop's clock)."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        put = Put(len(lines), lines.effort, done)
        if not lines.data:
            return put
        for chain in chains_of(lines, self._packing):
            chain.owner = put
            self._waiting.append(chain)
        self._waiting_lines += len(lines.data)
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
        """Let every put end, by its deadline at the latest; whatever calls do after that, nobody will be told."""
        while waited_for := [put.done for put in self._deadlines]:
            await asyncio.wait(waited_for)
            await asyncio.sleep(0)  # who waited goes
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """End puts whose time is up. One timer for all of them: a timer each costs more than the put."""
        soon = loop.time() + WATCH_SECONDS
        for put in [put for put, deadline in self._deadlines.items() if deadline <= soon]:
            put.end()
        for task, call in self._under_way.items():
            if all(_owner(chain).is_over for chain in _touched(call)):
                task.cancel()  # its slot is for who still waits
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
        while self._free and self._waiting and self._is_time() and (call := self._fill()).records:
            self._free -= 1
            self._left_at = asyncio.get_running_loop().time()
            task = asyncio.create_task(self._make(call))
            self._under_way[task] = call
            task.add_done_callback(self._ended)

    def _is_time(self) -> bool:
        """Whether a call may leave now; if not, one will be tried when it is."""
        if self._free == self._calls or self._waiting_lines >= FULL_LINES:
            return True
        loop = asyncio.get_running_loop()
        at = self._left_at + SPACING_SECONDS
        if loop.time() >= at:
            return True
        if not self._is_spacing:
            self._is_spacing = True
            loop.call_at(at, self._spaced)
        return False

    def _spaced(self) -> None:
        self._is_spacing = False
        self._leave()

    def _fill(self) -> Call:
        call = Call()
        while self._waiting and not call.left:
            chain = self._waiting[0]
            lines = len(chain)  # before the call cuts it
            is_wanted = not _owner(chain).is_over
            if is_wanted and ((chain.alone and call.records) or not call.add(chain)):
                break
            self._waiting.popleft()
            self._waiting_lines -= lines
            if is_wanted and chain.alone:
                break
        return call

    async def _make(self, call: Call) -> None:
        try:
            await self._try(call)
        except Exception:  # whatever went wrong, who waits is told that nothing is known
            logger.exception("a call to the stream failed")
            for chain in _touched(call):
                _owner(chain).end()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first step runs nothing of its own, no `finally` either."""
        call = self._under_way.pop(task)
        self._free += 1
        self._waiting.extendleft(reversed(call.left))
        self._waiting_lines += sum(map(len, call.left))
        self._leave()

    async def _try(self, call: Call) -> None:
        try:
            refusals = await self._send(call.records)
        except AttemptFailed as failure:
            self._whole_call_failed(call, failure)
            return
        refused: dict[Chain, list[int]] = {}
        for position, record in enumerate(call.records):
            for chain, start, end in record.parts:
                put = _owner(chain)
                if position in refusals:
                    put.failures[refusals[position]] += end - start
                    refused.setdefault(chain, []).extend(range(start, end))
                else:
                    put.confirm(chain.indexes[start:end])
        for chain, places in refused.items():
            chain.tries = chain.tries + 1 if len(places) == len(chain) else 0
            chain.keep(places)
        self._again(refused)

    def _whole_call_failed(self, call: Call, failure: AttemptFailed) -> None:
        touched = _touched(call)
        puts = {_owner(chain) for chain in touched}
        for put in puts:
            put.failures[failure.code] += 1
        if failure.code in REFUSES_WHOLE_CALLS and len(puts) > 1:
            for chain in touched:
                chain.alone = True
        elif failure.retryable and failure.code not in REFUSES_WHOLE_CALLS:
            for chain in touched:
                chain.tries += 1
        else:
            for put in puts:
                put.end()
        self._again(touched)

    def _again(self, chains: Iterable[Chain]) -> None:
        """Send them again, as often tried ones together, after a moment that grows with the tries in vain."""
        by_tries: dict[int, list[Chain]] = {}
        for chain in chains:
            if not _owner(chain).is_over:
                by_tries.setdefault(chain.tries, []).append(chain)
        for tries, waiting in by_tries.items():
            asyncio.get_running_loop().call_later(full_jitter(tries), self._wait_again, waiting)

    def _wait_again(self, chains: Sequence[Chain]) -> None:
        for chain in chains:
            put = _owner(chain)
            if not put.is_over:
                put.effort.resent += len(chain)
                self._waiting.append(chain)
                self._waiting_lines += len(chain)
        self._leave()


def _owner(chain: Chain) -> Put:
    if not isinstance(chain.owner, Put):
        raise TypeError("a chain without an owner")
    return chain.owner


def _touched(call: Call) -> Sequence[Chain]:
    return list(dict.fromkeys(part[0] for record in call.records for part in record.parts))
