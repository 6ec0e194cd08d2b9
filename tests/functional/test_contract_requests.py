"""Media types, encodings and empty bodies: what a request may look like."""

import gzip
from collections.abc import Callable

import pytest
from backports import zstd

from tests.functional.conftest import Gateway
from tests.support import generators as make
from tests.support.aws import payload_of
from tests.support.contract import assert_answer, assert_error_line, assert_problem
from tests.support.transports import LambdaClient, UvicornClient, post

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
JSON_TYPES = [
    None,
    "application/json",
    "application/JSON",
    "application/json; charset=utf-8",
    'application/json; charset="UTF-8"',
    "application/json; profile=x; version=2",
    "application/vnd.shop.order+json",
    "application/cloudevents+json; charset=utf-8",
]
LINE_TYPES = [
    "application/x-ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "APPLICATION/X-NDJSON",
    "application/x-ndjson; charset=utf-8",
]
REFUSED_TYPES = [
    "text/plain",
    "text/json",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "application/cbor",
    "application/json; charset=iso-8859-1",
    "application/json; charset=utf-16",
    "application/x-ndjson; charset=latin1",
    "nonsense",
]


@pytest.mark.parametrize("media", JSON_TYPES)
def test_json_media_types_take_an_object_as_a_record(gateway: Gateway, media: str | None) -> None:
    assert_answer(post(gateway.client, make.record(1), media=media), 202, accepted=1)


@pytest.mark.parametrize("media", JSON_TYPES)
def test_json_media_types_take_an_array_as_a_batch(gateway: Gateway, media: str | None) -> None:
    body = make.array([make.record(number) for number in range(3)])
    assert_answer(post(gateway.client, body, media=media), 202, accepted=3)


@pytest.mark.parametrize("media", LINE_TYPES)
def test_line_media_types_take_a_record_a_line(gateway: Gateway, media: str) -> None:
    body = make.ndjson([make.record(number) for number in range(3)])
    assert_answer(post(gateway.client, body, media=media), 202, accepted=3)


@pytest.mark.parametrize("media", REFUSED_TYPES)
def test_other_media_types_are_refused(gateway: Gateway, media: str) -> None:
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, make.record(1), media=media), 415)


def test_blank_lines_are_skipped_and_not_counted(gateway: Gateway) -> None:
    body = b"\n \n" + make.record(0) + b"\r\n\t\r\n\n" + b"nonsense" + b"\n\n" + make.record(2)
    answer = assert_answer(
        post(gateway.client, body, media="ndjson"), 207, accepted=2, rejected=[(1, "malformed_json")]
    )
    assert [line.index for line in gateway.aws.lines_of(answer["request_id"])] == [0, 2]


def test_the_last_line_needs_no_newline(gateway: Gateway) -> None:
    assert_answer(post(gateway.client, make.record(1) + b"\n" + make.record(2), media="ndjson"), 202, accepted=2)


@pytest.mark.parametrize("separator", [b"\x0b", b"\x0c", b"\x1c", b"\x85", "\u2028".encode(), b"\r"])
def test_only_a_newline_ends_a_line(gateway: Gateway, separator: bytes) -> None:
    body = make.record(1) + separator + make.record(2)
    assert_answer(post(gateway.client, body, media="ndjson"), 422, accepted=0, rejected=[(0, "malformed_json")])


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"", "json"),
        (b"", None),
        (b"", "ndjson"),
        (b"[]", "json"),
        (b" [ \n ] ", "json"),
        (b"[]", None),
        (b"\n\r\n \t\n", "ndjson"),
        (b" \n\n", "json"),
    ],
)
def test_an_empty_body_is_refused_and_not_stored(gateway: Gateway, body: bytes, media: str | None) -> None:
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, body, media=media), 400, "empty")


RECORDS = [make.record(number) for number in range(4)]
ENCODED = {
    "identity": ("identity", make.ndjson(RECORDS)),
    "gzip": ("gzip", gzip.compress(make.ndjson(RECORDS))),
    "gzip in capitals": ("GZIP", gzip.compress(make.ndjson(RECORDS))),
    "gzip, a member a line": ("gzip", make.many_members([line + b"\n" for line in RECORDS])),
    "gzip, members that cut a record": (
        "gzip",
        make.many_members([make.ndjson(RECORDS)[:10], make.ndjson(RECORDS)[10:]]),
    ),
    "gzip with an empty member": ("gzip", make.many_members([make.ndjson(RECORDS), b""])),
    "zstd": ("zstd", zstd.compress(make.ndjson(RECORDS))),
    "zstd, a frame a line": ("zstd", make.many_frames([line + b"\n" for line in RECORDS])),
    "zstd, frames that cut a record": (
        "zstd",
        make.many_frames([make.ndjson(RECORDS)[:10], make.ndjson(RECORDS)[10:]]),
    ),
    "zstd with a skippable frame": ("zstd", b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstd.compress(make.ndjson(RECORDS))),
}


@pytest.mark.parametrize("name", ENCODED)
def test_encodings(gateway: Gateway, name: str) -> None:
    encoding, body = ENCODED[name]
    answer = assert_answer(
        post(gateway.client, body, {"Content-Encoding": encoding}, media="ndjson"), 202, accepted=len(RECORDS)
    )
    assert [line.payload for line in gateway.aws.lines_of(answer["request_id"])] == RECORDS


@pytest.mark.parametrize("encoding", COMPRESS)
def test_an_encoded_json_body(gateway: Gateway, encoding: str) -> None:
    assert_answer(
        post(gateway.client, COMPRESS[encoding](make.array(RECORDS)), {"Content-Encoding": encoding}), 202, accepted=4
    )


@pytest.mark.parametrize("encoding", ["br", "deflate", "compress", "nonsense"])
def test_other_encodings_are_refused(gateway: Gateway, encoding: str) -> None:
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, make.record(1), {"Content-Encoding": encoding}), 415)


@pytest.mark.parametrize("encoding", COMPRESS)
def test_an_encoded_nothing_is_empty(gateway: Gateway, encoding: str) -> None:
    with gateway.aws.nothing_stored():
        assert_problem(post(gateway.client, COMPRESS[encoding](b""), {"Content-Encoding": encoding}), 400, "empty")


GZIP = gzip.compress(make.ndjson(RECORDS), mtime=0)
ZSTD = zstd.compress(make.ndjson(RECORDS), options={zstd.CompressionParameter.checksum_flag: 1})
BROKEN = {
    "gzip cut off": ("gzip", GZIP[:-12]),
    "gzip without its trailer": ("gzip", GZIP[:-8]),
    "gzip of its head only": ("gzip", GZIP[:6]),
    "gzip with a wrong checksum": ("gzip", GZIP[:-8] + bytes([GZIP[-8] ^ 1]) + GZIP[-7:]),
    "gzip with a wrong length": ("gzip", GZIP[:-1] + b"\x7f"),
    "gzip with rubbish inside": ("gzip", GZIP[:12] + b"\xff\xff\xff\xff" + GZIP[16:]),
    "gzip, second member cut off": ("gzip", GZIP + GZIP[:-4]),
    "gzip with rubbish behind": ("gzip", GZIP + b"rubbish"),
    "zstd cut off": ("zstd", ZSTD[:-6]),
    "zstd of its magic only": ("zstd", ZSTD[:4]),
    "zstd with a wrong checksum": ("zstd", ZSTD[:-1] + bytes([ZSTD[-1] ^ 1])),
    "zstd, second frame cut off": ("zstd", ZSTD + ZSTD[:-4]),
    "zstd with rubbish behind": ("zstd", ZSTD + b"rubbish"),
    "zstd that is gzip": ("zstd", GZIP),
    "zstd that is text": ("zstd", make.ndjson(RECORDS)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_compression_is_kept_as_received(gateway: Gateway, name: str) -> None:
    encoding, body = BROKEN[name]
    response = post(gateway.client, body, {"Content-Encoding": encoding}, media="ndjson")
    assert_problem(response, 400, "undecodable_body")
    answer = assert_answer(response, 400, accepted=0, rejected=[(0, "undecodable_body")])
    [line] = gateway.aws.error_lines(answer["request_id"])
    assert_error_line(line, answer, 0, "undecodable_body")
    assert payload_of(line) == body
    assert gateway.aws.lines_of(answer["request_id"]) == []


def test_text_called_gzip_is_broken_under_uvicorn(gateway: Gateway, uvicorn: UvicornClient) -> None:
    response = post(uvicorn, make.record(1), {"Content-Encoding": "gzip"})
    answer = assert_answer(response, 400, accepted=0, rejected=[(0, "undecodable_body")])
    assert payload_of(gateway.aws.error_lines(answer["request_id"])[0]) == make.record(1)


@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
def test_a_body_already_decoded_by_the_front_door(gateway: Gateway, front_door: LambdaClient, media: str) -> None:
    headers = {"Content-Type": media, "Content-Encoding": "gzip"}
    answer = assert_answer(
        front_door.request_decoded_by_the_front_door("/records", gzip.compress(make.record(1)), headers),
        202,
        accepted=1,
    )
    assert [line.payload for line in gateway.aws.lines_of(answer["request_id"])] == [make.record(1)]


def test_a_body_sent_in_chunks(gateway: Gateway, uvicorn: UvicornClient) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    sent = uvicorn.request_chunked("POST", "/records", make.pieces(make.ndjson(RECORDS), 7), headers)
    assert_answer(sent, 202, accepted=len(RECORDS))
