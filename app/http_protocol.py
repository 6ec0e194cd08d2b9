"""HTTP/1.1 for uvicorn: `uvicorn --http app.http_protocol:Http`.

uvicorn's protocol by httptools, but for three things. A request that offers an upgrade, whose body httptools takes for
another protocol's, is served by h11, which ignores the offer as RFC 9110, 7.8 allows. Nothing is answered out of turn.
And there is an end to the waiting that uvicorn leaves open: for a head that never ends, for an answer that is never
read, for a body that goes on after its answer.
"""

import asyncio
from typing import Any

import h11
import httptools
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.corked import CorkedTransport
from app.patience import Patience

MAX_HEAD_BYTES = 16 * 1024
"""What h11 takes by default, and more than the 10,240 bytes of an HTTP API (API Gateway quotas)."""
_INVALID = "Invalid HTTP request received."


class _NotServed(Exception):
    """Raised in the parser's callbacks to stop it."""


class _Upgrade(_NotServed):
    """The request offers one."""


class _Refused(_NotServed):
    """The request is not HTTP/1.1 as we take it."""


class _Trailer(list[tuple[bytes, bytes]]):
    """What follows a chunked body in the form of headers: thrown away (RFC 9110, 6.5.1), and bounded."""

    _size = 0

    def append(self, header: tuple[bytes, bytes]) -> None:
        """Forget one."""
        self._size += sum(map(len, header)) + 4
        if self._size > MAX_HEAD_BYTES:
            raise _Refused


class Http(HttpToolsProtocol):
    """Closes connections whose client does not do its part, and leaves offers of an upgrade to h11.

    Attributes:
        _head: what has come of a head; None when it began behind other bytes, so that it is not known where.
        _head_size: bytes of the reads that were nothing but this head.
        _serving: the request that is answered next.
    """

    head_seconds = 10.0
    """How long a head may take, from the connection's start or from the first byte of a later head."""
    answer_seconds = 30.0
    """How long what is left of an answer may wait to be read; the largest has 5 MB."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  uvicorn's own
        super().__init__(*args, **kwargs)
        self._head: bytes | None = b""
        self._head_size = self._read_size = 0
        self._is_between_requests = True
        self._is_in_head = True
        self._has_begun_in_read = False
        self._is_deaf = False
        self._serving: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect a head."""
        self._uncorked = transport
        self.patience = Patience(self.loop, transport, self.head_seconds, self.answer_seconds)
        self._corked = CorkedTransport(transport, self.loop, self.patience)
        super().connection_made(self._corked)
        self.patience.expect_head(is_awaited=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        super().connection_lost(exc)
        self.patience.end()

    def data_received(self, data: bytes) -> None:
        """Take what came, and expect the rest of a head that has begun."""
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        self._read_size, self._has_begun_in_read = len(data), False
        if self._is_between_requests:
            self._head, self._head_size = data, 0
            self._is_in_head = True
        elif self._is_in_head:
            self._head = None if self._head is None else self._head + data
        try:
            self.parser.feed_data(data)
            self._measure_head()
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, _Upgrade):
                self._leave_to_h11()
            else:
                self._refuse()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse()
        if self._is_in_head or self.patience.expects_head:
            self._expect_head()

    def _measure_head(self) -> None:
        """Refuse a head that goes on and is too large already."""
        if self._is_in_head and not self._has_begun_in_read:
            self._head_size += self._read_size
            if self._head_size > MAX_HEAD_BYTES:
                self._refuse()

    def _expect_head(self) -> None:
        """The rest of a head that has begun, unless an answer is due first: who waits for that may have stopped."""
        serving = self._serving
        is_idle = serving is None or serving.response_complete
        self.patience.expect_head(is_awaited=self._is_in_head and is_idle and not self._is_deaf)

    def on_message_begin(self) -> None:
        """A request begins; behind another one's bytes, if a head was not awaited."""
        if not self._is_between_requests or not self._is_in_head:
            self._head, self._head_size, self._has_begun_in_read = None, 0, True
        self._is_between_requests, self._is_in_head = False, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        if self.parser.should_upgrade():
            raise _Upgrade
        if not self._is_taken():
            raise _Refused
        self._is_in_head, self._head = False, b""
        super().on_headers_complete()
        self.headers = _Trailer()

    def _is_taken(self) -> bool:
        """Whether the head is one that we serve."""
        version = self.parser.get_http_version()
        if version == "1.1":
            if [name for name, _ in self.headers].count(b"host") != 1:  # RFC 9112, 3.2
                return False
        elif version != "1.0":
            return False
        if self._head_size + self._read_size <= MAX_HEAD_BYTES:
            return True
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) <= MAX_HEAD_BYTES

    def on_message_complete(self) -> None:
        """It is there as a whole."""
        self._is_between_requests = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Expect no more of the body that it was an answer to."""
        is_still_sent = self._serving is not None and self._serving.more_body
        super().on_response_complete()
        if is_still_sent:
            self.transport.close()
        if self._is_in_head:
            self._expect_head()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        self._serving = cycle
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]

    def _refuse(self) -> None:
        """Take nothing more. What is broken is told, unless another request's answer is awaited: it would be taken for
        that one's."""
        if not self._ends_after_answer():
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)

    def _ends_after_answer(self) -> bool:
        """Take nothing more. True if a request whose body is there will be answered and the connection then closed."""
        self._is_deaf = True
        self.pipeline.clear()
        serving = self._serving
        if serving is None or serving.response_complete:
            return False
        if serving.more_body and serving.response_started:  # refused early, and broken since: it has its answer
            self.transport.close()
            return True
        serving.keep_alive = False
        return not serving.more_body

    def _leave_to_h11(self) -> None:
        """Hand the connection over with the request's head, or close it where that cannot be told: the request was sent
        before the answer to the one before it, so its client has to be ready to send it again (RFC 9112, 9.3.2)."""
        if self._ends_after_answer():
            return
        if self._head is None:
            self.transport.close()
            return
        self._corked.uncork()
        self.patience.end()
        self.connections.discard(self)
        protocol = ByH11(config=self.config, server_state=self.server_state, app_state=self.app_state)
        protocol.head_seconds, protocol.answer_seconds = self.head_seconds, self.answer_seconds
        protocol.connection_made(self._uncorked)
        self._uncorked.set_protocol(protocol)
        protocol.data_received(self._head.lstrip(b"\r\n"))


class ByH11(H11Protocol):
    """As `Http`, for the rest of a connection on which an upgrade was offered."""

    head_seconds = Http.head_seconds
    answer_seconds = Http.answer_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect a head."""
        self.patience = Patience(self.loop, transport, self.head_seconds, self.answer_seconds)
        super().connection_made(CorkedTransport(transport, self.loop, self.patience))
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        super().connection_lost(exc)
        self.patience.end()

    def data_received(self, data: bytes) -> None:
        """Take what came, and expect the rest of a head that has begun."""
        super().data_received(data)
        self._expect_head()

    def on_response_complete(self) -> None:
        """Expect no more of the body that it was an answer to."""
        is_still_sent = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if is_still_sent:
            self.transport.close()
        self._expect_head()

    def _expect_head(self) -> None:
        """A first head is expected before its first byte; before a later one the connection is idle."""
        is_in_head = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        self.patience.expect_head(is_awaited=is_in_head and (self.cycle is None or bool(self.conn.trailing_data[0])))
