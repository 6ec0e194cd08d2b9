"""Whether a process answers yet; small, so that the supervisor starts at once."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

Probe = Callable[[], Awaitable[bool]]
ANSWER_SECONDS = 2.0


def http_answers(url: str, path: str) -> Probe:
    """Yes once GET `path` is answered with 200."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return b" 200 " in await _status_line(url, path)
        except (OSError, TimeoutError):
            return False

    return probe


def port_accepts(url: str) -> Probe:
    """Yes once the port of `url` takes connections."""

    async def probe() -> bool:
        address = urlsplit(url)
        try:
            _, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            return False
        writer.close()
        return True

    return probe


async def never() -> bool:
    """No: the process ends when it has done its work."""
    return False


async def started() -> bool:
    """Yes at once: nothing tells from outside whether the process is ready."""
    return True


async def _status_line(url: str, path: str) -> bytes:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
        return await reader.readline()
    finally:
        writer.close()
