"""The error bucket: one object a request, never overwritten."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import TYPE_CHECKING

from app.sinks.aws import AttemptFailed, ClientOnDemand, attempt, log_failures
from app.sinks.backoff import full_jitter
from app.sinks.base import Lines, Outcome

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)
REJECTED_AREA = "rejected"
SPILL_AREA = "spill"
_ALREADY_STORED = "PreconditionFailed"


class ErrorBucketSink:
    """Puts the error lines of a request into one S3 object, and lines that the stream did not take into another."""

    def __init__(self, make_client: "Callable[[], S3Client]", bucket: str, connections: int) -> None:
        self._client = ClientOnDemand(make_client)
        self._bucket = bucket
        self._connections = connections

    async def open(self) -> None:
        """Make the threads that calls run in."""
        self._executor = ThreadPoolExecutor(self._connections, thread_name_prefix="error-bucket")

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        """Put the object, again where that may help. All lines share its outcome."""
        return await self._put_into(REJECTED_AREA, lines, deadline)

    async def spill(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        """As `put`, for stream lines that wait for the stream."""
        return await self._put_into(SPILL_AREA, lines, deadline)

    async def check(self, deadline: float) -> bool:
        """Whether the bucket is there and ours."""
        try:
            await attempt(self._executor, deadline, lambda: self._client.get().head_bucket(Bucket=self._bucket))
        except AttemptFailed:
            return False
        return True

    async def close(self) -> None:
        """Let go of the connections; calls under way end by their own timeouts."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _put_into(self, area: str, lines: Lines, deadline: float) -> Sequence[Outcome]:
        failures: Counter[str] = Counter()
        stored = await self._store(object_key(area, lines), lines, deadline, failures)
        outcomes = [Outcome.CONFIRMED if stored else Outcome.UNCONFIRMED] * len(lines)
        log_failures(logger, lines, outcomes, failures)
        return outcomes

    async def _store(self, key: str, lines: Lines, deadline: float, failures: Counter[str]) -> bool:
        body = b"".join(lines.data)
        while True:
            failure = await self._try_to_store(key, body, deadline)
            if failure is None:
                return True
            if failure.code == _ALREADY_STORED:  # by an earlier try, if there was one: no one else knows the key
                return failures.total() > 0
            delay = full_jitter(failures.total())
            failures[failure.code] += 1
            if not failure.retryable or asyncio.get_running_loop().time() + delay >= deadline:
                return False
            await asyncio.sleep(delay)
            lines.effort.resent += len(lines)

    async def _try_to_store(self, key: str, body: bytes, deadline: float) -> AttemptFailed | None:
        try:
            answer = await attempt(
                self._executor,
                deadline,
                lambda: self._client.get().put_object(
                    Bucket=self._bucket, Key=key, Body=body, ContentType="application/x-ndjson", IfNoneMatch="*"
                ),
            )
        except AttemptFailed as failure:
            return failure
        if not answer.get("ETag"):  # S3 always sends one: this 200 is somebody else's
            return AttemptFailed("UnreadableAnswer", retryable=True)
        return None


def object_key(area: str, lines: Lines) -> str:
    """``<area>/dt=YYYY-MM-DD/hr=HH/<request_id>.<random>.ndjson``, by the hour the request came in, UTC."""
    moment = lines.received_at.astimezone(UTC)
    return f"{area}/dt={moment:%Y-%m-%d}/hr={moment:%H}/{lines.request_id}.{secrets.token_hex(8)}.ndjson"
