"""Hand-written AWS clients: they answer from a script, and remember what they were asked."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

Script = Callable[[int, Sequence[dict[str, Any]]], dict[str, Any]]


class FakeKinesis:
    """Answers each PutRecords with `script(call number, entries)`; called from threads, as the real client."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._lock = threading.Lock()
        self.calls: list[list[dict[str, Any]]] = []
        self.status = "ACTIVE"
        self.closed = False

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  boto3's names
        with self._lock:
            number = len(self.calls)
            self.calls.append(Records)
        assert StreamName == "records"
        assert threading.current_thread() is not threading.main_thread()
        return self._script(number, Records)

    def describe_stream_summary(self, *, StreamName: str) -> dict[str, Any]:  # noqa: N803
        assert StreamName == "records"
        self._script(-1, [])
        return {"StreamDescriptionSummary": {"StreamStatus": self.status}}

    def close(self) -> None:
        self.closed = True

    @property
    def sent(self) -> list[list[bytes]]:
        """Data of each call."""
        return [[entry["Data"] for entry in call] for call in self.calls]


class FakeS3:
    """Answers each PutObject with `script(call number)`."""

    def __init__(self, script: Callable[[int], dict[str, Any]]) -> None:
        self._script = script
        self.puts: list[dict[str, Any]] = []
        self.closed = False

    def put_object(self, **arguments: Any) -> dict[str, Any]:
        self.puts.append(arguments)
        return self._script(len(self.puts) - 1)

    def head_bucket(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "errors"
        return self._script(0)

    def close(self) -> None:
        self.closed = True


def confirmed(entries: Sequence[object]) -> dict[str, Any]:
    """An answer that confirms every entry."""
    return answer_failing(entries, ())


def answer_failing(entries: Sequence[object], failed: Sequence[int]) -> dict[str, Any]:
    """An answer that fails the entries at the positions `failed`."""
    error = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}
    return {
        "FailedRecordCount": len(failed),
        "Records": [
            error if position in failed else {"SequenceNumber": str(position + 1), "ShardId": "shardId-000000000000"}
            for position in range(len(entries))
        ],
    }
