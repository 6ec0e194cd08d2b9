"""What a Lambda container does once at its start, so that the first request finds made what is made once: a good and a
bad record go the way of all records, and a call to the stream is made, but nothing is kept, logged, counted or sent."""

import encodings.idna  # noqa: F401 - the first connection would
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError

from app.authentication import Authenticator
from app.embedded_metrics import embedded_lines
from app.gateway import Gateway, Sinks
from app.observability import ReceiptLog
from app.rate_limit import RateLimiter
from app.settings import AuthMode
from app.sinks.memory import MemorySink

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

TIMES = 3
"""How often it is done: the interpreter makes code faster while it runs again."""
BEFORE_SEND = "before-send.kinesis.PutRecords"
ANSWER = b'{"FailedRecordCount":0,"Records":[{"SequenceNumber":"0","ShardId":"0"}]}'


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
    """Make a call with `client` that is signed, and answered before it is sent."""
    client.meta.events.register_first(BEFORE_SEND, _answered, unique_id=BEFORE_SEND)
    with suppress(BotoCoreError, ClientError):  # a real call will tell
        client.put_records(StreamName=stream, Records=[{"Data": b"{}", "PartitionKey": "0", "ExplicitHashKey": "0"}])
    client.meta.events.unregister(BEFORE_SEND, unique_id=BEFORE_SEND)


def _answered(**_: object) -> Any:  # noqa: ANN401  botocore's types do not know that a handler may answer
    return AWSResponse("", 200, HTTPHeaders(), _Body(ANSWER))


class _Body(BytesIO):
    """As urllib3 hands a body out."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()
