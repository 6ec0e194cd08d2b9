"""Kinesis' limits, and packing lines into records and records into calls that keep them. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from app.sinks.base import Line

MAX_CALL_RECORDS = 500
"""Records a PutRecords call (Kinesis API reference, PutRecords)."""
MAX_CALL_BYTES = 5 * 1024 * 1024
"""Bytes a PutRecords call, partition keys included. The API takes 10 MiB; its older limit keeps one call short."""
PACKED_BYTES = 100_000
"""Bytes of a packed record: four PUT payload units of 25 KB (Kinesis pricing), whichever kilobyte is meant. Larger ones
round no better, and a refused one is sent again whole."""
DEFAULT_LANES = 8
"""Few, so that the lines of a usual batch fill few records; at least as many as shards, for one without a lane takes
nothing, and two for each spread the load better."""
HASH_KEYS = 2**128
"""Hash keys of a stream; its shards have equal shares of them unless somebody split it otherwise."""
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Packing:
    """How lines share Kinesis records; the same for all that put into a stream, so that an id's lines meet in a shard.

    Attributes:
        lanes: what the stream's hash keys are divided into.
        packed: whether lines of a lane share records; else each has one, with a partition key of its own.
    """

    lanes: int = DEFAULT_LANES
    packed: bool = True


DEFAULT_PACKING = Packing()


@dataclass(slots=True, eq=False)
class Chain:
    """Lines of one request that go one behind the other: a call that holds some of them ends before the next begins.

    Attributes:
        lane: which of the stream's lanes they are in, or None to keep each line's own partition key and record.
        indexes: of lines in the request, those that are not confirmed, in order.
        owner: whose lines they are.
        tries: how often in a row a call took none of them.
        alone: whether they share no call with another request's.
    """

    lane: int | None
    lines: Sequence[Line]
    indexes: list[int]
    owner: object = None
    tries: int = 0
    alone: bool = False


@dataclass(slots=True, eq=False)
class Record:
    """One Kinesis record of a call: whole lines, in order."""

    lane: int | None
    partition_key: str
    size: int = 0
    parts: list[tuple[Chain, list[int]]] = field(default_factory=list)

    def data(self) -> bytes:
        """The lines, as they will be stored."""
        return b"".join([chain.lines[index].data for chain, indexes in self.parts for index in indexes])


def pack(lines: Sequence[Line], indexes: Iterable[int]) -> Iterator[list[int]]:
    """Cut `indexes` of `lines` into calls of one line a record, in order, each within both limits."""
    call: list[int] = []
    size = 0
    for index in indexes:
        line = lines[index]
        line_size = len(line.data) + len(line.partition_key)
        if call and (len(call) == MAX_CALL_RECORDS or size + line_size > MAX_CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(index)
        size += line_size
    if call:
        yield call


def chains(lines: Sequence[Line], packing: Packing) -> Iterator[Chain]:
    """Lines by lane, each lane's in order; lines with the same partition key are in the same lane."""
    if len(lines) == 1:
        yield Chain(lane_of(lines[0], packing.lanes) if packing.packed else None, lines, [0])
        return
    by_lane: dict[int, list[int]] = {}
    for index, line in enumerate(lines):
        by_lane.setdefault(lane_of(line, packing.lanes), []).append(index)
    for lane, indexes in by_lane.items():
        yield Chain(lane if packing.packed else None, lines, indexes)


def lane_of(line: Line, lanes: int) -> int:
    """Lanes are equal shares of the partition keys, which are hashes."""
    return int(line.partition_key[:8], 16) * lanes >> 32


def explicit_hash_key(lane: int, lanes: int) -> int:
    """The middle of the lane's share of the hash keys: lanes are spread over the shards evenly."""
    return (2 * lane + 1) * HASH_KEYS // (2 * lanes)


class Call:
    """A PutRecords call as it fills.

    Attributes:
        left: of the chains in it, what did not fit any more, to go when the call has ended.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.left: list[Chain] = []
        self.size = 0
        self._open: dict[int, Record] = {}

    def add(self, chain: Chain) -> bool:
        """Add a chain as far as it fits; False when nothing of it did."""
        for position, index in enumerate(chain.indexes):
            line = chain.lines[index]
            if not self._add(chain, index, line, len(line.data)):
                if position:
                    self.left.append(_rest(chain, position))
                return position > 0
        return True

    def _add(self, chain: Chain, index: int, line: Line, size: int) -> bool:
        lane = chain.lane
        record = None if lane is None else self._open.get(lane)
        if record is None or record.size + size > PACKED_BYTES:
            if len(self.records) == MAX_CALL_RECORDS or (
                self.records and self.size + size + _KEY_BYTES > MAX_CALL_BYTES
            ):
                return False
            record = Record(lane, line.partition_key if lane is None else f"{lane:x}")
            self.records.append(record)
            self.size += _KEY_BYTES
            if lane is not None:
                self._open[lane] = record
        elif self.size + size > MAX_CALL_BYTES:
            return False
        record.size += size
        self.size += size
        if record.parts and record.parts[-1][0] is chain:
            record.parts[-1][1].append(index)
        else:
            record.parts.append((chain, [index]))
        return True


def _rest(chain: Chain, position: int) -> Chain:
    rest = Chain(chain.lane, chain.lines, chain.indexes[position:], chain.owner, chain.tries, chain.alone)
    del chain.indexes[position:]
    return rest
