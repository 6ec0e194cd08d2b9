"""Whether the machine was left to the benchmark."""

import os

import pytest

from benchmarks.machine import BUSY_SHARE, was_busy
from benchmarks.results import Results, Sample

CORES = os.cpu_count() or 1


@pytest.mark.parametrize(
    ("shares", "busy"),
    [([0.0, 0.01, 0.9], False), ([0.0, BUSY_SHARE + 0.1, 0.9], True), ([], False)],
    ids=["one round", "most rounds", "nothing looked at"],
)
def test_others_in_most_rounds_are_too_many(shares: list[float], busy: bool) -> None:
    samples = [Sample("single", "8 connections", "ours", {"other_cores": share * CORES}) for share in shares]
    assert was_busy(Results({}, samples)) is busy
