"""From where on the other way is cheaper."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ops.cost.comparison import most_records
from ops.cost.price_list import PriceList
from ops.cost.services import Bill, bill
from ops.cost.workload import MOST_SHARE, ON_DEMAND, PROVISIONED, Setup, Workload

HALF = 0.5
ERROR_SHARE = 0.1
FILE_SHARE = 0.01
STANDING_SHARDS = (2, 4, 8)
"""dev.yaml's, prod.yaml's and twice that."""
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Modes:
    """A provisioned stream against one on demand.

    Attributes:
        provisioned, on_demand: dollars a month of Kinesis.
        peak: provisioned is cheaper while the busiest seconds bring at most so many times the mean.
        rates: for so many standing shards, records a second under which on demand is cheaper; 0 is never.
    """

    provisioned: float
    on_demand: float
    peak: float
    rates: dict[int, float]


def modes(workload: Workload, setup: Setup, prices: PriceList) -> Modes:
    """Which mode is cheaper, and until where. Kinesis' prices have no tiers: all is linear but for whole shards."""
    as_needed = replace(setup, mode=PROVISIONED, shards=None)
    provisioned = bill(workload, as_needed, prices)
    on_demand = bill(workload, replace(setup, mode=ON_DEMAND), prices)
    shard = _dollars(provisioned, "shard hours") / provisioned.demand.shards
    units = _dollars(provisioned, "PUT payload units")
    standing = _dollars(on_demand, "stream hours")
    volume = on_demand.of("Kinesis") - standing
    affordable = int((on_demand.of("Kinesis") - units) / shard)
    cheaper = {shards: max(0.0, shards * shard - standing) / (volume - units) for shards in STANDING_SHARDS}
    return Modes(
        provisioned=provisioned.of("Kinesis"),
        on_demand=on_demand.of("Kinesis"),
        peak=affordable / provisioned.demand.shards_needed,
        rates={shards: share * workload.rate for shards, share in cheaper.items()},
    )


def batch_that_halves(
    workload: Workload, setup: Setup, prices: PriceList, against: Callable[[int], float]
) -> int | None:
    """The first batch size of a ladder whose packed bill is at most half of `against(batch)`; None if there is none."""
    packing = replace(setup, packing=True, shards=None)
    for batch in _ladder(most_records(workload.size)):
        if bill(replace(workload, batch=batch), packing, prices).total <= HALF * against(batch):
            return batch
    return None


def rejected_share(workload: Workload, setup: Setup, prices: PriceList) -> float | None:
    """The share of rejected records at which their objects are a tenth of the bill; None if they never are."""

    def share(rejected: float) -> float:
        found = bill(replace(workload, rejected=rejected), replace(setup, shards=None), prices)
        return found.of("S3 errors, spill") / found.total

    return _first(share, ERROR_SHARE)


def spilled_share(workload: Workload, setup: Setup, prices: PriceList) -> float | None:
    """As `rejected_share`, for requests that are spilled; None if they never are."""

    def share(spilled: float) -> float:
        found = bill(replace(workload, rejected=0.0, spilled=spilled), replace(setup, shards=None), prices)
        return found.of("S3 errors, spill") / found.total

    return _first(share, ERROR_SHARE)


def file_dollars(of: Bill) -> float:
    """What the number of files costs: their PUTs and GETs. Neither their bytes nor Snowpipe, which bills bytes."""
    return _dollars(of, "PUTs of files") + _dollars(of, "GETs by Snowpipe")


def buffer_seconds(workload: Workload, setup: Setup, prices: PriceList) -> int | None:
    """From how many seconds on files cost under a hundredth of the bill; None if no buffer of that size does that."""
    for seconds in (0, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900):
        found = bill(workload, replace(setup, buffer_seconds=seconds), prices)
        if file_dollars(found) < FILE_SHARE * found.total:
            return seconds
    return None


def file_fee_until_2025(of: Bill, prices: PriceList) -> float:
    """What Snowpipe charged for the number of files, besides computing, before 2025-12-08."""
    credit = prices.charge(f"snowflake_credit_{of.setup.edition}", 1)
    return prices.charge("snowpipe_files_until_2025", of.demand.files) * credit


def _dollars(of: Bill, what: str) -> float:
    return sum(charge.dollars for charge in of.charges if charge.what == what)


def _ladder(most: int) -> Iterator[int]:
    batch = 2.0
    while batch < most:
        yield int(batch)
        batch = max(batch + 1, batch * 1.1)
    if most > 1:
        yield most


def _first(share: Callable[[float], float], wanted: float) -> float | None:
    """By bisection: `share` rises."""
    low, high = 0.0, MOST_SHARE
    if share(high) < wanted:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if share(middle) >= wanted else (middle, high)
    return high
