"""What a window of requests takes of memory, and where a record was seen."""

import gc
import tracemalloc
from datetime import UTC, datetime

import pytest

from ops.reconcile.lines import Portion, bits_of, group, indexes_of, positions
from ops.reconcile.tally import Place, Stage, Tally
from ops.reconcile.window import make_window, parse_span
from tests.support.reconciling import request

REQUESTS = 3_000
WAY = (Stage.STREAMED, Stage.LANDED, Stage.LOADED)
NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def bytes_a_request(records: int, requests: int) -> float:
    """All stages seen; a Kinesis record for each request, a file for each 500."""
    everything = (1 << records) - 1
    gc.collect()
    tracemalloc.start()
    try:
        tally = Tally()
        files = [tally.place(Place(stage, f"records/dt=2026-11-23/hr=08/{stage}.json")) for stage in WAY[1:]]
        for number in range(requests):
            request_id = f"01a20647-bcd4-772d-bc79-{number:012x}"

            record = tally.place(
                Place(Stage.STREAMED, "shardId-000000000000", 49_590_338_271_490_256 * 10**39 + number)
            )
            tally.add(Stage.ACCEPTED, _portion(request_id, number, everything, records))
            for stage, place in zip(WAY, (record, *files), strict=True):
                tally.add(stage, _portion(request_id, number, everything, records), place)
        return tracemalloc.get_traced_memory()[0] / requests
    finally:
        tracemalloc.stop()


def _portion(request_id: str, number: int, indexes: int, records: int) -> Portion:
    """With a set of bits that is no other's object."""
    return Portion(request_id, 1_795_400_000 + number // 10, "shop", int(f"{indexes:x}", 16), records)


@pytest.mark.parametrize(("records", "most"), [(1, 1_000), (500, 1_700)])
def test_a_request_takes_about_a_kilobyte(records: int, most: int) -> None:
    """docs/reconcile.md tells these figures."""
    taken = bytes_a_request(records, REQUESTS)
    print(f"{records} records a request: {taken:.0f} bytes a request")
    assert taken < most


def test_bits() -> None:
    assert bits_of([(0, 2), (5, 5)]) == 0b100111
    assert indexes_of(0b100111) == [0, 1, 2, 5]
    assert indexes_of(0) == []


def test_lines_are_told_apart_by_attempt_and_window() -> None:
    minute = parse_span("1m")
    window = make_window(NOW - minute, NOW, minute, None)
    first = request(3, NOW - minute, source='a "b"', repeatable=True)
    body = first.lines() + first.again(minute / 2).lines() + first.again(minute).lines() + first.part(0).lines()
    grouped = group(body + b"junk\n\n" + b'{"ingest_id":"x"}', window)
    assert [(each.indexes, each.lines, each.source) for each in grouped.portions] == [(7, 4, 'a "b"'), (7, 3, 'a "b"')]
    assert (grouped.foreign, grouped.refused) == (2, [])
    assert positions(body)[first.ids[2]] == 3


def test_an_index_of_many_digits_is_none_of_ours() -> None:
    window = make_window(NOW - parse_span("1m"), NOW, parse_span("0s"), None)
    line = request(1, NOW - parse_span("1m")).lines().replace(b'-0","', b'-999999999","')
    assert group(line, window).foreign == 1


def test_places_are_those_of_the_record() -> None:
    tally = Tally()
    first, second = Place(Stage.LANDED, "a"), Place(Stage.LANDED, "b")
    for place, indexes in ((first, 0b01), (second, 0b11)):
        tally.add(Stage.LANDED, Portion("r", 60, "shop", indexes, 1), tally.place(place))
    [found] = tally.requests.values()
    assert list(tally.places_of(found, 0)) == [first, second]
    assert list(tally.places_of(found, 1)) == [second]
