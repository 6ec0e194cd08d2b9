"""What a fix makes of one record, judged as the gateway would. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

from app import __version__
from app.envelope import StreamLines, line_key, timestamp
from app.registry import Registry
from app.sinks.base import Line
from app.validation import Accepted, ErrorDetail, error_detail, judge
from ops.replay.fix import Fact, Fix, FixFailed
from ops.replay.records import LOAD_FAILED, RejectedRecord

FIX_FAILED = "fix_failed"
"""Stands where a reason stands when an operation could not be done."""
ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a record.

    Attributes:
        payload: after the fix; as it came, where the fix failed.
        schema: what it was judged by, as the stream line has it.
        line: for the stream; None for a record that stays rejected.
        reason, errors: why it does.
    """

    record: RejectedRecord
    payload: bytes
    schema: str | None
    line: Line | None = None
    reason: str | None = None
    errors: tuple[ErrorDetail, ...] = ()

    @property
    def result(self) -> str:
        """`accepted`, or why not."""
        return ACCEPTED if self.reason is None else self.reason


@dataclass(frozen=True, slots=True)
class Rules:
    """How records are tried.

    Attributes:
        schema: for all records; None keeps what is recorded, an empty sequence asks for none.
    """

    fix: Fix
    registry: Registry
    schema: Sequence[str] | None = None

    @property
    def digest(self) -> str:
        """Equal for rules under which a record fares the same: the fix, the schemas, the gateway's version."""
        documents = [
            self.registry.get(f"{name}/{version}").document
            for name, versions in self.registry.names().items()
            for version in versions
        ]
        parts = [self.fix.text, self.schema, self.registry.names(), documents, __version__]
        return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

    def check(self, record: RejectedRecord) -> Trial:
        """Mend the record's payload and judge it."""
        origin = record.origin
        recorded = [] if origin.schema is None else [origin.schema]
        label, schema = self.registry.resolve(recorded if self.schema is None else self.schema)
        facts = {
            Fact.INGEST_ID: record.ingest_id,
            Fact.RECEIVED_AT: timestamp(origin.received_at),
            Fact.SOURCE: origin.source,
        }
        try:
            payload = self.fix.apply(record.payload, facts)
        except FixFailed as failed:
            error = error_detail(failed.loc, str(failed), FIX_FAILED)
            return Trial(record, record.payload, label, reason=FIX_FAILED, errors=(error,))
        if record.reason == LOAD_FAILED and payload == record.payload:
            error = error_detail((), "Snowflake refused these bytes; a fix has to change them", LOAD_FAILED)
            return Trial(record, payload, label, reason=LOAD_FAILED, errors=(error,))
        lines = StreamLines(origin._replace(schema=label))
        judged = judge(payload, lines.room(record.index), schema)
        if isinstance(judged, Accepted):
            key = line_key(origin.source, judged.record_id)
            return Trial(record, payload, label, line=Line(lines.line(record.index, payload), key))
        return Trial(record, payload, label, reason=judged.reason.value, errors=judged.errors)
