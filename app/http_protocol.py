"""uvicorn's HTTP/1.1 by h11 with an end to the waiting that it leaves open: `uvicorn --http app.http_protocol:Http`.

uvicorn ends connections that are idle between requests. It has no limit for a head that never ends, for an answer that
is never read, and for a body that goes on after its answer.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Http(H11Protocol):
    """Closes connections whose client does not do its part.

    It looks at states and sets timers; what is read and written is uvicorn's own doing.
    """

    head_seconds = 10.0
    """How long a head may take, from the connection's start or from the first byte of a later head."""
    answer_seconds = 30.0
    """How long what is left of an answer may wait to be read; the largest has 5 MB."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  uvicorn's own
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect a head."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take what came, and expect the rest of a head that has begun."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        super().connection_lost(exc)
        for timer in (self._head_timer, self._answer_timer):
            if timer is not None:
                timer.cancel()

    def on_response_complete(self) -> None:
        """Expect that the answer is read, and no more of the body that it was an answer to."""
        is_still_sent = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if is_still_sent:
            self.transport.close()
        if self._answer_timer is None and self.transport.get_write_buffer_size():
            self._answer_timer = self.loop.call_later(self.answer_seconds, self.check_that_it_is_read)
        self._watch_head()

    def check_that_it_is_read(self) -> None:
        """Cut the connection if not: closing would wait for the client."""
        self._answer_timer = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _watch_head(self) -> None:
        if not self._is_in_head():
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _is_in_head(self) -> bool:
        """A first head is expected before its first byte; before a later one the connection is idle."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            return False
        return self.cycle is None or bool(self.conn.trailing_data[0])
