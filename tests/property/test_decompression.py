"""Whatever was compressed, however it was cut into members and frames, comes back; anything less is refused."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from app.content import Encoding
from app.decompression import decompress
from app.exceptions import ContentTooLarge, UndecodableBody

Compress = Callable[[bytes, int], bytes]
COMPRESS: dict[Encoding, Compress] = {
    Encoding.GZIP: lambda data, level: gzip.compress(data, level % 10, mtime=0),
    Encoding.ZSTD: zstd.compress,
}
encodings = st.sampled_from(list(COMPRESS))
pieces = st.lists(
    st.one_of(
        st.binary(max_size=50),
        st.tuples(st.binary(min_size=1, max_size=9), st.integers(1, 30_000)).map(lambda part: part[0] * part[1]),
    ),
    min_size=1,
    max_size=5,
)
BIG = 1_000_000


@given(encodings, pieces, st.integers(0, 9))
def test_members_and_frames_come_back_as_one(encoding: Encoding, parts: list[bytes], level: int) -> None:
    body = b"".join(COMPRESS[encoding](part, level) for part in parts)
    assert decompress(body, encoding, BIG * 2) == b"".join(parts)


@given(encodings, pieces, st.integers(-3, 3))
def test_the_cap_is_exact(encoding: Encoding, parts: list[bytes], slack: int) -> None:
    plain = b"".join(parts)
    cap = max(0, len(plain) + slack)
    body = b"".join(COMPRESS[encoding](part, 1) for part in parts)
    if len(plain) > cap:
        with pytest.raises(ContentTooLarge):
            decompress(body, encoding, cap)
    else:
        assert decompress(body, encoding, cap) == plain


@given(encodings, pieces, st.data())
def test_a_body_cut_off_is_never_taken_for_a_whole_one(
    encoding: Encoding, parts: list[bytes], data: st.DataObject
) -> None:
    members = [COMPRESS[encoding](part, 3) for part in parts]
    ends = {sum(map(len, members[:count])) for count in range(len(members) + 1)}
    body = b"".join(members)
    cut = data.draw(st.integers(1, len(body)).filter(lambda place: place not in ends))
    with pytest.raises(UndecodableBody):
        decompress(body[:cut], encoding, BIG * 2)


@given(encodings, st.binary(min_size=1, max_size=200))
def test_bytes_that_are_no_compression_are_refused(encoding: Encoding, body: bytes) -> None:
    try:
        decoded = decompress(body, encoding, BIG)
    except (UndecodableBody, ContentTooLarge):
        return
    assert decoded == by_the_standard_library(encoding, body)


@given(encodings, pieces, st.data())
def test_a_changed_byte_gives_the_same_bytes_or_none(
    encoding: Encoding, parts: list[bytes], data: st.DataObject
) -> None:
    """gzip always carries a checksum; zstd frames are written with one here."""
    plain = b"".join(parts)
    checked = zstd.compress(plain, options={zstd.CompressionParameter.checksum_flag: 1})
    body = bytearray(gzip.compress(plain, mtime=0) if encoding is Encoding.GZIP else checked)
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decompress(bytes(body), encoding, BIG * 2)
    except (UndecodableBody, ContentTooLarge):
        return
    assert decoded == by_the_standard_library(encoding, bytes(body))


def by_the_standard_library(encoding: Encoding, body: bytes) -> bytes:
    try:
        return gzip.decompress(body) if encoding is Encoding.GZIP else zstd.decompress(body)
    except (zlib.error, zstd.ZstdError, EOFError, gzip.BadGzipFile) as error:
        raise AssertionError("taken though the standard library refuses it") from error
