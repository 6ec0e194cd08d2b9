"""Undoing a Content-Encoding without trusting it: streamed, capped in output, window and members. Pure."""

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

from app.content import Encoding
from app.exceptions import ContentTooLarge, UndecodableBody

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP_MAGIC = b"\x1f\x8b"
"""RFC 1952, 2.3.1: ID1 and ID2."""
ZSTD_WINDOW_LOG_MAX = 23
"""8 MiB: what RFC 8878, 3.1.1.1.2 asks every decoder to support; more is memory a client would choose for us."""
MAX_MEMBERS = 10_000
"""gzip members or zstd frames a body: one a record is plenty, and a body of empty ones must not cost seconds."""
_ZSTD_WINDOW_REFUSED = "too much memory"  # libzstd's words for ZSTD_error_frameParameter_windowTooLarge
_GZIP_WINDOW_BITS = 31  # zlib: a window of 15 bits, plus 16 for a gzip header
_INPUT_BYTES = 16 * 1024  # small: the rest of it is copied at the end of every member
_OUTPUT_BYTES = 64 * 1024


class _Member(Protocol):
    """One gzip member or zstd frame, as `compression.zstd.ZstdDecompressor` has it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipMember:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_WINDOW_BITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        output = self._stream.decompress(self._stream.unconsumed_tail + data, max_length)
        self.needs_input = len(output) < max_length and not self._stream.unconsumed_tail
        return output


def _zstd_frame() -> _Member:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG_MAX})


def decompress(body: bytes, encoding: Encoding, max_bytes: int) -> bytes:
    """Undo `encoding`, all members and all frames, never holding more than `max_bytes` (and a chunk) of output.

    Raises:
        ContentTooLarge: the output is over `max_bytes`, a zstd frame asks for a window over 8 MiB, or there are more
            than MAX_MEMBERS members.
        UndecodableBody: broken or truncated compression.
    """
    if encoding is Encoding.IDENTITY or not body:
        _check_size(len(body), max_bytes)
        return body
    try:
        return _decompress_members(body, _GzipMember if encoding is Encoding.GZIP else _zstd_frame, max_bytes)
    except (zlib.error, zstd.ZstdError) as error:
        if _ZSTD_WINDOW_REFUSED in str(error):
            raise ContentTooLarge("The zstd window is over 8 MiB: compress with a window log of 23 or less.") from error
        raise UndecodableBody(
            f"The body is not whole {encoding.value}: send what the compressor gave, or no Content-Encoding."
        ) from error


def _decompress_members(body: bytes, start: Callable[[], _Member], max_bytes: int) -> bytes:
    decoded = bytearray()
    position = members = 0
    while position < len(body):
        members += 1
        if members > MAX_MEMBERS:
            raise ContentTooLarge(f"The body has over {MAX_MEMBERS} compressed members: compress it as one.")
        member = start()
        while not member.eof:
            chunk = b""
            if member.needs_input:
                chunk = body[position : position + _INPUT_BYTES]
                position += len(chunk)
                if not chunk:
                    raise UndecodableBody("The compressed body ends too early: send the whole of it.")
            decoded += member.decompress(chunk, _OUTPUT_BYTES)
            _check_size(len(decoded), max_bytes)
        position -= len(member.unused_data)
    return bytes(decoded)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ContentTooLarge(f"The decoded body is over {max_bytes} bytes: send fewer records a request.")
