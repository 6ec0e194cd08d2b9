"""Packing lines into calls, at both limits."""

import pytest

from app.envelope import MAX_LINE_BYTES
from app.sinks.base import Line
from app.sinks.batching import MAX_CALL_BYTES, MAX_CALL_RECORDS, pack

KEY_BYTES = 8


def sizes(lengths: list[int]) -> list[int]:
    lines = [Line(bytes(length)) for length in lengths]
    return [len(call) for call in pack(lines, range(len(lines)))]


@pytest.mark.parametrize(
    ("count", "calls"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (1_000, [500, 500]), (1_001, [500, 500, 1])]
)
def test_records_a_call(count: int, calls: list[int]) -> None:
    assert sizes([0] * count) == calls


def test_bytes_a_call_keys_included() -> None:
    fitting = MAX_CALL_BYTES // 10 - KEY_BYTES
    assert sizes([fitting] * 10) == [10]
    assert sizes([fitting] * 9 + [fitting + 1 + MAX_CALL_BYTES % 10]) == [9, 1]


def test_the_largest_lines() -> None:
    assert sizes([MAX_LINE_BYTES] * 11) == [5, 5, 1]


def test_the_limits_are_kinesis_own_or_stricter() -> None:
    assert MAX_CALL_RECORDS <= 500
    assert MAX_CALL_BYTES <= 10 * 1024 * 1024
    assert MAX_LINE_BYTES + KEY_BYTES <= 1024 * 1024
