"""Judging, held against a verdict reached another way, and against what Snowflake documents as refused."""

import base64
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content import Framing
from app.envelope import Origin, StreamLines, error_line, line_key
from app.exceptions import EmptyBody, MalformedBody
from app.framing import split
from app.validation import Accepted, Rejected, judge
from local_pipeline.refusals import refuse
from tests.property import json_texts, reference
from tests.property.verdicts import expected_reason

ORIGIN = Origin(
    "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77", datetime(2026, 11, 23, 2, 17, 14, tzinfo=UTC), "shop", None, None
)
LINES = StreamLines(ORIGIN)
TRICKY = [
    rb'{"id":1,"a:b":1,"a\u003ab":2}',
    rb'{"id":1,"a":"\u003a","b":1,"b":2}',
    rb'{"id":1,"a":1,"a\u0000":2}',
    rb'{"id":1,"\u0000":1,"":2}',
    rb'{"id":1,"v":{"a":":","a":1}}',
    rb'{"id":"::","a:":":","a:":1}',
    rb'{"\u0069d":1,"id":2}',
    rb'{"id\u0000":1}',
    rb'{"id\u0000":1,"id":1}',
    '{"id":1,"😀":1,"\\ud83d\\ude00":2}'.encode(),
    b'{"id":1,"n":1.7976931348623158e308}',
    b'{"id":1,"n":1.7976931348623159e308}',
    b'{"id":1,"n":-1e-9999}',
    b'{"id":1e999}',
    b'{"id":1,"v":' + b"[" * 600 + b"]" * 600 + b',"v":1}',
    b'{"id":1,"v":"' + b"[" * 600 + b'"}',
    b'"' + b"[{" * 300 + b'"',
    rb'{"id":1,"\u0000":[1,-1,"x"]}',
    rb'{"id":1,"\u0000":[1,1.5,{"a":1,"a":2}]}',
    rb'{"id":1,"a\u0000":[1,1e5,2,true,1e999]}',
    b'{"id":1,"v":' + b'{"a":' * 499 + b"1" + b"}" * 499 + b"}",
    b'{"id":1,"v":' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}",
    b'{"id":1,"v":' + b'{"a":' * 300 + b'{"b":1,"b":2}' + b"}" * 300 + b"}",
]


@given(json_texts.anything, st.integers(0, 80))
def test_the_reason_is_the_first_of_the_contract(raw: bytes, room: int) -> None:
    assert reason_of(judge(raw, room, None)) == expected_reason(raw, room)


@pytest.mark.parametrize("raw", TRICKY)
def test_the_reason_of_tricky_records(raw: bytes) -> None:
    assert reason_of(judge(raw, 10_000, None)) == expected_reason(raw, 10_000)


@given(json_texts.anything)
def test_what_is_accepted_will_load_and_what_is_not_keeps_its_bytes(raw: bytes) -> None:
    verdict = judge(raw, LINES.room(0), None)
    if isinstance(verdict, Accepted):
        assert refuse(LINES.line(0, verdict.raw).removesuffix(b"\n")) is None
        assert 0 <= line_key("shop", verdict.record_id) < 2**32
    else:
        kept = orjson.loads(error_line(ORIGIN, 0, verdict))
        bytes_kept = kept["payload"].encode() if "payload" in kept else base64.b64decode(kept["payload_base64"])
        assert bytes_kept == raw
        assert kept["errors"]


@given(json_texts.anything)
def test_what_snowflake_would_refuse_is_not_accepted_and_little_else_is_rejected(raw: bytes) -> None:
    one_line = raw.replace(b"\n", b" ").replace(b"\r", b" ")
    refusal = refuse(LINES.line(0, one_line).removesuffix(b"\n"))
    verdict = judge(raw, LINES.room(0), None)
    if refusal is not None:
        assert isinstance(verdict, Rejected), refusal.rule
    elif isinstance(verdict, Rejected):
        only_ours = {"not_an_object", "missing_id", "null_id"}
        assert verdict.reason in only_ours or newline_in_string(raw) or not refused_alone(raw)


def newline_in_string(raw: bytes) -> bool:
    """A raw newline in a string: JSON only after newlines have become spaces."""
    return b"\n" in raw or b"\r" in raw


def refused_alone(raw: bytes) -> bool:
    """Whether `raw` is a JSON text without the line around it (`1,"x":2` is none, and completes a line)."""
    try:
        reference.read(raw)
    except reference.NotJsonError:
        return False
    return True


@given(st.lists(json_texts.anything, min_size=1, max_size=4))
def test_records_of_a_body_are_judged_as_they_are_alone(records: list[bytes]) -> None:
    lines = [record.replace(b"\n", b" ").replace(b"\r", b" ") for record in records]
    try:
        found = split(b"\n".join(lines), Framing.NDJSON, 10_000)
    except EmptyBody:
        assert not any(line.strip(b" \t") for line in lines)
        return
    assert found == [line for line in lines if line.strip(b" \t")]


@given(st.lists(json_texts.anything, max_size=4))
def test_an_array_is_told_apart_when_it_is_json_and_only_then(records: list[bytes]) -> None:
    body = b"[" + b",".join(records) + b"]"
    try:
        raws = split(body, Framing.JSON, 10_000)
    except (MalformedBody, EmptyBody):
        raws = []
    told_apart = bool(raws) and all(reason_of(judge(raw, 10_000, None)) != "malformed_json" for raw in raws)
    try:
        elements = reference.read(body).elements
    except reference.NotJsonError:
        elements = []
    assert told_apart == bool(elements)
    if elements:
        text = body.decode()
        assert raws == [text[start:end].encode() for start, end in elements]


def reason_of(verdict: Accepted | Rejected) -> str | None:
    return verdict.reason if isinstance(verdict, Rejected) else None
