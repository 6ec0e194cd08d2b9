"""How long a connection waits for its client: timers that uvicorn does not have."""

import asyncio


class Patience:
    """Closes a connection whose client does not do its part. It sets timers; it reads and writes nothing.

    Args:
        head_seconds: how long a head may take.
        answer_seconds: how long what is left of an answer may wait to be read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        head_seconds: float,
        answer_seconds: float,
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._head_seconds = head_seconds
        self._answer_seconds = answer_seconds
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._unread_since = 0.0

    @property
    def expects_head(self) -> bool:
        """Whether one is waited for."""
        return self._head_timer is not None

    def expect_head(self, *, is_awaited: bool) -> None:
        """Expect the rest of a head from now on, or go on expecting it, or no more."""
        if not is_awaited:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(self._head_seconds, self._transport.close)

    def note_what_is_read(self) -> None:
        """Before more is written: if all that was written has been read, waiting begins anew."""
        if not self._transport.get_write_buffer_size():
            self._unread_since = self._loop.time()

    def expect_reader(self) -> None:
        """Expect that what is written is read."""
        if self._answer_timer is None and self._transport.get_write_buffer_size():
            self._answer_timer = self._loop.call_later(self._answer_seconds, self.check_reader)

    def check_reader(self) -> None:
        """Cut the connection if it has not been read for too long: closing would wait for the client."""
        self._answer_timer = None
        if not self._transport.get_write_buffer_size():
            return
        left = self._unread_since + self._answer_seconds - self._loop.time()
        if left > 0:
            self._answer_timer = self._loop.call_later(left, self.check_reader)
        else:
            self._transport.abort()

    def end(self) -> None:
        """Expect nothing more."""
        for timer in (self._head_timer, self._answer_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._answer_timer = None
