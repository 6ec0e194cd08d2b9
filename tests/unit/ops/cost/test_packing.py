"""Kinesis records of lines: exact for the lines there are, expected for those there will be."""

import random
from datetime import UTC, datetime

import pytest

from app.envelope import Origin, StreamLines, line_key, line_keys
from app.sinks.base import Line, Lines
from app.sinks.batching import Call, Packing, chains, partition_key
from ops.cost.packing import PARTITION_KEY_BYTES, Sent, kinesis_records, packed, sent, unpacked
from ops.cost.sizes import line_bytes

KIB = 1024
ORIGIN = Origin("01a20647-bcd4-772d-bc79-80582d1f178e", datetime(2026, 11, 23, tzinfo=UTC), "shop", None, None)


def packed_by_the_gateway(lines: list[tuple[bytes, int]], lanes: int) -> list[int]:
    """Sizes of the records of the one call that the lines fit in."""
    call = Call()
    for chain in chains(Lines.of("", ORIGIN.received_at, [Line(data, key) for data, key in lines]), Packing(lanes)):
        assert call.add(chain)
    assert not call.left
    return [len(record.data()) for record in call.records]


def a_request(count: int, seed: int) -> list[tuple[bytes, int]]:
    """Lines of different ids and lengths, as the gateway makes them."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    made = StreamLines(ORIGIN)
    lines = []
    for index in range(count):
        record_id = f"order-{seed}-{index}"
        payload = b'{"id":"%b","pad":"%b"}' % (record_id.encode(), b"x" * chance.randrange(20, 900))
        lines.append((made.line(index, payload), line_key("shop", record_id)))
    return lines


@pytest.mark.parametrize(
    ("sizes", "lanes", "records"),
    [
        ([], [], []),
        ([40, 40, 40], [0, 0, 0], [80, 40]),
        ([40, 60], [0, 0], [100]),
        ([40, 61], [0, 0], [40, 61]),
        ([40, 40, 40], [0, 1, 0], [80, 40]),
        ([150, 10], [0, 0], [150, 10]),
        ([10, 150, 10], [0, 0, 0], [10, 150, 10]),
    ],
    ids=["none", "a third over", "just full", "one over", "two lanes", "too long first", "too long between"],
)
def test_lines_of_a_lane_share_records_up_to_the_limit(sizes: list[int], lanes: list[int], records: list[int]) -> None:
    assert kinesis_records(sizes, lanes, limit=100) == records


@pytest.mark.parametrize("seed", range(5))
def test_records_are_those_that_packing_makes(seed: int) -> None:
    lines = a_request(700, seed)
    made = packed_by_the_gateway(lines, lanes=4)
    modelled = kinesis_records([len(data) for data, _ in lines], [key >> 30 for _, key in lines])
    assert sorted(modelled) == sorted(made)
    assert len(made) > 4, "else the limit was not tried"


def test_what_is_billed_of_a_record() -> None:
    """30,000 bytes: 2 units of 25 KiB, 30 KiB on demand (29.3), 30 KiB for Firehose (5.86 steps of 5 KiB)."""
    assert sent([30_000]) == Sent(1, 30_000, 2, 30 * KIB, 30 * KIB)
    assert sent([1, 5 * KIB]) == Sent(2, 1 + 5 * KIB, 2, 6 * KIB, 10 * KIB)


def test_a_line_alone_is_rounded_up_alone() -> None:
    """1,000 lines of 442 bytes: 1 unit, 1 KiB and 5 KiB each."""
    assert unpacked(1000, 442) == Sent(1000, 442_000, 1000, 1000 * KIB, 5000 * KIB)


def test_one_lane_is_exact() -> None:
    """500 lines of 442 bytes: 226 fit into 100,000 bytes, so records of 226, 226 and 48 lines."""
    assert packed(500, 442, lanes=1) == sent([226 * 442, 226 * 442, 48 * 442])


def test_two_lines_in_two_lanes() -> None:
    """Together half of the time: 1.5 records; 884 bytes or twice 442 are rounded up to 1 KiB each."""
    expected = packed(2, 442, lanes=2)
    assert expected.records == pytest.approx(1.5)
    assert expected.payload_bytes == pytest.approx(884)
    assert expected.on_demand_bytes == pytest.approx(1.5 * KIB)
    assert expected.firehose_bytes == pytest.approx(7.5 * KIB)


def test_a_request_of_one_line_is_one_record() -> None:
    assert packed(1, 442, lanes=4).records == pytest.approx(1)
    assert packed(1, 442, lanes=4, share=0.75).payload_bytes == pytest.approx(0.75 * 442)


def test_a_call_ends_where_kinesis_ends_it() -> None:
    """Lines of 200,000 bytes fit with no others; 26 and their keys are the 5 MiB of a call. None is lost in between."""
    expected = packed(60, 200_000, lanes=4)
    assert expected.records == pytest.approx(60)
    assert expected.payload_bytes == pytest.approx(60 * 200_000)


@pytest.mark.parametrize("batch", [3, 20, 150, 1000])
@pytest.mark.parametrize("lanes", [1, 4, 16])
def test_what_is_expected_is_the_mean_of_what_is_sent(batch: int, lanes: int) -> None:
    """Real keys fall into lanes as they fall: 60 requests come near the expectation."""
    line = line_bytes("shop", None, 300, batch)
    requests = 60
    total = Sent()
    for number in range(requests):
        keys = line_keys("shop", [f"{number}-{index}" for index in range(batch)])
        total += sent(kinesis_records([line] * batch, [key * lanes >> 32 for key in keys]))
    expected = packed(batch, line, lanes) * requests
    assert total.payload_bytes == pytest.approx(expected.payload_bytes)
    assert total.records == pytest.approx(expected.records, rel=0.05)
    assert total.put_units == pytest.approx(expected.put_units, rel=0.05)
    assert total.on_demand_bytes == pytest.approx(expected.on_demand_bytes, rel=0.03)
    assert total.firehose_bytes == pytest.approx(expected.firehose_bytes, rel=0.05)


def test_the_savings_that_are_promised() -> None:
    """288-byte records in batches of 500: at least 25 times fewer PUT units, 10 times fewer bytes at Firehose."""
    line = line_bytes("shop", None, 288, 500)
    alone, together = unpacked(500, line), packed(500, line, lanes=4)
    assert alone.put_units / together.put_units >= 25
    assert alone.firehose_bytes / together.firehose_bytes >= 10


def test_partition_keys_count_against_a_shard() -> None:
    assert len(partition_key(line_key("shop", 1))) == PARTITION_KEY_BYTES
    assert unpacked(10, 442).throughput_bytes == 10 * (442 + PARTITION_KEY_BYTES)
