"""Marks: what became of rejected records that were tried again. Objects of their own beside the error objects.

`replayed/dt=…/hr=…/<request_id>.<random>.<number>.ndjson` belongs to the error object whose key it repeats. `number`
counts the marks of that object from 1, and each is written only where none is (If-None-Match): of two runs that try the
same record one writes the next mark, the other reads it first and then counts on. A line a record:

    {"ingest_id", "attempts", "outcome", "reason", "errors", "schema", "marked_at", "rules", "run"}

Outcome `replayed` is written when the stream has confirmed the record, and is final, unless Snowflake refuses it again:
an error line with the reason `load_failed` that is newer than the mark is to be replayed. `rejected`: tried, and still
not good; `reason` says why, `attempts` counts the error line's own and every try since. `rules` is equal for the same
fix, schemas and gateway: a run that goes on where another was killed does not count a try twice.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from app.envelope import timestamp
from app.sinks.error_bucket import REJECTED_AREA
from ops.replay.bucket import Bucket
from ops.replay.errors import ReplayError
from ops.replay.records import LOAD_FAILED, RejectedRecord
from ops.replay.trial import Trial

REPLAYED_AREA = "replayed"
REPLAYED, STILL_REJECTED = "replayed", "rejected"
_SUFFIX = ".ndjson"
_NUMBER_DIGITS = 6
MAX_CONFLICTS = 50
CONFLICT_SECONDS = 0.1


@dataclass(slots=True)
class Standing:
    """What the marks say of a record.

    Attributes:
        replayed_at: seconds since the epoch when the last mark that says so was written, by the bucket's clock; None if
            there is none.
        rules: of its last try, if that was in vain.
    """

    attempts: int = 0
    replayed_at: float | None = None
    rules: str = ""

    def is_replayed(self, record: RejectedRecord) -> bool:
        """Whether nothing is left to do for this error line of the record: Snowflake has not refused it since."""
        if self.replayed_at is None:
            return False
        return record.reason != LOAD_FAILED or record.written <= self.replayed_at


class Marks:
    """The marks of a bucket, as far as they are read. What is noted is of its time: other runs write too."""

    def __init__(self, bucket: Bucket, rules: str, run: str) -> None:
        self._bucket = bucket
        self._rules = rules
        self._run = run
        self._standings: dict[str, Standing] = {}
        self._unread: dict[str, dict[str, float]] = {}  # when each was written, by request_id and key
        self._known: set[str] = set()
        self._numbers: dict[str, int] = {}  # of the last mark, by stem

    def find_all(self) -> None:
        """List every mark. A request that was sent again can have error objects, and so marks, of several hours."""
        self._find(f"{REPLAYED_AREA}/", f"{REPLAYED_AREA}/")

    def find_new(self, error_keys: Sequence[str]) -> None:
        """List the marks between the first and the last of these error objects again."""
        self._find(_stem(min(error_keys)), _stem(max(error_keys)))

    def read(self, request_ids: Iterable[str]) -> None:
        """Read the marks that are listed of these requests."""
        for request_id in request_ids:
            for key, written in sorted(self._unread.pop(request_id, {}).items()):
                self._note(self._bucket.read_if_there(key) or b"", written)  # it may have expired since it was listed

    def standing(self, ingest_id: str) -> Standing:
        """What the marks read so far say."""
        return self._standings.get(ingest_id, Standing())

    def is_replayed(self, record: RejectedRecord) -> bool:
        """As `Standing.is_replayed`."""
        return self.standing(record.ingest_id).is_replayed(record)

    def tried(self, record: RejectedRecord) -> bool:
        """Whether the last try was under these rules, in vain."""
        return not self.is_replayed(record) and self.standing(record.ingest_id).rules == self._rules

    def write(self, error_key: str, trials: Sequence[Trial]) -> list[Trial]:
        """Mark records of one error object; those accepted have been confirmed by the stream.

        Returns:
            Those that are marked now. What another run has marked in between, with the same end, is not marked again.

        Raises:
            ReplayError: other runs write marks faster than this one.
        """
        stem = _stem(error_key)
        for _ in range(MAX_CONFLICTS):
            waiting = [trial for trial in trials if not self._is_done(trial)]
            if not waiting:
                return []
            number = self._numbers.get(stem, 0) + 1
            key = f"{stem}{number:0{_NUMBER_DIGITS}}{_SUFFIX}"
            body = b"".join(map(self._line, waiting))
            if self._bucket.write_once(key, body) or self._is_ours(key):
                self._known.add(key)
                self._numbers[stem] = number
                self._note(body, math.inf)  # later than all that this run has listed
                return waiting
            self._find(stem, stem)
            self.read([_request_id(key)])
            time.sleep(CONFLICT_SECONDS if self._numbers.get(stem, 0) < number else 0)
        raise ReplayError(f"other runs mark the same records ({error_key}); let one end, then run this again")

    def _is_done(self, trial: Trial) -> bool:
        return self.is_replayed(trial.record) or (trial.line is None and self.tried(trial.record))

    def _line(self, trial: Trial) -> bytes:
        attempts = max(trial.record.attempts, self.standing(trial.record.ingest_id).attempts) + 1
        line = {
            "ingest_id": trial.record.ingest_id,
            "attempts": attempts,
            "outcome": REPLAYED if trial.reason is None else STILL_REJECTED,
            "reason": trial.reason,
            "errors": [{"loc": error.loc, "msg": error.msg, "type": error.type} for error in trial.errors],
            "schema": trial.schema,
            "marked_at": timestamp(datetime.now(UTC)),
            "rules": self._rules,
            "run": self._run,
        }
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)

    def _is_ours(self, key: str) -> bool:
        """Whether an earlier try of the same write made it, its answer lost. Nobody else has this run's name."""
        body = self._bucket.read_if_there(key)
        return body is not None and bool(orjson.loads(body.partition(b"\n")[0])["run"] == self._run)

    def _find(self, first: str, last: str) -> None:
        for listed in self._bucket.listed(first, last):
            key = listed.key
            if key in self._known or not key.endswith(_SUFFIX):
                continue
            self._known.add(key)
            self._unread.setdefault(_request_id(key), {})[key] = listed.written
            stem, _, number = key.removesuffix(_SUFFIX).rpartition(".")
            if number.isdigit():
                self._numbers[f"{stem}."] = max(self._numbers.get(f"{stem}.", 0), int(number))

    def _note(self, body: bytes, written: float) -> None:
        for line in filter(None, body.split(b"\n")):
            mark = orjson.loads(line)
            standing = self._standings.setdefault(mark["ingest_id"], Standing())
            is_replayed = mark["outcome"] == REPLAYED
            if is_replayed:
                standing.replayed_at = max(written, standing.replayed_at or written)
            if mark["attempts"] >= standing.attempts:
                standing.attempts, standing.rules = mark["attempts"], "" if is_replayed else mark["rules"]


def _stem(error_key: str) -> str:
    """What the marks of an error object start with."""
    return f"{REPLAYED_AREA}{error_key.removeprefix(REJECTED_AREA).removesuffix(_SUFFIX)}."


def _request_id(mark_key: str) -> str:
    return mark_key.rpartition("/")[2].partition(".")[0]
