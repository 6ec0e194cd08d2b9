"""Calls that are cancelled or closed while they are under way: no connection is left, and no other call suffers."""

import asyncio

import pytest

from app.sinks.http_calls import Connection, Endpoint
from tests.functional.conftest import InLoop
from tests.support.scripted import (
    Wire,
    calls_to,
    connecting_to,
    echo,
    failure,
    first,
    serving,
    until_client_leaves,
)


def test_a_call_that_is_cancelled_at_any_step_spoils_no_other(in_loop: InLoop) -> None:
    async def main() -> None:
        async with serving(echo) as server:
            calls = calls_to(server)
            for steps in range(25):
                task = asyncio.create_task(calls.post({}, b"cancelled"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert (await calls.post({}, b"%d" % steps)).body == b"%d" % steps
            calls.close()
            await server.all_ended()

    in_loop(main())


def test_a_call_that_is_cancelled_gives_its_connection_up(in_loop: InLoop) -> None:
    asked = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        asked.set()
        await until_client_leaves(wire)

    async def main() -> None:
        async with serving(first(script)) as server:
            calls = calls_to(server)
            task = asyncio.create_task(calls.post({}, b"{}"))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.all_ended()
            assert (await calls.post({}, b"two")).body == b"two"
            calls.close()

    in_loop(main())


def test_closing_ends_calls_under_way(in_loop: InLoop) -> None:
    asked = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        asked.set()
        await until_client_leaves(wire)

    async def main() -> None:
        async with serving(script) as server:
            calls = calls_to(server)
            task = asyncio.create_task(calls.post({}, b"{}"))
            await asked.wait()
            calls.close()
            assert await failure(task) == "Closed"
            await server.all_ended()

    in_loop(main())


def test_closing_while_a_connection_is_made(in_loop: InLoop) -> None:
    async def main() -> None:
        connected, go_on = asyncio.Event(), asyncio.Event()
        async with serving(echo) as server:

            async def connect() -> Connection:
                connection = await connecting_to(server)()
                connected.set()
                await go_on.wait()
                return connection

            calls = Endpoint(connect, "/", {})
            task = asyncio.create_task(calls.post({}, b"{}"))
            await connected.wait()
            calls.close()
            go_on.set()
            await failure(task)
            await failure(calls.post({}, b"later"))
            await server.all_ended()
            assert server.requests == []

    in_loop(main())
