"""The strict reading: what is found and where, what a refusal says, and what hostile texts cost."""

import contextlib
import time
import tracemalloc

import pytest

from app.strict_json import (
    Budget,
    BudgetSpentError,
    MalformedJsonError,
    TooManyElementsError,
    find_lone_surrogate,
    read,
)

MIB = 1024 * 1024
DEPTH = 500


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        (b"", 0, "but the text ends"),
        (b"  ", 2, "but the text ends"),
        (b"\xef\xbb\xbf{}", 0, "byte order mark"),
        (b'{"a":"\xff"}', 6, "not UTF-8"),
        (b'"\xed\xa0\x80"', 1, "not UTF-8"),
        (b"{} {}", 3, "nothing may follow"),
        (b"nul", 0, "expected a value"),
        (b"[1,]", 3, "expected a value"),
        (b"[1 2]", 3, "expected ',' or ']'"),
        (b'{"a":1 "b":2}', 7, "expected ',' or '}'"),
        (b"[1}", 2, "expected ',' or ']'"),
        (b'{"a":1]', 6, "expected ',' or '}'"),
        (b"{a:1}", 1, "a key in double quotes"),
        (b'{"a",1}', 4, "expected ':'"),
        (b'{"a":1,}', 7, "a key in double quotes"),
        (b"[-]", 1, "not a JSON number"),
        (b"[01]", 2, "expected ',' or ']'"),
        (b"[1.]", 2, "expected ',' or ']'"),
        (b"[1,2.]", 4, "expected ',' or ']'"),
        (b"[1,02]", 4, "expected ',' or ']'"),
        (b"[1,2,]", 5, "expected a value"),
        (b'{"v":[1,-1,]}', 11, "expected a value"),
        (b'{"v":[1,true,,1]}', 13, "expected a value"),
        (b"[+1]", 1, "expected a value"),
        (b"[NaN]", 1, "expected a value"),
        (b'"a', 2, "without its closing quote"),
        (b'"a\nb"', 2, "control character"),
        (rb'"a\x"', 2, "not an escape"),
        (rb'"a\u12g4"', 2, "not an escape"),
        (rb'"a\u"', 2, "not an escape"),
        (rb'{"\u":1}', 2, "not an escape"),
        (b'"' + rb"\n" * 2_500 + rb'\u12"', 5_001, "not an escape"),
        (b"[0" + b",1" * 2_500 + b",1.]", 5_004, "expected ',' or ']'"),
        (rb'["\ud800"]', 2, "half of a surrogate pair"),
        (rb'["a\udc00"]', 3, "half of a surrogate pair"),
        (rb'["\ud83d\n\ude00"]', 2, "half of a surrogate pair"),
        (rb'{"\ud800":1}', 2, "half of a surrogate pair"),
    ],
)
def test_where_and_why_a_text_is_refused(text: bytes, offset: int, says: str) -> None:
    with pytest.raises(MalformedJsonError) as refusal:
        read(text, DEPTH)
    assert (refusal.value.offset, says in str(refusal.value)) == (offset, True), str(refusal.value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"a":1,"a":2}', ("a",)),
        (rb'{"a":1,"\u0061":2}', ("a",)),
        (rb'{"a":1,"a\u0000":2}', ("a\0",)),
        (rb'{"\u0000":1,"":2}', ("",)),
        (b'{"v":[0,1,{"k":{"x":0,"x":1}}]}', ("v", 2, "k", "x")),
        (b'{"v":[0,-1,1.5,true,null,{"x":0,"x":1}]}', ("v", 5, "x")),
        (b'[0,1,["",{"x":0,"x":1}]]', (2, 1, "x")),
        (b'{"a":{"b":1},"c":{"b":1},"b":1}', None),
        (b'{"a":{"a":{"a":1}}}', None),
        (rb'{"a":1,"a\u0000b":2}', None),
        (b'{"a":1,"A":2}', None),
    ],
)
def test_the_first_key_that_stands_twice(text: bytes, path: tuple[str | int, ...] | None) -> None:
    assert read(text, DEPTH).duplicate == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"1e999", ()),
        (b'{"a":[1,2,-1e400]}', ("a", 2)),
        (b'{"a":[0,' + b"9" * 309 + b"]}", ("a", 1)),
        (b'{"a":[0,' + b"9" * 308 + b"]}", None),
        (b'{"a":[0,1.' + b"9" * 400 + b"]}", None),
        (b'{"a":1.7976931348623159e308}', ("a",)),
        (b'{"a":1.7976931348623158e308}', None),
        (b'{"a":1e-999,"b":0e999}', None),
        (b'{"a":"1e999"}', None),
    ],
)
def test_the_first_number_that_is_not_finite(text: bytes, path: tuple[str | int, ...] | None) -> None:
    assert read(text, DEPTH).out_of_range == path


def test_depth_counts_containers() -> None:
    assert [read(text, DEPTH).depth for text in (b"1", b"[]", b"[{}]", b'[[],{"a":[1]}]', b'"[["')] == [0, 1, 2, 3, 0]


@pytest.mark.parametrize("depth", [1, DEPTH - 1, DEPTH, DEPTH + 1, DEPTH + 2, 1_023, 1_024, 1_025, 20_000])
@pytest.mark.parametrize(("opener", "closer"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_any_depth_is_read_without_recursion(depth: int, opener: bytes, closer: bytes) -> None:
    assert read(opener * depth + b"0" + closer * depth, DEPTH).depth == depth
    for wrong in (closer * (depth - 1), closer * (depth + 1), closer * (depth - 1) + b"x"):
        with pytest.raises(MalformedJsonError):
            read(opener * depth + b"0" + wrong, DEPTH)


def test_a_wrong_bracket_in_a_long_run_is_found_where_it_stands() -> None:
    for place in (0, 1, 50, 1_997, 1_998, 1_999):
        closers = bytearray(b"]" * 2_000)
        closers[place : place + 1] = b"}"
        with pytest.raises(MalformedJsonError) as refusal:
            read(b"[" * 2_000 + bytes(closers), DEPTH)
        assert refusal.value.offset == 2_000 + place


def test_elements_are_collected_only_when_asked_for() -> None:
    text = b' [ {"a":1} ,2,"x" , [ ] ] '
    assert read(text, DEPTH).elements == []
    elements = [text[start:end] for start, end in read(text, DEPTH, max_elements=4).elements]
    assert elements == [b'{"a":1}', b"2", b'"x"', b"[ ]"]
    with pytest.raises(TooManyElementsError):
        read(text, DEPTH, max_elements=3)


def test_a_text_with_too_many_members_is_not_read_to_its_end() -> None:
    text = b'{"a":1,"a":[' + b"{}," * 400 + b"{}]}"
    assert read(text, DEPTH, Budget(1_000)).duplicate == ("a",)
    with pytest.raises(BudgetSpentError) as stopped:
        read(text, DEPTH, Budget(500))
    assert stopped.value.reading.duplicate == ("a",)


def test_a_budget_is_shared_by_the_readings_that_draw_on_it() -> None:
    budget = Budget(10)
    read(b"[0,{},{}]", DEPTH, budget)
    assert 0 < budget.members < 10
    with pytest.raises(BudgetSpentError):
        read(b"[" + b"{}," * 10 + b"{}]", DEPTH, budget)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (rb'"\ud800x\n"', 1),
        (rb'"\ud800\u0041"', 1),
        (rb'["\ud800","\udc00"]', 2),
        (rb'"\\ud800\udc00"', 8),
        (rb'"\ud83d\ude00\ude00"', 13),
        (rb'"\ud83d\ude00 \\ud800"', None),
    ],
)
def test_half_of_a_surrogate_pair_is_found_wherever_it_stands(text: bytes, place: int | None) -> None:
    assert find_lone_surrogate(text) == place


# What a member costs is a few steps of Python; what would be quadratic would take hours at this size.
HOSTILE = {
    "open brackets": b"[" * 2 * MIB,
    "balanced brackets": b"[" * MIB + b"]" * MIB,
    "one closing bracket wrong at the far end": b"[" * MIB + b"]" * (MIB - 3) + b"}",
    "one closing bracket wrong in the middle": b"[" * MIB + b"]" * (MIB // 2) + b"}" + b"]" * (MIB // 2),
    "closing brackets": b"]" * 2 * MIB,
    "a long string of escapes": b'"' + b"\\n" * MIB + b'"',
    "a long string not closed": b'"' + b"x" * 2 * MIB,
    "a long number": b"9" * 2 * MIB,
    "a long fraction": b"0." + b"3" * 2 * MIB,
    "a long exponent": b"1e" + b"9" * 2 * MIB,
    "spaces": b" " * 2 * MIB,
    "numbers": b'{"v":[' + b"0," * MIB + b"0]}",
    "numbers and no end": b'{"v":[' + b"-1.5 ," * MIB,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_cheap(name: str) -> None:
    started = time.process_time()
    with contextlib.suppress(MalformedJsonError, BudgetSpentError):
        read(HOSTILE[name], DEPTH)
    assert time.process_time() - started < 2


def test_a_long_run_of_escapes_or_numbers_takes_no_memory_of_its_own() -> None:
    for text in (b'"' + b"\\n" * MIB + b'"', b'{"a":[' + b"0," * MIB + b"0]}"):
        tracemalloc.start()
        read(text, DEPTH)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * len(text)
