"""Every record that differs, with where it was last seen. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from ops.reconcile.compare import Comparison, Kind
from ops.reconcile.lines import indexes_of
from ops.reconcile.run import Reading
from ops.reconcile.tally import Place, Request, Stage

Lines = Mapping[str, Mapping[str, int]]
"""By object: the line of each ingest_id."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One record that differs.

    Attributes:
        minute: in which it was received.
        place: where it was last seen; None if there is no more than its receipt.
        load: what COPY_HISTORY says of the landing file that it is in: a status, or None.
    """

    kind: Kind
    ingest_id: str
    source: str
    minute: datetime
    settling: bool
    place: Place | None
    load: str | None

    def where(self, lines: Lines) -> str:
        """The place in words."""
        place = self.place
        if place is None:
            return "only in the receipt"
        if place.stage is Stage.STREAMED:
            return f"{place.name} sequence number {place.position}"
        if place.stage is Stage.LOADED:
            return f"row of {place.name}"
        line = self.line(lines)
        return f"{place.name}{'' if line is None else f' line {line}'}{self._load()}"

    def line(self, lines: Lines) -> int | None:
        """The line of the object it is in, as far as that was looked up."""
        return None if self.place is None else lines.get(self.place.name, {}).get(self.ingest_id)

    def as_json(self, lines: Lines) -> dict[str, object]:
        """For programs."""
        seen: dict[str, object] = {"stage": "receipt"}
        if self.place is not None:
            seen = {"stage": self.place.stage.name.lower(), "name": self.place.name}
            if self.place.stage is Stage.STREAMED:
                seen["sequence_number"] = str(self.place.position)
            elif (line := self.line(lines)) is not None:
                seen["line"] = line
            if self.place.stage is Stage.LANDED:
                seen["load_status"] = self.load
        return {
            "kind": self.kind.value,
            "ingest_id": self.ingest_id,
            "source": self.source,
            "minute": moment(self.minute),
            "settling": self.settling,
            "last_seen": seen,
        }

    def _load(self) -> str:
        if self.place is None or self.place.stage is not Stage.LANDED:
            return ""
        if self.load is None:
            return " (COPY_HISTORY does not know the file)"
        return f" (COPY_HISTORY: {self.load})"


def details(
    reading: Reading, comparison: Comparison, most: int | None = None, *, settling: bool = True
) -> Iterator[Detail]:
    """Every difference, or the first `most` of each kind: the oldest first."""
    for kind in Kind:
        yield from islice(_of_kind(reading, comparison, kind, settling=settling), most)


def moment(minute: datetime) -> str:
    """A minute as text."""
    return f"{minute:%Y-%m-%dT%H:%MZ}"


def from_minute(minute: int) -> datetime:
    """A minute since the epoch."""
    return datetime.fromtimestamp(60 * minute, UTC)


def _of_kind(reading: Reading, comparison: Comparison, kind: Kind, *, settling: bool) -> Iterator[Detail]:
    requests = reading.tally.requests
    found = [each for each in comparison.differences if each.kind is kind and (settling or not each.settling)]
    for each in sorted(found, key=lambda each: (each.settling, requests[each.request_id].minute, each.request_id)):
        request = requests[each.request_id]
        for index in indexes_of(each.indexes):
            place = _place(reading, request, kind, index)
            load = None if place is None else reading.loads.get(place.name)
            yield Detail(
                kind=kind,
                ingest_id=f"{each.request_id}-{index}",
                source=request.source,
                minute=from_minute(request.minute),
                settling=each.settling,
                place=place,
                load=None if load is None else load.status,
            )


def _place(reading: Reading, request: Request, kind: Kind, index: int) -> Place | None:
    """The last on the way; of what should not be loaded at all, where the error bucket has it."""
    places = list(reading.tally.places_of(request, index))
    if kind is Kind.REJECTED_YET_LOADED:
        places = [place for place in places if place.stage is Stage.KEPT]
    return max(places, key=lambda place: place.stage, default=None)
