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
"""Far over the largest: one entry for each of 500 records."""
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
        self._awaited: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self.is_open = False
        self.used_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvloop's is no subclass
        """It is there."""
        self._transport = transport
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and with it the answer that was due."""
        self._break_off("ServerDisconnected" if exc is None else type(exc).__name__)

    def ask(self, head: bytes, body: bytes) -> Awaitable[Answer]:
        """Send a request; its answer, or CallFailed."""
        self._awaited = self._loop.create_future()
        self._transport.writelines((head, body))
        return self._awaited

    def close(self) -> None:
        """Let nothing more go over it. What is under way is cut off, so that it waits for nobody."""
        self.is_open = False
        if self._awaited is None:
            self._transport.close()
        else:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on; what nobody asked for ends the connection."""
        if self._awaited is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break_off("UnreadableAnswer")

    def on_message_begin(self) -> None:
        """An answer begins; two to one call would be taken for the answers to two."""
        if self._awaited is None:
            self.close()
        self._headers, self._pieces, self._size = {}, [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._size += len(body)
        if self._size > MAX_ANSWER_BYTES:
            self._break_off("AnswerTooLarge")
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """It is there as a whole; one below 200 is not the last."""
        status = self._parser.get_status_code()
        awaited = self._awaited
        if status < _FIRST_FINAL_STATUS or awaited is None:
            return
        self._awaited = None
        self.used_at = self._loop.time()
        if not self._parser.should_keep_alive() or self._transport.get_write_buffer_size():
            self.close()
        if not awaited.done():
            awaited.set_result(Answer(status, self._headers, b"".join(self._pieces)))

    def _break_off(self, code: str) -> None:
        self.close()
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(CallFailed(code))
        self._awaited = None


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

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Make one call.

        Raises:
            CallFailed: no answer came.
        """
        head = f"{self._start}{header_lines(headers)}Content-Length: {len(body)}\r\n\r\n"
        connection = self._kept() or await self._connect()
        try:
            answer = await connection.ask(head.encode("latin-1"), body)
        except BaseException:  # what may yet come would be taken for the answer to another call
            connection.close()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close all connections that no call is using."""
        for connection in self._idle:
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
    """As they stand in a head."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
