"""The two stored forms of a record: the stream line and the error line. Pure."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import orjson

from app import __version__
from app.validation import Rejected

MAX_LINE_BYTES = 1_000 * 1024
"""The smallest limit on the way: Firehose takes records of at most 1,000 KiB before base64 (Amazon Data Firehose quota,
and the service model of PutRecord); Kinesis takes 1 MiB with the partition key, Snowflake's VARIANT 16 MB and more."""

_NEWLINES_TO_SPACES = bytes.maketrans(b"\r\n", b"  ")
_TAIL = b"}\n"
_TEXT = b"s"
_SPREAD = 0x9E3779B1
_32_BITS = 0xFFFFFFFF


class Origin(NamedTuple):
    """What all records of a request have in common.

    Attributes:
        received_at: when the request came, aware, UTC.
        source: who sent it.
        schema: ``name/version`` it was validated against, or as the client named it when there is no such schema.
        content_type: the media type without parameters, or None.
    """

    request_id: str
    received_at: datetime
    source: str
    schema: str | None
    content_type: str | None

    def ingest_id(self, index: int) -> str:
        """The id of a record from answer to row."""
        return f"{self.request_id}-{index}"


class StreamLines:
    """Makes the stream lines of one request."""

    def __init__(self, origin: Origin) -> None:
        source, schema = orjson.dumps(origin.source), orjson.dumps(origin.schema)
        head = f'{{"ingest_id":"{origin.request_id}-'.encode()
        middle = b'","received_at":"%b","source":%b,"schema":%b,"payload":' % (
            timestamp(origin.received_at).encode(),
            source,
            schema,
        )
        self._form = b"%b%%d%b%%b%b" % (_escaped(head), _escaped(middle), _TAIL)
        self._around = len(head) + len(middle) + len(_TAIL)

    def room(self, index: int) -> int:
        """Bytes of payload that a line of at most MAX_LINE_BYTES holds."""
        return MAX_LINE_BYTES - self._around - len(str(index))

    def line(self, index: int, payload: bytes) -> bytes:
        """The line: one of JSON with the client's bytes inside."""
        return self.lines((index,), (payload,))[0]

    def lines(self, indexes: Iterable[int], payloads: Sequence[bytes]) -> list[bytes]:
        """The lines of several records. A raw newline cannot stand inside a JSON string, so those between tokens become
        spaces and the value stays the same."""
        text = b"".join(payloads)
        if b"\n" in text or b"\r" in text:
            payloads = [payload.translate(_NEWLINES_TO_SPACES) for payload in payloads]
        form = self._form
        return [form % record for record in zip(indexes, payloads, strict=True)]


def error_line(
    origin: Origin, index: int, rejected: Rejected, attempts: int = 1, *, reason: str | None = None
) -> bytes:
    """The line of the error bucket: all that is needed to understand and replay the record, its bytes as they came.

    Args:
        reason: for those who reject what the gateway accepted; `rejected` has its reasons only.
    """
    try:
        payload = {"payload": rejected.raw.decode()}
    except UnicodeDecodeError:
        payload = {"payload_base64": base64.b64encode(rejected.raw).decode()}
    line: Mapping[str, object] = {
        "ingest_id": origin.ingest_id(index),
        "received_at": timestamp(origin.received_at),
        "source": origin.source,
        "index": index,
        "reason": reason or rejected.reason,
        "errors": [{"loc": error.loc, "msg": error.msg, "type": error.type} for error in rejected.errors],
        "schema": origin.schema,
        "content_type": origin.content_type,
        "gateway_version": __version__,
        "attempts": attempts,
        **payload,
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def take_apart(line: bytes) -> tuple[dict[str, object], bytes]:
    """A stream line's own members but the payload, and the payload as it stands there.

    The members before the payload are flat, and inside a string a quote is escaped: the first match is the right one.

    Raises:
        ValueError: it is no stream line.
    """
    head, found, rest = line.partition(b',"payload":')
    if not found or not rest.endswith(_TAIL):
        raise ValueError("no stream line")
    members = orjson.loads(head + b"}")
    if not isinstance(members, dict):
        raise ValueError("no stream line")  # noqa: TRY004  as of any other text
    return members, rest[: -len(_TAIL)]


def lines_of(data: bytes) -> Iterator[tuple[dict[str, object], bytes]]:
    """What a Kinesis record holds: each line's own members but the payload, and the payload as it stands there.

    Raises:
        ValueError: one is no stream line.
    """
    for line in data.splitlines(keepends=True):
        yield take_apart(line)


def line_key(source: str, record_id: object) -> int:
    """The key of one line; see `line_keys`."""
    return line_keys(source, (record_id,))[0]


def line_keys(source: str, record_ids: Iterable[object]) -> list[int]:
    """Of each id 32 bits, equal for the same source and an equal id, so that their lines meet in one shard.

    A checksum spreads them as well as a cryptographic hash would at a quarter of the cost, once its upper bits, which
    tell the shard, depend on all of them: the factor is 2**32 over the golden ratio (Knuth, "Multiplicative hashing").
    """
    sender = source.encode()
    before = crc32(b"%d:%b" % (len(sender), sender))
    before_text = crc32(_TEXT, before)
    return [
        (crc32(each.encode(), before_text) if type(each) is str else crc32(b"".join(_canonical(each)), before))
        * _SPREAD
        & _32_BITS
        for each in record_ids
    ]


@lru_cache(maxsize=256)  # a request's is written in its line, its receipt and its answer
def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _escaped(text: bytes) -> bytes:
    """As a part of a form for `%`."""
    return text.replace(b"%", b"%%")


def _canonical(value: object) -> Iterator[bytes]:
    """Equal for JSON values that are equal in a VARIANT: keys in order, numbers as doubles (1, 1.0 and 1e0 are one id).
    Of an id that is a string `line_keys` knows the form, which is _TEXT and the string.

    Iterative, since an id may nest as deep as its record.
    """
    rest: list[object] = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            yield b"s%d:%b" % (len(item), item.encode())
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield b"n%b," % repr(float(item) + 0.0).encode()  # + 0.0: -0.0 is 0.0
        elif isinstance(item, list):
            yield b"[%d," % len(item)
            rest.extend(reversed(item))
        elif isinstance(item, dict):
            yield b"{%d," % len(item)
            for key in sorted(item, reverse=True):
                rest += (item[key], key)
        else:
            yield repr(item).encode()
