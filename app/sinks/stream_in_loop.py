"""The stream by signed HTTP calls from the event loop itself: for servers, where threads fight it for the interpreter.

Credentials, endpoint and signature are botocore's; the calls are Kinesis' JSON protocol over aiohttp.
"""

import asyncio
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from app.sinks.aws import (
    CALL_SECONDS,
    CONNECT_TIMEOUT_SECONDS,
    READ_TIMEOUT_SECONDS,
    AttemptFailed,
    failure_of_code,
    now,
)
from app.sinks.batching import Record, explicit_hash_key
from app.sinks.kinesis import unconfirmed_positions

if TYPE_CHECKING:
    import aiohttp
    from mypy_boto3_kinesis import KinesisClient

_TARGET = "Kinesis_20131202."


class StreamInLoop:
    """A `Stream` without threads.

    Args:
        make_client: a boto3 client, which knows the endpoint and the region; it makes no call.
        credentials: they may be refreshed meanwhile; None when there are none.
    """

    def __init__(
        self,
        make_client: "Callable[[], KinesisClient]",
        credentials: Callable[[], Credentials | None],
        name: str,
        lanes: int,
    ) -> None:
        self._make_client = make_client
        self._find_credentials = credentials
        self._name = name
        self._tail = b'],"StreamName":%b}' % orjson.dumps(name)
        self._ends = [_end_of_entry(b"%x" % lane, explicit_hash_key(lane, lanes)) for lane in range(lanes)]
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Find endpoint and credentials; aiohttp's session is made inside the loop that uses it."""
        client = self._make_client()
        self._url, self._region = client.meta.endpoint_url, client.meta.region_name
        client.close()
        self._credentials = self._find_credentials()

    async def put_records(self, records: Sequence[Record]) -> Sequence[int]:
        """One PutRecords call."""
        body = b'{"Records":[%b%b' % (b",".join([self._entry(record) for record in records]), self._tail)
        answer = await self._call("PutRecords", body, now() + CALL_SECONDS)
        return unconfirmed_positions(answer, len(records))

    async def status(self, deadline: float) -> str:
        """The stream's status."""
        answer = await self._call("DescribeStreamSummary", orjson.dumps({"StreamName": self._name}), deadline)
        try:
            return str(answer["StreamDescriptionSummary"]["StreamStatus"])
        except (KeyError, TypeError):
            raise AttemptFailed("UnreadableAnswer", retryable=True) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _entry(self, record: Record) -> bytes:
        end = _end_of_entry(record.partition_key.encode(), None) if record.lane is None else self._ends[record.lane]
        return b'{"Data":"%b"%b' % (b2a_base64(record.data(), newline=False), end)

    async def _call(self, operation: str, body: bytes, deadline: float) -> dict[str, Any]:
        import aiohttp  # noqa: PLC0415 - has no place in Lambda's start

        try:
            async with asyncio.timeout_at(deadline):
                headers = await self._signed(operation, body)
                async with self._connected().post(self._url, data=body, headers=headers) as response:
                    status, answer = response.status, await response.read()
        except TimeoutError:
            raise AttemptFailed("DeadlineExceeded", retryable=True) from None
        except aiohttp.ClientError as error:
            raise AttemptFailed(type(error).__name__, retryable=True) from None
        return _read(status, answer)

    async def _signed(self, operation: str, body: bytes) -> dict[str, str]:
        credentials = self._credentials
        if credentials is None:
            raise AttemptFailed("NoCredentialsError", retryable=False)
        # Credentials of a role are refreshed over the network.
        refresh = getattr(credentials, "refresh_needed", None)
        frozen = (
            await asyncio.to_thread(credentials.get_frozen_credentials)
            if refresh and refresh()
            else credentials.get_frozen_credentials()
        )
        headers = {"X-Amz-Target": _TARGET + operation, "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", self._url, headers, body)
        SigV4Auth(frozen, "kinesis", self._region).add_auth(request)
        return dict(request.headers.items())

    def _connected(self) -> "aiohttp.ClientSession":
        import aiohttp  # noqa: PLC0415

        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=READ_TIMEOUT_SECONDS
            )
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        return self._session


def _end_of_entry(partition_key: bytes, hash_key: int | None) -> bytes:
    explicit = b"" if hash_key is None else b',"ExplicitHashKey":"%d"' % hash_key
    return b',"PartitionKey":"%b"%b}' % (partition_key, explicit)


def _read(status: int, answer: bytes) -> dict[str, Any]:
    """The answer of a call that succeeded.

    Raises:
        AttemptFailed: it did not.
    """
    try:
        members = orjson.loads(answer)
    except orjson.JSONDecodeError:
        members = None
    if not isinstance(members, dict):
        raise AttemptFailed("UnreadableAnswer", retryable=True)
    if status == 200:
        return members
    code = str(members.get("__type", "Unknown")).rpartition("#")[2]
    raise failure_of_code(code)
