"""Properties of the small pure parts: packing, ranges, rate limits, request ids, framing of lines."""

import math
import uuid
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content import Framing
from app.exceptions import ContentTooLarge, EmptyBody, RateLimited
from app.framing import split
from app.observability import ranges
from app.rate_limit import RateLimiter
from app.request_identity import parse_idempotency_key, repeatable_request_id
from app.sinks.backoff import BASE_SECONDS, CAP_SECONDS, full_jitter
from app.sinks.base import Line
from app.sinks.batching import MAX_CALL_BYTES, MAX_CALL_RECORDS, pack

KEY_BYTES = 8
SIZES = [0, 1, 60, 300, 5_000, 300_000, 1_023_968, 1_024_000]
LINES = {size: Line(bytes(size)) for size in SIZES}
sizes = st.sampled_from(SIZES)


def lines_of(lengths: Sequence[int]) -> list[Line]:
    return [LINES[length] for length in lengths]


@given(st.lists(sizes, max_size=40), st.sampled_from([1, 100, 700]))
def test_calls_hold_every_line_once_in_order_within_the_limits_and_no_more_calls_than_need_be(
    lengths: list[int], times: int
) -> None:
    lines = lines_of(lengths * times)[:3_000]
    calls = list(pack(lines, range(len(lines))))
    assert [index for call in calls for index in call] == list(range(len(lines)))
    for call in calls:
        assert 0 < len(call) <= MAX_CALL_RECORDS
        assert weight(lines, call) <= MAX_CALL_BYTES
    for call, following in pairwise(calls):
        assert len(call) == MAX_CALL_RECORDS or weight(lines, [*call, following[0]]) > MAX_CALL_BYTES


def weight(lines: Sequence[Line], call: Sequence[int]) -> int:
    return sum(len(lines[index].data) + KEY_BYTES for index in call)


@given(st.sets(st.integers(0, 60)))
def test_only_the_indexes_asked_for_are_packed(indexes: set[int]) -> None:
    lines = lines_of([1] * 61)
    assert [index for call in pack(lines, sorted(indexes)) for index in call] == sorted(indexes)


@given(st.sets(st.integers(0, 60)).map(sorted))
def test_ranges_are_the_same_indexes_in_as_few_ranges_as_can_be(indexes: list[int]) -> None:
    found = ranges(indexes)
    assert [index for first, last in found for index in range(first, last + 1)] == indexes
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(found))


@given(st.floats(0.01, 1_000), st.lists(st.floats(0, 5), max_size=60))
def test_a_source_is_admitted_no_faster_than_its_rate_and_again_when_it_was_told_to_come(
    rate: float, pauses: list[float]
) -> None:
    now = start = 1_000.0
    limiter = RateLimiter(rate, lambda: now)
    for admitted, pause in enumerate(pauses, 1):
        now += pause
        try:
            limiter.admit("shop")
        except RateLimited as refused:
            now += int(refused.headers["Retry-After"])
            limiter.admit("shop")
        assert admitted <= max(1.0, rate) + (now - start) * rate + 1e-6


Identity = tuple[str, str, str, str | None, bytes]
parts = st.text("a:1=", max_size=4)
identities = st.tuples(parts, parts, parts, st.none() | parts, st.binary(max_size=4))


@given(identities, identities)
def test_requests_share_an_id_only_when_all_that_makes_them_is_equal(first: Identity, second: Identity) -> None:
    ids = repeatable_request_id(*first), repeatable_request_id(*second)
    assert (ids[0] == ids[1]) == (first == second)
    assert uuid.UUID(ids[0]).version == 5
    assert repeatable_request_id(*first) == ids[0]


@given(st.text(max_size=140))
def test_an_idempotency_key_is_taken_as_it_is_or_refused(key: str) -> None:
    if 1 <= len(key) <= 128 and all("!" <= character <= "~" for character in key):
        assert parse_idempotency_key([key]) == key
    else:
        with pytest.raises(Exception, match="1 to 128 visible ASCII"):
            parse_idempotency_key([key])


line_pieces = st.lists(st.sampled_from([b"x", b"\n", b"\r", b" ", b"\t", b"\r\n", b"{}", b"\x0b", b"\0"]), max_size=30)


@given(line_pieces.map(b"".join), st.integers(1, 12))
def test_lines_are_split_alike_below_and_above_the_most_records(body: bytes, most: int) -> None:
    expected = [line.removesuffix(b"\r") for line in body.split(b"\n") if line.strip(b" \t\r\n")]
    try:
        found = split(body, Framing.NDJSON, most)
    except EmptyBody:
        assert not expected
    except ContentTooLarge:
        assert len(expected) > most
    else:
        assert found == expected
        assert len(found) <= most


@given(st.integers(0, 40))
def test_a_wait_before_a_retry_stays_within_its_bound(attempt: int) -> None:
    assert full_jitter(attempt, lambda _, high: high) == min(CAP_SECONDS, BASE_SECONDS * 2.0**attempt)
    assert 0 <= full_jitter(attempt) <= CAP_SECONDS
    assert math.isclose(full_jitter(attempt, lambda low, _: low), 0)
