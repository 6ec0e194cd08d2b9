"""The limits of a request and of a record, each at its last good value and one beyond."""

import gzip
from collections.abc import Callable

import pytest
from backports import zstd

from tests.functional.conftest import Gateway
from tests.support import generators as make
from tests.support.aws import payload_of
from tests.support.contract import assert_answer, assert_error_line, assert_problem
from tests.support.transports import UvicornClient, post

MAX_RECEIVED = 4 * make.MIB
MAX_DECODED = 8 * make.MIB
MAX_RECORDS = 10_000
# Firehose takes records of at most 1,000 KiB (Firehose quotas); a Kinesis record holds 1 MiB unless raised.
MAX_LINE = 1_000 * 1024
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}


def test_a_body_of_the_received_limit(gateway: Gateway) -> None:
    assert_answer(post(gateway.client, make.padded(make.record(1), MAX_RECEIVED), media="ndjson"), 202, accepted=1)


def test_a_body_over_the_received_limit(gateway: Gateway) -> None:
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, make.padded(make.record(1), MAX_RECEIVED + 1), media="ndjson"), 413)


def test_a_chunked_body_over_the_received_limit(gateway: Gateway, uvicorn: UvicornClient) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    body = make.padded(make.record(1), MAX_RECEIVED + 1)
    with gateway.aws.nothing_stored():
        assert_problem(uvicorn.request_chunked("POST", "/records", make.pieces(body), headers), 413)


def test_a_body_far_over_the_received_limit_still_gets_its_answer(gateway: Gateway, uvicorn: UvicornClient) -> None:
    assert_problem(post(uvicorn, bytes(32 * make.MIB), media="ndjson"), 413)


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_body_of_the_decoded_limit(gateway: Gateway, encoding: str) -> None:
    body = COMPRESS[encoding](make.padded(make.record(1), MAX_DECODED))
    assert_answer(post(gateway.client, body, {"Content-Encoding": encoding}, media="ndjson"), 202, accepted=1)


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_body_over_the_decoded_limit(gateway: Gateway, encoding: str) -> None:
    body = COMPRESS[encoding](make.padded(make.record(1), MAX_DECODED + 1))
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, body, {"Content-Encoding": encoding}, media="ndjson"), 413)


@pytest.mark.parametrize("encoding", COMPRESS)
def test_members_that_are_over_the_decoded_limit_only_together(gateway: Gateway, encoding: str) -> None:
    parts = [make.padded(make.record(number), 3 * make.MIB) for number in range(3)]
    body = b"".join(COMPRESS[encoding](part) for part in parts)
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, body, {"Content-Encoding": encoding}, media="ndjson"), 413)


def test_ten_thousand_records(gateway: Gateway) -> None:
    body = make.ndjson([make.record(number) for number in range(MAX_RECORDS)])
    answer = assert_answer(post(gateway.client, body, media="ndjson"), 202, accepted=MAX_RECORDS)
    assert [line.index for line in gateway.aws.lines_of(answer["request_id"])] == list(range(MAX_RECORDS))


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_ten_thousand_and_one_records(gateway: Gateway, form: str) -> None:
    records = [make.record(number) for number in range(MAX_RECORDS + 1)]
    body = make.array(records) if form == "json" else make.ndjson(records)
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, body, media=form), 413)


def test_bad_records_count_towards_the_limit(gateway: Gateway) -> None:
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, b"x\n" * (MAX_RECORDS + 1), media="ndjson"), 413)


def test_ten_thousand_bad_records_answer_under_five_megabytes(gateway: Gateway) -> None:
    response = post(gateway.client, b"x\n" * MAX_RECORDS, media="ndjson")
    wanted = [(index, "malformed_json") for index in range(MAX_RECORDS)]
    answer = assert_answer(response, 422, accepted=0, rejected=wanted)
    assert len(response.body) < 5_000_000
    assert len(gateway.aws.error_lines(answer["request_id"])) == MAX_RECORDS


@pytest.fixture
def frame_size(gateway: Gateway) -> int:
    """Bytes of a stream line that are not the payload, for a request by nobody, of one record, without a schema."""
    answer = assert_answer(post(gateway.client, make.record(1)), 202, accepted=1)
    [line] = gateway.aws.lines_of(answer["request_id"])
    head = '{"ingest_id":"%s","received_at":"%s","source":"anonymous","schema":null,"payload":'
    return len(head % (line.ingest_id, line.received_at)) + len("}\n")


def test_a_line_of_the_smallest_limit_on_the_way(gateway: Gateway, frame_size: int) -> None:
    body = make.record_of_size(MAX_LINE - frame_size)
    answer = assert_answer(post(gateway.client, body), 202, accepted=1)
    assert [line.payload for line in gateway.aws.lines_of(answer["request_id"])] == [body]


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_a_line_over_the_smallest_limit_on_the_way(gateway: Gateway, frame_size: int, form: str) -> None:
    big = make.record_of_size(MAX_LINE - frame_size + 1)
    records = [make.record(0), big]
    body = make.array(records) if form == "json" else make.ndjson(records)
    answer = assert_answer(post(gateway.client, body, media=form), 207, accepted=1, rejected=[(1, "too_large")])
    [line] = gateway.aws.error_lines(answer["request_id"])
    assert_error_line(line, answer, 1, "too_large")
    assert payload_of(line) == big


def test_one_record_of_the_received_limit_is_too_large_and_kept(gateway: Gateway) -> None:
    body = make.record_of_size(MAX_RECEIVED)
    answer = assert_answer(post(gateway.client, body), 422, accepted=0, rejected=[(0, "too_large")])
    assert payload_of(gateway.aws.error_lines(answer["request_id"])[0]) == body
