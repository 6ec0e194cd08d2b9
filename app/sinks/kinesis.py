"""The stream: PutRecords, with only the failed entries of an answer sent again."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.sinks.aws import AttemptFailed, attempt, log_failures
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
        failures: Counter[str] = Counter()
        fruitless = 0
        while pending:
            round_ = await self._send_all(lines.lines, pending, deadline)
            failures += round_.failures
            for index in round_.confirmed:
                outcomes[index] = Outcome.CONFIRMED
            fruitless = 0 if round_.confirmed else fruitless + 1
            delay = full_jitter(fruitless)
            if not round_.retryable or asyncio.get_running_loop().time() + delay >= deadline:
                break
            await asyncio.sleep(delay)
            pending = round_.retryable
            lines.effort.resent += len(pending)
        log_failures(logger, lines, outcomes, failures)
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

    async def _send_all(self, lines: Sequence[Line], indexes: Sequence[int], deadline: float) -> "_Round":
        """Send once, one call after the other, so that lines of one key keep their order while nothing fails."""
        round_ = _Round()
        for call in pack(lines, indexes):
            try:
                failed = await self._send(lines, call, deadline)
            except AttemptFailed as failure:
                round_.failures[failure.code] += 1
                if not failure.retryable:
                    break
                failed = call
            else:
                round_.failures["entries"] += len(failed)
            round_.confirmed += sorted(set(call).difference(failed))
            round_.retryable += failed
        return round_

    async def _send(self, lines: Sequence[Line], call: Sequence[int], deadline: float) -> list[int]:
        """One PutRecords call; returns the indexes that its answer does not confirm.

        Entries fail for throttling or an internal error (API reference), so all of them are worth sending again.
        """
        entries = [{"Data": lines[index].data, "PartitionKey": lines[index].partition_key} for index in call]
        answer = await attempt(
            self._executor, deadline, self._client.put_records, StreamName=self._stream_name, Records=entries
        )
        return [call[position] for position in unconfirmed_positions(answer, len(call))]


@dataclass(slots=True)
class _Round:
    """What came of sending some lines once.

    Attributes:
        confirmed: indexes of lines in the stream.
        retryable: indexes worth sending again.
        failures: how many calls failed, by code, and under "entries" how many entries of answers did.
    """

    confirmed: list[int] = field(default_factory=list)
    retryable: list[int] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)


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
