"""The stream as a sink."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.sinks.aws import AttemptFailed, log_failures
from app.sinks.base import Lines, Outcome
from app.sinks.batching import Packing, Record
from app.sinks.group_commit import GroupCommit

logger = logging.getLogger(__name__)
UNREADABLE = "UnreadableAnswer"
WRITABLE = ("ACTIVE", "UPDATING")


class Stream(Protocol):
    """One Kinesis data stream, as far as putting needs it. A call that fails raises `AttemptFailed`."""

    def open(self) -> None:
        """Make clients. Nothing is sent."""

    async def put_records(self, records: Sequence[Record]) -> Mapping[int, str]:
        """Make one call; the positions of the records that its answer does not confirm, with AWS' code for each."""

    async def status(self, deadline: float) -> str:
        """The stream's own."""

    async def close(self) -> None:
        """Let the clients go."""


class KinesisSink:
    """Puts lines into a stream; concurrent puts share calls.

    Args:
        calls: how many calls may be under way at a time.
        packing: how lines share Kinesis records.
    """

    def __init__(self, stream: Stream, *, calls: int, packing: Packing) -> None:
        self._stream = stream
        self._commit = GroupCommit(stream.put_records, calls=calls, packing=packing)

    async def open(self) -> None:
        """Make clients."""
        self._stream.open()

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        """Send until every line is confirmed, the rest cannot be, or `deadline`."""
        put = await self._commit.put(lines, deadline)
        outcomes = put.outcomes  # a call under way may yet end
        log_failures(logger, lines, outcomes, put.failures)
        return outcomes

    async def check(self, deadline: float) -> bool:
        """Whether the stream takes records."""
        try:
            return await self._stream.status(deadline) in WRITABLE
        except AttemptFailed:
            return False

    async def close(self) -> None:
        """Wait for calls under way and let the clients go."""
        await self._commit.close()
        await self._stream.close()


def refused_positions(answer: Mapping[str, Any], sent: int) -> Mapping[int, str]:
    """Positions of the entries that a PutRecords answer does not confirm, though the call was a success, and why.

    Confirmed is an entry with a sequence number and no error, in an answer with one for each that was sent that counts
    failures only where it marks them; of any other answer it is not known which entry is meant.
    """
    entries = answer.get("Records")
    if not isinstance(entries, list) or len(entries) != sent:
        return dict.fromkeys(range(sent), UNREADABLE)
    refused = {position: _why(entry) for position, entry in enumerate(entries) if not _is_confirmed(entry)}
    if answer.get("FailedRecordCount") and not refused:
        return dict.fromkeys(range(sent), UNREADABLE)
    return refused


def _is_confirmed(entry: object) -> bool:
    return isinstance(entry, dict) and bool(entry.get("SequenceNumber")) and not entry.get("ErrorCode")


def _why(entry: object) -> str:
    return str(entry.get("ErrorCode") or UNREADABLE) if isinstance(entry, dict) else UNREADABLE
