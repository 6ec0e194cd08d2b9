"""All that the command answers: the comparison, the break-even points and the two sweeps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ops.cost import break_even
from ops.cost.comparison import Comparison, compare, over_batches, over_buffers
from ops.cost.price_list import PriceList
from ops.cost.services import Bill, bill
from ops.cost.workload import Setup, Workload


@dataclass(frozen=True, slots=True)
class Study:
    """Everything about one workload.

    Attributes:
        halves_single: batch size from which packed batches cost half of one record a request.
        halves_batch: batch size from which packing halves the bill of the same batches.
        rejected, spilled: share at which their objects are a tenth of the bill of packed batches.
        rejected_single: that share with one record a request.
        file_seconds: buffer seconds from which files cost under a hundredth of the bill.
        over_batches: packed, by batch size; over_buffers: by buffer.
    """

    prices: PriceList
    comparison: Comparison
    modes: break_even.Modes
    halves_single: int | None
    halves_batch: int | None
    rejected: float | None
    rejected_single: float | None
    spilled: float | None
    file_seconds: int | None
    over_batches: Sequence[Bill]
    over_buffers: Sequence[Bill]


def study(workload: Workload, setup: Setup, prices: PriceList) -> Study:
    """Work everything out.

    Raises:
        WorkloadError: the stage cannot take it.
    """
    comparison = compare(workload, setup, prices)
    packed, single = comparison.packed, comparison.single
    elastic = replace(packed.setup, shards=None)

    def same_batch(batch: int) -> float:
        return bill(replace(workload, batch=batch), comparison.unpacked.setup, prices).total

    return Study(
        prices=prices,
        comparison=comparison,
        modes=break_even.modes(workload, packed.setup, prices),
        halves_single=break_even.batch_that_halves(workload, setup, prices, lambda _: single.total),
        halves_batch=break_even.batch_that_halves(workload, setup, prices, same_batch),
        rejected=break_even.rejected_share(workload, packed.setup, prices),
        rejected_single=break_even.rejected_share(single.workload, single.setup, prices),
        spilled=break_even.spilled_share(workload, packed.setup, prices),
        file_seconds=break_even.buffer_seconds(workload, packed.setup, prices),
        over_batches=over_batches(workload, elastic, prices),
        over_buffers=over_buffers(workload, packed.setup, prices),
    )
