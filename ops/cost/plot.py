"""The two pictures: cost of a million records against the batch size, and of its files against the buffer."""

from dataclasses import replace

from ops.cost.break_even import file_dollars
from ops.cost.comparison import over_batches, over_buffers
from ops.cost.services import Bill
from ops.cost.study import Study
from ops.cost.svg import Chart, Line, page
from ops.cost.workload import ON_DEMAND, PROVISIONED

SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900)
SIZES = (1, 16, 128)
_TICKS_SECONDS = (1, 5, 15, 60, 300, 900)


def draw(study: Study) -> str:
    """An SVG document."""
    packed = study.comparison.packed
    what = f"{packed.workload.rate:,g} records/s of {packed.workload.size:,} bytes, {study.prices.region}"
    return page((_batches(study, what), _buffers(study, what)), f"Cost of Sluice for {what}")


def _batches(study: Study, what: str) -> Chart:
    packed = study.comparison.packed
    workload, setup = packed.workload, replace(packed.setup, shards=None)
    ways = {
        "on demand, one Kinesis record a line": replace(setup, mode=ON_DEMAND, packing=False),
        "provisioned, one Kinesis record a line": replace(setup, mode=PROVISIONED, packing=False),
        "on demand, packed": replace(setup, mode=ON_DEMAND),
        "provisioned, packed": replace(setup, mode=PROVISIONED),
    }
    lines = [
        Line(name, [(bill.workload.batch, bill.per_million) for bill in over_batches(workload, way, study.prices)])
        for name, way in ways.items()
    ]
    most = max(x for line in lines for x, _ in line.points)
    ticks = [tick for tick in (1, 10, 100, 1_000, 10_000) if tick < most] + [most]
    return Chart("The whole bill, by batch size", what, "records a request", "USD a million records", ticks, lines)


def _buffers(study: Study, what: str) -> Chart:
    packed = study.comparison.packed
    lines = [
        Line(f"PUT and GET of files, {mib} MiB", [(bill.setup.buffer_seconds, _files(bill)) for bill in bills])
        for mib in SIZES
        for bills in [over_buffers(packed.workload, packed.setup, study.prices, [(mib, s) for s in SECONDS])]
    ]
    bills = over_buffers(packed.workload, packed.setup, study.prices, [(64, s) for s in SECONDS])
    whole = Line("the whole bill, 64 MiB", [(bill.setup.buffer_seconds, bill.per_million) for bill in bills])
    return Chart(
        f"Landing files, by buffer (batches of {packed.workload.batch:,}, packed)",
        what,
        "buffer, seconds",
        "USD a million records",
        _TICKS_SECONDS,
        [*lines, whole],
    )


def _files(bill: Bill) -> float:
    return file_dollars(bill) / bill.demand.records * 1e6
