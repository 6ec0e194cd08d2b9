"""The stream by signed HTTP calls from the event loop itself: for servers, where threads fight it for the interpreter.

Credentials, endpoint, signature, proxy and certificates are what botocore would use; the calls are Kinesis' JSON
protocol.
"""

import asyncio
import ssl
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pybase64
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.httpsession import get_cert_path
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from app.sinks.aws import (
    CALL_SECONDS,
    CONNECT_TIMEOUT_SECONDS,
    AttemptFailed,
    failure_of_code,
    now,
)
from app.sinks.batching import Record, explicit_hash_key
from app.sinks.connections import endpoint
from app.sinks.http_calls import MAX_ANSWER_BYTES, CallFailed
from app.sinks.kinesis import refused_positions
from app.sinks.signing import Signer

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

_TARGET = "Kinesis_20131202."
_HEADERS = {"Content-Type": "application/x-amz-json-1.1", "Accept-Encoding": "identity"}
"""Compressed answers would cost more than they save inside a region."""


class StreamInLoop:
    """A `Stream` whose calls need no threads.

    Args:
        make_client: a boto3 client, which knows the endpoint and the region; it makes no call.
        find_credentials: None when there are none.
    """

    def __init__(
        self,
        make_client: "Callable[[], KinesisClient]",
        find_credentials: Callable[[], Credentials | None],
        name: str,
        lanes: int,
    ) -> None:
        self._make_client = make_client
        self._find_credentials = find_credentials
        self._name = name
        self._tail = b'],"StreamName":%b}' % orjson.dumps(name)
        self._ends = [_end_of_entry(b"%x" % lane, explicit_hash_key(lane, lanes)) for lane in range(lanes)]

    def open(self) -> None:
        """Find out where to call. Credentials are looked for by the first call: for them the network may be asked."""
        client = self._make_client()
        url = client.meta.endpoint_url
        self._signer = Signer("kinesis", client.meta.region_name, url)
        client.close()
        proxy = get_environ_proxies(url).get(url.partition(":")[0])
        self._endpoint = endpoint(url, proxy, _tls, CONNECT_TIMEOUT_SECONDS)
        self._credentials: Credentials | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="credentials")
        self._asking: asyncio.Future[ReadOnlyCredentials] | None = None

    async def put_records(self, records: Sequence[Record]) -> Mapping[int, str]:
        """One PutRecords call."""
        pieces: list[bytes] = []  # joined once: each copy of some hundred KB costs as much as signing them
        for record in records:
            pieces += (b"," if pieces else b'{"Records":[', *self._entry(record))
        body = b"".join((*pieces, self._tail))
        return refused_positions(await self._call("PutRecords", body, now() + CALL_SECONDS), len(records))

    async def status(self, deadline: float) -> str:
        """The stream's status."""
        answer = await self._call("DescribeStreamSummary", orjson.dumps({"StreamName": self._name}), deadline)
        try:
            return str(answer["StreamDescriptionSummary"]["StreamStatus"])
        except (KeyError, TypeError):
            raise AttemptFailed("UnreadableAnswer", retryable=True) from None

    async def close(self) -> None:
        """Close the connections."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._endpoint.close()

    def _entry(self, record: Record) -> tuple[bytes, bytes, bytes]:
        end = self._ends[record.lane] if record.lane is not None else _end_of_entry(record.partition_key.encode(), None)
        return b'{"Data":"', pybase64.b64encode(record.data()), end

    async def _call(self, operation: str, body: bytes, deadline: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(deadline):
                headers = self._signer.signed(
                    await self._credentials_now(), {**_HEADERS, "X-Amz-Target": _TARGET + operation}, body
                )
                return _read(*await self._endpoint.post(headers, body))
        except TimeoutError:
            raise AttemptFailed("DeadlineExceeded", retryable=True) from None
        except CallFailed as failed:
            raise AttemptFailed(failed.code, retryable=True) from None

    async def _credentials_now(self) -> ReadOnlyCredentials:
        """Those of a role are refreshed over the network, in a thread, once for all calls that wait for it."""
        if self._credentials is not None and not self._needs_refresh(self._credentials):
            return self._credentials.get_frozen_credentials()
        if self._asking is None:
            self._asking = asyncio.get_running_loop().run_in_executor(self._executor, self._ask_for_credentials)
            self._asking.add_done_callback(self._asked)
        try:
            return await asyncio.shield(self._asking)
        except AttemptFailed:
            raise
        except Exception as error:  # botocore's own and whatever a provider raises
            raise AttemptFailed(type(error).__name__, retryable=True) from error

    def _ask_for_credentials(self) -> ReadOnlyCredentials:
        credentials = self._credentials or self._find_credentials()
        if credentials is None:
            raise AttemptFailed("NoCredentialsError", retryable=False)
        frozen = credentials.get_frozen_credentials()
        self._credentials = credentials
        return frozen

    def _asked(self, asked: "asyncio.Future[ReadOnlyCredentials]") -> None:
        self._asking = None
        if not asked.cancelled():
            asked.exception()  # seen, though all that waited may have given up

    @staticmethod
    def _needs_refresh(credentials: Credentials) -> bool:
        refresh_needed = getattr(credentials, "refresh_needed", None)
        return refresh_needed is not None and refresh_needed()


def _tls() -> ssl.SSLContext:
    bundle = get_session().get_config_variable("ca_bundle")
    return ssl.create_default_context(cafile=get_cert_path(bundle or True))


def _end_of_entry(partition_key: bytes, hash_key: int | None) -> bytes:
    explicit = b"" if hash_key is None else b',"ExplicitHashKey":"%d"' % hash_key
    return b'","PartitionKey":"%b"%b}' % (partition_key, explicit)


def _read(status: int, headers: Mapping[str, str], answer: bytes) -> dict[str, Any]:
    """The answer of a call that succeeded.

    Raises:
        AttemptFailed: it did not.
    """
    try:
        members = orjson.loads(_decoded(answer, headers))
    except (orjson.JSONDecodeError, zlib.error):
        members = None
    if status == 200 and isinstance(members, dict):
        return members
    code = _error_code(members if isinstance(members, dict) else {}, headers)
    if code:
        raise failure_of_code(code)
    raise AttemptFailed("UnreadableAnswer" if status == 200 else str(status), retryable=True)


def _decoded(answer: bytes, headers: Mapping[str, str]) -> bytes:
    """An answer is not asked for in gzip; who is on the way may do it all the same."""
    if headers.get("content-encoding") != "gzip":
        return answer
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(answer, MAX_ANSWER_BYTES)


def _error_code(members: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Smithy's AWS JSON protocols: in `__type`, `code` or a header, with a namespace before and a URI behind it."""
    code = members.get("__type") or members.get("code") or headers.get("x-amzn-errortype") or ""
    return str(code).partition(":")[0].rpartition("#")[2]
