"""Rejected records of many kinds in an error bucket, as the gateway writes them, and a fix that helps most of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from app.envelope import Origin, StreamLines, error_line
from app.registry import Registry
from app.sinks.base import Lines
from app.sinks.error_bucket import REJECTED_AREA, object_key
from app.validation import Rejected, judge

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BIG = b"12345678901234567890.10"
FIRST = datetime(2026, 11, 20, 21, 59, 58, 123456, tzinfo=UTC)
SOURCES = ("shop", "till", 'caf\u00e9 "7"')
FIX = """
operations:
  - replace_text: NaN
    to: "null"
  - rename: /order_id
    to: id
  - set: /id
    from: ingest_id
    overwrite: false
  - cast: /amount
    to: number
  - cast: /huge
    to: string
  - remove: /twice
  - remove: /pad
"""


@dataclass(frozen=True)
class Kind:
    """One way to be rejected.

    Attributes:
        reason: of the gateway.
        payload: by the record's number.
        mended: its payload after FIX by its ingest_id; None where FIX does not help.
        result: what FIX leads to.
    """

    reason: str
    payload: Callable[[int], bytes]
    mended: Callable[[int, str], bytes] | None = None
    result: str = "accepted"
    schema: str | None = None


KINDS: Mapping[str, Kind] = {
    "renamed id": Kind(
        "missing_id",
        lambda n: b'{"order_id": %d ,"amount" : %b}' % (n, BIG),
        lambda n, _: b'{"id":%d,"amount":%b}' % (n, BIG),
    ),
    "no id at all": Kind("missing_id", lambda n: b'{"v":%d}' % n, lambda n, i: b'{"v":%d,"id":"%b"}' % (n, i.encode())),
    "id null": Kind(
        "null_id",
        lambda n: b'{"id":null,"v":%d,"e":1.50e3}' % n,
        lambda n, i: b'{"id":"%b","v":%d,"e":1.50e3}' % (i.encode(), n),
    ),
    "NaN": Kind("malformed_json", lambda n: b'{"id":%d, "v":NaN}' % n, lambda n, _: b'{"id":%d, "v":null}' % n),
    "amount as text": Kind(
        "schema_violation",
        lambda n: b'{"id":"%d","amount":"%b"}' % (n, BIG),
        lambda n, _: b'{"id":"%d","amount":%b}' % (n, BIG),
        schema="order/1",
    ),
    "too large a number": Kind(
        "number_out_of_range", lambda n: b'{"id":%d,"huge":1e999}' % n, lambda n, _: b'{"id":%d,"huge":"1e999"}' % n
    ),
    "a key twice": Kind(
        "duplicate_key",
        lambda n: b'{"id":%d,"twice":1,"twice":{"a":[2]}}' % n,
        lambda n, _: b'{"id":%d,"twice":1}' % n,
    ),
    "bad UTF-8": Kind("malformed_json", lambda n: b'{"id":%d,"v":"\xff"}' % n, result="malformed_json"),
    "cut off": Kind("malformed_json", lambda n: b'{"id":%d,"v":' % n, result="malformed_json"),
    "an array": Kind("not_an_object", lambda n: b"[%d]" % n, result="not_an_object"),
    "no such schema": Kind(
        "unknown_schema", lambda n: b'{"id":%d}' % n, result="unknown_schema", schema="no such schema"
    ),
    "amount is a word": Kind(
        "schema_violation", lambda n: b'{"id":"%d","amount":"much"}' % n, result="fix_failed", schema="order/1"
    ),
}
OVERSIZED = Kind(
    "too_large",
    lambda n: b'{"id":%d,"pad":"%b"}' % (n, b"x" * 1_030_000),
    lambda n, _: b'{"id":%d}' % n,
)


@dataclass(frozen=True)
class Planted:
    """One rejected record."""

    ingest_id: str
    source: str
    kind: Kind
    number: int
    received_at: datetime

    @property
    def mended(self) -> bytes | None:
        """What the stream has to hold; None for what stays rejected."""
        return None if self.kind.mended is None else self.kind.mended(self.number, self.ingest_id)


def plant(  # noqa: PLR0917
    s3: "S3Client", bucket: str, registry: Registry, kinds: Sequence[Kind], count: int, per_object: int
) -> list[Planted]:
    """Put `count` records into error objects of 1 to `per_object` lines, some minutes apart."""
    planted: list[Planted] = []
    for request, size in enumerate(_sizes(count, per_object)):
        received_at = FIRST + timedelta(minutes=7 * request)
        kind_of_request = kinds[request % len(kinds)]
        alike = [kind for kind in kinds if kind.schema == kind_of_request.schema]
        origin = Origin(
            str(UUID(int=(7 << 76) | (2 << 62) | request)),
            received_at,
            SOURCES[request % len(SOURCES)],
            kind_of_request.schema,
            "application/x-ndjson",
        )
        lines = []
        for index in range(size):
            kind = alike[(request + index) % len(alike)]
            record = Planted(origin.ingest_id(index), origin.source, kind, len(planted), received_at)
            lines.append(rejected_line(origin, index, kind, record.number, registry))
            planted.append(record)
        key = object_key(REJECTED_AREA, Lines(origin.request_id, received_at, lines, [0] * len(lines)))
        s3.put_object(Bucket=bucket, Key=key, Body=b"".join(lines))
    return planted


def rejected_line(origin: Origin, index: int, kind: Kind, number: int, registry: Registry) -> bytes:
    """The error line, by the gateway's own verdict."""
    _, schema = registry.resolve([] if kind.schema is None else [kind.schema])
    judged = judge(kind.payload(number), StreamLines(origin).room(index), schema)
    assert isinstance(judged, Rejected), kind
    assert judged.reason == kind.reason, (judged, kind)
    return error_line(origin, index, judged)


def _sizes(count: int, per_object: int) -> Iterator[int]:
    size = 1
    while count > 0:
        yield min(size, count)
        count -= size
        size = size % per_object + 1
