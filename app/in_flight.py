"""What the gateway has at hand at one time, and the bounds of it. No I/O; for one event loop."""

from types import TracebackType

from app.exceptions import Overloaded

RECORD_BYTES = 400
"""What a record costs besides its own bytes, in the same measure: memory grows by about three bytes for each that is
held, be it one of ten thousand records of 50 bytes or of a few large ones (measured, docs/decisions/0014)."""


class InFlight:
    """Counts requests at work and the bytes of bodies.

    A request is at work from when its body is there until its answer is made: who sends slowly takes nobody's place,
    and holds no more than has come of it. Bytes are those received, again those decoded, and RECORD_BYTES a record.

    Attributes:
        requests, held_bytes: now.
    """

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self.requests = 0
        self.held_bytes = 0

    def admit(self, *, requests: int = 0, size: int = 0) -> None:
        """Whether so many more requests at work, and bytes, would fit now.

        Raises:
            Overloaded: they would not.
        """
        if self.requests + requests > self._max_requests or self.held_bytes + size > self._max_bytes:
            raise Overloaded("The gateway has no room for another request at the moment; nothing is stored. Try again.")


class Place:
    """What one request takes of it, given back when the block ends."""

    def __init__(self, in_flight: InFlight) -> None:
        self._all = in_flight
        self._held_bytes = 0
        self._is_at_work = False

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.held_bytes -= self._held_bytes
        self._all.requests -= self._is_at_work
        self._held_bytes, self._is_at_work = 0, False

    def expect(self, size: int) -> None:
        """Refuse now what would be refused once its body of `size` bytes has come. Takes nothing yet.

        Raises:
            Overloaded: there is no room.
        """
        self._all.admit(requests=1, size=size)

    def hold(self, size: int) -> None:
        """Take room for `size` bytes more.

        Raises:
            Overloaded: there is none; what was held before stays so until the block ends.
        """
        self._all.admit(size=size)
        self._all.held_bytes += size
        self._held_bytes += size

    def work(self) -> None:
        """Be a request at work.

        Raises:
            Overloaded: there are as many as may be.
        """
        self._all.admit(requests=1)
        self._all.requests += 1
        self._is_at_work = True
