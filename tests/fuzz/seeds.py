"""What fuzzing begins with: the conformance set, bodies made of it, compressed ones, stream lines, headers."""

import gzip
from collections.abc import Callable, Mapping

from backports import zstd

from app.validation import Accepted, judge
from tests.conformance.cases import all_cases
from tests.fuzz.mutation import MAX_BYTES
from tests.fuzz.targets import LINES

HEADERS = (
    b"application/json",
    b'application/json; charset="utf-8"; profile="a;b=\\"c"',
    b"application/vnd.api+json;charset=utf-8",
    b" Application/X-NDJSON ; a = b",
    b"gzip",
    b"v1," + b"A" * 43 + b"= v1," + b"B" * 43 + b"=",
    b"application/json;" + b"a" * 1_000,
)


def _records() -> list[bytes]:
    return [case.record for case in all_cases() if len(case.record) < MAX_BYTES // 4]


def _bodies() -> list[bytes]:
    records = _records()
    groups = [records[start : start + 5] for start in range(0, len(records), 5)]
    arrays = [b"[" + b",".join(group) + b"]" for group in groups]
    return [*arrays, *(b"\n".join(group) for group in groups), *(b"[" + record + b"]" for record in records)]


def _compressed() -> list[bytes]:
    plain = [b"", b"a", b'{"id":1}\n' * 20, bytes(range(256)), b"\0" * 2_000_000]
    single = [*(gzip.compress(each, mtime=0) for each in plain), *(zstd.compress(each) for each in plain)]
    wide = zstd.compress(
        b"a" * 100, options={zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.checksum_flag: 1}
    )
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    return [*single, single[1] + single[2], single[6] + single[7], wide, skippable + single[6], *plain[:4]]


def _spilled() -> list[bytes]:
    verdicts = [judge(record, 10_000, None) for record in _records()]
    lines = [LINES.line(i, each.raw) for i, each in enumerate(verdicts) if isinstance(each, Accepted)]
    return [*lines, b"".join(lines[:5])]


def _orders() -> list[bytes]:
    order = b'{"id":1,"customer":"ada",%b"v":%b}'
    deep = [b"[" * depth + b"]" * depth for depth in (200, 260, 498)]
    orders = [order % (amount, value) for amount in (b'"amount":1,', b"") for value in deep]
    return [*_records(), *(each for each in orders for _ in range(2))]  # one with the schema and one without


_MADE: Mapping[str, Callable[[], list[bytes]]] = {
    "decoding": _compressed,
    "framing": _bodies,
    "judging": _orders,
    "draining": _spilled,
    "headers": lambda: list(HEADERS),
}


def seeds(name: str) -> list[bytes]:
    """Inputs of a target, with the byte that chooses in front; never the longest ones."""
    made = _MADE.get(name, _records)()
    return [bytes([choice % 256]) + each for choice, each in enumerate(made) if len(each) < MAX_BYTES]
