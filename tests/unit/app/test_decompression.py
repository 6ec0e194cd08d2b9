"""Undoing compression: what is whole, what is broken, and the caps."""

import gzip
import struct
import zlib

import pytest
from backports import zstd

from app.content import Encoding
from app.decompression import MAX_MEMBERS, ZSTD_WINDOW_LOG_MAX, decompress
from app.exceptions import ContentTooLarge, UndecodableBody
from tests.support.generators import zstd_bomb

TEXT = b'{"id":1,"v":"some text"}\n' * 20
GZIP = gzip.compress(TEXT, mtime=0)
ZSTD = zstd.compress(TEXT, options={zstd.CompressionParameter.checksum_flag: 1})
SKIPPABLE = struct.pack("<II", 0x184D2A50, 5) + b"hello"  # RFC 8878, 3.1.2
CAP = 1_000_000


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (TEXT, Encoding.IDENTITY, TEXT),
        (b"", Encoding.GZIP, b""),
        (b"", Encoding.ZSTD, b""),
        (GZIP, Encoding.GZIP, TEXT),
        (GZIP * 3, Encoding.GZIP, TEXT * 3),
        (gzip.compress(b"", mtime=0) + GZIP, Encoding.GZIP, TEXT),
        (ZSTD, Encoding.ZSTD, TEXT),
        (ZSTD * 3, Encoding.ZSTD, TEXT * 3),
        (SKIPPABLE, Encoding.ZSTD, b""),
        (SKIPPABLE + ZSTD + SKIPPABLE, Encoding.ZSTD, TEXT),
        (zstd_bomb(300_000, window_log=ZSTD_WINDOW_LOG_MAX), Encoding.ZSTD, bytes(300_000)),
    ],
)
def test_whole_bodies(body: bytes, encoding: Encoding, expected: bytes) -> None:
    assert decompress(body, encoding, CAP) == expected


@pytest.mark.parametrize(("body", "encoding"), [(GZIP, Encoding.GZIP), (ZSTD, Encoding.ZSTD)])
def test_a_body_cut_off_anywhere_is_refused(body: bytes, encoding: Encoding) -> None:
    for whole in (b"", body):
        for end in range(1, len(body)):
            with pytest.raises(UndecodableBody):
                decompress(whole + body[:end], encoding, CAP)


def changed(body: bytes, place: int) -> bytes:
    return body[:place] + bytes([body[place] ^ 0xFF]) + body[place:][1:]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"x", Encoding.GZIP),
        (TEXT, Encoding.GZIP),
        (zlib.compress(TEXT), Encoding.GZIP),
        (ZSTD, Encoding.GZIP),
        (GZIP + b"garbage", Encoding.GZIP),
        (GZIP + bytes(8), Encoding.GZIP),
        (changed(GZIP, -5), Encoding.GZIP),  # CRC32
        (changed(GZIP, -1), Encoding.GZIP),  # ISIZE
        (TEXT, Encoding.ZSTD),
        (GZIP, Encoding.ZSTD),
        (ZSTD + b"garbage", Encoding.ZSTD),
        (ZSTD + b"\0", Encoding.ZSTD),
        (ZSTD + SKIPPABLE[:-1], Encoding.ZSTD),
        (changed(ZSTD, -1), Encoding.ZSTD),
    ],
)
def test_broken_bodies(body: bytes, encoding: Encoding) -> None:
    with pytest.raises(UndecodableBody) as refusal:
        decompress(body, encoding, CAP)
    assert refusal.value.status == 400


def test_a_frame_that_needs_a_dictionary_is_refused() -> None:
    samples = [b'{"id":%d,"customer":"ada","amount":%d}' % (number, number * 7) for number in range(2_000)]
    dictionary = zstd.train_dict(samples, 4_000)
    with pytest.raises(UndecodableBody):
        decompress(zstd.compress(samples[5], zstd_dict=dictionary), Encoding.ZSTD, CAP)


@pytest.mark.parametrize("window_log", [ZSTD_WINDOW_LOG_MAX + 1, 27, 31, 41])
def test_a_window_that_takes_too_much_memory_is_too_large(window_log: int) -> None:
    with pytest.raises(ContentTooLarge, match="window"):
        decompress(zstd_bomb(1_000, window_log=window_log), Encoding.ZSTD, CAP)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_the_cap_is_what_may_come_out(size: int) -> None:
    bodies = [
        (bytes(size), Encoding.IDENTITY),
        (gzip.compress(bytes(size), mtime=0), Encoding.GZIP),
        (zstd.compress(bytes(size)), Encoding.ZSTD),
        (gzip.compress(bytes(size // 2), mtime=0) + gzip.compress(bytes(size - size // 2), mtime=0), Encoding.GZIP),
    ]
    for body, encoding in bodies:
        assert decompress(body, encoding, size) == bytes(size)
        if size:
            with pytest.raises(ContentTooLarge):
                decompress(body, encoding, size - 1)


@pytest.mark.parametrize(
    ("member", "encoding"), [(gzip.compress(b"", mtime=0), Encoding.GZIP), (SKIPPABLE, Encoding.ZSTD)]
)
def test_members_are_counted(member: bytes, encoding: Encoding) -> None:
    assert decompress(member * MAX_MEMBERS, encoding, CAP) == b""
    with pytest.raises(ContentTooLarge, match="members"):
        decompress(member * (MAX_MEMBERS + 1), encoding, CAP)
