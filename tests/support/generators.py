"""Request bodies that the suites share. Everything is built from arguments; nothing is random."""

import gzip
import json
import struct
from collections.abc import Iterator, Sequence

from backports import zstd

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_BLOCK = 128 * 1024  # RFC 8878, 3.1.1.2.4: the largest block
RLE_BLOCK, LAST_BLOCK = 1 << 1, 1

# Ten ways to be bad, one for each reason a line can have without a schema, and near relatives.
BAD_LINES: dict[str, tuple[bytes, str]] = {
    "cut off": (b'{"id":1,"v":', "malformed_json"),
    "not a number": (b'{"id":1,"v":NaN}', "malformed_json"),
    "bad UTF-8": (b'{"id":1,"v":"\xff\xfe"}', "malformed_json"),
    "a lone surrogate": (rb'{"id":1,"v":"\ud800"}', "malformed_json"),
    "an array": (b'[{"id":1}]', "not_an_object"),
    "a number": (b"42", "not_an_object"),
    "a key twice": (b'{"id":1,"v":{"a":1,"a":2}}', "duplicate_key"),
    "infinite": (b'{"id":1,"v":1e999}', "number_out_of_range"),
    "no id": (b'{"v":1}', "missing_id"),
    "id null": (b'{"id":null}', "null_id"),
}


def record(number: int, **members: object) -> bytes:
    """A good record, some 60 bytes."""
    return json.dumps({"id": f"r-{number}", "n": number, **members}, separators=(",", ":")).encode()


def ndjson(lines: Sequence[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n"


def array(records: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(records) + b"]"


def nested(depth: int, *, open_with: bytes = b"[", close_with: bytes = b"]") -> bytes:
    """`depth` arrays (or objects, with `{"a":` and `}`) inside one another."""
    inner = b"" if open_with == b"[" else b"1"
    return open_with * depth + inner + close_with * depth


def record_of_depth(depth: int) -> bytes:
    """A good record whose deepest value lies `depth` containers deep, the record itself counted."""
    return b'{"id":1,"v":' + nested(depth - 1) + b"}"


def record_of_size(size: int) -> bytes:
    """A good record of `size` bytes."""
    frame = b'{"id":1,"pad":""}'
    return frame[:-2] + b"x" * (size - len(frame)) + frame[-2:]


def padded(first_line: bytes, size: int) -> bytes:
    """An NDJSON body of `size` bytes: one line, then a blank one."""
    return first_line + b"\n" + b" " * (size - len(first_line) - 1)


def many_members(pieces: Sequence[bytes]) -> bytes:
    """A gzip body with a member for each piece."""
    return b"".join(gzip.compress(piece, mtime=0) for piece in pieces)


def many_frames(pieces: Sequence[bytes]) -> bytes:
    """A zstd body with a frame for each piece."""
    return b"".join(zstd.compress(piece) for piece in pieces)


def gzip_bomb(received: int, member: int = 64 * MIB) -> bytes:
    """As many members of `member` zero bytes as fit into `received` bytes: about 1,030 times their size."""
    one = gzip.compress(bytes(member), mtime=0)
    return one * (received // len(one))


def zstd_bomb(decoded: int, window_log: int = 20, block: bytes = b"\0") -> bytes:
    """A zstd frame (RFC 8878, written by hand) of run-length blocks: `decoded` bytes, 4 bytes for every 128 KiB.

    `window_log` is what the frame's header says a decoder needs: 10 (1 KiB) to 41.
    """
    descriptor = bytes([0, (window_log - 10) << 3])  # no size, no checksum, no dictionary; mantissa 0
    blocks, rest = divmod(decoded, ZSTD_BLOCK)
    body = _zstd_block(ZSTD_BLOCK, block, RLE_BLOCK) * blocks
    return ZSTD_MAGIC + descriptor + body + _zstd_block(rest, block, RLE_BLOCK | LAST_BLOCK)


def _zstd_block(size: int, content: bytes, flags: int) -> bytes:
    return struct.pack("<I", size << 3 | flags)[:3] + content


def pieces(body: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    """`body` in pieces, for a chunked request."""
    return (body[start : start + size] for start in range(0, len(body), size))
