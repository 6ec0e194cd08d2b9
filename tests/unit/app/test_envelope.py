"""The stream line at its limit, the error line, the partition key."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations

import orjson
import pytest

from app import __version__
from app.envelope import MAX_LINE_BYTES, Origin, StreamLines, error_line, line_key, lines_of, timestamp
from app.validation import Accepted, ErrorDetail, Reason, Rejected, judge
from local_pipeline.refusals import refuse
from tests.support.generators import nested

AT = datetime(2026, 11, 23, 2, 17, 14, 123456, UTC)
REQUEST = "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77"


def origin(source: str = "shop", schema: str | None = None) -> Origin:
    return Origin(REQUEST, AT, source, schema, "application/json")


def test_the_stream_line_to_the_letter() -> None:
    line = StreamLines(origin(schema="order/1")).line(7, b'{"id" : 12345678901234567890.10,\r\n"v":"\\n"}')
    assert line == (
        b'{"ingest_id":"0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77-7","received_at":"2026-11-23T02:17:14.123456Z",'
        b'"source":"shop","schema":"order/1","payload":{"id" : 12345678901234567890.10,  "v":"\\n"}}\n'
    )


def test_without_a_schema_it_is_null() -> None:
    assert json.loads(StreamLines(origin()).line(0, b"{}"))["schema"] is None


@pytest.mark.parametrize("schema", [None, "order/1", 'no "such" \n schema é😀'])
@pytest.mark.parametrize("index", [0, 10, 999, 9_999])
@pytest.mark.parametrize("filler", ["x", "é", "😀"])
def test_a_line_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not(
    index: int, filler: str, schema: str | None
) -> None:
    lines = StreamLines(origin(schema=schema))
    room = lines.room(index)
    text, rest = divmod(room - len(b'{"id":""}'), len(filler.encode()))
    payload = b'{"id":"' + filler.encode() * text + b"." * rest + b'"}'
    accepted = judge(payload, room, None)
    assert isinstance(accepted, Accepted)
    line = lines.line(index, accepted.raw)
    assert len(line) == MAX_LINE_BYTES
    assert refuse(line.removesuffix(b"\n")) is None
    longer = payload.replace(b'"}', b'."}')
    rejected = judge(longer, room, None)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, len(lines.line(index, longer))) == (Reason.TOO_LARGE, MAX_LINE_BYTES + 1)


@pytest.mark.parametrize("raw", [b'{"v":1}', '{"é":"😀"}\r\n'.encode(), b'{"a":"\xff"}', b"\x00\x1f\x8b", b""])
def test_the_error_line_keeps_the_bytes(raw: bytes) -> None:
    error = ErrorDetail(("v", 0, "é"), "what is wrong", "missing_id")
    line = json.loads(error_line(origin(schema="order/1"), 3, Rejected(raw, Reason.MISSING_ID, (error,)), attempts=2))
    payload = line.pop("payload", None)
    encoded = line.pop("payload_base64", None)
    assert (payload.encode() if encoded is None else base64.b64decode(encoded)) == raw
    assert line == {
        "ingest_id": f"{REQUEST}-3",
        "received_at": "2026-11-23T02:17:14.123456Z",
        "source": "shop",
        "index": 3,
        "reason": "missing_id",
        "errors": [{"loc": ["v", 0, "é"], "msg": "what is wrong", "type": "missing_id"}],
        "schema": "order/1",
        "content_type": "application/json",
        "gateway_version": __version__,
        "attempts": 2,
    }


def test_a_time_is_written_in_utc_with_all_its_digits() -> None:
    local = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(local) == "2025-12-31T22:30:00.000000Z"


EQUAL_IDS = [
    ["1", "1.0", "1e0", "10e-1", "1.00"],
    ["0", "-0", "0.0", "-0.0", "0e5"],
    ["18446744073709551616", "1.8446744073709551616e19"],
    ['"a"', r'"\u0061"'],
    ['{"a":1,"b":[2]}', '{ "b":[2.0] , "a":1e0 }'],
    ["[[1],[2]]", "[[1.0],[2.0]]"],
]
DIFFERENT_IDS = [
    *("1", '"1"', "true", "[1]", '{"a":1}', "false", '""', '"true"', "0", "[]", "{}", "[[]]", "[null]", '"null"'),
    *(
        "[1,2]",
        "[12]",
        '["1","2"]',
        '["1,2"]',
        '["12"]',
        "[[1],2]",
        "[1,[2]]",
        "[1,2,[]]",
        "[[1,2]]",
        "[[],1]",
        "[[1]]",
        '{"a":1,"b":2}',
    ),
    *('{"a":{"b":2}}', '["a",1]', '"s1:a"', '"n1.0,"', '{"a":null}', "1.5", "-1", '{"b":1}', '"é"', r'"e\u0301"'),
]


@pytest.mark.parametrize("spellings", EQUAL_IDS)
def test_equal_ids_have_one_key(spellings: list[str]) -> None:
    assert len({line_key("shop", orjson.loads(spelling)) for spelling in spellings}) == 1


def test_different_ids_have_different_keys() -> None:
    keys = {spelling: line_key("shop", orjson.loads(spelling)) for spelling in DIFFERENT_IDS}
    assert [pair for pair in combinations(DIFFERENT_IDS, 2) if keys[pair[0]] == keys[pair[1]]] == []


def test_a_source_cannot_be_mistaken_for_a_part_of_the_id() -> None:
    assert line_key("a", "bc") != line_key("ab", "c")
    assert line_key("shop", "x") != line_key("shop2", "x")


@pytest.mark.parametrize(
    "record_id",
    [
        nested(499),
        nested(499, open_with=b'{"a":', close_with=b"}"),
        b"9" * 308,
        b"1e308",
        b"-5e-324",
        b'"' + b"x" * 900_000 + b'"',
        b"[" + b"0," * 400_000 + b"0]",
    ],
)
def test_whatever_id_is_accepted_has_a_key(record_id: bytes) -> None:
    verdict = judge(b'{"id":' + record_id + b"}", 1_000_000, None)
    assert isinstance(verdict, Accepted)
    assert 0 <= line_key("shop", verdict.record_id) < 2**32


def test_a_record_of_several_lines_is_unpacked() -> None:
    payloads = [b'{"id":%d,"text":"\xc2\x85 \xe2\x80\xa8"}' % index for index in range(3)]
    data = b"".join(StreamLines(origin()).line(index, payload) for index, payload in enumerate(payloads))
    found = list(lines_of(data))
    assert [members["ingest_id"] for members, _ in found] == [origin().ingest_id(index) for index in range(3)]
    assert [payload for _, payload in found] == payloads


def test_what_is_no_line_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match="no stream line"):
        list(lines_of(b"{}\n"))
