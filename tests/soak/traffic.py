"""What the soak sends: a fixed mix, each request made from its number, so that nothing is worth remembering."""

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from tests.support import generators as make
from tests.support import varied

SOURCES = 40
HASHES = {f"source-{number}": [hashlib.sha256(b"key-%d" % number).hexdigest()] for number in range(SOURCES)}
BATCH = 20
BODIES = 100
"""Of each kind; made once, so that the client costs little beside the gateway."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request.

    Attributes:
        share: of 100 requests.
        make: the body by number.
        headers: further ones; `%d` becomes the request's number, as in `path`.
    """

    share: int
    status: int
    make: Callable[[int], bytes]
    headers: bytes = b"Content-Type: application/json\r\n"
    path: bytes = b"/records"
    key: bytes = b"key-%d"


NDJSON = b"Content-Type: application/x-ndjson\r\n"


def batch(number: int) -> bytes:
    return make.ndjson([varied.good(number + line) for line in range(BATCH)])


def mixed(number: int) -> bytes:
    return make.ndjson([varied.good(number), varied.BAD[number % len(varied.BAD)][1](number), varied.good(number + 1)])


KINDS = (
    Kind(46, 202, make.record),
    Kind(15, 202, make.record, b"Content-Type: application/json\r\nIdempotency-Key: soak-%d\r\n"),
    Kind(10, 202, batch, NDJSON),
    Kind(8, 202, lambda number: gzip.compress(batch(number)), NDJSON + b"Content-Encoding: gzip\r\n"),
    Kind(8, 207, mixed, NDJSON),
    Kind(3, 422, lambda number: b'{"customer":%d}' % number),
    Kind(2, 422, make.record, path=b"/records?schema=unknown-%d"),
    Kind(2, 400, lambda number: b'{"id":%d' % number),
    Kind(1, 400, lambda _: b"not gzip", NDJSON + b"Content-Encoding: gzip\r\n"),
    Kind(1, 400, lambda _: b""),
    Kind(1, 401, make.record, key=b"unknown-%d"),
    Kind(1, 415, make.record, b"Content-Type: text/x-%d\r\n"),
    Kind(1, 413, lambda number: make.padded(make.record(number), 70_000), NDJSON),
    Kind(1, 404, make.record, path=b"/nothing-%d"),
)
MAX_BODY_BYTES = 65_536
ORDER = tuple(kind for kind in KINDS for _ in range(kind.share))
STRIDE = 37
"""Kinds take turns: a step that shares no factor with 100 goes through all of ORDER."""


@cache
def body(kind: Kind, number: int) -> bytes:
    """One of a kind's bodies."""
    return kind.make(number)


def request(number: int) -> tuple[bytes, int]:
    """Request `number` as it goes over the wire, and the status it is answered with."""
    kind = ORDER[number * STRIDE % len(ORDER)]
    content = body(kind, number // len(ORDER) % BODIES)
    head = b"POST %b HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: %b\r\n%bContent-Length: %d\r\n\r\n" % (
        filled(kind.path, number),
        filled(kind.key, number % SOURCES if kind.key == b"key-%d" else number),
        filled(kind.headers, number),
        len(content),
    )
    return head + content, kind.status


def filled(text: bytes, number: int) -> bytes:
    return text.replace(b"%d", b"%d" % number)
