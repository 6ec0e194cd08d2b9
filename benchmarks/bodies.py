"""What is sent: orders of a given size, in rings of whole requests that are made before the clock starts. Pure."""

import gzip
from dataclasses import dataclass
from itertools import cycle, islice

RECORD_BYTES = 288
RING_BYTES = 24_000_000
RING_REQUESTS = 4096
BAD_EVERY = 100
STATUS_ACCEPTED, STATUS_MIXED = 202, 207
_SMALL = 288
_ITEM = b'{"sku":"A-%04d","qty":%d,"price":%d.25}'
_CITIES = (b"London", b"Paris", b"Turin", b"Malmo", b"Graz")
BAD = (
    b'{"customer":"ada lovelace","amount":12.50,"number":%d}',  # missing_id
    b'{"id":null,"customer":"ada lovelace","number":%d}',  # null_id
    b'{"id":"order-%010d","customer":"ada","customer":"eve"}',  # duplicate_key
    b'{"id":"order-%010d","amount":1e999}',  # number_out_of_range
    b'{"id":"order-%010d","customer":"ada',  # malformed_json
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What one request holds.

    Attributes:
        form: object, array or ndjson.
        size: bytes of a record.
        has_bad: each hundredth record is refused, for one reason after the other.
        schema: name for `?schema=`.
    """

    form: str = "object"
    records: int = 1
    size: int = RECORD_BYTES
    gzip: bool = False
    has_bad: bool = False
    schema: str = ""
    path: str = "/records"

    @property
    def bad(self) -> int:
        """Records of a request that are refused."""
        return self.records // BAD_EVERY if self.has_bad else 0

    @property
    def accepted(self) -> int:
        """Records of a request that are taken."""
        return self.records - self.bad

    @property
    def status(self) -> int:
        """The answer that is expected of a gateway."""
        return STATUS_MIXED if self.has_bad else STATUS_ACCEPTED


def record(number: int, size: int = RECORD_BYTES) -> bytes:
    """An order of exactly `size` bytes (at least 92); a larger one has more items."""
    amount = number % 900 + 10
    start = b'{"id":"order-%010d","customer":"ada lovelace","amount":%d.50' % (number, amount)
    if size < _SMALL:
        return _padded(start + b',"note":"', b'"}', size)
    address = b'"address":{"street":"St James Square","city":"%b","zip":"SW1Y 4LB"}' % _CITIES[number % 5]
    start += b',"currency":"EUR",%b,"ts":"2026-11-23T08:00:00Z","items":[' % address
    middle, end = b'],"note":"', b'"}'
    items = [_ITEM % ((number + place) % 10_000, place % 9 + 1, place % 90 + 10) for place in range(2)]
    left = size - len(start) - len(middle) - len(end) - len(b",".join(items))
    items *= 1 + max(0, left) // (len(b",".join(items)) + 1)
    return _padded(start + b",".join(items) + middle, end, size)


def request(shape: Shape, number: int, host: bytes = b"127.0.0.1") -> bytes:
    """A whole HTTP/1.1 request: the `number`th of its shape, its records' ids its own."""
    body = _body(shape, number * shape.records)
    media = b"application/x-ndjson" if shape.form == "ndjson" else b"application/json"
    head = [b"Host: " + host, b"Content-Type: " + media]
    if shape.gzip:
        body = gzip.compress(body, 6, mtime=0)
        head.append(b"Content-Encoding: gzip")
    target = shape.path + (f"?schema={shape.schema}" if shape.schema else "")
    lines = [b"POST %b HTTP/1.1" % target.encode(), *head, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def ring(shape: Shape) -> list[bytes]:
    """Requests to send one after the other, over and over."""
    count = max(8, min(RING_REQUESTS, RING_BYTES // (shape.records * shape.size)))
    return [request(shape, number) for number in range(count)]


def _body(shape: Shape, first: int) -> bytes:
    records = [record(number, shape.size) for number in range(first, first + shape.records)]
    for kind, place in zip(cycle(BAD), islice(range(7, shape.records, BAD_EVERY), shape.bad), strict=False):
        records[place] = kind % (first + place)
    if shape.form == "object":
        return records[0]
    return b"\n".join(records) + b"\n" if shape.form == "ndjson" else b"[" + b",".join(records) + b"]"


def _padded(start: bytes, end: bytes, size: int) -> bytes:
    room = size - len(start) - len(end)
    if room < 0:
        raise ValueError(f"{size} bytes are too few for a record")
    return start + (b"leave at the door " * (room // 18 + 1))[:room] + end
