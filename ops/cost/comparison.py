"""The same records sent in three ways, side by side, and swept over batch sizes and buffers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ops.cost.price_list import PriceList
from ops.cost.services import Bill, bill
from ops.cost.workload import MAX_BODY_BYTES, MAX_RECORDS, Setup, Workload

BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
BUFFERS = ((1, 5), (1, 60), (16, 60), (64, 60), (128, 300), (128, 900))
"""MiB and seconds: from parameters/dev.yaml's to the largest, with parameters/prod.yaml's before it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The bills of one record a request and of batches."""

    single: Bill
    unpacked: Bill
    packed: Bill

    @property
    def bills(self) -> dict[str, Bill]:
        """Each with its name. One record alone shares with none, so there is one way, with the shards asked for."""
        batch = self.packed.workload.batch
        if batch == 1:
            return {"one record a request": self.packed}
        return {
            "one record a request": self.single,
            f"batches of {batch:,}": self.unpacked,
            f"batches of {batch:,}, packed": self.packed,
        }


def compare(workload: Workload, setup: Setup, prices: PriceList) -> Comparison:
    """One record a request without packing, batches without, batches with.

    A number of shards that was asked for holds for the batches that are packed; the others get what they need.
    """
    apart = replace(setup, packing=False, shards=None)
    return Comparison(
        single=bill(replace(workload, batch=1), apart, prices),
        unpacked=bill(workload, apart, prices),
        packed=bill(workload, replace(setup, packing=True), prices),
    )


def over_batches(workload: Workload, setup: Setup, prices: PriceList) -> list[Bill]:
    """A bill for each batch size that a request can hold."""
    most = most_records(workload.size)
    return [bill(replace(workload, batch=batch), setup, prices) for batch in BATCHES if batch <= most]


def over_buffers(
    workload: Workload, setup: Setup, prices: PriceList, buffers: Sequence[tuple[int, int]] = BUFFERS
) -> list[Bill]:
    """A bill for each buffer, in MiB and seconds."""
    return [bill(workload, replace(setup, buffer_mib=mib, buffer_seconds=s), prices) for mib, s in buffers]


def most_records(size: int) -> int:
    """That a request holds, of `size` bytes each."""
    return max(1, min(MAX_RECORDS, MAX_BODY_BYTES // (size + 1)))
