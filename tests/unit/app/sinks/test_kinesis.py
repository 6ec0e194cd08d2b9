"""The stream sink, through real threads, against a client that answers from a script."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import Any, TypeVar, cast

import pytest

from app.sinks.base import Lines, Outcome
from app.sinks.batching import MAX_CALL_RECORDS, Packing
from app.sinks.group_commit import WATCH_SECONDS
from app.sinks.kinesis import UNREADABLE, KinesisSink, refused_positions
from app.sinks.stream_in_threads import StreamInThreads
from tests.unit.app.sinks.clients import FakeKinesis, Script, answer_failing, confirmed
from tests.unit.app.sinks.failures import LASTING, PASSING, client_error, name_of

Answer = TypeVar("Answer")
PATIENCE = 5.0
YES, NO = Outcome.CONFIRMED, Outcome.UNCONFIRMED


def lines(count: int, size: int = 10) -> Lines:
    data = [b"%0*d\n" % (size - 1, index) for index in range(count)]
    return Lines("request", datetime(2026, 11, 23, tzinfo=UTC), data, range(count))


def with_sink(client: FakeKinesis, ask: Callable[[KinesisSink], Awaitable[Answer]], *, packed: bool = False) -> Answer:
    async def run() -> Answer:
        stream = StreamInThreads(lambda: cast("Any", client), "records", threads=4, lanes=1)
        sink = KinesisSink(stream, calls=4, packing=Packing(1, packed))
        await sink.open()
        try:
            return await ask(sink)
        finally:
            await sink.close()

    return asyncio.run(run())


def put(client: FakeKinesis, given: Lines, seconds: float = PATIENCE) -> Sequence[Outcome]:
    async def ask(sink: KinesisSink) -> Sequence[Outcome]:
        return await sink.put(given, asyncio.get_running_loop().time() + seconds)

    return with_sink(client, ask)


def test_lines_become_entries() -> None:
    client = FakeKinesis(lambda _, entries: confirmed(entries))
    assert put(client, lines(3)) == [YES] * 3
    assert client.calls == [[{"Data": line.data, "PartitionKey": f"{line.key:08x}"} for line in lines(3)]]
    assert client.closed


def test_a_call_that_would_be_late_is_not_made() -> None:
    client = FakeKinesis(lambda _, entries: confirmed(entries))
    assert put(client, lines(3), seconds=0) == [NO] * 3
    assert client.calls == []


def test_nothing_to_put_makes_no_call() -> None:
    client = FakeKinesis(lambda _, entries: confirmed(entries))
    assert put(client, lines(0)) == []
    assert client.calls == []


def test_more_than_a_call_holds_goes_in_several_in_order() -> None:
    client = FakeKinesis(lambda _, entries: confirmed(entries))
    given = lines(2 * MAX_CALL_RECORDS + 1)
    assert put(client, given) == [YES] * len(given)
    assert [len(call) for call in client.calls] == [MAX_CALL_RECORDS, MAX_CALL_RECORDS, 1]
    assert list(chain.from_iterable(client.sent)) == given.data


def test_only_entries_that_failed_are_sent_again_in_order() -> None:
    client = FakeKinesis(
        lambda number, entries: answer_failing(entries, range(0, len(entries), 3) if number < 4 else ())
    )
    given = lines(100)
    assert put(client, given) == [YES] * 100
    indexes = [[int(data) for data in call] for call in client.sent]
    assert indexes[0] == list(range(100))
    for before, after in pairwise(indexes):
        assert after == before[::3]


def test_what_keeps_failing_is_not_confirmed_and_the_rest_is() -> None:
    def second_always_fails(_: int, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return answer_failing(entries, [place for place, entry in enumerate(entries) if int(entry["Data"]) == 1])

    client = FakeKinesis(second_always_fails)
    assert put(client, lines(3), seconds=0.3) == [YES, NO, YES]
    assert len(client.calls) > 1
    assert {len(call) for call in client.calls[1:]} == {1}


@pytest.mark.parametrize("failure", PASSING, ids=name_of)
def test_a_failure_that_passes_is_tried_again(failure: Exception) -> None:
    client = FakeKinesis(failing(failure, times=2))
    assert put(client, lines(2)) == [YES, YES]
    assert len(client.calls) == 3


@pytest.mark.parametrize("failure", LASTING, ids=name_of)
def test_a_failure_that_lasts_is_not(failure: Exception) -> None:
    client = FakeKinesis(failing(failure, times=2))
    assert put(client, lines(2)) == [NO, NO]
    assert len(client.calls) == 1


def failing(failure: Exception, times: int) -> Script:
    def script(number: int, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
        if number < times:
            raise failure
        return confirmed(entries)

    return script


def test_one_call_of_several_failing_for_good_keeps_what_the_others_confirmed() -> None:
    def second_call_denied(number: int, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
        if number == 1:
            raise client_error("AccessDeniedException")
        return confirmed(entries)

    outcomes = put(FakeKinesis(second_call_denied), lines(MAX_CALL_RECORDS + 1))
    assert outcomes == [YES] * MAX_CALL_RECORDS + [NO]


UNREAD = {0: UNREADABLE, 1: UNREADABLE}


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (confirmed([0, 1]), {}),
        (answer_failing([0, 1], [1]), {1: "ProvisionedThroughputExceededException"}),
        ({}, UNREAD),
        ({"FailedRecordCount": 0}, UNREAD),
        ({"Records": None}, UNREAD),
        ({"Records": ["x", "y"]}, UNREAD),
        ({"FailedRecordCount": 0, "Records": []}, UNREAD),
        ({"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}]}, UNREAD),
        ({"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}] * 3}, UNREAD),
        ({"FailedRecordCount": 1, "Records": [{"SequenceNumber": "1"}] * 2}, UNREAD),
        ({"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}, {"ErrorCode": "X"}]}, {1: "X"}),
        ({"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}, {}]}, {1: UNREADABLE}),
        ({"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}, {"SequenceNumber": ""}]}, {1: UNREADABLE}),
        ({"Records": [{"SequenceNumber": "1", "ErrorCode": "X"}, {"SequenceNumber": "2"}]}, {0: "X"}),
    ],
)
def test_confirmed_is_only_what_has_a_sequence_number(answer: dict[str, Any], refused: dict[int, str]) -> None:
    assert refused_positions(answer, 2) == refused


def test_an_answer_without_entries_confirms_nothing() -> None:
    """What boto3 makes of a 200 with an empty body, or a page of HTML."""
    client = FakeKinesis(lambda _, __: {"ResponseMetadata": {"HTTPStatusCode": 200}})
    assert put(client, lines(3), seconds=0.2) == [NO] * 3


@pytest.mark.parametrize("seconds", [0.1, 0.4])
def test_a_call_that_hangs_is_left_at_the_deadline(seconds: float) -> None:
    release = threading.Event()

    def hang(_: int, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
        release.wait(PATIENCE)
        return confirmed(entries)

    started = time.monotonic()
    try:
        assert put(FakeKinesis(hang), lines(2), seconds) == [NO, NO]
        spent = time.monotonic() - started
    finally:
        release.set()
    assert seconds - 2 * WATCH_SECONDS <= spent < seconds + 0.5


def test_retries_end_at_the_deadline() -> None:
    client = FakeKinesis(failing(client_error("InternalFailure"), times=1_000_000))
    started = time.monotonic()
    assert put(client, lines(2), seconds=0.3) == [NO, NO]
    assert time.monotonic() - started < 0.8
    assert len(client.calls) > 1


def test_a_deadline_that_is_over_confirms_nothing() -> None:
    release = threading.Event()

    def slow(_: int, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
        release.wait(PATIENCE)
        return confirmed(entries)

    try:
        assert put(FakeKinesis(slow), lines(2), seconds=-1) == [NO, NO]
    finally:
        release.set()


def test_packed_lines_share_a_record_and_come_out_as_they_were() -> None:
    client = FakeKinesis(lambda _, entries: confirmed(entries))
    given = lines(3)

    async def ask(sink: KinesisSink) -> Sequence[Outcome]:
        return await sink.put(given, asyncio.get_running_loop().time() + PATIENCE)

    assert with_sink(client, ask, packed=True) == [YES] * 3
    [[entry]] = client.calls
    assert entry["Data"] == b"".join(given.data)
    assert 0 < int(entry["ExplicitHashKey"]) < 2**128


@pytest.mark.parametrize(
    ("status", "reachable"), [("ACTIVE", True), ("UPDATING", True), ("CREATING", False), ("DELETING", False)]
)
def test_it_is_ready_when_the_stream_takes_records(status: str, reachable: bool) -> None:
    client = FakeKinesis(lambda _, __: {})
    client.status = status
    assert with_sink(client, check) is reachable


def test_it_is_not_ready_when_the_stream_cannot_be_asked() -> None:
    def fail(_: int, __: Sequence[dict[str, Any]]) -> dict[str, Any]:
        raise client_error("ResourceNotFoundException")

    assert with_sink(FakeKinesis(fail), check) is False


async def check(sink: KinesisSink) -> bool:
    return await sink.check(asyncio.get_running_loop().time() + PATIENCE)


def test_a_put_that_met_failures_is_logged_once_without_data(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeKinesis(failing(client_error("InternalFailure"), times=3))
    put(client, lines(2))
    [record] = caplog.records
    assert vars(record)["request_id"] == "request"
    assert "000000" not in str(vars(record))
