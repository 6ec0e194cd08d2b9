"""A transport that writes once what is written in one turn of the event loop."""

import asyncio
from typing import Any

from app.patience import Patience


class CorkedTransport(asyncio.Transport):
    """An answer is written in two parts, head and body: two system calls, and two packets, for what is one.

    Args:
        patience: with who has to read what is written.
    """

    __slots__ = ("_loop", "_parts", "_patience", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience: Patience) -> None:
        self._transport = transport
        self._loop = loop
        self._patience = patience
        self._parts: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write `data` at the end of this turn, behind what was written before."""
        if not self._parts:
            self._loop.call_soon(self.uncork)
        self._parts.append(data)

    def uncork(self) -> None:
        """Write now."""
        data = b"".join(self._parts)
        self._parts.clear()
        if data and not self._transport.is_closing():
            self._patience.note_what_is_read()
            self._transport.write(data)
            self._patience.expect_reader()

    def close(self) -> None:
        """Close once all is written."""
        self.uncork()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or will be."""
        return self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the client, and no longer for the end of the turn."""
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  asyncio's own
        """About the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take no data."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take data again."""
        self._transport.resume_reading()
