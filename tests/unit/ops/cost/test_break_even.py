"""A break-even point is one: on its two sides different ways are cheaper."""

from dataclasses import replace

import pytest

from ops.cost import break_even
from ops.cost.comparison import compare, most_records, over_batches, over_buffers
from ops.cost.services import bill
from ops.cost.workload import ON_DEMAND, PROVISIONED, Setup, Workload
from tests.unit.ops.cost.pricing import ROUND

WORKLOAD, SETUP = Workload(1000, batch=500, rejected=0.01), Setup()


def kinesis(workload: Workload, mode: str, shards: int | None = None) -> float:
    return bill(workload, Setup(mode=mode, shards=shards), ROUND).of("Kinesis")


def test_peaks_up_to_which_provisioned_is_cheaper() -> None:
    peak = break_even.modes(WORKLOAD, SETUP, ROUND).peak
    on_demand = kinesis(WORKLOAD, ON_DEMAND)
    assert kinesis(replace(WORKLOAD, peak=peak * 0.999), PROVISIONED) < on_demand
    assert kinesis(replace(WORKLOAD, peak=peak * 1.001), PROVISIONED) > on_demand


@pytest.mark.parametrize("shards", [4, 8])
def test_rates_below_which_on_demand_is_cheaper_than_standing_shards(shards: int) -> None:
    rate = break_even.modes(WORKLOAD, SETUP, ROUND).rates[shards]
    for factor, cheaper, dearer in ((0.99, ON_DEMAND, PROVISIONED), (1.01, PROVISIONED, ON_DEMAND)):
        workload = replace(WORKLOAD, rate=rate * factor)
        standing = {PROVISIONED: shards, ON_DEMAND: None}
        assert kinesis(workload, cheaper, standing[cheaper]) < kinesis(workload, dearer, standing[dearer])


def test_shards_that_cost_no_more_than_a_stream_on_demand_are_always_cheaper() -> None:
    """Two at 0.02 an hour cost the 0.04 that the stream on demand costs before its first record."""
    assert break_even.modes(WORKLOAD, SETUP, ROUND).rates[2] == 0


def test_the_batch_that_halves_the_bill() -> None:
    single = compare(WORKLOAD, SETUP, ROUND).single.total
    batch = break_even.batch_that_halves(WORKLOAD, SETUP, ROUND, lambda _: single)
    assert batch is not None
    assert bill(replace(WORKLOAD, batch=batch), SETUP, ROUND).total <= single / 2
    assert bill(replace(WORKLOAD, batch=batch - 1), SETUP, ROUND).total > single / 2


def test_no_batch_halves_a_bill_of_standing_fees() -> None:
    thin = Workload(0.001)
    single = compare(thin, SETUP, ROUND).single.total
    assert break_even.batch_that_halves(thin, SETUP, ROUND, lambda _: single) is None


@pytest.mark.parametrize("batch", [1, 500])
def test_the_share_of_rejected_records_whose_objects_are_a_tenth_of_the_bill(batch: int) -> None:
    workload = replace(WORKLOAD, batch=batch)
    share = break_even.rejected_share(workload, SETUP, ROUND)
    assert share is not None
    found = bill(replace(workload, rejected=share), SETUP, ROUND)
    assert found.of("S3 errors, spill") == pytest.approx(found.total / 10)


def test_the_share_of_spilled_requests_whose_objects_are_a_tenth_of_the_bill() -> None:
    workload = replace(WORKLOAD, batch=1)
    share = break_even.spilled_share(workload, SETUP, ROUND)
    assert share is not None
    found = bill(replace(workload, rejected=0.0, spilled=share), SETUP, ROUND)
    assert found.of("S3 errors, spill") == pytest.approx(
        found.total / 10, rel=0.02
    )  # the breaker's metrics come with the first
    assert break_even.spilled_share(replace(workload, batch=9000), SETUP, ROUND) is None


def test_the_seconds_from_which_files_hardly_cost_anything() -> None:
    seconds = break_even.buffer_seconds(WORKLOAD, SETUP, ROUND)
    assert seconds is not None
    for wait, under in ((seconds, True), (1, False)):
        found = bill(WORKLOAD, replace(SETUP, buffer_seconds=wait), ROUND)
        assert (break_even.file_dollars(found) < found.total / 100) is under


def test_a_smaller_buffer_writes_more_files_and_the_old_fee_grew_with_them() -> None:
    small, large = over_buffers(WORKLOAD, SETUP, ROUND, [(1, 5), (128, 300)])
    assert small.demand.files > 100 * large.demand.files
    assert break_even.file_fee_until_2025(small, ROUND) == pytest.approx(small.demand.files / 1000 * 0.06 * 2)
    assert small.of("Snowpipe") == pytest.approx(large.of("Snowpipe"))


def test_one_record_a_request_is_compared_with_the_same_batches_packed_and_not() -> None:
    compared = compare(WORKLOAD, replace(SETUP, shards=5), ROUND)
    assert [(b.workload.batch, b.setup.packing, b.setup.shards) for b in compared.bills.values()] == [
        (1, False, None),
        (500, False, None),
        (500, True, 5),
    ]
    (alone,) = compare(replace(WORKLOAD, batch=1), replace(SETUP, shards=5), ROUND).bills.values()
    assert (alone.workload.batch, alone.demand.shards) == (1, 5)


def test_batches_are_swept_as_far_as_a_request_goes() -> None:
    assert most_records(100_000) == 41
    assert [b.workload.batch for b in over_batches(Workload(10, size=100_000), SETUP, ROUND)] == [1, 2, 5, 10, 20]
