"""The stream: PutRecords, with only the failed entries of an answer sent again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
            confirmed, retryable = await self._send_all(lines.lines, pending, deadline)
            for index in confirmed:
                outcomes[index] = Outcome.CONFIRMED
            fruitless = 0 if confirmed else fruitless + 1
            delay = full_jitter(fruitless)
            if not retryable or asyncio.get_running_loop().time() + delay >= deadline:
                break
            await asyncio.sleep(delay)
            pending = retryable
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

    async def _send_all(
        self, lines: Sequence[Line], indexes: Sequence[int], deadline: float
    ) -> tuple[list[int], list[int]]:
        """Send once, one call after the other, so that lines of one key keep their order while nothing fails.

        Returns:
            Indexes that are confirmed, and those worth sending again.
        """
        confirmed: list[int] = []
        retryable: list[int] = []
        for call in pack(lines, indexes):
            try:
                failed = await self._send(lines, call, deadline)
            except AttemptFailed as failure:
                if not failure.retryable:
                    break
                failed = call
            confirmed += sorted(set(call).difference(failed))
            retryable += failed
        return confirmed, retryable

    async def _send(self, lines: Sequence[Line], call: Sequence[int], deadline: float) -> list[int]:
        """One PutRecords call; returns the indexes that its answer does not confirm.

        Entries fail for throttling or an internal error (API reference), so all of them are worth sending again.
        """
        entries = [{"Data": lines[index].data, "PartitionKey": lines[index].partition_key} for index in call]
        answer = await attempt(
            self._executor, deadline, self._client.put_records, StreamName=self._stream_name, Records=entries
        )
        failed = [call[position] for position in unconfirmed_positions(answer, len(call))]
        if failed:
            logger.warning("entries failed", extra={"failed": len(failed), "sent": len(call)})
        return failed


def unconfirmed_positions(answer: "PutRecordsOutputTypeDef", sent: int) -> list[int]:
    """Positions of the entries that a PutRecords answer does not confirm, though the call was a success.

    Confirmed is an entry with a sequence number and no error; a proxy's empty 200 confirms nothing.
    """
    entries = answer.get("Records", [])
    confirmed = {
        position
        for position, entry in enumerate(entries[:sent])
        if entry.get("SequenceNumber") and not entry.get("ErrorCode")
    }
    return [position for position in range(sent) if position not in confirmed]
