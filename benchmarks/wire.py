"""HTTP/1.1 answers out of the bytes of a connection. Pure."""

import re

MAX_HEAD_BYTES = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class BadAnswer(Exception):
    """What came is no answer that this module reads: it wants a status and a Content-Length."""


class AnswerReader:
    """Gives each answer once it is whole; one is awaited at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._end = 0

    def feed(self, data: bytes) -> tuple[int, bytes] | None:
        """The status and body of the answer that `data` makes whole.

        Raises:
            BadAnswer: it has no length, or there is more than one answer.
        """
        self._buffer = buffer = self._buffer + data if self._buffer else data
        if not self._end:
            head_end = buffer.find(b"\r\n\r\n")
            if head_end < 0:
                if len(buffer) > MAX_HEAD_BYTES:
                    raise BadAnswer("a head without an end")
                return None
            length = _LENGTH.search(buffer, 0, head_end)
            if not length or not buffer.startswith(b"HTTP/1.1 "):
                raise BadAnswer(repr(buffer[:200]))
            self._end = head_end + 4 + int(length[1])
            self._start = head_end + 4
        if len(buffer) < self._end:
            return None
        if len(buffer) > self._end:
            raise BadAnswer("more than was asked for")
        self._buffer, self._end = b"", 0
        return int(buffer[9:12]), buffer[self._start :]
