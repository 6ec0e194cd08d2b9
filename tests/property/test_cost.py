"""Whatever the workload: packing never costs more, more records never cost less, and totals add up."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.cost import price_list
from ops.cost.packing import kinesis_records, packed, sent, unpacked
from ops.cost.services import bill
from ops.cost.workload import MAX_BODY_BYTES, MODES, Setup, Workload

US = price_list.load("us-east-1")
SETUPS = st.builds(
    Setup,
    mode=st.sampled_from(MODES),
    lanes=st.sampled_from([1, 2, 4, 16]),
    buffer_mib=st.integers(1, 128),
    buffer_seconds=st.integers(0, 900),
    compression=st.floats(1, 10),
    stream_hours=st.sampled_from([24, 48, 168]),
    packing=st.booleans(),
)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    size = draw(st.integers(1, 20_000))
    return Workload(
        rate=draw(st.floats(0.001, 100_000)),
        size=size,
        batch=draw(st.integers(1, min(2_000, MAX_BODY_BYTES // (size + 1)))),
        rejected=draw(st.sampled_from([0.0, 0.001, 0.01, 0.5, 0.99])),
        spilled=draw(st.sampled_from([0.0, 0.01, 0.5])),
    )


@given(st.lists(st.tuples(st.integers(1, 150_000), st.integers(0, 3)), max_size=60))
def test_packing_keeps_every_byte_and_the_limit(lines: list[tuple[int, int]]) -> None:
    sizes, lanes = [size for size, _ in lines], [lane for _, lane in lines]
    records = kinesis_records(sizes, lanes)
    assert sum(records) == sum(sizes)
    assert all(record <= 100_000 or record in sizes for record in records)
    alone = sent(sizes)
    together = sent(records)
    assert together.records <= alone.records
    assert together.on_demand_bytes <= alone.on_demand_bytes
    assert together.firehose_bytes <= alone.firehose_bytes
    assert together.put_units <= alone.put_units


@given(st.integers(1, 3_000), st.integers(100, 250_000), st.sampled_from([1, 2, 4, 16]), st.floats(0.01, 1))
def test_packing_is_expected_to_send_the_same_bytes_in_no_more_records(
    lines: int, line: int, lanes: int, share: float
) -> None:
    alone, together = unpacked(lines * share, line), packed(lines, line, lanes, share)
    assert together.payload_bytes == pytest.approx(alone.payload_bytes)
    slack = 1 + 1e-9
    assert together.records <= alone.records * slack
    assert together.firehose_bytes <= alone.firehose_bytes * slack
    assert together.on_demand_bytes <= alone.on_demand_bytes * slack
    assert together.put_units <= alone.put_units * slack


@given(workloads(), SETUPS)
def test_a_bill_adds_up_and_packing_never_makes_it_larger(workload: Workload, setup: Setup) -> None:
    found = bill(workload, setup, US)
    assert all(charge.dollars >= 0 and charge.quantity >= 0 for charge in found.charges)
    assert found.total == pytest.approx(sum(found.by_service().values()))
    unpacked_bill = bill(workload, replace(setup, packing=False), US)
    packed_bill = bill(workload, replace(setup, packing=True), US)
    assert packed_bill.of("Firehose") <= unpacked_bill.of("Firehose") * (1 + 1e-9)
    assert packed_bill.of("Kinesis") <= unpacked_bill.of("Kinesis") * (1 + 1e-9)


@given(workloads(), SETUPS, st.floats(1, 100))
def test_more_records_never_cost_less(workload: Workload, setup: Setup, times: float) -> None:
    less, more = (bill(replace(workload, rate=rate), setup, US) for rate in (workload.rate, workload.rate * times))
    for service, dollars in less.by_service().items():
        assert more.of(service) >= dollars * (1 - 1e-9)
