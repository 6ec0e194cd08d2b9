"""The stream: PutRecords, with only the failed entries of an answer sent again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.sinks.aws import AttemptFailed, attempt
from app.sinks.backoff import full_jitter
from app.sinks.base import Line, Lines, Outcome
from app.sinks.batching import pack

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsOutputTypeDef

logger = logging.getLogger(__name__)


class KinesisSink:
    """Puts lines into a Kinesis data stream, one line a record."""

    def __init__(self, make_client: "Callable[[], KinesisClient]", stream_name: str, connections: int) -> None:
        self._make_client = make_client
        self._stream_name = stream_name
        self._connections = connections

    async def open(self) -> None:
        """Make the client and the threads its calls run in."""
        self._client = self._make_client()
        self._executor = ThreadPoolExecutor(self._connections, thread_name_prefix="kinesis")

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        """Send until every line is confirmed, the rest cannot be, or `deadline`."""
        outcomes = [Outcome.UNCONFIRMED] * len(lines.lines)
        pending = list(range(len(outcomes)))
        fruitless = 0
        while pending:
            calls = list(pack(lines.lines, pending))
            answers = await asyncio.gather(*(self._send(lines.lines, call, deadline) for call in calls))
            for call, failed in zip(calls, answers, strict=True):
                for index in set(call).difference(failed.indexes):
                    outcomes[index] = Outcome.CONFIRMED
            retryable = [index for failed in answers if failed.retryable for index in failed.indexes]
            fruitless = fruitless + 1 if len(retryable) == len(pending) else 0
            pending = retryable
            delay = full_jitter(fruitless)
            if not pending or asyncio.get_running_loop().time() + delay >= deadline:
                break
            await asyncio.sleep(delay)
        return outcomes

    async def check(self, deadline: float) -> bool:
        """Whether the stream takes records."""
        try:
            summary = await attempt(
                self._executor, deadline, self._client.describe_stream_summary, StreamName=self._stream_name
            )
        except AttemptFailed:
            return False
        return summary["StreamDescriptionSummary"]["StreamStatus"] in ("ACTIVE", "UPDATING")

    async def close(self) -> None:
        """Let go of the connections; calls under way end by their own timeouts."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _send(self, lines: Sequence[Line], call: Sequence[int], deadline: float) -> "_Failed":
        entries = [{"Data": lines[index].data, "PartitionKey": lines[index].partition_key} for index in call]
        try:
            answer = await attempt(
                self._executor, deadline, self._client.put_records, StreamName=self._stream_name, Records=entries
            )
        except AttemptFailed as failure:
            return _Failed(call, failure.retryable)
        failed = [call[position] for position in failed_positions(answer)]
        if failed:
            logger.warning("entries failed", extra={"failed": len(failed), "sent": len(call)})
        return _Failed(failed, retryable=True)


@dataclass(frozen=True, slots=True)
class _Failed:
    """What of a call is not confirmed. Entries fail for throttling or an internal error: both pass (API reference)."""

    indexes: Sequence[int]
    retryable: bool


def failed_positions(answer: "PutRecordsOutputTypeDef") -> list[int]:
    """Positions of the entries that a PutRecords answer, itself a success, does not confirm."""
    if not answer.get("FailedRecordCount"):
        return []
    return [position for position, entry in enumerate(answer["Records"]) if entry.get("ErrorCode")]
