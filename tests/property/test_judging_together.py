"""Records judged a portion at a time: as each would be alone, by two other ways to a verdict."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app import strict_json
from app.judging import PORTION_BYTES, Judged, judge_portion, portions
from app.strict_json import Budget
from app.validation import MAX_DEPTH, Reason, RecordSchema, error_detail, judge
from tests.property import json_texts
from tests.property.test_judging import TRICKY
from tests.property.verdicts import expected_reason

PLAIN = b'{"id":"order-1","items":[{"sku":"A-1000","qty":2}],"note":"a: b"}'
BROKEN = (error_detail(("v",), "a record needs v", "required"),)
NEEDS_V = RecordSchema(
    lambda record: () if "v" in record else BROKEN, lambda records: all("v" in record for record in records)
)
among_others = st.lists(st.one_of(json_texts.anything, st.sampled_from([PLAIN, *TRICKY])), min_size=1, max_size=6)
rooms = st.one_of(st.integers(0, 80), st.just(100_000))


def together(raws: list[bytes], room: int, schema: RecordSchema | None = None, first: int = 0) -> Judged:
    return judge_portion(raws, first, lambda index: room - len(str(index)), schema, Budget())


def reasons(judged: Judged) -> dict[int, str | None]:
    """By index, None of an accepted one."""
    assert not set(judged.good) & set(judged.bad)
    assert judged.good == sorted(judged.good)
    return dict.fromkeys(judged.good) | {index: bad.reason.value for index, bad in judged.bad.items()}


def strict_reason(raw: bytes, room: int) -> str | None:
    """The contract's first reason, by the reader that explains."""
    try:
        found = strict_json.read(raw, MAX_DEPTH)
    except strict_json.MalformedJsonError:
        return "malformed_json"
    record = json.loads(raw) if found.depth <= MAX_DEPTH and found.top == b"{" else {}
    applies = {
        "too_deep": found.depth > MAX_DEPTH,
        "not_an_object": found.top != b"{",
        "duplicate_key": found.duplicate is not None,
        "number_out_of_range": found.out_of_range is not None,
        "missing_id": "id" not in record,
        "null_id": record.get("id") is None,
        "too_large": len(raw) > room,
    }
    return next((reason for reason, does in applies.items() if does), None)


@given(among_others, rooms, st.sampled_from([0, 8, 99]))
def test_the_reason_among_others_is_the_one_of_a_slow_reading(raws: list[bytes], room: int, first: int) -> None:
    expected = {index: expected_reason(raw, room - len(str(index))) for index, raw in enumerate(raws, first)}
    assert reasons(together(raws, room, first=first)) == expected


@given(among_others, rooms)
def test_the_reason_among_others_is_the_one_that_is_explained(raws: list[bytes], room: int) -> None:
    expected = {index: strict_reason(raw, room - 1) for index, raw in enumerate(raws)}
    assert reasons(together(raws, room)) == expected


@given(json_texts.anything, rooms)
def test_the_reason_alone_is_the_one_that_is_explained(raw: bytes, room: int) -> None:
    expected = strict_reason(raw, room - 1)
    assert reasons(together([raw], room)) == {0: expected}
    alone = Judged()
    alone.note(0, judge(raw, room - 1, None))
    assert reasons(alone) == {0: expected}


@given(among_others, st.booleans())
@example([b'{"id":1,"v":1}', PLAIN, b'{"id":1,"id":1}'], False)
def test_each_verdict_is_the_same_as_alone(raws: list[bytes], with_schema: bool) -> None:
    schema = NEEDS_V if with_schema else None
    alone = Judged()
    for index, raw in enumerate(raws):
        alone.note(index, judge(raw, 1_000, schema))
    found = judge_portion(raws, 0, lambda _: 1_000, schema, Budget())
    assert (found.good, list(map(repr, found.ids))) == (alone.good, list(map(repr, alone.ids)))
    assert found.bad == alone.bad
    if with_schema:
        assert all(b"v" in raws[index] or rb"\u0076" in raws[index] for index in found.good)


@pytest.mark.parametrize("tricky", TRICKY)
def test_a_tricky_record_among_plain_ones(tricky: bytes) -> None:
    expected = expected_reason(tricky, 9_999)
    assert reasons(together([PLAIN, tricky, PLAIN], 10_000)) == {0: None, 1: expected, 2: None}


CLOSE_EACH_OTHER = [
    [b'{"id":1,"a":[{"b":1}', b'{"c":1}]},{"id":2}'],
    [b'{"id":1},{"id":2', b"}"],
    [b'{"id":1},{"id":2}', b'{"id":3},{"id":4}'],
    [b'{"id":1,"a":[1', b"2]}", b'{"id":3}'],
    [b'{"id":1,"a":[1', b"2", b'3]},{"id":2},7,{"id":3}'],
    [b'{"id":1}]', b'[{"id":2}'],
    [b'{"id":1},0', b'{"id":2}'],
    [b'{"id":1,"a":"b', b'c"}'],
    [b'{"id":1},', b'{"id":2}'],
]


@pytest.mark.parametrize("raws", CLOSE_EACH_OTHER)
@pytest.mark.parametrize("others", [[], [PLAIN]])
def test_records_that_are_whole_only_together(raws: list[bytes], others: list[bytes]) -> None:
    """By a comma, as an array has it, each of these would be as many good records as there are lines, or others."""
    raws = [*others, *raws, *others]
    found = reasons(together(raws, 10_000))
    assert found == {index: strict_reason(raw, 10_000) for index, raw in enumerate(raws)}
    assert "malformed_json" in found.values()


def test_a_colon_too_many_makes_up_for_none_that_is_missing() -> None:
    """Colons are counted of all records together."""
    raws = [b'{"id":1,"a":1,"a":2}', rb'{"id":"\u003a\u003a"}', b'{"id":"::"}', b'{"id"::1}', b'[{"a":1,"a":1}]']
    assert reasons(together(raws, 1_000)) == {
        0: Reason.DUPLICATE_KEY.value,
        1: None,
        2: None,
        3: Reason.MALFORMED_JSON.value,
        4: Reason.NOT_AN_OBJECT.value,
    }


@given(st.lists(st.integers(0, 3 * PORTION_BYTES).map(bytes), max_size=40))
def test_portions_are_all_records_in_their_order_and_none_is_much_too_large(raws: list[bytes]) -> None:
    found = list(portions(raws))
    assert [index for portion in found for index in range(portion.start, portion.stop)] == list(range(len(raws)))
    for portion in found:
        sizes = [len(raw) for raw in raws[portion.start : portion.stop]]
        assert sizes
        assert sum(sizes) == portion.size
        assert sum(sizes[:-1]) < PORTION_BYTES
    for portion in found[:-1]:
        assert portion.size >= PORTION_BYTES
