"""The strict reading, held against orjson (which texts are JSON) and a slow reading of its own (what is in them)."""

import msgspec
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.strict_json import MalformedJsonError, Reading, TooManyElementsError, read
from tests.property import json_texts, reference

MAX_DEPTH = 500
ORJSON_MAX_DEPTH = 1024


def reading_of(text: bytes, max_depth: int = MAX_DEPTH) -> Reading | None:
    try:
        return read(text, max_depth)
    except MalformedJsonError:
        return None


def orjson_takes(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


@given(json_texts.anything)
@example(b"")
@example(b'"\\ud83d\\n\\ude00"')
def test_it_takes_what_orjson_takes_and_beyond_only_depth_and_infinities(text: bytes) -> None:
    reading = reading_of(text)
    if orjson_takes(text):
        assert reading is not None
        assert reading.out_of_range is None
    elif reading is not None:
        assert reading.depth >= ORJSON_MAX_DEPTH or reading.out_of_range is not None


@given(json_texts.anything)
def test_it_finds_what_a_slow_reading_finds(text: bytes) -> None:
    reading = reading_of(text, 10_000)
    try:
        expected = reference.read(text)
    except reference.NotJsonError:
        assert reading is None
        return
    assert reading is not None
    assert reading.top == expected.top.encode()
    assert reading.depth == expected.depth
    assert reading.duplicate == expected.duplicate
    assert reading.out_of_range == expected.out_of_range


@given(json_texts.anything, st.integers(0, 8))
def test_how_deep_paths_are_followed_changes_neither_verdict_nor_depth(text: bytes, max_depth: int) -> None:
    shallow, deep = reading_of(text, max_depth), reading_of(text, 10_000)
    if deep is None:
        assert shallow is None
        return
    assert shallow is not None
    assert (shallow.top, shallow.depth) == (deep.top, deep.depth)
    if deep.depth <= max_depth:
        assert shallow == deep


@given(json_texts.anything)
def test_the_text_up_to_the_offset_could_still_have_become_json(text: bytes) -> None:
    try:
        read(text, MAX_DEPTH)
    except MalformedJsonError as error:
        offset, message = error.offset, str(error)
    else:
        return
    assert 0 <= offset <= len(text)
    text[:offset].decode()
    if message == "not UTF-8":  # told first, wherever it stands
        return
    assert where_refused(text[:offset]) in (None, offset)


def where_refused(text: bytes) -> int | None:
    try:
        read(text, MAX_DEPTH)
    except MalformedJsonError as error:
        return error.offset
    return None


@given(st.lists(json_texts.values, max_size=5).map(lambda values: b"[" + b",".join(values) + b"]"))
def test_the_spans_of_elements_are_where_msgspec_splits(text: bytes) -> None:
    reading = read_with_spans(text)
    if reading is None or not orjson_takes(text):
        return
    spans = [text[start:end] for start, end in reading.elements]
    assert spans == [bytes(raw) for raw in msgspec.json.decode(text, type=list[msgspec.Raw])]
    assert [orjson.loads(span) for span in spans] == orjson.loads(text)


@given(json_texts.anything)
def test_the_spans_of_elements_are_where_the_slow_reading_splits(text: bytes) -> None:
    reading = read_with_spans(text)
    if reading is None:
        return
    decoded = text.decode()
    expected = reference.read(text).elements
    assert [text[start:end] for start, end in reading.elements] == [decoded[a:b].encode() for a, b in expected]


def read_with_spans(text: bytes) -> Reading | None:
    try:
        return read(text, MAX_DEPTH, max_elements=1_000_000)
    except MalformedJsonError:
        return None


@given(st.lists(json_texts.values, min_size=1, max_size=5), st.integers(0, 6))
def test_more_elements_than_asked_for(values: list[bytes], most: int) -> None:
    text = b"[" + b",".join(values) + b"]"
    if reading_of(text) is None:
        return
    if len(values) > most:
        with pytest.raises(TooManyElementsError):
            read(text, MAX_DEPTH, max_elements=most)
    else:
        assert len(read(text, MAX_DEPTH, max_elements=most).elements) == len(values)
