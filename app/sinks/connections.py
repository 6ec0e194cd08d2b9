"""How calls get to their endpoint: straight or through a proxy, with TLS or without."""

import asyncio
import re
import ssl
from base64 import b64encode
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from app.sinks.http_calls import CallFailed, Connection, Endpoint, header_lines

Opened = TypeVar("Opened", bound=asyncio.Protocol)
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
        except OSError as error:  # ssl's errors are some too
            raise CallFailed(type(error).__name__) from error

    async def _open(self, to: SplitResult, protocol: Callable[[], Opened]) -> Opened:
        tls = self._context() if to.scheme == "https" else None
        _, opened = await asyncio.get_running_loop().create_connection(protocol, to.hostname or "", _port(to), ssl=tls)
        return opened

    async def _open_tunnel(self, proxy: SplitResult, to: SplitResult) -> Connection:
        tunnel = await self._open(proxy, _Tunnel)
        through = await tunnel.lead_to(f"{to.hostname}:{_port(to)}", _credentials(proxy))
        connection = Connection()
        inside = await asyncio.get_running_loop().start_tls(
            through, connection, self._context(), server_hostname=to.hostname
        )
        if inside is None:  # typeshed's word for a loop that is closing
            raise CallFailed("TunnelClosed")
        connection.connection_made(inside)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


class _Tunnel(asyncio.Protocol):
    """A connection to a proxy, until the proxy lets it through."""

    def __init__(self) -> None:
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
        headers = {"Host": authority, **credentials}
        self._transport.write(f"CONNECT {authority} HTTP/1.1\r\n{header_lines(headers)}\r\n".encode("latin-1"))
        try:
            await self._answered
        finally:
            is_through = _END_OF_HEAD in self._head and _ESTABLISHED.match(self._head) is not None
            if not is_through:
                self._transport.abort()
        if not is_through:
            raise CallFailed("ProxyRefused")
        return self._transport


def _credentials(proxy: SplitResult) -> Mapping[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _port(to: SplitResult) -> int:
    return to.port or _PORTS[to.scheme]
