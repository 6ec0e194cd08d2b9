"""What was seen where, of every request of a window, small enough to hold an hour of it. Pure.

A request is one entry, its records are bits: an index is in a stage if its bit is set there. Where a record was seen is
kept as pairs of a place's number and bits. tests/unit/ops/test_reconcile_tally.py measures what an entry takes.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from ops.reconcile.lines import Portion


class Stage(IntEnum):
    """Where an ingest_id can be seen, or what a receipt says of it."""

    ACCEPTED = 0
    REJECTED = 1
    RETRY = 2
    WAITING = 3
    """In spill/, for the stream."""
    KEPT = 4
    """In the error bucket's rejected/."""
    REFUSED = 5
    """Of these, those that `sluice reload` put there."""
    REPLAYED = 6
    """Marked so under replayed/."""
    STREAMED = 7
    LANDED = 8
    LOADED = 9
    ELSEWHERE = 10
    """In the raw table with a received_at outside of the window: another attempt of the same request."""
    REFUSED_AGAIN = 11
    """Of those refused and marked replayed, the ones refused after their last mark."""
    STALE = 12
    """Of those in spill/, the ones there for longer than --drain-within."""


WAY = (Stage.STREAMED, Stage.LANDED, Stage.LOADED)
SOME_SOURCES = 5
_NOTHING = [0] * len(Stage)


class Place(NamedTuple):
    """Where lines stand.

    Attributes:
        name: a shard's id, an object's key.
        position: the sequence number in a shard, else 0.
    """

    stage: Stage
    name: str
    position: int = 0


@dataclass(slots=True)
class Request:
    """One request_id. It has several attempts, with a `received_at` each, when it was sent again under its key.

    Attributes:
        minute: of its first attempt in the window, since the epoch.
        moved: seconds since the epoch when anything of it was last received, put or written.
        seen: a set of bits by stage.
        places: pairs of a place's number and a set of bits, one after the other.
    """

    source: str
    minute: int
    moved: int
    seen: list[int] = field(default_factory=_NOTHING.copy)
    places: tuple[int, ...] = ()


class Tally:
    """All requests of a window."""

    def __init__(self, source: str | None = None) -> None:
        self.requests: dict[str, Request] = {}
        self.lines: Counter[Stage] = Counter()
        self.places: list[Place] = []
        self.others: set[str] = set()
        """Some of the sources that are not meant."""
        self._only = source
        self._sources: dict[str, str] = {}
        self._numbers: dict[int, int] = {}

    def place(self, place: Place) -> int:
        """A place's number, to add by."""
        self.places.append(place)
        return len(self.places) - 1

    def add(
        self,
        stage: Stage,
        portion: Portion,
        place: int | None = None,
        moved: float = 0.0,
    ) -> None:
        """Note records of a request as seen in a stage.

        Args:
            moved: seconds since the epoch, if they moved after they were received.
        """
        if self._only is not None and portion.source != self._only:
            if len(self.others) < SOME_SOURCES:
                self.others.add(portion.source)
            return
        minute, latest = self._same(portion.received // 60), self._same(max(portion.received, int(moved)))
        request = self.requests.get(portion.request_id)
        if request is None:
            source = self._sources.setdefault(portion.source, portion.source)
            request = self.requests[portion.request_id] = Request(source, minute, latest)
        request.minute = min(request.minute, minute)
        request.moved = max(request.moved, latest)
        request.seen[stage] |= portion.indexes
        if place is not None:
            # One number instead of two that are equal.
            indexes = request.seen[stage] if portion.indexes == request.seen[stage] else portion.indexes
            request.places += (place, indexes)
        self.lines[stage] += portion.lines

    def note(self, stage: Stage, request_id: str, indexes: int, moved: float = 0.0) -> None:
        """The same for a request that is known; another is not of the window."""
        request = self.requests.get(request_id)
        if request is not None:
            request.seen[stage] |= indexes
            request.moved = max(request.moved, int(moved))

    def places_of(self, request: Request, index: int) -> Iterator[Place]:
        """Where a record was seen, in the order it was noted."""
        for number, indexes in zip(request.places[::2], request.places[1::2], strict=True):
            if indexes >> index & 1:
                yield self.places[number]

    def _same(self, number: int) -> int:
        """One object for equal numbers."""
        return self._numbers.setdefault(number, number)
