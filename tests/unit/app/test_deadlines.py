"""Waits with deadlines that are over at once, or never."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.deadlines import Deadlines

NEVER = 3600.0


def run(steps: Callable[[Deadlines], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20):
            await steps(Deadlines())

    asyncio.run(main())


def at(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def test_what_comes_in_time_is_given() -> None:
    async def steps(deadlines: Deadlines) -> None:
        assert await deadlines.wait(asyncio.sleep(0, "here"), at(NEVER)) == "here"
        with pytest.raises(KeyError):
            await deadlines.wait(fail(), at(NEVER))

    async def fail() -> None:
        raise KeyError

    run(steps)


def test_who_is_late_is_told_and_goes_on_and_others_wait_on() -> None:
    async def steps(deadlines: Deadlines) -> None:
        other = asyncio.create_task(deadlines.wait(asyncio.sleep(0.6, "later"), at(NEVER)))
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await deadlines.wait(asyncio.sleep(NEVER), at(0.01))
        await asyncio.sleep(0)
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
        assert await other == "later"

    run(steps)


def test_what_is_there_is_given_though_its_time_is_up() -> None:
    async def steps(deadlines: Deadlines) -> None:
        assert await deadlines.wait(asyncio.sleep(0, "here"), at(-1.0)) == "here"
        await asyncio.sleep(0)

    run(steps)


def test_a_wait_can_be_given_up_from_outside() -> None:
    async def steps(deadlines: Deadlines) -> None:
        waiting = asyncio.create_task(deadlines.wait(asyncio.sleep(NEVER), at(NEVER)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(steps)


def test_given_up_and_late_at_once_is_given_up() -> None:
    async def steps(deadlines: Deadlines) -> None:
        async def both() -> None:
            try:
                await asyncio.sleep(NEVER)
            finally:
                waiting.cancel()

        waiting = asyncio.create_task(deadlines.wait(both(), at(0.01)))
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(steps)
