"""The stream by signed HTTP calls from the event loop itself: for servers, where threads fight it for the interpreter.

Credentials, endpoint, signature, proxy and certificates are what botocore would use; the calls are Kinesis' JSON
protocol over aiohttp.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pybase64
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.httpsession import get_cert_path
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from app.sinks.aws import (
    CALL_SECONDS,
    CONNECT_TIMEOUT_SECONDS,
    READ_TIMEOUT_SECONDS,
    AttemptFailed,
    failure_of_code,
    now,
)
from app.sinks.batching import Record, explicit_hash_key
from app.sinks.kinesis import refused_positions
from app.sinks.signing import Signer

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

_TARGET = "Kinesis_20131202."
_HEADERS = {"Content-Type": "application/x-amz-json-1.1", "Accept-Encoding": "identity"}
"""Compressed answers would cost more than they save inside a region."""
CONNECTIONS = 64
"""More than calls that may be under way."""


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
        self._url = client.meta.endpoint_url
        self._signer = Signer("kinesis", client.meta.region_name, self._url)
        client.close()
        self._proxy = get_environ_proxies(self._url).get(self._url.partition(":")[0])
        self._credentials: Credentials | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="credentials")
        self._asking: asyncio.Future[ReadOnlyCredentials] | None = None
        self._session: aiohttp.ClientSession | None = None

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
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _entry(self, record: Record) -> tuple[bytes, bytes, bytes]:
        end = self._ends[record.lane] if record.lane is not None else _end_of_entry(record.partition_key.encode(), None)
        return b'{"Data":"', pybase64.b64encode(record.data()), end

    async def _call(self, operation: str, body: bytes, deadline: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(deadline):
                headers = self._signer.signed(
                    await self._credentials_now(), {**_HEADERS, "X-Amz-Target": _TARGET + operation}, body
                )
                async with self._connected().post(
                    self._url, data=body, headers=headers, proxy=self._proxy, allow_redirects=False
                ) as response:
                    return _read(response.status, response.headers, await response.read())
        except TimeoutError:
            raise AttemptFailed("DeadlineExceeded", retryable=True) from None
        except aiohttp.ClientError as error:
            raise AttemptFailed(type(error).__name__, retryable=True) from None

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

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=READ_TIMEOUT_SECONDS
            )
            bundle = get_session().get_config_variable("ca_bundle")
            certificates = ssl.create_default_context(cafile=get_cert_path(bundle or True))
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=certificates),
                timeout=timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _end_of_entry(partition_key: bytes, hash_key: int | None) -> bytes:
    explicit = b"" if hash_key is None else b',"ExplicitHashKey":"%d"' % hash_key
    return b'","PartitionKey":"%b"%b}' % (partition_key, explicit)


def _read(status: int, headers: Mapping[str, str], answer: bytes) -> dict[str, Any]:
    """The answer of a call that succeeded.

    Raises:
        AttemptFailed: it did not.
    """
    try:
        members = orjson.loads(answer)
    except orjson.JSONDecodeError:
        members = None
    if status == 200 and isinstance(members, dict):
        return members
    code = _error_code(members if isinstance(members, dict) else {}, headers)
    if code:
        raise failure_of_code(code)
    raise AttemptFailed("UnreadableAnswer" if status == 200 else str(status), retryable=True)


def _error_code(members: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Smithy's AWS JSON protocols: in `__type`, `code` or a header, with a namespace before and a URI behind it."""
    code = members.get("__type") or members.get("code") or headers.get("x-amzn-errortype") or ""
    return str(code).partition(":")[0].rpartition("#")[2]
