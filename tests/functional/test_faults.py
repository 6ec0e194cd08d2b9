"""AWS failing behind the gateway: an answer is a receipt even then."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from app.sinks.breaker import FAILURES_TO_OPEN
from tests.functional.conftest import TRANSPORTS, Gateway, StartGateway
from tests.support import generators as make
from tests.support.aws import payload_of
from tests.support.contract import assert_answer, assert_error_line, assert_problem, assert_retry, expand
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.local_pipeline import eventually
from tests.support.spilling import drain, spilled_lines
from tests.support.transports import Response, post

HASTY_SECONDS = 1.2
PATIENT_SECONDS = 4.0
# What an answer may take beyond the delivery timeout: decoding, judging, and a busy machine.
GRACE_SECONDS = 1.5
MIXED = [make.record(0), b"nonsense", make.record(2)]
STREAM_FAULTS = [Fault.ERROR, Fault.DENY, Fault.THROTTLE, Fault.CUT_BEFORE]
DOWN = Rule("kinesis.*", Fault.DENY)
BUCKET_DOWN = Rule("s3.*", Fault.DENY)
ONE_LINE_A_RECORD = {"SLUICE_PACKING": "false"}
"""So that a share of the entries is a share of the lines."""


@pytest.fixture(scope="module")
def _running_proxy(endpoint: str) -> Iterator[ProxyThread]:
    with running_proxy(endpoint) as running:
        yield running


@pytest.fixture
def proxy(_running_proxy: ProxyThread) -> Iterator[ProxyThread]:
    """The proxy, without rules and memories, and without the rules of this test afterwards."""
    _running_proxy.set_rules([])
    _running_proxy.forget_calls()
    yield _running_proxy
    _running_proxy.set_rules([])


@pytest.fixture(scope="module", params=TRANSPORTS)
def hasty(request: pytest.FixtureRequest, start_gateway: StartGateway, _running_proxy: ProxyThread) -> Gateway:
    """A gateway behind the proxy that gives up soon, so that a dead stream does not cost a test four seconds."""
    settings = {"SLUICE_DELIVERY_TIMEOUT_SECONDS": str(HASTY_SECONDS)}
    return start_gateway(request.param, through=_running_proxy.url, **settings, **ONE_LINE_A_RECORD)


@pytest.fixture(scope="module", params=TRANSPORTS)
def patient(request: pytest.FixtureRequest, start_gateway: StartGateway, _running_proxy: ProxyThread) -> Gateway:
    """A gateway behind the proxy with the default timeout."""
    return start_gateway(request.param, through=_running_proxy.url, **ONE_LINE_A_RECORD)


def post_in_time(gateway: Gateway, lines: list[bytes], seconds: float, key: str | None = None) -> Response:
    """POST `lines`; the answer comes within `seconds` and some grace."""
    started = time.monotonic()
    headers = {"Idempotency-Key": key} if key else {}
    response = post(gateway.client, make.ndjson(lines), headers, media="ndjson")
    assert time.monotonic() - started < seconds + GRACE_SECONDS
    return response


def wait_until_the_stream_is_asked(gateway: Gateway) -> None:
    """The breaker of a gateway that an earlier test gave a broken stream closes by itself, but only when asked."""

    def goes_to_the_stream() -> bool:
        answer = assert_answer(post(gateway.client, make.record(0)), 202, accepted=1)
        return bool(gateway.aws.lines_of(answer["request_id"]))

    eventually(goes_to_the_stream, bool, 15, pause=0.3)


def test_a_third_of_the_entries_failing(patient: Gateway, proxy: ProxyThread) -> None:
    proxy.set_rules([Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=1 / 3)])
    records = [make.record(number) for number in range(1_200)]
    answer = assert_answer(post_in_time(patient, records, PATIENT_SECONDS), 202, accepted=len(records))
    assert [line.payload for line in patient.aws.lines_of(answer["request_id"])] == records
    sent, failed = Counter[str](), Counter[str]()
    for call in proxy.calls(PUT_RECORDS):
        assert len(call.entries) <= 500
        for entry in call.entries:
            sent.update(entry.lines)
            failed.update(entry.lines if entry.failed else ())
    assert len(sent) == len(records)
    assert failed.total() > 100
    assert all(count == failed[line] + 1 for line, count in sent.items()), "only failed entries are sent again"


def test_a_stream_that_throttles_for_a_while(patient: Gateway, proxy: ProxyThread) -> None:
    proxy.set_rules([Rule(PUT_RECORDS, Fault.THROTTLE, times=2)])
    answer = assert_answer(
        post_in_time(patient, MIXED, PATIENT_SECONDS), 207, accepted=2, rejected=[(1, "malformed_json")]
    )
    assert [line.index for line in patient.aws.lines_of(answer["request_id"])] == [0, 2]
    assert [call.fault for call in proxy.calls(PUT_RECORDS)] == [Fault.THROTTLE, Fault.THROTTLE, None]


def test_a_bucket_that_is_slow_for_a_while(patient: Gateway, proxy: ProxyThread) -> None:
    proxy.set_rules([Rule(PUT_OBJECT, Fault.THROTTLE, times=1)])
    answer = assert_answer(
        post_in_time(patient, MIXED, PATIENT_SECONDS), 207, accepted=2, rejected=[(1, "malformed_json")]
    )
    assert len(patient.aws.error_objects(answer["request_id"])) == 1


def test_both_sinks_are_written_side_by_side_and_waited_for(patient: Gateway, proxy: ProxyThread) -> None:
    assert_answer(post_in_time(patient, MIXED, PATIENT_SECONDS), 207, accepted=2, rejected=[(1, "malformed_json")])
    proxy.set_rules([Rule(name, Fault.DELAY, seconds=1.0) for name in (PUT_RECORDS, PUT_OBJECT)])
    started = time.monotonic()
    post_in_time(patient, MIXED, PATIENT_SECONDS)
    assert 1.0 <= time.monotonic() - started < 2.0


@pytest.mark.parametrize("fault", STREAM_FAULTS)
def test_the_stream_is_down(hasty: Gateway, proxy: ProxyThread, fault: Fault) -> None:
    wait_until_the_stream_is_asked(hasty)
    proxy.set_rules([Rule("kinesis.*", fault)])
    answer = assert_answer(post_in_time(hasty, MIXED, HASTY_SECONDS), 207, accepted=2, rejected=[(1, "malformed_json")])
    assert hasty.aws.lines_of(answer["request_id"]) == []
    found = spilled_lines(hasty.aws, answer)
    assert [(line.index, line.payload) for line in found] == [(0, MIXED[0]), (2, MIXED[2])]
    assert {(line.received_at, line.source) for line in found} == {(answer["received_at"], "anonymous")}
    [line] = hasty.aws.error_lines(answer["request_id"])
    assert_error_line(line, answer, 1, "malformed_json")
    assert payload_of(line) == MIXED[1]
    [receipt] = hasty.receipts(answer["request_id"])
    assert [expand(receipt[name]) for name in ("accepted", "spilled", "retry")] == [[0, 2], [0, 2], []]
    assert receipt["counts"] == {"accepted": 2, "spilled": 2, "rejected": 1, "retry": 0}


@pytest.mark.parametrize("fault", STREAM_FAULTS)
def test_the_stream_and_the_bucket_are_down(hasty: Gateway, proxy: ProxyThread, fault: Fault) -> None:
    proxy.set_rules([Rule("*", fault)])
    response = post_in_time(hasty, MIXED, HASTY_SECONDS)
    wanted = [(0, "stream_unavailable"), (1, "error_bucket_unavailable"), (2, "stream_unavailable")]
    answer = assert_retry(response, accepted=0, retry=wanted)
    assert hasty.aws.lines_of(answer["request_id"]) == []
    assert spilled_lines(hasty.aws, answer) == []
    assert hasty.aws.error_objects(answer["request_id"]) == []
    [receipt] = hasty.receipts(answer["request_id"])
    assert receipt["counts"] == {"accepted": 0, "spilled": 0, "rejected": 0, "retry": 3}


def test_the_stream_does_not_answer(hasty: Gateway, proxy: ProxyThread) -> None:
    wait_until_the_stream_is_asked(hasty)
    proxy.set_rules([Rule("kinesis.*", Fault.DELAY, seconds=20)])
    for _ in range(FAILURES_TO_OPEN):
        response = post_in_time(hasty, MIXED, HASTY_SECONDS)
        answer = assert_answer(response, 207, accepted=2, rejected=[(1, "malformed_json")])
        assert [line.index for line in spilled_lines(hasty.aws, answer)] == [0, 2]
    started = time.monotonic()
    for _ in range(2):
        assert_answer(post(hasty.client, make.record(3)), 202, accepted=1)
    assert time.monotonic() - started < HASTY_SECONDS / 2, "an open breaker costs nobody the deadline"


def test_the_stream_takes_a_part(hasty: Gateway, proxy: ProxyThread) -> None:
    wait_until_the_stream_is_asked(hasty)
    proxy.set_rules([Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=0.5, times=1), Rule(PUT_RECORDS, Fault.ERROR)])
    records = [make.record(number) for number in range(40)]
    answer = assert_answer(post_in_time(hasty, records, HASTY_SECONDS), 202, accepted=len(records))
    streamed = {line.index: line.payload for line in hasty.aws.lines_of(answer["request_id"])}
    spilled = {line.index: line.payload for line in spilled_lines(hasty.aws, answer)}
    assert 0 < len(spilled) < len(records)
    assert not streamed.keys() & spilled.keys(), "what the stream confirmed is not spilled"
    assert streamed | spilled == dict(enumerate(records))
    [receipt] = hasty.receipts(answer["request_id"])
    assert expand(receipt["spilled"]) == sorted(spilled)


def test_the_stream_takes_a_part_and_the_bucket_nothing(hasty: Gateway, proxy: ProxyThread) -> None:
    wait_until_the_stream_is_asked(hasty)
    part = Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=0.5, times=1)
    proxy.set_rules([part, Rule(PUT_RECORDS, Fault.ERROR), BUCKET_DOWN])
    records = [make.record(number) for number in range(40)]
    answer = post_in_time(hasty, records, HASTY_SECONDS).json()
    missing = [result["index"] for result in answer["results"]]
    assert 0 < len(missing) < len(records)
    assert {(result["status"], result["reason"]) for result in answer["results"]} == {("retry", "stream_unavailable")}
    assert (answer["accepted"], answer["rejected"]) == (len(records) - len(missing), 0)
    assert [line.index for line in hasty.aws.lines_of(answer["request_id"])] == [
        index for index in range(len(records)) if index not in missing
    ]
    [receipt] = hasty.receipts(answer["request_id"])
    assert (receipt["status"], expand(receipt["retry"])) == (503, missing)
    counts = {"accepted": len(records) - len(missing), "spilled": 0, "rejected": 0, "retry": len(missing)}
    assert receipt["counts"] == counts


def test_what_was_spilled_is_drained_with_its_ids_and_keys(hasty: Gateway, proxy: ProxyThread) -> None:
    wait_until_the_stream_is_asked(hasty)
    records = [make.record(number) for number in range(30)]
    before = assert_answer(post_in_time(hasty, records, HASTY_SECONDS), 202, accepted=len(records))
    drain(hasty.aws, packed=False)
    proxy.set_rules([DOWN])
    during = assert_answer(post_in_time(hasty, records, HASTY_SECONDS), 202, accepted=len(records))
    assert hasty.aws.lines_of(during["request_id"]) == []
    report = drain(hasty.aws, packed=False)
    assert (report.objects, report.records, report.is_clean) == (1, len(records), True)
    assert hasty.aws.spilled("") == {}
    usual, drained = (hasty.aws.lines_of(answer["request_id"]) for answer in (before, during))
    assert [(line.index, line.payload) for line in drained] == list(enumerate(records))
    assert [(line.partition_key, line.shard) for line in drained] == [
        (line.partition_key, line.shard) for line in usual
    ]


@pytest.mark.parametrize("fault", [Fault.DENY, Fault.ERROR, Fault.CUT_BEFORE])
def test_the_error_bucket_is_down(hasty: Gateway, proxy: ProxyThread, fault: Fault) -> None:
    wait_until_the_stream_is_asked(hasty)
    proxy.set_rules([Rule("s3.*", fault)])
    response = post_in_time(hasty, MIXED, HASTY_SECONDS)
    answer = assert_retry(response, accepted=2, retry=[(1, "error_bucket_unavailable")])
    assert [line.index for line in hasty.aws.lines_of(answer["request_id"])] == [0, 2]
    assert hasty.aws.error_objects(answer["request_id"]) == []


@pytest.mark.parametrize(("body", "headers"), [(b"{broken", {}), (b"\x1f\x8b broken", {"Content-Encoding": "gzip"})])
def test_a_body_that_should_be_kept_but_cannot_be(
    hasty: Gateway, proxy: ProxyThread, body: bytes, headers: dict[str, str]
) -> None:
    proxy.set_rules([Rule("s3.*", Fault.DENY)])
    assert_retry(post(hasty.client, body, headers), accepted=0, retry=[(0, "error_bucket_unavailable")])


def test_both_are_down_and_come_back(hasty: Gateway, proxy: ProxyThread) -> None:
    proxy.stop()
    try:
        response = post_in_time(hasty, MIXED, HASTY_SECONDS)
    finally:
        proxy.start()
    wanted = [(0, "stream_unavailable"), (1, "error_bucket_unavailable"), (2, "stream_unavailable")]
    assert_retry(response, accepted=0, retry=wanted)
    again = post_in_time(hasty, MIXED, HASTY_SECONDS)
    assert_answer(again, 207, accepted=2, rejected=[(1, "malformed_json")])


def test_a_connection_cut_after_the_write(hasty: Gateway, proxy: ProxyThread) -> None:
    wait_until_the_stream_is_asked(hasty)
    records = [make.record(number) for number in range(30)]
    proxy.set_rules([Rule(PUT_RECORDS, Fault.CUT_AFTER)])
    answer = assert_answer(post_in_time(hasty, records, HASTY_SECONDS), 202, accepted=len(records))
    written, spilled = hasty.aws.lines_of(answer["request_id"]), spilled_lines(hasty.aws, answer)
    for lines in (written, spilled):
        assert {(line.index, line.payload) for line in lines} == set(enumerate(records))


def test_a_cut_after_the_write_without_a_bucket_and_the_request_sent_again(hasty: Gateway, proxy: ProxyThread) -> None:
    wait_until_the_stream_is_asked(hasty)
    records = [make.record(number) for number in range(30)]
    proxy.set_rules([Rule(PUT_RECORDS, Fault.CUT_AFTER), BUCKET_DOWN])
    first = post_in_time(hasty, records, HASTY_SECONDS, key="cut-after-the-write")
    assert_retry(first, accepted=0, retry=[(index, "stream_unavailable") for index in range(len(records))])
    proxy.set_rules([])
    wait_until_the_stream_is_asked(hasty)
    again = post_in_time(hasty, records, HASTY_SECONDS, key="cut-after-the-write")
    answer = assert_answer(again, 202, accepted=len(records))
    assert first.json()["request_id"] == answer["request_id"]
    lines = hasty.aws.lines_of(answer["request_id"])
    assert len(lines) > len(records), "the first try did write"
    assert {(line.index, line.payload) for line in lines} == set(enumerate(records))


def test_a_cut_once_is_retried_within_the_request(patient: Gateway, proxy: ProxyThread) -> None:
    proxy.set_rules([Rule(PUT_RECORDS, Fault.CUT_BEFORE, times=1)])
    answer = assert_answer(post_in_time(patient, [make.record(1)], PATIENT_SECONDS), 202, accepted=1)
    assert len(patient.aws.lines_of(answer["request_id"])) == 1


@pytest.mark.parametrize("operation", ["kinesis.*", "s3.*"])
def test_not_ready_while_one_is_denied(hasty: Gateway, proxy: ProxyThread, operation: str) -> None:
    assert hasty.client.request("GET", "/ready").status == 200
    proxy.set_rules([Rule(operation, Fault.DENY)])
    assert_problem(hasty.client.request("GET", "/ready"), 503)
    assert hasty.client.request("GET", "/health").status == 200
