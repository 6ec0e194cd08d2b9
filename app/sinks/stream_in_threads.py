"""The stream through boto3, its calls in threads: for Lambda and for commands, where few calls are made at a time."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from app.sinks.aws import CALL_SECONDS, attempt, now
from app.sinks.batching import Record, explicit_hash_key
from app.sinks.kinesis import refused_positions

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


class StreamInThreads:
    """A `Stream` on a boto3 client.

    Args:
        make_client: called once, by `open`.
        threads: calls at a time.
        call_seconds: how long one is waited for; the client's own timeouts are shorter.
    """

    def __init__(
        self,
        make_client: "Callable[[], KinesisClient]",
        name: str,
        threads: int,
        lanes: int,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self._make_client = make_client
        self._name = name
        self._threads = threads
        self._lanes = lanes
        self._call_seconds = call_seconds

    def open(self) -> None:
        """Make the client and its threads."""
        self._client = self._make_client()
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="kinesis")
        self._executor.submit(int)  # starts a thread, so that the first call does not

    async def put_records(self, records: Sequence[Record]) -> Mapping[int, str]:
        """One PutRecords call."""
        entries = [self._entry(record) for record in records]
        answer: Any = await attempt(
            self._executor, now() + self._call_seconds, self._client.put_records, StreamName=self._name, Records=entries
        )
        return refused_positions(answer, len(records))

    async def status(self, deadline: float) -> str:
        """The stream's status."""
        answer = await attempt(self._executor, deadline, self._client.describe_stream_summary, StreamName=self._name)
        return answer["StreamDescriptionSummary"]["StreamStatus"]

    async def close(self) -> None:
        """Let go of the connections; calls under way end by their own timeouts."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _entry(self, record: Record) -> Any:  # noqa: ANN401  boto3's own, partly optional
        entry = {"Data": record.data(), "PartitionKey": record.partition_key}
        if record.lane is not None:
            entry["ExplicitHashKey"] = str(explicit_hash_key(record.lane, self._lanes))
        return entry
