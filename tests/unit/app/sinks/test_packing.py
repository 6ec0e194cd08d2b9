"""Lines packed into records and calls: none lost, none twice, in order, within the limits, and as cheap as promised."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.envelope import MAX_LINE_BYTES, Origin, StreamLines, line_key
from app.sinks.base import Line, Lines
from app.sinks.batching import (
    HASH_KEYS,
    MAX_CALL_BYTES,
    MAX_CALL_RECORDS,
    PACKED_BYTES,
    Call,
    Packing,
    chains,
    explicit_hash_key,
    lane_of,
)

PUT_UNIT_BYTES, FIREHOSE_BYTES = 25_000, 5_000
"""What Kinesis (PUT payload units) and Firehose round a record up to, by their pricing pages; of a KB the reading that
costs more."""
MOMENT = datetime(2026, 11, 23, tzinfo=UTC)


def calls_of(requests: Sequence[Sequence[Line]], packing: Packing) -> Iterator[Call]:
    """All lines in calls, one after the other, each confirmed before the next."""
    waiting = [chain for lines in requests for chain in chains(Lines.of("", MOMENT, lines), packing)]
    while waiting:
        call = Call()
        taken = 0
        while taken < len(waiting) and call.add(waiting[taken]):
            taken += 1
            if call.left:
                break
        waiting = [*call.left, *waiting[taken:]]
        yield call


def line(number: int, size: int, key: int) -> Line:
    return Line(b"%d %b\n" % (number, b"x" * size), key)


sizes = st.one_of(st.integers(0, 400), st.sampled_from([0, PACKED_BYTES - 10, PACKED_BYTES, MAX_LINE_BYTES - 20]))
keys = st.integers(0, 2**32 - 1)


@given(st.lists(st.lists(st.tuples(sizes, keys), min_size=1, max_size=30), min_size=1, max_size=5), st.data())
def test_every_line_is_in_one_record_in_its_order(requests: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    packing = Packing(data.draw(st.integers(1, 40)), data.draw(st.booleans()))
    numbers = iter(range(1_000_000))
    given_lines = [[line(next(numbers), size, key) for size, key in request] for request in requests]
    records = []
    for call in calls_of(given_lines, packing):
        assert 0 < len(call.records) <= MAX_CALL_RECORDS
        assert sum(len(record.data()) + len(record.partition_key) for record in call.records) <= MAX_CALL_BYTES
        records += call.records
    sent = [bytes(each) for record in records for each in record.data().splitlines(keepends=True)]
    assert sorted(sent) == sorted(each.data for request in given_lines for each in request)
    place = {data_: index for index, data_ in enumerate(sent)}
    for request in given_lines:
        for lane in range(packing.lanes):
            places = [place[each.data] for each in request if lane_of(each.key, packing.lanes) == lane]
            assert places == sorted(places)
    for record in records:
        lines_in_it = record.data().count(b"\n")
        assert lines_in_it == 1 or (packing.packed and len(record.data()) <= PACKED_BYTES)


@given(st.integers(1, 4096), keys)
def test_a_lane_is_a_share_of_the_hash_keys_and_is_sent_to_its_middle(lanes: int, key: int) -> None:
    lane = lane_of(key, lanes)
    first, last = lane * HASH_KEYS // lanes, (lane + 1) * HASH_KEYS // lanes
    assert 0 <= lane < lanes
    assert first <= explicit_hash_key(lane, lanes) < last


@pytest.mark.parametrize("shards", [1, 2, 3, 4, 7, 16])
def test_two_lanes_a_shard_reach_every_shard(shards: int) -> None:
    lanes = 2 * shards
    reached = {explicit_hash_key(lane, lanes) * shards // HASH_KEYS for lane in range(lanes)}
    assert reached == set(range(shards))


def test_lines_of_one_id_share_a_lane_whatever_the_request() -> None:
    assert len({lane_of(line_key("shop", "order-7"), 16) for _ in range(3)}) == 1


def test_a_batch_costs_what_was_promised() -> None:
    """288-byte records in batches of 500: 25 times fewer PUT units, 10 times fewer bytes that Firehose bills."""
    stream_lines = StreamLines(
        Origin("01a20647-bcd4-772d-bc79-80582d1f178e", datetime(2026, 11, 23, tzinfo=UTC), "shop", None, None)
    )
    units, billed, batches = 0, 0, 40
    for batch in range(batches):
        lines = []
        for index in range(500):
            record_id = f"order-{batch * 500 + index:09d}"
            payload = b'{"id":"%b","text":"%b"}' % (record_id.encode(), b"x" * 254)
            assert len(payload) == 288
            lines.append(Line(stream_lines.line(index, payload), line_key("shop", record_id)))
        for call in calls_of([lines], Packing()):
            sizes_ = [len(record.data()) for record in call.records]
            units += sum(math.ceil(size / PUT_UNIT_BYTES) for size in sizes_)
            billed += sum(math.ceil(size / FIREHOSE_BYTES) * FIREHOSE_BYTES for size in sizes_)
    assert batches * 500 / units >= 25
    assert batches * 500 * FIREHOSE_BYTES / billed >= 10


def test_requests_that_share_a_call_share_its_records() -> None:
    requests = [[line(number, 100, number)] for number in range(200)]
    [call] = calls_of(requests, Packing(lanes=1))
    assert len(call.records) == 1
    numbers = [int(each.split()[0]) for each in call.records[0].data().splitlines()]
    assert all(before < after for before, after in pairwise(numbers))


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_left_of_a_chain_is_whole_lines_with_their_own_indexes(packed: bool) -> None:
    given_lines = [line(number, number, number % 2 << 31) for number in range(10)]
    even, odd = chains(Lines.of("", MOMENT, given_lines), Packing(lanes=2, packed=packed))
    rest = even.cut(2)
    rest.keep([0, 2])
    odd.keep([])
    assert [list(each.indexes) for each in (even, rest, odd)] == [[0, 2], [4, 8], []]
    for each in (even, rest):
        of_index = [given_lines[index] for index in each.indexes]
        assert list(each.data) == [one.data for one in of_index]
        assert list(each.keys) == ([] if packed else [one.key for one in of_index])
