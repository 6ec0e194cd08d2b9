"""Stream lines, error lines and partition keys over JSON of every spelling."""

import base64
import json
from datetime import UTC, datetime

import orjson
from hypothesis import assume, given
from hypothesis import strategies as st

from app.envelope import MAX_LINE_BYTES, Origin, StreamLines, error_line, line_key
from app.validation import Accepted, Reason, Rejected, error_detail, judge
from tests.property import json_texts

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
origins = st.builds(
    Origin,
    st.uuids().map(str),
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    text,
    st.none() | text,
    st.none() | text,
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@given(origins, st.integers(0, 9_999), json_texts.records)
def test_a_stream_line_is_one_line_of_json_with_the_payload_verbatim(origin: Origin, index: int, raw: bytes) -> None:
    verdict = judge(raw, MAX_LINE_BYTES, None)
    assume(isinstance(verdict, Accepted))
    lines = StreamLines(origin)
    line = lines.line(index, raw)
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert line.endswith(b"}\n")
    read = json.loads(line)
    assert list(read) == ["ingest_id", "received_at", "source", "schema", "payload"]
    assert read["ingest_id"] == f"{origin.request_id}-{index}"
    assert (read["source"], read["schema"]) == (origin.source, origin.schema)
    assert read["payload"] == json.loads(raw)
    assert raw.replace(b"\n", b" ").replace(b"\r", b" ") in line
    assert lines.room(index) == MAX_LINE_BYTES - (len(line) - len(raw))


@given(
    origins,
    st.integers(0, 9_999),
    st.binary() | json_texts.anything,
    st.lists(st.lists(text | st.integers(0, 10**6), max_size=30).map(tuple), max_size=3),
)
def test_an_error_line_keeps_every_byte(
    origin: Origin, index: int, raw: bytes, locs: list[tuple[str | int, ...]]
) -> None:
    errors = tuple(error_detail(loc, "m", "t") for loc in locs)
    line = error_line(origin, index, Rejected(raw, Reason.MALFORMED_JSON, errors))
    assert line.count(b"\n") == 1
    read = json.loads(line)
    kept = read["payload"].encode() if "payload" in read else base64.b64decode(read["payload_base64"], validate=True)
    assert kept == raw
    assert ("payload" in read) != ("payload_base64" in read)
    assert (read["ingest_id"], read["index"]) == (f"{origin.request_id}-{index}", index)


@given(text, json_values)
def test_a_key_is_the_same_for_the_same_id_in_another_spelling(source: str, record_id: object) -> None:
    key = line_key(source, record_id)
    assert 0 <= key < 2**32
    assert key == line_key(source, reversed_keys(record_id))
    assert key == line_key(source, with_doubles(record_id))


def reversed_keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(list(value))}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


def with_doubles(value: object) -> object:
    """Every number as a double, as VARIANT compares them."""
    if isinstance(value, dict):
        return {key: with_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_doubles(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@given(text, text, json_values, json_values)
def test_ids_or_sources_that_differ_have_keys_that_differ(one: str, other: str, first: object, second: object) -> None:
    if one != other:
        assert line_key(one, first) != line_key(other, first)
    if canonical(first) != canonical(second):
        assert line_key(one, first) != line_key(one, second)


def canonical(value: object) -> bytes:
    return orjson.dumps(no_minus_zero(with_doubles(value)), option=orjson.OPT_SORT_KEYS)


def no_minus_zero(value: object) -> object:
    if isinstance(value, dict):
        return {key: no_minus_zero(item) for key, item in value.items()}
    if isinstance(value, list):
        return [no_minus_zero(item) for item in value]
    return 0.0 if isinstance(value, float) and value == 0 else value
