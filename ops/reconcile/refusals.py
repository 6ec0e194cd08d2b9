"""Records that Snowflake refused against marks that say `replayed`: the later of the two decides. Pure."""

from collections.abc import Iterator

import orjson

from ops.reconcile.lines import INGEST_ID
from ops.replay.marks import REPLAYED


class Refusals:
    """What was refused and replayed, and when. Times are those of the objects, by the bucket's clock."""

    def __init__(self) -> None:
        self._refused: dict[str, list[tuple[float, int]]] = {}
        self._replayed: dict[str, list[tuple[float, int]]] = {}

    def refused(self, request_id: str, indexes: int, at: float) -> None:
        """An error object that `sluice reload` wrote."""
        self._refused.setdefault(request_id, []).append((at, indexes))

    def replayed(self, request_id: str, indexes: int, at: float) -> None:
        """A mark."""
        self._replayed.setdefault(request_id, []).append((at, indexes))

    def again(self) -> Iterator[tuple[str, int]]:
        """Those refused after their last mark: by request, a set of bits."""
        for request_id, refused in self._refused.items():
            marks = self._replayed.get(request_id, ())
            again = 0
            for at, indexes in refused:
                marked = _union(bits for _, bits in marks)
                since = _union(bits for marked_at, bits in marks if marked_at >= at)
                again |= indexes & marked & ~since
            if again:
                yield request_id, again


def read_marks(body: bytes) -> tuple[list[tuple[str, int]], int]:
    """The records that marks say are replayed, each as its request and a set of bits; how many lines are no marks."""
    found, unreadable = [], 0
    for line in filter(None, body.split(b"\n")):
        try:
            mark = orjson.loads(line)
            match, outcome = INGEST_ID.fullmatch(mark["ingest_id"]), mark["outcome"]
        except (ValueError, KeyError, TypeError):
            match, outcome = None, REPLAYED
        if outcome != REPLAYED:
            continue
        if match is None:
            unreadable += 1
        else:
            found.append((match["request"], 1 << int(match["index"])))
    return found, unreadable


def _union(sets: Iterator[int]) -> int:
    together = 0
    for bits in sets:
        together |= bits
    return together
