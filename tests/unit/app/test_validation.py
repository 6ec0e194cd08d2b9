"""Judging: the reason, its explanation, the room of a line, a schema's part."""

import tracemalloc

import pytest

from app.validation import (
    MAX_DEPTH,
    MAX_LOC_CHARACTERS,
    MAX_LOC_STEPS,
    MAX_MESSAGE_CHARACTERS,
    Accepted,
    ErrorDetail,
    Reason,
    RecordSchema,
    Rejected,
    error_detail,
    judge,
    reject_body,
)
from tests.support.generators import nested, record_of_depth, record_of_size

ROOM = 1_000_000


def rejected(raw: bytes, room: int = ROOM, schema: RecordSchema | None = None) -> Rejected:
    verdict = judge(raw, room, schema)
    assert isinstance(verdict, Rejected)
    assert verdict.raw == raw
    return verdict


@pytest.mark.parametrize(
    ("raw", "reason", "loc"),
    [
        (b'{"id":1,"v":tru}', Reason.MALFORMED_JSON, ()),
        (b"", Reason.MALFORMED_JSON, ()),
        (b"\x00", Reason.MALFORMED_JSON, ()),
        (record_of_depth(MAX_DEPTH + 1), Reason.TOO_DEEP, ()),
        (nested(MAX_DEPTH + 1), Reason.TOO_DEEP, ()),
        (nested(MAX_DEPTH), Reason.NOT_AN_OBJECT, ()),
        (b'"text"', Reason.NOT_AN_OBJECT, ()),
        (b'"' + b"[" * (MAX_DEPTH + 1) + b'"', Reason.NOT_AN_OBJECT, ()),
        (b'["' + b"{" * (MAX_DEPTH + 1) + b'"]', Reason.NOT_AN_OBJECT, ()),
        (b"1e999", Reason.NOT_AN_OBJECT, ()),
        (b'{"id":1,"v":[{"a":1,"a":2}]}', Reason.DUPLICATE_KEY, ("v", 0, "a")),
        (rb'{"id":1,"a":1,"a\u0000":2}', Reason.DUPLICATE_KEY, ("a\0",)),
        (rb'{"id":"\u003a","a":1,"a":2}', Reason.DUPLICATE_KEY, ("a",)),
        (rb'{"id":"\u003A","a":1,"a":2}', Reason.DUPLICATE_KEY, ("a",)),
        (b'{"id":1,"v":[0,1e999]}', Reason.NUMBER_OUT_OF_RANGE, ("v", 1)),
        (b'{"v":1}', Reason.MISSING_ID, ("id",)),
        (rb'{"id\u0000":1}', Reason.MISSING_ID, ("id",)),
        (b'{"id":null}', Reason.NULL_ID, ("id",)),
    ],
)
def test_a_rejection_says_why_and_where(raw: bytes, reason: Reason, loc: tuple[str | int, ...]) -> None:
    verdict = rejected(raw)
    [error] = verdict.errors
    assert (verdict.reason, error.loc, error.type) == (reason, loc, reason.value)
    assert error.msg


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"id":1,"\u0000":[1,-1,"x"]}',
        rb'{"id":1,"\u0000":[1,1.5,[],true,{"a":0}]}',
        rb'{"id":1,"a:b":1,"a\u003ac":2}',
        record_of_depth(MAX_DEPTH),
        b'{"id":"' + b"[" * 2_000 + b'"}',
        b'{"id":[' + b"[]," * 2_000 + b"[]]}",
        b'{"id":' + nested(MAX_DEPTH - 1, open_with=b'{"a":', close_with=b"}") + b"}",
    ],
)
def test_what_looks_bad_only_at_first_sight_is_accepted(raw: bytes) -> None:
    verdict = judge(raw, ROOM, None)
    assert isinstance(verdict, Accepted)
    assert verdict.raw == raw


def test_the_room_of_a_line_is_used_to_its_last_byte() -> None:
    assert isinstance(judge(record_of_size(100), 100, None), Accepted)
    assert rejected(record_of_size(101), room=100).reason is Reason.TOO_LARGE


def test_a_schema_is_asked_last_and_its_reason_taken() -> None:
    error = ErrorDetail(("v",), "bad", "type")
    asked: list[object] = []

    def find_errors(record: dict[str, object]) -> tuple[ErrorDetail, ...]:
        asked.append(record)
        return (error,)

    schema = RecordSchema(find_errors, lambda _: False, Reason.UNKNOWN_SCHEMA)
    for raw in (b"{", b"[]", b"{}", b'{"id":null}', record_of_size(101)):
        assert rejected(raw, 100, schema).reason is not Reason.UNKNOWN_SCHEMA
    assert asked == []
    verdict = rejected(b'{"id":1}', 100, schema)
    assert (verdict.reason, verdict.errors, asked) == (Reason.UNKNOWN_SCHEMA, (error,), [{"id": 1}])


def test_a_schema_that_finds_nothing_accepts() -> None:
    assert judge(b'{"id":7}', ROOM, RecordSchema(lambda _: (), lambda _: True)) == Accepted(b'{"id":7}', 7)


def test_explanations_are_cut_to_what_people_read() -> None:
    detail = error_detail(["k" * 1_000] * 1_000, "m" * 1_000, "t")
    assert (len(detail.loc), len(detail.msg)) == (MAX_LOC_STEPS, MAX_MESSAGE_CHARACTERS)
    assert {len(step) for step in detail.loc if isinstance(step, str)} == {MAX_LOC_CHARACTERS}
    assert error_detail([3, "a"], "m", "t").loc == (3, "a")


def test_a_body_is_rejected_with_the_words_given() -> None:
    verdict = reject_body(b"\x1f\x8b", Reason.UNDECODABLE_BODY, "broken")
    assert verdict.errors == (ErrorDetail((), "broken", "undecodable_body"),)


def test_judging_a_long_array_keeps_no_list_of_its_elements() -> None:
    raw = b"[" + b"0," * 1_000_000 + b"0]"
    tracemalloc.start()
    judge(raw, ROOM, None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * len(raw)
