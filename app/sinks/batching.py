"""Kinesis' limits, and packing lines into records and records into calls that keep them. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from app.sinks.base import Line, Lines

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
_KEY_BITS = 32
_KEY_BYTES = 8
"""In hex digits."""


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


class Chain:
    """Lines of one request that go one behind the other: a call that holds some of them ends before the next begins.

    Attributes:
        lane: which of the stream's lanes they are in, or None to keep each line's own partition key and record.
        data: the lines that are not confirmed, in order.
        keys: theirs; none where a lane has them.
        indexes: theirs, in the request.
        owner: whose lines they are.
        tries: how often in a row a call took none of them.
        alone: whether they share no call with another request's.
    """

    __slots__ = ("alone", "data", "indexes", "keys", "lane", "owner", "tries")

    def __init__(
        self, lane: int | None, data: Sequence[bytes], keys: Sequence[int], indexes: Sequence[int], owner: object = None
    ) -> None:
        self.lane = lane
        self.data = data
        self.keys = keys
        self.indexes = indexes
        self.owner = owner
        self.tries = 0
        self.alone = False

    def __len__(self) -> int:
        return len(self.data)

    def keep(self, positions: Sequence[int]) -> None:
        """Let all go but those at `positions`."""
        self.data = [self.data[position] for position in positions]
        self.keys = [self.keys[position] for position in positions] if self.keys else ()
        self.indexes = [self.indexes[position] for position in positions]

    def cut(self, position: int) -> "Chain":
        """Let those from `position` on go, into a chain of their own."""
        rest = Chain(self.lane, self.data[position:], self.keys[position:], self.indexes[position:], self.owner)
        rest.tries, rest.alone = self.tries, self.alone
        self.data, self.keys, self.indexes = self.data[:position], self.keys[:position], self.indexes[:position]
        return rest


class Record:
    """One Kinesis record of a call: whole lines, in order.

    Attributes:
        size: of its data.
        parts: positions in a chain, from and to, of the lines that it holds.
    """

    __slots__ = ("lane", "partition_key", "parts", "size")

    def __init__(self, lane: int | None, partition_key: str) -> None:
        self.lane = lane
        self.partition_key = partition_key
        self.size = 0
        self.parts: list[tuple[Chain, int, int]] = []

    def data(self) -> bytes:
        """The lines, as they will be stored."""
        if len(self.parts) == 1:
            chain, start, end = self.parts[0]
            return b"".join(chain.data[start:end])
        return b"".join([line for chain, start, end in self.parts for line in chain.data[start:end]])


def pack(lines: Sequence[Line], indexes: Iterable[int]) -> Iterator[list[int]]:
    """Cut `indexes` of `lines` into calls of one line a record, in order, each within both limits."""
    call: list[int] = []
    size = 0
    for index in indexes:
        line = lines[index]
        line_size = len(line.data) + _KEY_BYTES
        if call and (len(call) == MAX_CALL_RECORDS or size + line_size > MAX_CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(index)
        size += line_size
    if call:
        yield call


def chains(lines: Lines, packing: Packing) -> Iterator[Chain]:
    """Lines by lane, each lane's in order; lines with the same key are in the same lane."""
    data, keys, lanes = lines.data, lines.keys, packing.lanes
    if len(data) == 1:
        yield Chain(lane_of(keys[0], lanes), data, (), (0,)) if packing.packed else Chain(None, data, keys, (0,))
        return
    by_lane = defaultdict[int, list[int]](list)
    for index, key in enumerate(keys):
        by_lane[key * lanes >> _KEY_BITS].append(index)  # lane_of
    for lane, indexes in by_lane.items():
        of_lane = list(map(data.__getitem__, indexes))
        if packing.packed:
            yield Chain(lane, of_lane, (), indexes)
        else:
            yield Chain(None, of_lane, list(map(keys.__getitem__, indexes)), indexes)


def lane_of(key: int, lanes: int) -> int:
    """Lanes are equal shares of the keys."""
    return key * lanes >> _KEY_BITS


def partition_key(key: int) -> str:
    """What Kinesis is told of a line that has a record of its own."""
    return f"{key:0{_KEY_BYTES}x}"


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
        if self._add_whole(chain):
            return True
        ends = list(accumulate(map(len, chain.data), initial=0))
        position = 0
        while position < len(chain):
            record = self._record_with_room(chain, position, ends[position + 1] - ends[position])
            if record is None:
                if position:
                    self.left.append(chain.cut(position))
                return position > 0
            position = self._fill(record, chain, position, ends)
        return True

    def _add_whole(self, chain: Chain) -> bool:
        """Add a chain that fits into one record, as most do; else nothing of it."""
        if chain.lane is None:
            return False
        size = sum(map(len, chain.data))
        record = self._open.get(chain.lane)
        if size + (0 if record is None else record.size) > PACKED_BYTES:
            return False
        record = self._record_with_room(chain, 0, size)
        if record is None:
            return False
        self._add_part(record, chain, 0, len(chain), size)
        return True

    def _record_with_room(self, chain: Chain, position: int, size: int) -> Record | None:
        """Where `size` bytes go from the line at `position` on; None if the call is full."""
        lane = chain.lane
        record = None if lane is None else self._open.get(lane)
        if record is not None and record.size + size <= PACKED_BYTES:
            return record if self.size + size <= MAX_CALL_BYTES else None
        if len(self.records) == MAX_CALL_RECORDS or (self.records and self.size + size + _KEY_BYTES > MAX_CALL_BYTES):
            return None
        record = Record(lane, partition_key(chain.keys[position]) if lane is None else f"{lane:x}")
        self.records.append(record)
        self.size += _KEY_BYTES
        if lane is not None:
            self._open[lane] = record
        return record

    def _fill(self, record: Record, chain: Chain, position: int, ends: Sequence[int]) -> int:
        """Put the line at `position` into `record`, and those behind it that fit too; where the next one stands.

        Args:
            ends: where each line of the chain would end if they were one text.
        """
        after = position + 1
        if chain.lane is not None:
            room = min(PACKED_BYTES - record.size, MAX_CALL_BYTES - self.size)
            after = max(after, bisect_right(ends, ends[position] + room) - 1)
        self._add_part(record, chain, position, after, ends[after] - ends[position])
        return after

    def _add_part(self, record: Record, chain: Chain, start: int, end: int, size: int) -> None:
        record.size += size
        self.size += size
        record.parts.append((chain, start, end))
