"""A study as text for a terminal, and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from math import isinf
from textwrap import wrap
from typing import Any

from ops.cost import break_even
from ops.cost.services import Bill
from ops.cost.study import Study
from ops.cost.workload import PROVISIONED

MIB = 1024 * 1024
_LABEL, _MONTH, _MILLION = 17, 13, 11


def text(study: Study) -> str:
    """The report, ended by a newline."""
    parts = (_head(study), _table(study), _points(study), _buffers(study), _footing(study))
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def document(study: Study) -> dict[str, Any]:
    """The report for programs: dollars are not rounded."""
    modes = study.modes
    return {
        "region": study.prices.region,
        "currency": "USD",
        "unverified_prices": study.prices.unverified,
        "bills": {name: _bill(bill) for name, bill in study.comparison.bills.items()},
        "break_even": {
            "modes": {
                "provisioned": modes.provisioned,
                "on_demand": modes.on_demand,
                "provisioned_cheaper_up_to_peak": modes.peak,
                "on_demand_cheaper_below_rate": {str(shards): rate for shards, rate in modes.rates.items()},
            },
            "batch_that_halves_one_record_a_request": study.halves_single,
            "batch_from_which_packing_halves": study.halves_batch,
            "rejected_share_a_tenth": study.rejected,
            "rejected_share_a_tenth_one_record_a_request": study.rejected_single,
            "spilled_share_a_tenth": study.spilled,
            "buffer_seconds_files_under_a_hundredth": study.file_seconds,
        },
        "over_batches": [
            {"batch": bill.workload.batch, "per_million": bill.per_million} for bill in study.over_batches
        ],
        "over_buffers": [
            {
                "mib": bill.setup.buffer_mib,
                "seconds": bill.setup.buffer_seconds,
                "file_seconds": bill.demand.file_seconds,
                "file_bytes": bill.demand.file_bytes,
                "files": bill.demand.files,
                "file_requests": break_even.file_dollars(bill),
                "snowpipe_file_fee_until_2025": break_even.file_fee_until_2025(bill, study.prices),
                "total": bill.total,
            }
            for bill in study.over_buffers
        ],
    }


def _bill(bill: Bill) -> dict[str, Any]:
    return {
        "total": bill.total,
        "per_million": bill.per_million,
        "services": bill.by_service(),
        "charges": [asdict(charge) for charge in bill.charges],
        "kinesis": asdict(bill.demand.stream) | {"shards": bill.demand.shards},
    }


def _head(study: Study) -> list[str]:
    workload, setup = study.comparison.packed.workload, study.comparison.packed.setup
    shares = [f"{_percent(workload.rejected)} rejected"] if workload.rejected else []
    shares += [f"{_percent(workload.spilled)} spilled"] if workload.spilled else []
    stream = "on demand" if setup.mode != PROVISIONED else f"provisioned for peaks of {workload.peak:g} times the mean"
    return [
        f"{study.prices.name}: {_plain(workload.rate)} records/s of {workload.size:,} bytes"
        + "".join(f", {share}" for share in shares),
        f"Kinesis {stream}; buffer {setup.buffer_mib} MiB or {setup.buffer_seconds} s",
        (
            f"Lambda {setup.memory_mib:,} MiB on {setup.architecture}, {setup.milliseconds:g} ms a request and "
            f"{setup.milliseconds_per_record:g} ms a record"
        ),
    ]


def _table(study: Study) -> Iterator[str]:
    bills = study.comparison.bills
    width = _MONTH + _MILLION
    yield " " * _LABEL + "".join(f"{name:>{width}}" for name in bills)
    yield f"{'USD':{_LABEL}}" + f"{'a month':>{_MONTH}}{'a million':>{_MILLION}}" * len(bills)
    yield "-" * (_LABEL + width * len(bills))
    for service in study.comparison.packed.by_service():
        yield f"{service:{_LABEL}}" + "".join(_pair(bill, bill.of(service)) for bill in bills.values())
    yield "-" * (_LABEL + width * len(bills))
    yield f"{'Total':{_LABEL}}" + "".join(_pair(bill, bill.total) for bill in bills.values())
    yield (
        f"{'Shards':{_LABEL}}"
        + "".join(f"{_shards(bill):>{_MONTH}}{'':{_MILLION}}" for bill in bills.values()).rstrip()
    )


def _pair(bill: Bill, dollars: float) -> str:
    return f"{dollars:>{_MONTH},.2f}{dollars / bill.demand.records * 1e6:>{_MILLION},.4f}"


def _shards(bill: Bill) -> str:
    return f"{bill.demand.shards:,}" if bill.setup.mode == PROVISIONED else "on demand"


def _points(study: Study) -> Iterator[str]:
    compared = study.comparison
    single, unpacked, packed = compared.single, compared.unpacked, compared.packed
    alone, together = unpacked.demand.stream, packed.demand.stream
    modes = study.modes
    yield "Break-even points"
    if packed.workload.batch > 1:
        yield _line(
            "Packing",
            f"{_times(alone.put_units, together.put_units)} fewer PUT units and "
            f"{_times(alone.firehose_bytes, together.firehose_bytes)} fewer bytes billed by Firehose",
        )
        yield _line(
            "",
            f"the bill is {_times(unpacked.total, packed.total)} smaller, and {_times(single.total, packed.total)} "
            "smaller than with one record a request",
        )
    yield _line("Batches", f"packed batches cost half of one record a request {_from_batch(study.halves_single)}")
    yield _line("", f"packing halves the bill of the same batches {_from_batch(study.halves_batch)}")
    yield _line(
        "Mode",
        f"Kinesis is {modes.provisioned:,.2f} a month provisioned, {modes.on_demand:,.2f} on demand; "
        f"provisioned is cheaper up to peaks of {modes.peak:,.0f} times the mean",
    )
    for shards, rate in modes.rates.items():
        yield _line(
            "", f"{shards} standing shards: " + (_cheaper_below(rate) if rate else "always cheaper than on demand")
        )
    yield _line("Rejected", f"error objects are a tenth of the bill {_from_share(study.rejected)} rejected records")
    yield _line("", f"with one record a request, {_from_share(study.rejected_single)} rejected records")
    yield _line("Spilled", f"spill objects are a tenth of the bill {_from_share(study.spilled)} spilled requests")
    if packed.setup.mode == PROVISIONED and packed.demand.shards > packed.setup.lanes:
        yield _line(
            "Lanes",
            f"{packed.setup.lanes} lanes reach {packed.setup.lanes} of the {packed.demand.shards} shards "
            "if a lane always has the same partition key: raise --lanes",
        )


def _buffers(study: Study) -> Iterator[str]:
    yield "Buffers, packed: small ones for a demo, large ones in production"
    heads = ("buffer", "a file every", "of", "files", "PUT, GET", "of the bill", "fee to 2025")
    yield "".join(f"{head:>{width}}" for head, width in zip(heads, (16, 14, 12, 13, 11, 13, 13), strict=True))
    for bill in study.over_buffers:
        dollars = break_even.file_dollars(bill)
        yield (
            f"{f'{bill.setup.buffer_mib} MiB, {bill.setup.buffer_seconds} s':>16}"
            f"{_seconds(bill.demand.file_seconds):>14}{_size(bill.demand.file_bytes):>12}{bill.demand.files:>13,.0f}"
            f"{dollars:>11,.2f}{_percent(dollars / bill.total):>13}"
            f"{break_even.file_fee_until_2025(bill, study.prices):>13,.2f}"
        )
    mib = study.comparison.packed.setup.buffer_mib
    yield (
        f"With {mib} MiB, files cost under 1% of the bill from {study.file_seconds} s on."
        if study.file_seconds is not None
        else f"With {mib} MiB, files cost more than 1% of the bill whatever the seconds."
    )
    yield "`fee to 2025`: what Snowpipe charged for the number of files until 2025-12-08; it is in no total."


def _footing(study: Study) -> Iterator[str]:
    unverified = study.prices.unverified
    yield "List prices without free tiers; what is counted and assumed: docs/cost.md."
    if unverified:
        yield from wrap("Unverified prices, from memory: " + ", ".join(unverified) + ".", width=120)


def _line(label: str, said: str) -> str:
    return f"  {label:9} {said}"


def _from_batch(batch: int | None) -> str:
    return "at no batch size" if batch is None else f"from batches of {batch:,} on"


def _from_share(share: float | None) -> str:
    return "at no share of" if share is None else f"from {_percent(share)} of"


def _cheaper_below(rate: float) -> str:
    return f"on demand is cheaper below {_plain(rate)} records/s"


def _times(more: float, less: float) -> str:
    return f"{more / less:,.1f} times"


def _percent(share: float) -> str:
    return f"{share * 100:.3g}%"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.3g}"


def _seconds(value: float) -> str:
    return "-" if isinf(value) else f"{value:,.1f} s"


def _size(value: float) -> str:
    return f"{value / MIB:,.1f} MiB" if value >= MIB / 10 else f"{value / 1024:,.1f} KiB"
