"""The error bucket sink against a client that answers from a script."""

import asyncio
import re
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar, cast

import pytest

from app.sinks.base import Lines, Outcome
from app.sinks.error_bucket import ErrorBucketSink, object_key
from tests.unit.app.sinks.clients import FakeS3
from tests.unit.app.sinks.failures import LASTING, PASSING, client_error, name_of

REQUEST = "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77"
LINES = Lines(REQUEST, datetime(2026, 11, 23, 2, 17, tzinfo=UTC), [b"one\n", b"two\n"], [0, 0])
STORED = {"ETag": '"d41d8cd98f00b204e9800998ecf8427e"'}
Answer = TypeVar("Answer")
PATIENCE = 5.0
YES, NO = Outcome.CONFIRMED, Outcome.UNCONFIRMED


def with_sink(client: FakeS3, ask: Callable[[ErrorBucketSink], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        sink = ErrorBucketSink(lambda: cast("Any", client), "errors", 2)
        await sink.open()
        try:
            return await ask(sink)
        finally:
            await sink.close()

    return asyncio.run(run())


def put(client: FakeS3, seconds: float = PATIENCE) -> Sequence[Outcome]:
    async def ask(sink: ErrorBucketSink) -> Sequence[Outcome]:
        return await sink.put(LINES, asyncio.get_running_loop().time() + seconds)

    return with_sink(client, ask)


def failing(failure: Exception, times: int) -> Callable[[int], dict[str, Any]]:
    def script(number: int) -> dict[str, Any]:
        if number < times:
            raise failure
        return STORED

    return script


def test_all_lines_go_into_one_object_that_overwrites_none() -> None:
    client = FakeS3(lambda _: STORED)
    assert put(client) == [YES, YES]
    [call] = client.puts
    key = call.pop("Key")
    assert re.fullmatch(rf"rejected/dt=2026-11-23/hr=02/{REQUEST}\.[0-9a-f]{{16}}\.ndjson", key)
    assert call == {
        "Bucket": "errors",
        "Body": b"one\ntwo\n",
        "ContentType": "application/x-ndjson",
        "IfNoneMatch": "*",
    }
    assert client.closed


def test_a_key_is_of_the_hour_in_utc_and_never_twice_the_same() -> None:
    late = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    keys = {object_key("rejected", Lines(REQUEST, late, [], [])) for _ in range(100)}
    assert len(keys) == 100
    assert {key.rpartition("/")[0] for key in keys} == {"rejected/dt=2025-12-31/hr=22"}


@pytest.mark.parametrize("failure", PASSING, ids=name_of)
def test_a_failure_that_passes_is_tried_again_with_the_same_key(failure: Exception) -> None:
    client = FakeS3(failing(failure, times=2))
    assert put(client) == [YES, YES]
    assert len(client.puts) == 3
    assert len({call["Key"] for call in client.puts}) == 1


@pytest.mark.parametrize("failure", LASTING, ids=name_of)
def test_a_failure_that_lasts_is_not(failure: Exception) -> None:
    client = FakeS3(failing(failure, times=2))
    assert put(client) == [NO, NO]
    assert len(client.puts) == 1


def test_an_object_that_an_earlier_try_stored_is_stored() -> None:
    def lost_answer_then_there_already(number: int) -> dict[str, Any]:
        raise client_error("RequestTimeout" if number == 0 else "PreconditionFailed")

    assert put(FakeS3(lost_answer_then_there_already)) == [YES, YES]


def test_an_object_that_nobody_can_have_stored_is_not() -> None:
    """Somebody else's 412: no try came before it."""
    assert put(FakeS3(failing(client_error("PreconditionFailed"), times=1)), seconds=PATIENCE) == [NO, NO]


def test_an_answer_that_is_not_s3_s_confirms_nothing() -> None:
    client = FakeS3(lambda _: {"ResponseMetadata": {"HTTPStatusCode": 200}})
    assert put(client, seconds=0.2) == [NO, NO]


def test_a_call_that_hangs_is_left_at_the_deadline() -> None:
    release = threading.Event()

    def hang(_: int) -> dict[str, Any]:
        release.wait(PATIENCE)
        return STORED

    started = time.monotonic()
    try:
        assert put(FakeS3(hang), seconds=0.2) == [NO, NO]
        spent = time.monotonic() - started
    finally:
        release.set()
    assert 0.2 <= spent < 0.7


def test_retries_end_at_the_deadline() -> None:
    started = time.monotonic()
    assert put(FakeS3(failing(client_error("SlowDown"), times=1_000_000)), seconds=0.3) == [NO, NO]
    assert time.monotonic() - started < 0.8


@pytest.mark.parametrize("reachable", [True, False])
def test_it_is_ready_when_the_bucket_is_there(reachable: bool) -> None:
    async def check(sink: ErrorBucketSink) -> bool:
        return await sink.check(asyncio.get_running_loop().time() + PATIENCE)

    client = FakeS3(failing(client_error("404"), times=0 if reachable else 1))
    assert with_sink(client, check) is reachable
