"""POSTs to one endpoint over connections that are kept: of HTTP/1.1 what calls to AWS need, and no more.

A client for everything costs more CPU a call than signing it and packing its lines (docs/decisions/0020). httptools
reads the answers, as it reads the gateway's own requests.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import httptools

IDLE_SECONDS = 15.0
"""A connection that nothing went over for so long is not used again: its server may just be closing it."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Far over the largest, with all that frames it: one entry for each of 500 records."""
MAX_HEAD_BYTES = 64 * 1024
"""As much may come before an answer's body, provisional answers included."""
_FIRST_FINAL_STATUS = 200


class CallFailed(Exception):
    """There was no answer. What the call should do may yet have been done.

    Attributes:
        code: what happened, in one word.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Answer(NamedTuple):
    """What came back.

    Attributes:
        headers: by name in lower case; of one that stands twice the last.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One connection; one call at a time.

    Attributes:
        is_open: whether another call may go over it.
        used_at: when the last answer came, in seconds of the loop's clock.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._awaited: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._has_head = False
        self.is_open = True
        self.used_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvloop's is no subclass
        """It is there. One inside a tunnel may have ended before this is said."""
        self._transport = transport

    def eof_received(self) -> None:
        """Its server is closing it; that it is gone is only said later."""
        self.is_open = False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and with it the answer that was due, unless that was to end so (RFC 9112, 6.3)."""
        has_length = "content-length" in self._headers or "transfer-encoding" in self._headers
        if exc is None and self._has_head and not has_length:
            self._answer()
        self.close("ServerDisconnected" if exc is None else type(exc).__name__)

    def ask(self, head: bytes, body: bytes) -> Awaitable[Answer]:
        """Send a request; its answer, or CallFailed."""
        if not self.is_open or self._transport is None:
            raise CallFailed("ServerDisconnected")
        self._size = 0
        self._has_head = False
        self._transport.writelines((head, body))
        self._awaited = self._loop.create_future()
        return self._awaited

    def close(self, code: str = "Closed") -> None:
        """Let nothing more go over it. A call under way fails; nothing waits for the other side."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()
        awaited, self._awaited = self._awaited, None
        if awaited is not None and not awaited.done():
            awaited.set_exception(CallFailed(code))

    def data_received(self, data: bytes) -> None:
        """Read on; what nobody asked for ends the connection."""
        if self._awaited is None:
            self.close()
            return
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            self.close("AnswerTooLarge")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close("UnreadableAnswer")
        if self._size > MAX_HEAD_BYTES and not self._has_head:
            self.close("AnswerTooLarge")

    def on_message_begin(self) -> None:
        """An answer begins; two to one call would be taken for the answers to two."""
        if self._awaited is None:
            self.close()
        self._headers, self._pieces, self._has_head = {}, [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers. What follows a body in pieces is none."""
        if not self._has_head:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """All of them are there."""
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """It is there as a whole; one below 200 is not the last."""
        if self._parser.get_status_code() < _FIRST_FINAL_STATUS:
            self._has_head = False
        else:
            self._answer()

    def _answer(self) -> None:
        awaited, self._awaited = self._awaited, None
        if awaited is None or self._transport is None:
            return
        self.used_at = self._loop.time()
        if not self._parser.should_keep_alive() or self._transport.get_write_buffer_size():
            self.close()
        if not awaited.done():
            awaited.set_result(Answer(self._parser.get_status_code(), self._headers, b"".join(self._pieces)))


class Endpoint:
    """Where calls go.

    Args:
        connect: makes a connection to it, or raises CallFailed.
        target: what the request line says.
        headers: sent with every call.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], target: str, headers: Mapping[str, str]) -> None:
        self._connect = connect
        self._start = f"POST {target} HTTP/1.1\r\n{header_lines(headers)}"
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._is_closed = False

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Make one call.

        Raises:
            CallFailed: no answer came.
        """
        head = f"{self._start}{header_lines(headers)}Content-Length: {len(body)}\r\n\r\n".encode("latin-1")
        connection = self._kept() or await self._connect()
        self._busy.add(connection)
        try:
            if self._is_closed:
                connection.close()
            answer = await connection.ask(head, body)
        except BaseException:  # what may yet come would be taken for the answer to another call
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
        if connection.is_open:
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close all connections. Calls under way fail, and those that come later."""
        self._is_closed = True
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()

    def _kept(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.used_at >= oldest:
                return connection
            connection.close()
        return None


def header_lines(headers: Mapping[str, str]) -> str:
    """As they stand in a head.

    Raises:
        CallFailed: one would be more than a line.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not lines.count("\n") == lines.count("\r") == len(headers):
        raise CallFailed("InvalidHeader")
    return lines
