"""How lines become Kinesis records, and what is billed of them. Pure.

With packing, the lines of one PutRecords call are dealt into lanes by the leading bits of a hash of source and id, and
the lines of a lane share records; without, each line is a record of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, floor, lgamma, log, log1p, sqrt

from app.sinks.batching import MAX_CALL_BYTES, PACKED_BYTES

KIB = 1024
PUT_UNIT_BYTES = 25 * KIB
"""A PUT payload unit (Kinesis pricing page: "counted in 25KB payload chunks")."""
ON_DEMAND_STEP_BYTES = KIB
"""On demand "each record [is] rounded up to the nearest 1 KB (1,024 bytes)" (Kinesis pricing page)."""
FIREHOSE_STEP_BYTES = 5 * KIB
"""Firehose bills a record of a Kinesis stream rounded up to 5 KB (Firehose pricing page)."""
PARTITION_KEY_BYTES = 8
_SIGMAS = 12


@dataclass(frozen=True, slots=True)
class Sent:
    """Kinesis records and what is billed of them: exact for given records, else expected.

    Attributes:
        payload_bytes: of the records' data.
        put_units: provisioned mode's.
        on_demand_bytes, firehose_bytes: with every record rounded up.
    """

    records: float = 0.0
    payload_bytes: float = 0.0
    put_units: float = 0.0
    on_demand_bytes: float = 0.0
    firehose_bytes: float = 0.0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __mul__(self, times: float) -> "Sent":
        return Sent(*(value * times for value in self._values()))

    @property
    def throughput_bytes(self) -> float:
        """What counts against a shard's 1 MB a second: data and partition keys."""
        return self.payload_bytes + self.records * PARTITION_KEY_BYTES

    def _values(self) -> tuple[float, ...]:
        return (self.records, self.payload_bytes, self.put_units, self.on_demand_bytes, self.firehose_bytes)


def kinesis_records(sizes: Sequence[int], lanes: Sequence[int], limit: int = PACKED_BYTES) -> list[int]:
    """Sizes of the records that the lines of one call become, lane by lane.

    Args:
        sizes: bytes of each line, in order.
        lanes: the lane of each line.
        limit: bytes that lines may fill together.
    """
    records: list[int] = []
    open_record: dict[int, int] = {}
    for size, lane in zip(sizes, lanes, strict=True):
        filled = open_record.get(lane, 0)
        if filled and filled + size > limit:
            records.append(filled)
            filled = 0
        open_record[lane] = filled + size
    return records + list(open_record.values())


def sent(records: Iterable[int]) -> Sent:
    """What is billed of records of these sizes."""
    return sum((_record(size) for size in records), Sent())


def unpacked(lines: float, line_bytes: int) -> Sent:
    """So many lines, each a record of its own."""
    return _record(line_bytes) * lines


@lru_cache(maxsize=1024)
def packed(lines: int, line_bytes: int, lanes: int, share: float = 1.0, limit: int = PACKED_BYTES) -> Sent:
    """What is expected of one request of `lines` records, of which each is accepted with probability `share`.

    A line falls into each lane with the same probability, so a lane of a call holds a binomial number of lines; its
    records are worked out for every number there can be and weighted. Exact for lines of one size.
    """
    per_call = max(1, MAX_CALL_BYTES // (line_bytes + PARTITION_KEY_BYTES))
    calls, rest = divmod(lines, per_call)
    whole = _call(per_call, line_bytes, lanes, share, limit) * calls if calls else Sent()
    return whole + (_call(rest, line_bytes, lanes, share, limit) if rest else Sent())


def _call(lines: int, line_bytes: int, lanes: int, share: float, limit: int) -> Sent:
    per_record = max(1, limit // line_bytes)
    full = _record(per_record * line_bytes)
    expected = Sent()
    for count, probability in _binomial(lines, share / lanes):
        records, rest = divmod(count, per_record)
        lane = full * records + (_record(rest * line_bytes) if rest else Sent())
        expected += lane * probability
    return expected * lanes


def _record(size: int) -> Sent:
    return Sent(
        records=1,
        payload_bytes=size,
        put_units=ceil(size / PUT_UNIT_BYTES),
        on_demand_bytes=ceil(size / ON_DEMAND_STEP_BYTES) * ON_DEMAND_STEP_BYTES,
        firehose_bytes=ceil(size / FIREHOSE_STEP_BYTES) * FIREHOSE_STEP_BYTES,
    )


def _binomial(trials: int, probability: float) -> Iterator[tuple[int, float]]:
    """Each number of successes that matters, with its probability."""
    if probability >= 1:
        yield trials, 1.0
        return
    if probability <= 0:
        yield 0, 1.0
        return
    mean = trials * probability
    spread = _SIGMAS * (sqrt(mean * (1 - probability)) + 1)
    for count in range(max(0, floor(mean - spread)), min(trials, ceil(mean + spread)) + 1):
        ways = lgamma(trials + 1) - lgamma(count + 1) - lgamma(trials - count + 1)
        yield count, exp(ways + count * log(probability) + (trials - count) * log1p(-probability))
