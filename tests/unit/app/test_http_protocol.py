"""Connections whose client does not do its part, over loopback; limits that are short and never measured."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from app.http_protocol import ByH11, Http

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
"""As Java's HttpClient makes with every request; the connection is h11's from there on."""
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
BIG = 32 * 1024 * 1024
"""More than the buffers of both ends of a loopback connection take."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


BY_EITHER = pytest.mark.parametrize("first", [GET, GET + OFFER], ids=["httptools", "h11"])


class Hasty(Http):
    head_seconds = 0.5
    answer_seconds = 0.2


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without reading; `/big` with much, `/slow` after a while. `/echo` answers what it read, `/names` the
    names of the headers, once it has read."""
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * Hasty.head_seconds)
    body = bytes(BIG) if scope["path"] == "/big" else b"hello"
    if scope["path"] in {"/echo", "/names"}:
        body = await read(receive)
    if scope["path"] == "/names":
        body = b",".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body, more = body + message["body"], message["more_body"]
    return body


def with_server(
    steps: Callable[[Callable[[], Awaitable[Streams]], ServerState], Awaitable[None]], keep_alive: int = 60
) -> None:
    async def main() -> None:
        state = ServerState()
        config = Config(app, http=Hasty, lifespan="off", timeout_keep_alive=keep_alive, log_level="critical")
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Hasty(config, state, {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, asyncio.timeout(20):
            await steps(lambda: asyncio.open_connection("127.0.0.1", port), state)

    asyncio.run(main())


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return await reader.readexactly(5)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize("head", [b"", b"G", GET, GET + OFFER, b"\r\n"])
def test_a_head_that_does_not_end(head: bytes) -> None:
    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        reader, writer = await connect()
        writer.write(head)
        assert await reader.read() == b""
        await close(writer)

    with_server(steps)


@BY_EITHER
def test_a_later_head_that_does_not_end(first: bytes) -> None:
    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        reader, writer = await connect()
        writer.write(first + b"\r\n" + GET)
        assert await answer(reader) == b"hello"
        assert await reader.read() == b""
        await close(writer)

    with_server(steps)


def test_an_empty_line_is_the_begin_of_a_head() -> None:
    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        reader, writer = await connect()
        writer.write(GET + b"\r\n")
        assert await answer(reader) == b"hello"
        writer.write(b"\r\n")
        assert await reader.read() == b""
        await close(writer)

    with_server(steps)


def test_a_head_that_trickles() -> None:
    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        reader, writer = await connect()
        writer.write(GET)
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(Hasty.head_seconds / 10)
        await close(writer)

    with_server(steps)


@BY_EITHER
def test_who_waits_for_an_answer_or_between_requests_is_left_alone(first: bytes) -> None:
    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        reader, writer = await connect()
        for path in (b"/", b"/slow", b"/"):
            writer.write(first.replace(b"/ ", path + b" ", 1) + b"\r\n")
            assert await answer(reader) == b"hello"
            await asyncio.sleep(1.5 * Hasty.head_seconds)
        writer.write(GET + b"\r\n" + GET + b"\r\n")
        assert [await answer(reader), await answer(reader)] == [b"hello"] * 2
        await close(writer)

    with_server(steps)


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n", OFFER])
def test_an_answer_that_is_not_read(ending: bytes) -> None:
    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        _, writer = await connect()
        writer.write(GET.replace(b"/ ", b"/big ", 1) + ending + b"\r\n")
        while state.total_requests == 0 or state.connections:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        await close(writer)

    with_server(steps)


@BY_EITHER
def test_a_large_answer_that_is_read(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr(Hasty, "answer_seconds", 60)

    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        reader, writer = await connect()
        writer.write(first.replace(b"/ ", b"/big ", 1) + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert len(await reader.readexactly(BIG)) == BIG
        [protocol] = state.connections
        assert isinstance(protocol, Hasty | ByH11)
        protocol.patience.check_reader()
        writer.write(GET + b"\r\n")
        assert await answer(reader) == b"hello"
        await close(writer)

    with_server(steps)


@BY_EITHER
def test_each_answer_may_take_its_time_to_be_read(first: bytes) -> None:
    """The second is on its way when the first one's time would be up."""

    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        reader, writer = await connect()
        for _ in range(3):
            writer.write(first.replace(b"/ ", b"/big ", 1) + b"\r\n")
            await asyncio.sleep(0.7 * Hasty.answer_seconds)
            await reader.readuntil(b"\r\n\r\n")
            assert len(await reader.readexactly(BIG)) == BIG
        await close(writer)

    with_server(steps)


@pytest.mark.parametrize("offer", [b"", OFFER])
def test_a_body_that_goes_on_after_the_answer(offer: bytes) -> None:
    async def steps(connect: Callable[[], Awaitable[Streams]], state: ServerState) -> None:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n" + offer + b"Content-Length: 100\r\n\r\nabc")
        assert await answer(reader) == b"hello"
        assert await reader.read() == b""
        await close(writer)

    with_server(steps)
