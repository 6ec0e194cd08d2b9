"""Which runs become the report and the README's table."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.publication import Publication, publication

PLAIN = {"parts": False, "latency_ms": 0.0, "any_load": False, "write": False}
FEWER = replace(FULL, rounds=3)


@pytest.mark.parametrize(
    ("plan", "options", "expected"),
    [
        (FULL, {}, Publication.ALL),
        (FULL, {"write": True}, Publication.ALL),
        (FULL, {"any_load": True, "write": True}, Publication.ALL),
        (FULL, {"any_load": True}, Publication.NOTHING),
        (FULL, {"latency_ms": 5.0}, Publication.NOTHING),
        (FULL, {"latency_ms": 5.0, "write": True}, Publication.REPORT),
        (FULL, {"parts": True}, Publication.NOTHING),
        (FULL, {"parts": True, "write": True}, Publication.NOTHING),
        (FEWER, {}, Publication.NOTHING),
        (FEWER, {"write": True}, Publication.REPORT),
        (QUICK, {}, Publication.NOTHING),
        (QUICK, {"write": True}, Publication.REPORT),
    ],
)
def test_what_becomes_of_a_run(plan: Plan, options: dict[str, Any], expected: Publication) -> None:
    assert publication(plan, **{**PLAIN, **options}) is expected
