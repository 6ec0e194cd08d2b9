"""Just enough HTTP/1.1 for a proxy: whole messages read from, and written to, asyncio streams."""

import asyncio
from dataclasses import dataclass

MAX_HEAD_BYTES = 64 * 1024
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length"}
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request; `target` is the path with its query."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        return _header(self.headers, name)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. An answer to HEAD keeps its Content-Length though it has no body."""

    status: int
    reason: str
    headers: Headers
    body: bytes


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, Headers] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *rest = head[:-4].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest)
    return first, [(name.strip(), value.strip()) for name, _, value in pairs]


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return bytes(body)


async def _read_body(reader: asyncio.StreamReader, headers: Headers, *, until_closed: bool) -> bytes:
    if _header(headers, "transfer-encoding").lower() == "chunked":
        return await _read_chunked(reader)
    if length := _header(headers, "content-length"):
        return await reader.readexactly(int(length))
    return await reader.read() if until_closed else b""


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """The next request of a connection, None once the client has closed it. `Expect: 100-continue` is answered here."""
    head = await _read_head(reader)
    if head is None:
        return None
    method, target, _version = head[0].split(" ")
    if _header(head[1], "expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    return Request(method, target, head[1], await _read_body(reader, head[1], until_closed=False))


async def forward(request: Request, host: str, port: int, body: bytes | None = None) -> Answer:
    """Send `request` (with `body` in place of its own, if given) over a connection of its own; the whole answer."""
    payload = request.body if body is None else body
    reader, writer = await asyncio.open_connection(host, port, limit=MAX_HEAD_BYTES)
    try:
        kept = [(name, value) for name, value in request.headers if name.lower() not in HOP_BY_HOP]
        lines = [*kept, ("Content-Length", str(len(payload))), ("Connection", "close")]
        writer.write(_head(f"{request.method} {request.target} HTTP/1.1", lines) + payload)
        await writer.drain()
        return await _read_answer(reader, request.method)
    finally:
        writer.close()


async def _read_answer(reader: asyncio.StreamReader, method: str) -> Answer:
    head = await _read_head(reader)
    if head is None:
        raise ConnectionResetError("the upstream closed the connection without an answer")
    _version, status, *reason = head[0].split(" ", 2)
    if status == "100":
        return await _read_answer(reader, method)
    bodiless = method == "HEAD" or status in {"204", "304"}
    body = b"" if bodiless else await _read_body(reader, head[1], until_closed=True)
    return Answer(int(status), " ".join(reason), head[1], body)


def _head(first: str, headers: Headers) -> bytes:
    return "".join(f"{line}\r\n" for line in [first, *(f"{n}: {v}" for n, v in headers), ""]).encode("latin-1")


async def write_answer(writer: asyncio.StreamWriter, answer: Answer, method: str) -> None:
    """Send `answer` and leave the connection open for the next request."""
    keep_length = method == "HEAD"
    headers = [
        (name, value)
        for name, value in answer.headers
        if name.lower() not in HOP_BY_HOP or (keep_length and name.lower() == "content-length")
    ]
    if not keep_length:
        headers.append(("Content-Length", str(len(answer.body))))
    writer.write(_head(f"HTTP/1.1 {answer.status} {answer.reason}", headers) + answer.body)
    await writer.drain()
