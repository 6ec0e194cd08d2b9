"""Which rejected records are meant. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.sinks.error_bucket import REJECTED_AREA
from ops.replay.records import RejectedRecord, request_id_of

CHUNK_KEYS = 100
CHUNK_BYTES = 16 * 1024 * 1024
NO_SCHEMA = "-"


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """An error object or a mark as it is listed. `size` is in bytes, `written` in seconds since the epoch."""

    key: str
    size: int
    written: float = 0.0


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asks for; an empty set is no condition, and all conditions have to hold.

    Attributes:
        since, until: received at `since` or later, and before `until`; aware.
        schemas: as recorded: a label, or a name for all its versions, or NO_SCHEMA for records without.
    """

    since: datetime | None = None
    until: datetime | None = None
    reasons: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    schemas: frozenset[str] = frozenset()
    ingest_ids: frozenset[str] = frozenset()

    def first_prefix(self) -> str:
        """No key that is meant sorts before it."""
        return f"{REJECTED_AREA}/" if self.since is None else _hour(self.since)

    def last_prefix(self) -> str:
        """No key that is meant sorts behind those that start with it."""
        return f"{REJECTED_AREA}/" if self.until is None else _hour(self.until)

    def takes_key(self, key: str) -> bool:
        """Whether the object can hold what is meant, as far as its key tells."""
        if key < self.first_prefix() or key[: len(self.last_prefix())] > self.last_prefix():
            return False
        request_id = request_id_of(key)
        return not self.ingest_ids or any(wanted.rpartition("-")[0] == request_id for wanted in self.ingest_ids)

    def takes(self, record: RejectedRecord) -> bool:
        """Whether the record is meant."""
        origin = record.origin
        return (
            (self.since is None or origin.received_at >= self.since)
            and (self.until is None or origin.received_at < self.until)
            and (not self.reasons or record.reason in self.reasons)
            and (not self.sources or origin.source in self.sources)
            and (not self.schemas or any(_is_of(origin.schema, wanted) for wanted in self.schemas))
            and (not self.ingest_ids or record.ingest_id in self.ingest_ids)
        )


def chunks(objects: Iterable[ErrorObject]) -> Iterator[Sequence[ErrorObject]]:
    """`objects`, in their order, in portions that are read at one time."""
    chunk: list[ErrorObject] = []
    size = 0
    for found in objects:
        if chunk and (len(chunk) == CHUNK_KEYS or size + found.size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(found)
        size += found.size
    if chunk:
        yield chunk


def _hour(moment: datetime) -> str:
    return f"{REJECTED_AREA}/{moment.astimezone(UTC):dt=%Y-%m-%d/hr=%H}/"


def _is_of(label: str | None, wanted: str) -> bool:
    if label is None:
        return wanted == NO_SCHEMA
    return label == wanted or label.startswith(f"{wanted}/")
