"""Signed calls to Kinesis from the event loop, to an endpoint that looks at what came and answers from a script."""

import asyncio
import gzip
import json
import ssl
import threading
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

from app.sinks.aws import AttemptFailed, client_config
from app.sinks.base import Lines
from app.sinks.batching import HASH_KEYS, Call, Packing, chains
from app.sinks.connections import endpoint
from app.sinks.stream_in_loop import StreamInLoop
from tests.support.http_wire import MAX_HEAD_BYTES, Answer, Request, read_request, write_answer
from tests.support.sigv4 import is_signed_with

T = TypeVar("T")
LANES = 4
SECRET, TOKEN = "secret/key+=", "session//token"
CONFIRMED = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}


@dataclass
class Kinesis:
    """Answers by `script`; remembers what it was asked."""

    script: Callable[[Request], Answer]
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    serving: list[asyncio.Task[Any]] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Kinesis"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            try:
                yield self
            finally:
                await asyncio.gather(*self.serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self.serving.append(task)
        while request := await read_request(reader, writer):
            self.requests.append(request)
            await write_answer(writer, self.script(request), request.method)
        writer.close()
        await writer.wait_closed()


def answer(value: object, status: int = 200, **headers: str) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    named = [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Answer(status, "x", [("Content-Type", "application/x-amz-json-1.1"), *named], body)


def all_confirmed(request: Request) -> Answer:
    return answer({"FailedRecordCount": 0, "Records": [CONFIRMED] * len(json.loads(request.body)["Records"])})


def lines(count: int) -> Lines:
    data = [b'{"n":%d}\n' % number for number in range(count)]
    return Lines("request", datetime(2026, 11, 23, tzinfo=UTC), data, [number % 4 << 30 for number in range(count)])


def records(count: int, *, packed: bool = True) -> Call:
    call = Call()
    for chain in chains(lines(count), Packing(LANES, packed)):
        call.add(chain)
    return call


def ask(
    kinesis: Kinesis,
    question: Callable[[StreamInLoop], Awaitable[T]],
    credentials: Callable[[], Credentials | None] = lambda: Credentials("key", SECRET, TOKEN),
) -> T:
    async def run() -> T:
        async with kinesis.running():
            session = boto3.Session(region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
            client = session.client("kinesis", endpoint_url=kinesis.url, config=client_config("eu-west-1", 1))
            stream = StreamInLoop(lambda: client, credentials, "records", LANES)
            stream.open()
            try:
                return await question(stream)
            finally:
                await stream.close()

    return asyncio.run(run())


def failure(kinesis: Kinesis, **arguments: Any) -> tuple[str, bool]:
    with pytest.raises(AttemptFailed) as failed:
        ask(kinesis, lambda stream: stream.put_records(records(1).records), **arguments)
    return failed.value.code, failed.value.retryable


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_sent_is_signed_and_says_what_boto3_would(packed: bool) -> None:
    kinesis = Kinesis(all_confirmed)
    assert ask(kinesis, lambda stream: stream.put_records(records(9, packed=packed).records)) == {}
    [request] = kinesis.requests
    assert is_signed_with(request, SECRET)
    assert not is_signed_with(request, SECRET + "x")
    assert request.header("x-amz-security-token") == TOKEN
    assert request.header("x-amz-target") == "Kinesis_20131202.PutRecords"
    assert request.header("accept-encoding") == "identity"
    members = json.loads(request.body)
    assert members["StreamName"] == "records"
    sent = [b64decode(entry["Data"]) for entry in members["Records"]]
    assert sorted(b"".join(sent).splitlines()) == sorted(line.data.rstrip() for line in lines(9))
    assert len(sent) == (LANES if packed else 9)
    for entry in members["Records"]:
        assert 1 <= len(entry["PartitionKey"]) <= 256
        assert ("ExplicitHashKey" in entry) is packed
        assert 0 <= int(entry.get("ExplicitHashKey", 0)) < HASH_KEYS


@pytest.mark.parametrize(
    ("given", "code", "retryable"),
    [
        (
            answer({"__type": "ProvisionedThroughputExceededException"}, 400),
            "ProvisionedThroughputExceededException",
            True,
        ),
        (answer({"__type": "com.amazon.kinesis#AccessDeniedException"}, 400), "AccessDeniedException", False),
        (answer({"__type": "a#ResourceNotFoundException:http://x/"}, 400), "ResourceNotFoundException", False),
        (answer({"code": "ExpiredTokenException"}, 400), "ExpiredTokenException", False),
        (answer({}, 403, x_amzn_ErrorType="AccessDeniedException:http://x/"), "AccessDeniedException", False),
        (answer(b"<html>busy</html>", 503), "503", True),
        (answer(b"", 413), "413", True),
        (answer(b"not JSON"), "UnreadableAnswer", True),
        (answer([1]), "UnreadableAnswer", True),
        (answer({}, 307, Location="/elsewhere"), "307", True),
    ],
)
def test_what_is_no_success(given: Answer, code: str, retryable: bool) -> None:
    kinesis = Kinesis(lambda _: given)
    assert failure(kinesis) == (code, retryable)
    assert len(kinesis.requests) == 1, "and nothing is followed"


def test_an_answer_that_is_compressed_all_the_same_is_read() -> None:
    body = gzip.compress(json.dumps({"FailedRecordCount": 0, "Records": [CONFIRMED]}).encode())
    kinesis = Kinesis(lambda _: answer(body, Content_Encoding="gzip"))
    assert ask(kinesis, lambda stream: stream.put_records(records(1).records)) == {}


def test_an_endpoint_that_is_not_there_and_one_that_hangs_up() -> None:
    async def nobody_listens(stream: StreamInLoop) -> str:
        stream._endpoint = endpoint("http://127.0.0.1:9/", None, ssl.create_default_context, 1.0)  # noqa: SLF001 - discard: nothing serves it
        with pytest.raises(AttemptFailed) as failed:
            await stream.put_records(records(1).records)
        assert failed.value.retryable
        return failed.value.code

    assert ask(Kinesis(all_confirmed), nobody_listens) == "ConnectionRefusedError"


def test_credentials_that_cannot_be_had_are_asked_for_again() -> None:
    asked = iter([None, CredentialRetrievalError(provider="x", error_msg="busy"), Credentials("key", SECRET)])

    def find() -> Credentials | None:
        found = next(asked)
        if isinstance(found, Exception):
            raise found
        return found

    async def thrice(stream: StreamInLoop) -> list[tuple[str, bool]]:
        seen = []
        for _ in range(2):
            with pytest.raises(AttemptFailed) as failed:
                await stream.put_records(records(1).records)
            seen.append((failed.value.code, failed.value.retryable))
        assert await stream.put_records(records(1).records) == {}
        return seen

    kinesis = Kinesis(all_confirmed)
    assert ask(kinesis, thrice, find) == [("NoCredentialsError", False), ("CredentialRetrievalError", True)]
    assert len(kinesis.requests) == 1


def test_calls_that_need_a_refresh_share_it() -> None:
    refreshed: list[int] = []

    class OfARole(Credentials):
        def refresh_needed(self) -> bool:
            return len(refreshed) == 0

        def get_frozen_credentials(self) -> Any:
            if threading.current_thread() is not threading.main_thread():
                refreshed.append(1)
                time.sleep(0.1)  # what a metadata service takes
            return super().get_frozen_credentials()

    async def many(stream: StreamInLoop) -> None:
        await asyncio.gather(*(stream.put_records(records(1).records) for _ in range(5)))

    kinesis = Kinesis(all_confirmed)
    ask(kinesis, many, lambda: OfARole("key", SECRET))
    assert len(kinesis.requests) == 5
    assert refreshed == [1]


def test_it_can_be_opened_again() -> None:
    async def twice(stream: StreamInLoop) -> None:
        await stream.put_records(records(1).records)
        await stream.close()
        stream.open()
        await stream.put_records(records(1).records)

    kinesis = Kinesis(all_confirmed)
    ask(kinesis, twice)
    assert len(kinesis.requests) == 2


def test_the_status_of_the_stream() -> None:
    kinesis = Kinesis(lambda _: answer({"StreamDescriptionSummary": {"StreamStatus": "ACTIVE"}}))
    assert ask(kinesis, lambda stream: stream.status(asyncio.get_running_loop().time() + 5)) == "ACTIVE"
    assert json.loads(kinesis.requests[0].body) == {"StreamName": "records"}
