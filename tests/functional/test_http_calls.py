"""Calls over connections that are kept, to servers that keep to HTTP/1.1 and others that do not."""

import asyncio

import pytest

from app.sinks.http_calls import IDLE_SECONDS, MAX_ANSWER_BYTES, Connection, Endpoint
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
    whole,
)

LARGE = bytes(16 * 1024 * 1024)  # more than a socket takes before it is read


def test_connections_are_kept(in_loop: InLoop) -> None:
    async def main() -> None:
        async with serving(echo) as server:
            calls = calls_to(server)
            for number in range(3):
                assert (await calls.post({"X-N": str(number)}, b"%d" % number)).body == b"%d" % number
            assert len(server.wires) == 1
            assert [(r.method, r.target, r.header("x-n")) for r in server.requests] == [
                ("POST", "/", "0"),
                ("POST", "/", "1"),
                ("POST", "/", "2"),
            ]
            answers = await asyncio.gather(*(calls.post({}, b"%d" % number) for number in range(5)))
            assert [answer.body for answer in answers] == [b"%d" % number for number in range(5)]
            assert len(server.wires) == 5
            calls.close()
            await server.all_ended()

    in_loop(main())


@pytest.mark.parametrize("bytewise", [False, True])
@pytest.mark.parametrize(
    ("sent", "status", "body", "is_kept"),
    [
        (whole(b"ab"), 200, b"ab", True),
        (whole(b""), 200, b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n1\r\nb\r\n0\r\nX-T: 1\r\n\r\n",
            200,
            b"ab",
            True,
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX-T: 1\r\n\r\n" + whole(b"ab"), 200, b"ab", True),
        (whole(b"ab", "Connection: close"), 200, b"ab", False),
        (b"HTTP/1.0 500 Oh\r\nContent-Length: 2\r\n\r\nab", 500, b"ab", False),
        (b"HTTP/1.1 200 OK\r\n\r\nab", 200, b"ab", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", 200, b"", False),
    ],
)
def test_answers(in_loop: InLoop, sent: bytes, status: int, body: bytes, *, is_kept: bool, bytewise: bool) -> None:
    async def script(wire: Wire) -> None:
        while await wire.request():
            for piece in [sent[at : at + 1] for at in range(len(sent))] if bytewise else [sent]:
                await wire.send(piece)
                await asyncio.sleep(0)
            if not is_kept:
                return

    async def main() -> None:
        async with serving(script) as server:
            calls = calls_to(server)
            for _ in range(2):
                answer = await calls.post({}, b"{}")
                assert (answer.status, answer.body) == (status, body)
                assert "x-t" not in answer.headers
            assert len(server.wires) == (1 if is_kept else 2)
            calls.close()
            await server.all_ended()

    in_loop(main())


@pytest.mark.parametrize(
    ("sent", "then", "code"),
    [
        (b"", b"", "ServerDisconnected"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"", "ServerDisconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", b"", "ServerDisconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", b"", "ServerDisconnected"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"", "ServerDisconnected"),
        (b"220 mail.example.com\r\n", b"", "UnreadableAnswer"),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", b"", "UnreadableAnswer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"", "UnreadableAnswer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", b"", "UnreadableAnswer"),
        (b"HTTP/1.1 200 ", b"O" * 65536, "AnswerTooLarge"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 65536, "AnswerTooLarge"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10000, "AnswerTooLarge"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, "AnswerTooLarge"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 262144, "AnswerTooLarge"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER_BYTES + 1), b"a" * 262144, "AnswerTooLarge"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 40000, "AnswerTooLarge"),
    ],
)
def test_what_is_no_answer(in_loop: InLoop, sent: bytes, then: bytes, code: str) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(sent)
        if then:
            await wire.flood(then)

    async def main() -> None:
        async with serving(first(script)) as server:
            calls = calls_to(server)
            assert await failure(calls.post({}, b"{}")) == code
            await server.all_ended()
            assert (await calls.post({}, b"again")).body == b"again"
            assert len(server.wires) == 2
            calls.close()
            await server.all_ended()

    in_loop(main())


@pytest.mark.parametrize("unasked", [whole(b"another"), b"HTTP/1.1 2", b"HTTP/1.1 408 Timeout\r\n\r\n", b"junk"])
@pytest.mark.parametrize("is_later", [False, True])
def test_what_nobody_asked_for_is_no_answer(in_loop: InLoop, unasked: bytes, *, is_later: bool) -> None:
    answered = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        if is_later:
            await wire.send(whole(b"one"))
            await answered.wait()
            await wire.send(unasked)
        else:
            await wire.send(whole(b"one") + unasked)
        await until_client_leaves(wire)

    async def main() -> None:
        async with serving(first(script)) as server:
            calls = calls_to(server)
            assert (await calls.post({}, b"{}")).body == b"one"
            answered.set()
            if is_later:
                await server.all_ended()
            assert (await calls.post({}, b"two")).body == b"two"
            assert len(server.wires) == 2
            calls.close()
            await server.all_ended()

    in_loop(main())


def test_a_server_that_closes_just_then(in_loop: InLoop) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(whole(b"one"))

    async def main() -> None:
        again: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        class Noticing(Connection):
            def eof_received(self) -> None:
                super().eof_received()
                if not tasks:
                    tasks.append(asyncio.create_task(call_again()))

        async def call_again() -> None:
            again.set_result((await calls.post({}, b"two")).body)

        tasks: list[asyncio.Task[None]] = []
        async with serving(first(script)) as server:
            calls = Endpoint(connecting_to(server, Noticing), "/", {})
            assert (await calls.post({}, b"{}")).body == b"one"
            assert await again == b"two"
            await asyncio.gather(*tasks)
            assert len(server.wires) == 2
            calls.close()
            await server.all_ended()

    in_loop(main())


def test_a_connection_that_is_lost_before_the_call_goes_over_it(in_loop: InLoop) -> None:
    async def hang_up(wire: Wire) -> None:
        pass

    async def main() -> None:
        lost = asyncio.Event()

        class Telling(Connection):
            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        async with serving(first(hang_up)) as server:

            async def connect() -> Connection:
                connection = await connecting_to(server, Telling)()
                if len(server.wires) < 2:
                    await lost.wait()
                return connection

            calls = Endpoint(connect, "/", {})
            assert await failure(calls.post({}, b"{}")) == "ServerDisconnected"
            assert (await calls.post({}, b"two")).body == b"two"
            calls.close()
            await server.all_ended()

    in_loop(main())


def test_a_connection_that_nothing_went_over_for_long(in_loop: InLoop) -> None:
    async def main() -> None:
        made: list[Connection] = []
        async with serving(echo) as server:

            async def connect() -> Connection:
                made.append(await connecting_to(server)())
                return made[-1]

            calls = Endpoint(connect, "/", {})
            await calls.post({}, b"one")
            made[0].used_at -= IDLE_SECONDS + 1
            await calls.post({}, b"two")
            assert len(server.wires) == 2
            await server.wires[0].ended.wait()
            calls.close()
            await server.all_ended()

    in_loop(main())


def test_an_answer_before_the_request_was_read(in_loop: InLoop) -> None:
    left = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.reader.readuntil(b"\r\n\r\n")
        await wire.send(whole(b"early"))
        await left.wait()
        await until_client_leaves(wire)

    async def main() -> None:
        async with serving(first(script)) as server:
            calls = calls_to(server)
            assert (await calls.post({}, LARGE)).body == b"early"
            left.set()
            await server.all_ended()
            assert (await calls.post({}, b"two")).body == b"two"
            assert len(server.wires) == 2
            calls.close()

    in_loop(main())


@pytest.mark.parametrize("value", ["token\n", "a\r\nX-Other: b", "a\rb"])
def test_a_header_is_one_line(in_loop: InLoop, value: str) -> None:
    async def main() -> None:
        async with serving(echo) as server:
            assert await failure(calls_to(server).post({"X-Token": value}, b"{}")) == "InvalidHeader"
            assert server.wires == []

    in_loop(main())
