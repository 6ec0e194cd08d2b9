"""Servers on loopback that follow a script, byte by byte, and remember their connections; calls that go to them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

import pytest
import trustme

from app.sinks.connections import endpoint
from app.sinks.http_calls import CallFailed, Connection, Endpoint
from tests.support.http_wire import MAX_HEAD_BYTES, Request, read_request

AUTHORITY = trustme.CA()
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"


@dataclass
class Wire:
    """One connection, seen from the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[Request] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self) -> Request | None:
        """The next request, None when there is none more."""
        request = await read_request(self.reader, self.writer)
        if request is not None:
            self.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def flood(self, piece: bytes) -> None:
        """Send without an end, until the client has had enough."""
        while True:
            await self.send(piece)


Script = Callable[[Wire], Awaitable[None]]


@dataclass
class Scripted:
    """A running server.

    Attributes:
        wires: its connections, ended ones too.
    """

    port: int = 0
    wires: list[Wire] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Request]:
        return [request for wire in self.wires for request in wire.requests]

    async def all_ended(self) -> None:
        """Wait until no client holds a connection."""
        for wire in self.wires:
            await wire.ended.wait()


def _trusting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    """A server that runs `script` for each connection and then hangs up."""
    scripted = Scripted()

    arrived: asyncio.Queue[int] = asyncio.Queue()
    is_over = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        scripted.wires.append(wire)
        arrived.put_nowait(writer.get_extra_info("peername")[1])
        try:
            if not is_over:
                await script(wire)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went first
        finally:
            writer.close()
            wire.ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=MAX_HEAD_BYTES, ssl=tls)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
        is_over = True
        _, last = await asyncio.open_connection("127.0.0.1", scripted.port, ssl=tls and _trusting_all())
        while await arrived.get() != last.get_extra_info("sockname")[1]:
            pass  # those that a client gave up at once arrive too
        last.transport.abort()
    finally:
        server.close()
        for wire in scripted.wires:
            wire.writer.transport.abort()
    await scripted.all_ended()


async def until_client_leaves(wire: Wire) -> None:
    """Say nothing more."""
    while await wire.reader.read(65536):
        pass


def whole(body: bytes, *headers: str) -> bytes:
    """An answer with a length."""
    lines = "".join(f"{header}\r\n" for header in headers).encode()
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)


async def echo(wire: Wire) -> None:
    """Answer each request with its own body."""
    while request := await wire.request():
        await wire.send(whole(request.body))


def first(script: Script) -> Script:
    """`script` for the first connection, an echo for those after."""
    is_first = True

    async def either(wire: Wire) -> None:
        nonlocal is_first
        chosen, is_first = (script if is_first else echo), False
        await chosen(wire)

    return either


def leading_to(server: Scripted) -> Script:
    """A proxy that makes tunnels, all to `server`."""

    async def script(wire: Wire) -> None:
        await wire.request()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            await wire.send(ESTABLISHED)
            await asyncio.gather(_pass_on(wire.reader, writer), _pass_on(reader, wire.writer))
        finally:
            writer.close()

    return script


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def of_server(name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


@cache
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def calls_to(server: Scripted) -> Endpoint:
    return endpoint(f"http://{server.address}", None, ssl.create_default_context, 30)


def calls_with_tls_to(server: Scripted, proxy: Scripted | None = None, *, seconds: float = 30) -> Endpoint:
    return endpoint(f"https://{server.address}", f"http://{proxy.address}" if proxy else None, trusting, seconds)


def connecting_to(server: Scripted, make: Callable[[], Connection] = Connection) -> Callable[[], Awaitable[Connection]]:
    async def connect() -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", server.port)
        return connection

    return connect


async def failure(call: Awaitable[object]) -> str:
    with pytest.raises(CallFailed) as failed:
        await call
    return failed.value.code
