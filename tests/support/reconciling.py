"""A pipeline's stores with records put at any stage by hand, and `sluice reconcile`'s reading and comparison over them.

Stream, buckets and log are moto's; the raw table and COPY_HISTORY are lists here: what they are asked in SQL is tried
against the embedded Snowflake (tests/e2e/test_reconcile.py).
"""

import gzip
import json
import uuid
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.envelope import Origin, StreamLines, error_line, timestamp
from app.observability import Receipt, plain_lines
from app.sinks.base import Lines
from app.sinks.error_bucket import REJECTED_AREA, SPILL_AREA, object_key
from app.validation import Reason, reject_body
from ops.objects import Objects
from ops.reconcile.compare import Comparison, Kind, Why, compare
from ops.reconcile.details import Detail, details
from ops.reconcile.receipts import LogGroup
from ops.reconcile.run import Reader, Reading, Sources
from ops.reconcile.stream import Stream
from ops.reconcile.window import Window, hour_prefix, make_window
from ops.replay.records import LOAD_FAILED
from ops.warehouse import Load, Warehouse
from tests.support.aws import ONE_TRY, Aws, make_aws, session

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

PREFIX = "records/"
CALL_RECORDS = 10


@dataclass
class ListedSession:
    """A Snowflake session over lists, for the statements of ops.warehouse."""

    rows: list[tuple[str, datetime, str, str]] = field(default_factory=list)
    loads: list[tuple[Any, ...]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    span: tuple[str, str] = ("", "")

    def execute(self, sql: str) -> list[dict[str, Any]]:
        self.asked.append(sql)
        return []

    def select(self, sql: str) -> Iterator[tuple[Any, ...]]:
        self.asked.append(sql)
        texts = sql.split("'")[1::2]
        if "COPY_HISTORY" in sql:
            yield from self.loads
        elif "DISTINCT" in sql:
            yield from ((ingest_id,) for ingest_id, *_ in self.rows if ingest_id in texts)
        else:
            for ingest_id, received_at, source, name in self.rows:
                if texts[0] <= timestamp(received_at) < texts[1]:
                    yield ingest_id, int(received_at.timestamp()), source, name

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Sent:
    """One attempt of a request."""

    origin: Origin
    indexes: Sequence[int]

    @property
    def ids(self) -> list[str]:
        return [self.origin.ingest_id(index) for index in self.indexes]

    def lines(self, payload: bytes = b'{"id":1}') -> bytes:
        return b"".join(StreamLines(self.origin).line(index, payload) for index in self.indexes)

    def part(self, *indexes: int) -> "Sent":
        """Some of its records."""
        return Sent(self.origin, indexes)

    def again(self, later: timedelta) -> "Sent":
        """Sent again under its Idempotency-Key."""
        origin = self.origin
        return Sent(
            Origin(origin.request_id, origin.received_at + later, origin.source, origin.schema, None), self.indexes
        )


def request(count: int, received_at: datetime, source: str = "shop", *, repeatable: bool = False) -> Sent:
    """A request of `count` records."""
    request_id = str(uuid.uuid5(uuid.NAMESPACE_URL, uuid.uuid4().hex) if repeatable else uuid.uuid4())
    return Sent(Origin(request_id, received_at, source, None, None), range(count))


@dataclass(frozen=True)
class Checked:
    """What a run found."""

    reading: Reading
    comparison: Comparison

    def missing(self, *, settling: bool = False) -> dict[Kind, list[str]]:
        """The ingest_ids that differ, by kind."""
        found: dict[Kind, list[str]] = {}
        for each in details(self.reading, self.comparison):
            if each.settling is settling:
                found.setdefault(each.kind, []).append(each.ingest_id)
        return found

    def detail(self, ingest_id: str) -> Detail:
        """The only difference of a record."""
        [found] = [each for each in details(self.reading, self.comparison) if each.ingest_id == ingest_id]
        return found

    @property
    def explained(self) -> dict[Why, int]:
        return dict(self.comparison.explained)


@dataclass
class World:
    """Stores in which every record is where the test has put it."""

    aws: Aws
    landing: Objects
    log: "CloudWatchLogsClient"
    group: str
    session: ListedSession = field(default_factory=ListedSession)
    paced: list[int] = field(default_factory=list)

    @classmethod
    def make(cls, endpoint: str) -> "World":
        aws = make_aws(endpoint)
        landing = f"{aws.bucket}-landing"
        aws.s3.create_bucket(Bucket=landing, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        log = session().client("logs", endpoint_url=endpoint, config=ONE_TRY)
        log.create_log_group(logGroupName=aws.stream)
        log.create_log_stream(logGroupName=aws.stream, logStreamName="gateway")
        return cls(aws, Objects(aws.s3, landing), log, aws.stream)

    def answer(
        self,
        sent: Sent,
        accepted: Collection[int] | None = None,
        rejected: Collection[int] = (),
        retry: Collection[int] = (),
    ) -> None:
        """Write a receipt; all accepted unless it is said otherwise."""
        receipt = Receipt(sent.origin.request_id, timestamp(sent.origin.received_at), sent.origin.source, status=202)
        receipt.records = len(sent.indexes)
        receipt.accepted = list(sent.indexes if accepted is None else accepted)
        receipt.rejected, receipt.retry = list(rejected), list(retry)
        [line] = plain_lines(receipt)
        self.log_line(line.decode().rstrip("\n"), sent.origin.received_at)

    def log_line(self, message: str, at: datetime) -> None:
        moment = int(at.timestamp() * 1000) + 5
        self.log.put_log_events(
            logGroupName=self.group, logStreamName="gateway", logEvents=[{"timestamp": moment, "message": message}]
        )

    def stream(self, *of: Sent) -> None:
        """Put them into the stream, as one record."""
        body = b"".join(sent.lines() for sent in of)
        self.aws.kinesis.put_record(StreamName=self.aws.stream, Data=body, PartitionKey=of[0].origin.request_id)

    def land(
        self, *of: Sent, hour: datetime | None = None, name: str = "", body: bytes | None = None, packed: bool = False
    ) -> str:
        """Write a landing file; its key."""
        body = b"".join(sent.lines() for sent in of) if body is None else body
        area = hour_prefix(PREFIX, hour or datetime.now(UTC))
        key = f"{area}{name or uuid.uuid4()}.json{'.gz' if packed else ''}"
        self.landing.write_once(key, gzip.compress(body) if packed else body)
        return key

    def load(self, sent: Sent, key: str) -> None:
        """Make rows."""
        self.session.rows += [(each, sent.origin.received_at, sent.origin.source, key) for each in sent.ids]

    def skip(self, key: str, line: int | None, error: str = "Error parsing JSON", status: str = "Load failed") -> Load:
        """Have COPY_HISTORY say that a file was not loaded."""
        now = int(datetime.now(UTC).timestamp())
        self.session.loads.append((key.removeprefix(PREFIX), status, 0, 1, 1, error, line, now))
        return Load(key, status, 0, 1, 1, error, line, now)

    def go(self, sent: Sent, *, hour: datetime | None = None) -> str:
        """All the way from the answer to the rows; the landing file's key."""
        self.answer(sent)
        self.stream(sent)
        key = self.land(sent, hour=hour)
        self.load(sent, key)
        return key

    def spill(self, sent: Sent) -> str:
        key = object_key(SPILL_AREA, Lines(sent.origin.request_id, sent.origin.received_at, [sent.lines()], [0]))
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=sent.lines())
        return key

    def keep(self, sent: Sent, *, load_failed: bool = False) -> str:
        """Put them into the error bucket."""
        reason = LOAD_FAILED if load_failed else None
        rejected = reject_body(b"{}", Reason.MISSING_ID, "no id")
        body = b"".join(error_line(sent.origin, index, rejected, reason=reason) for index in sent.indexes)
        lines = Lines(sent.origin.request_id, sent.origin.received_at, [body], [0])
        key = object_key(REJECTED_AREA, lines)
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=body)
        return key

    def mark(self, error_key: str, sent: Sent, more: bytes = b"") -> None:
        """Mark them replayed."""
        key = error_key.replace("rejected/", "replayed/").replace(".ndjson", ".000001.ndjson")
        body = "".join(json.dumps({"ingest_id": each, "outcome": "replayed"}) + "\n" for each in sent.ids)
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=body.encode() + more)

    def sources(self, *, with_stream: bool = True) -> Sources:
        return Sources(
            receipts=LogGroup(self.log, self.group),
            stream=Stream(self.aws.kinesis, self.aws.stream, self.paced.append, CALL_RECORDS) if with_stream else None,
            errors=Objects(self.aws.s3, self.aws.bucket),
            landing=self.landing,
            landing_prefix=PREFIX,
            warehouse=Warehouse(self.session, "SLUICE", PREFIX, "COPY_HISTORY({start})"),
        )

    def check(self, window: Window, *, with_stream: bool = True, now: datetime | None = None) -> Checked:
        """Read and compare."""
        now = now or datetime.now(UTC) + timedelta(seconds=1)
        with ThreadPoolExecutor(2) as threads:
            reading = Reader(self.sources(with_stream=with_stream), window, now, threads, lambda _: None).read()
        return Checked(reading, compare(reading.tally, reading.scope, (now - window.settle).timestamp()))


def window_of(since: datetime, until: datetime, settle: timedelta = timedelta(0), source: str | None = None) -> Window:
    return make_window(since, until, settle, source)
