"""What waits for its file: bytes in, decisions out. No I/O; the clock's value is passed in."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the stream.

    Attributes:
        arrived_at: when the stream took it, approximately; UTC.
    """

    shard_id: str
    sequence_number: str
    data: bytes
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """The content of one file.

    Attributes:
        data: the records' data, one after the other.
        positions: the last sequence number by shard; once the file is written, reading may go on after these.
        oldest: arrival of the oldest record.
    """

    data: bytes
    positions: dict[str, str]
    oldest: datetime
    records: int


@dataclass(slots=True)
class Buffer:
    """Records in the order they were read.

    Attributes:
        max_bytes: a batch is at most this long, unless a single record is longer.
        max_seconds: a batch leaves at the latest this long after its first record was added.
    """

    max_bytes: int
    max_seconds: float
    _records: list[Record] = field(init=False, default_factory=list)
    _bytes: int = field(init=False, default=0)
    _since: float = field(init=False, default=0)

    def add(self, record: Record, now: float) -> Batch | None:
        """Take a record; the batch that had to leave to make room for it, if any."""
        full = self.take() if self._records and self._bytes + len(record.data) > self.max_bytes else None
        if not self._records:
            self._since = now
        self._records.append(record)
        self._bytes += len(record.data)
        return full

    def seconds_left(self, now: float) -> float:
        """Until the waiting batch must leave; infinite when nothing waits."""
        return max(0.0, self._since + self.max_seconds - now) if self._records else float("inf")

    def take(self) -> Batch | None:
        """All that waits, if anything; it waits no more."""
        records, self._records, self._bytes = self._records, [], 0
        if not records:
            return None
        return Batch(
            data=b"".join(record.data for record in records),
            positions={record.shard_id: record.sequence_number for record in records},
            oldest=min(record.arrived_at for record in records),
            records=len(records),
        )
