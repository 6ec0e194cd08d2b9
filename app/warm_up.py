"""What a Lambda container does once at its start, so that the first request finds made what is made once: a good and a
bad record go the way of all records, and calls to the stream are made, but nothing is kept, logged, counted or sent.
The connection over which the first real call goes is opened."""

import encodings.idna  # noqa: F401 - the first connection would
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSPreparedRequest
from botocore.httpsession import URLLib3Session

from app.authentication import Authenticator
from app.embedded_metrics import embedded_lines
from app.gateway import Gateway, Sinks
from app.observability import ReceiptLog
from app.rate_limit import RateLimiter
from app.settings import AuthMode
from app.sinks.boto_connection import open_connection
from app.sinks.memory import MemorySink

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

logger = logging.getLogger(__name__)
TIMES = 2
"""How often it is done: the interpreter makes code faster while it runs again."""
CONNECT_SECONDS = 2.0
"""How long a start waits for a connection: more than one takes that is of use."""
BEFORE_SEND = "before-send.kinesis.PutRecords"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 72\r\n\r\n"
    b'{"FailedRecordCount":0,"Records":[{"SequenceNumber":"0","ShardId":"0"}]}'
)


def aside(gateway: Gateway) -> Gateway:
    """`gateway` without what others see: it lets anyone in, keeps records and receipts to itself, counts nothing."""
    return replace(
        gateway,
        sinks=Sinks(MemorySink(), MemorySink()),
        authenticator=Authenticator(AuthMode.NONE, gateway.api_keys),
        rate_limiter=RateLimiter(0, time.monotonic),
        receipts=ReceiptLog(None, BytesIO(), embedded_lines(gateway.settings.stage)),
        counters=None,
    )


def events() -> Iterator[dict[str, Any]]:
    """A good and a bad record, as an HTTP API sends them (payload format 2.0)."""
    for body in ('{"id":0}', "{}"):
        yield {
            "version": "2.0",
            "rawPath": "/records",
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": "POST", "path": "/records", "sourceIp": "127.0.0.1"}},
            "body": body,
            "isBase64Encoded": False,
        }


def practise(client: "KinesisClient", stream: str) -> None:
    """Make calls with `client` that are signed, sent and answered inside this process, then open a connection for its
    first real one."""
    session = _session_that_answers()
    called = client.meta.endpoint_url

    def answered(request: AWSPreparedRequest, **_: object) -> Any:  # noqa: ANN401  a handler may answer, whatever botocore's types say
        nonlocal called
        called, request.url = request.url, "http://here/"
        return session.send(request)

    client.meta.events.register_first(BEFORE_SEND, answered, unique_id=BEFORE_SEND)
    try:
        for _ in range(TIMES):
            client.put_records(
                StreamName=stream, Records=[{"Data": b"{}", "PartitionKey": "0", "ExplicitHashKey": "0"}]
            )
    except Exception:  # a start does not hang on it, and a real call will tell
        logger.warning("practising a call to the stream failed", exc_info=True)
    finally:
        client.meta.events.unregister(BEFORE_SEND, unique_id=BEFORE_SEND)
        session.close()
    open_connection(client, called, CONNECT_SECONDS)


def _session_that_answers() -> URLLib3Session:
    session: Any = URLLib3Session(verify=False)  # it meets no certificate
    session._manager.pool_classes_by_scheme = {"http": _OwnAnswers}  # noqa: SLF001  there is no other way to say it
    found: URLLib3Session = session
    return found


class _OwnAnswer(AWSHTTPConnection):
    """Its other end is in this process, and gives the answer when it is asked for."""

    _theirs: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        ours, self._theirs = socket.socketpair()
        return ours

    def getresponse(self) -> Any:  # noqa: ANN401  urllib3's own
        if self._theirs is not None:
            self._theirs.sendall(ANSWER)
        return super().getresponse()

    def close(self) -> None:
        super().close()
        if self._theirs is not None:
            self._theirs.close()


class _OwnAnswers(AWSHTTPConnectionPool):
    ConnectionCls = _OwnAnswer
