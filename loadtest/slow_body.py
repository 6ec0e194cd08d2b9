"""A body that is sent as slowly as over a bad line."""

from collections.abc import Callable

PIECE_BYTES = 4_096


class SlowBody:
    """A file of known length that takes its time; what sends it asks for pieces.

    Attributes:
        ended_at: when its last byte was handed out, by `clock`; None before.
    """

    def __init__(
        self, body: bytes, bytes_per_second: float, sleep: Callable[[float], object], clock: Callable[[], float]
    ) -> None:
        self._body = body
        self._rate = bytes_per_second
        self._sleep = sleep
        self._clock = clock
        self._sent = 0
        self.ended_at: float | None = None

    def __len__(self) -> int:
        return len(self._body)

    def read(self, size: int = -1) -> bytes:
        """The next piece, after the time that the ones before it take; at most 4 KiB."""
        wanted = PIECE_BYTES if size < 0 else min(size, PIECE_BYTES)
        piece = self._body[self._sent : self._sent + wanted]
        if piece:
            self._sleep(len(piece) / self._rate)
            self._sent += len(piece)
            if self._sent == len(self._body):
                self.ended_at = self._clock()
        return piece
