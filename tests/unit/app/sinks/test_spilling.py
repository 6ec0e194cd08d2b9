"""The spilling sink over a stream and a spill area of memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from app.sinks.base import Lines, Outcome
from app.sinks.breaker import APART_SECONDS, FAILURES_TO_OPEN, FIRST_PAUSE_SECONDS, Breaker, State
from app.sinks.memory import MemorySink
from app.sinks.spilling import STREAM_SHARE, SpillingSink

CONFIRMED, SPILLED, UNCONFIRMED = Outcome.CONFIRMED, Outcome.SPILLED, Outcome.UNCONFIRMED
SECONDS = 4.0


def lines_of(count: int = 3) -> Lines:
    data = [b"%d\n" % number for number in range(count)]
    return Lines("request", datetime(2026, 11, 23, tzinfo=UTC), data, range(count))


class Part(MemorySink):
    """Takes every other line."""

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        await super().put(lines, deadline)
        return [CONFIRMED if index % 2 == 0 else UNCONFIRMED for index in range(len(lines))]


class Raising(MemorySink):
    """Fails as no sink should."""

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:  # noqa: ARG002  the protocol's
        raise RuntimeError("broken")


class Endless(MemorySink):
    """Never ends by itself."""

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:  # noqa: ARG002  the protocol's
        await asyncio.Event().wait()
        return []


class Timed(MemorySink):
    """Remembers the time it was given."""

    seconds = 0.0

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        self.seconds = deadline - asyncio.get_running_loop().time()
        return await super().put(lines, deadline)


@dataclass
class World:
    """A stream, a spill area, and a clock for the breaker between them."""

    stream: MemorySink = field(default_factory=MemorySink)
    area: MemorySink = field(default_factory=MemorySink)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.breaker = Breaker(lambda: self.now)
        self.sink = SpillingSink(self.stream, self.area.put, self.breaker)

    def put(self, lines: Lines | None = None, seconds: float = SECONDS) -> list[Outcome]:
        async def put() -> list[Outcome]:
            return list(await self.sink.put(lines or lines_of(), asyncio.get_running_loop().time() + seconds))

        self.now += APART_SECONDS * 1.01
        return asyncio.run(put())

    def open_breaker(self) -> None:
        self.stream.up = False
        for _ in range(FAILURES_TO_OPEN):
            self.put()
        assert self.breaker.state is State.OPEN
        self.area.puts.clear()


def test_what_the_stream_takes_is_not_spilled() -> None:
    world = World()
    assert world.put() == [CONFIRMED] * 3
    assert world.area.puts == []


def test_what_the_stream_does_not_take_is_spilled_as_it_is_in_one_put() -> None:
    world, lines = World(), lines_of()
    world.stream.up = False
    assert world.put(lines) == [SPILLED] * 3
    [spilled] = world.area.puts
    assert list(spilled) == list(lines)


def test_of_a_part_only_the_rest_is_spilled_and_the_breaker_stays_closed() -> None:
    world = World(stream=Part())
    for _ in range(FAILURES_TO_OPEN + 1):
        assert world.put(lines_of(5)) == [CONFIRMED, SPILLED, CONFIRMED, SPILLED, CONFIRMED]
    assert world.area.puts[0].data == [b"1\n", b"3\n"]
    assert world.breaker.state is State.CLOSED


def test_what_neither_takes_is_unconfirmed() -> None:
    world = World()
    world.stream.up = world.area.up = False
    assert world.put() == [UNCONFIRMED] * 3


def test_a_stream_that_raises_is_one_that_takes_nothing() -> None:
    world = World(stream=Raising())
    for _ in range(FAILURES_TO_OPEN):
        assert world.put() == [SPILLED] * 3
    assert world.breaker.state is State.OPEN


def test_the_stream_has_its_share_of_the_time_and_the_spill_area_all_of_it() -> None:
    stream, area = Timed(), Timed()
    stream.up = False
    World(stream, area).put()
    assert stream.seconds == pytest.approx(SECONDS * STREAM_SHARE, abs=0.2)
    assert area.seconds == pytest.approx(SECONDS, abs=0.2)


def test_while_the_breaker_is_open_lines_are_spilled_at_once() -> None:
    world = World()
    world.open_breaker()
    world.stream.up = True
    assert world.put() == [SPILLED] * 3
    assert world.stream.puts == []


def test_the_probe_closes_it_again_and_the_changes_are_noted() -> None:
    world, opening, closing = World(), lines_of(), lines_of()
    world.stream.up = False
    for _ in range(FAILURES_TO_OPEN - 1):
        world.put()
    world.put(opening)
    assert (opening.effort.breaker_opened, opening.effort.breaker_closed) == (True, False)
    world.stream.up, world.now = True, world.now + FIRST_PAUSE_SECONDS
    assert world.put(closing) == [CONFIRMED] * 3
    assert (closing.effort.breaker_opened, closing.effort.breaker_closed) == (False, True)


def test_a_breaker_that_is_open_makes_no_answer_worse() -> None:
    world = World()
    world.open_breaker()
    world.stream.up, world.area.up = True, False
    assert world.put() == [CONFIRMED] * 3


def test_a_probe_whose_client_went_away_is_followed_by_another() -> None:
    world = World(stream=Endless())
    for _ in range(FAILURES_TO_OPEN):
        world.now += APART_SECONDS * 1.01
        ticket = world.breaker.ask()
        assert ticket
        world.breaker.ended(ticket, took_something=False)
    world.now += FIRST_PAUSE_SECONDS

    async def give_up() -> None:
        probe = asyncio.create_task(world.sink.put(lines_of(), asyncio.get_running_loop().time() + SECONDS))
        await asyncio.sleep(0)
        assert world.breaker.ask() is None
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)

    asyncio.run(give_up())
    assert world.breaker.ask() is not None


@pytest.mark.parametrize("up", [True, False])
def test_it_is_ready_when_the_stream_is(up: bool) -> None:
    world = World()
    world.stream.up = up
    assert asyncio.run(world.sink.check(0)) is up
