"""The soak itself, for a moment: its counts are right, and its verdict is one. How memory goes takes a real run."""

import asyncio
import sys
from collections import Counter

import pytest

from tests.soak import report, traffic
from tests.soak.__main__ import soak

REQUESTS = 500


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_short_run_finds_nothing_wrong() -> None:
    run = asyncio.run(soak(REQUESTS))
    assert run.wrong == []
    wanted = Counter[int]()
    for kind in traffic.KINDS:
        wanted[kind.status] += REQUESTS * kind.share // 100
    assert run.statuses == wanted
    assert run.accepted > run.rejected > 0
    assert len(run.samples) == REQUESTS // 2
    assert all(sample.resident > 0 for sample in run.samples)


def test_the_mix_is_a_hundred_of_all_kinds() -> None:
    assert len(traffic.ORDER) == 100
    assert {traffic.ORDER[number * traffic.STRIDE % 100] for number in range(100)} == set(traffic.KINDS)


def samples(*resident: int) -> list[report.Sample]:
    return [report.Sample(number, each) for number, each in enumerate(resident, 1)]


@pytest.mark.parametrize(
    ("resident", "flat"),
    [
        pytest.param([100] * 50, True, id="flat"),
        pytest.param([1] * 5 + [100] * 45, True, id="grows while it warms up"),
        pytest.param(list(range(1_000, 1_050)), True, id="grows a little"),
        pytest.param(list(range(100, 150)), False, id="grows"),
        pytest.param(list(range(150, 100, -1)), False, id="shrinks"),
    ],
)
def test_the_verdict(resident: list[int], flat: bool) -> None:
    found = report.parts(samples(*resident), len(resident))
    assert len(found) == report.PARTS
    assert report.is_flat(found) is flat
    assert report.table(found).endswith(f"{'flat' if flat else 'NOT flat'} (±10%)")
