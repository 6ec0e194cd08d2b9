"""How calls get to their endpoint: straight or through a proxy, with TLS or without."""

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from app.sinks.http_calls import CallFailed, Connection, Endpoint, header_lines

Opened = TypeVar("Opened", bound="Connection | _Tunnel")
_ESTABLISHED = re.compile(rb"HTTP/1\.[01] 2\d\d[ \r]")
_END_OF_HEAD = b"\r\n\r\n"
_MAX_HEAD_BYTES = 16 * 1024
_PORTS = {"http": 80, "https": 443}


def endpoint(url: str, proxy: str | None, make_tls: Callable[[], ssl.SSLContext], connect_seconds: float) -> Endpoint:
    """Where calls to `url` go.

    Args:
        proxy: URL of the proxy to go through.
        make_tls: what certificates are judged by; asked when there is one to judge.
        connect_seconds: how long a connection may take.
    """
    to = urlsplit(url)
    path = to.path or "/"
    way = _Way(make_tls, connect_seconds)
    if proxy is None:
        return Endpoint(lambda: way.straight(to), path, {})
    over = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if to.scheme == "https":
        return Endpoint(lambda: way.through_tunnel(over, to), path, {})
    return Endpoint(lambda: way.straight(over), f"http://{to.netloc}{path}", _credentials(over))


class _Way:
    """Makes connections.

    Raises, in all that it does:
        CallFailed: there is none.
    """

    def __init__(self, make_tls: Callable[[], ssl.SSLContext], connect_seconds: float) -> None:
        self._make_tls = make_tls
        self._tls: ssl.SSLContext | None = None
        self._connect_seconds = connect_seconds

    async def straight(self, to: SplitResult) -> Connection:
        """A connection to `to`."""
        return await self._in_time(self._open(to, Connection))

    async def through_tunnel(self, proxy: SplitResult, to: SplitResult) -> Connection:
        """A connection to `to` that the proxy does not look into (RFC 9110, 9.3.6)."""
        return await self._in_time(self._open_tunnel(proxy, to))

    async def _in_time(self, opening: Coroutine[Any, Any, Connection]) -> Connection:
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await opening
        except TimeoutError:
            raise CallFailed("ConnectTimeout") from None
        except (OSError, UnicodeError) as error:  # ssl's errors are the former, a name that can be none the latter
            raise CallFailed(type(error).__name__) from error

    async def _open(self, to: SplitResult, protocol: Callable[[], Opened]) -> Opened:
        if to.scheme not in _PORTS:
            raise CallFailed("InvalidURL")
        host, port = to.hostname or "", _port(to)
        tls = self._context() if to.scheme == "https" else None
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        connected = await first_to_answer(found, self._connect_seconds)
        opened = protocol()
        try:
            await loop.create_connection(lambda: opened, sock=connected, ssl=tls, server_hostname=host if tls else None)
        except BaseException:  # a handshake that was just done would wait for the other side's farewell
            opened.close()
            connected.close()
            raise
        return opened

    async def _open_tunnel(self, proxy: SplitResult, to: SplitResult) -> Connection:
        tls = self._context()
        authority = _authority(to)
        tunnel = await self._open(proxy, _Tunnel)
        try:
            return await self._inside(await tunnel.lead_to(authority, _credentials(proxy)), tls, to)
        except BaseException:
            tunnel.close()
            raise

    @staticmethod
    async def _inside(through: asyncio.Transport, tls: ssl.SSLContext, to: SplitResult) -> Connection:
        connection = Connection()
        inside = await asyncio.get_running_loop().start_tls(through, connection, tls, server_hostname=to.hostname)
        if inside is None or through.is_closing():  # asyncio's word, and uvloop's, for a proxy that hung up
            raise CallFailed("ServerDisconnected")
        connection.connection_made(inside)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


async def first_to_answer(found: Sequence[tuple[Any, ...]], seconds: float) -> socket.socket:
    """A connection to the first of the addresses that takes one. Each has a share of the time, so that
    one that is silent does not use it up, but no less than a third, for some are far.

    Args:
        found: as getaddrinfo says it.

    Raises:
        OSError: none did; what the last said.
    """
    failure = OSError("no address")
    for family, kind, protocol, _, address in found:
        connecting = socket.socket(family, kind, protocol)
        connecting.setblocking(False)
        try:
            async with asyncio.timeout(seconds / min(len(found), 3)):
                await asyncio.get_running_loop().sock_connect(connecting, address)
        except OSError as error:  # TimeoutError is one
            connecting.close()
            failure = error
        except BaseException:
            connecting.close()
            raise
        else:
            return connecting
    raise failure


class _Tunnel(asyncio.Protocol):
    """A connection to a proxy, until the proxy lets it through."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._answered = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvloop's is no subclass
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if _END_OF_HEAD in self._head or len(self._head) > _MAX_HEAD_BYTES:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's own
        self._end()

    def _end(self) -> None:
        if not self._answered.done():
            self._answered.set_result(None)

    async def lead_to(self, authority: str, credentials: Mapping[str, str]) -> asyncio.Transport:
        """What goes through to `authority` from now on."""
        if self._transport is None:
            raise CallFailed("ServerDisconnected")
        headers = {"Host": authority, **credentials}
        self._transport.write(f"CONNECT {authority} HTTP/1.1\r\n{header_lines(headers)}\r\n".encode("latin-1"))
        await self._answered
        if not self._head.endswith(_END_OF_HEAD) or _ESTABLISHED.match(self._head) is None:
            raise CallFailed("ProxyRefused")
        return self._transport

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _credentials(proxy: SplitResult) -> Mapping[str, str]:
    if proxy.username is None:
        return {}
    pair = b"%b:%b" % (unquote_to_bytes(proxy.username), unquote_to_bytes(proxy.password or ""))
    return {"Proxy-Authorization": f"Basic {b64encode(pair).decode()}"}


def _authority(to: SplitResult) -> str:
    host = to.hostname or ""
    return f"[{host}]:{_port(to)}" if ":" in host else f"{host}:{_port(to)}"


def _port(to: SplitResult) -> int:
    try:
        return to.port or _PORTS[to.scheme]
    except ValueError:
        raise CallFailed("InvalidURL") from None
