"""Records and bodies that a gateway has to reject, one for each reason of the contract. Pure.

Each costs it something: a parse, a search for the place of the error, an object in the error bucket for the request.
What is refused with nothing stored (413, 415, 400 for an empty body) costs nothing worth loading it with.
"""

import gzip
from collections.abc import Callable, Mapping
from random import Random

TOO_LARGE_BYTES = 1_030_000
"""Over the 1,000 KiB of a stream line, and under the megabyte more that a body may have."""
DEPTH = 501
UNKNOWN_SCHEMA = "loadtest-unknown"
_PADDING = b"x" * TOO_LARGE_BYTES

LINES: Mapping[str, Callable[[int], bytes]] = {
    "malformed_json": lambda n: b'{"id":"o-%06d","amount":12.5,' % n,
    "too_deep": lambda n: b'{"id":"o-%06d","items":%b%b}' % (n, b"[" * DEPTH, b"]" * DEPTH),
    "not_an_object": lambda n: b'[{"id":"o-%06d"}]' % n,
    "duplicate_key": lambda n: b'{"id":"o-%06d","customer":"ada","amount":1,"amount":2}' % n,
    "number_out_of_range": lambda n: b'{"id":"o-%06d","customer":"ada","amount":1e999}' % n,
    "missing_id": lambda n: b'{"order":"o-%06d","customer":"ada","amount":1}' % n,
    "null_id": lambda n: b'{"id":null,"order":"o-%06d","customer":"ada","amount":1}' % n,
}
"""Lines of NDJSON by their reason; their number goes into them."""
VIOLATION = "schema_violation"
BODIES = ("undecodable_body", "malformed_json", "too_large", "unknown_schema")
"""What makes a whole body bad, or asks for a request of its own."""


def line(rng: Random, *, with_schema: bool) -> tuple[bytes, str]:
    """A line to be rejected, and the reason."""
    reason = rng.choice((*LINES, VIOLATION) if with_schema else tuple(LINES))
    number = rng.randrange(1_000_000)
    return (violation(number) if reason == VIOLATION else LINES[reason](number)), reason


def violation(number: int) -> bytes:
    """An order that breaks schema order/1 in two places."""
    return b'{"id":"o-%06d","customer":"","amount":-1}' % number


def too_large(number: int) -> bytes:
    """A record whose stream line is over the limit."""
    return b'{"id":"o-%06d","note":"%b"}' % (number, _PADDING)


def broken_gzip(body: bytes) -> bytes:
    """`body` compressed, its end lost on the way."""
    return gzip.compress(body, 1, mtime=0)[:-12]
