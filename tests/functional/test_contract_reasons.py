"""Why a record is rejected: each reason alone, and the first that applies where several do."""

import gzip
from dataclasses import dataclass
from typing import Any

import pytest

from app.validation import MAX_DEPTH
from tests.functional.conftest import Gateway
from tests.support import generators as make
from tests.support.aws import payload_of
from tests.support.contract import assert_answer, assert_error_line, assert_problem, one_line
from tests.support.transports import post

DEEP = make.record_of_depth(MAX_DEPTH + 1)
HUGE = b"x" * 1_100_000

GOOD = {
    "an id of any kind, a string": b'{"id":"a"}',
    "an empty string as id": b'{"id":""}',
    "an id false": b'{"id":false}',
    "an id 0": b'{"id":0}',
    "an id that is an object": b'{"id":{"a":[]}}',
    "an id whose name is escaped": rb'{"\u0069d":1}',
    "an empty key": b'{"id":1,"":2}',
    "the same key at two depths": b'{"id":1,"v":{"id":1,"v":{"id":1}}}',
    "the same key in two places": b'{"id":1,"v":[{"a":1},{"a":2}]}',
    "keys that differ by case": b'{"id":1,"ID":2,"Id":null}',
    "keys that differ by normal form": '{"id":1,"é":1,"e\u0301":2}'.encode(),
    "the largest double": b'{"id":1.7976931348623157e308}',
    "a number that rounds to the largest double": b'{"id":1.7976931348623158e308}',
    "the smallest of numbers": b'{"id":1e-400}',
    "zero with a huge exponent": b'{"id":0e9999}',
    "a long integer": b'{"id":' + b"9" * 308 + b"}",
    "many digits": b'{"id":12345678901234567890.10}',
    "minus zero": b'{"id":-0.0}',
    "a pair of surrogates": rb'{"id":"\ud83d\ude00"}',
    "an escaped NUL": rb'{"id":"\u0000"}',
    "spaces around": b' \t{ "id" : 1 } ',
    "the deepest that is allowed": make.record_of_depth(MAX_DEPTH),
    "brackets inside a string": b'{"id":"' + b"[{" * (MAX_DEPTH + 10) + b'"}',
    "wide, not deep": b'{"id":[' + b"[]," * (MAX_DEPTH + 10) + b"[]]}",
    "a key twice, but inside a string": rb'{"id":"{\"a\":1,\"a\":2}"}',
    "words of JavaScript inside a string": b'{"id":"NaN Infinity 1e999"}',
    "an id null deeper": b'{"id":1,"v":{"id":null}}',
    "a quote's worth of escapes": rb'{"id":"\\\"\/\b\f\n\r\t"}',
}
BAD = {
    **make.BAD_LINES,
    "a string": (b'"id"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "true": (b"true", "not_an_object"),
    "an empty array": (b"[]", "not_an_object"),
    "a byte order mark": (b'\xef\xbb\xbf{"id":1}', "malformed_json"),
    "a low surrogate alone": (rb'{"id":"\udc00"}', "malformed_json"),
    "surrogates in the wrong order": (rb'{"id":"\ude00\ud83d"}', "malformed_json"),
    "a lone surrogate in a key": (rb'{"id":1,"\ud800":1}', "malformed_json"),
    "a surrogate as UTF-8": (b'{"id":"\xed\xa0\x80"}', "malformed_json"),
    "overlong UTF-8": (b'{"id":"\xc0\xaf"}', "malformed_json"),
    "UTF-8 cut off": (b'{"id":"\xe2\x82"}', "malformed_json"),
    "beyond Unicode": (b'{"id":"\xf4\x90\x80\x80"}', "malformed_json"),
    "UTF-16": ('{"id":1}'.encode("utf-16-le"), "malformed_json"),
    "two records on a line": (b'{"id":1}{"id":2}', "malformed_json"),
    "a comma behind": (b'{"id":1,}', "malformed_json"),
    "Infinity": (b'{"id":1,"v":-Infinity}', "malformed_json"),
    "a raw control character": (b'{"id":"\x01"}', "malformed_json"),
    "a raw tab in a string": (b'{"id":"a\tb"}', "malformed_json"),
    "a leading zero": (b'{"id":01}', "malformed_json"),
    "single quotes": (b"{'id':1}", "malformed_json"),
    "a comment": (b'{"id":1/*c*/}', "malformed_json"),
    "one too deep": (DEEP, "too_deep"),
    "one too deep in objects": (
        b'{"id":1,"v":' + make.nested(MAX_DEPTH, open_with=b'{"a":', close_with=b"}") + b"}",
        "too_deep",
    ),
    "far too deep": (make.record_of_depth(100_000), "too_deep"),
    "id twice": (b'{"id":1,"id":1}', "duplicate_key"),
    "a key twice by escapes": (rb'{"id":1,"a":1,"\u0061":1}', "duplicate_key"),
    "a key twice but for a NUL behind": (rb'{"id":1,"a":1,"a\u0000":1}', "duplicate_key"),
    "an empty key twice": (b'{"id":1,"":1,"":1}', "duplicate_key"),
    "a key twice far down": (b'{"id":1,"v":[[[{"k":{"x":0,"y":1,"x":2}}]]]}', "duplicate_key"),
    "a key twice beside colons in strings": (rb'{"id":"a\":","b\":":1,"b\":":2}', "duplicate_key"),
    "an infinite integer": (b'{"id":1,"v":' + b"9" * 400 + b"}", "number_out_of_range"),
    "infinite and negative": (b'{"id":1,"v":-1e309}', "number_out_of_range"),
    "just above the largest double": (b'{"id":1,"v":1.7976931348623159e308}', "number_out_of_range"),
    "an infinite id": (b'{"id":1E+400}', "number_out_of_range"),
    "infinite by digits before the point": (b'{"id":1,"v":' + b"1" + b"0" * 320 + b".5}", "number_out_of_range"),
    "nothing": (b"{}", "missing_id"),
    "an id deeper only": (b'{"v":{"id":1}}', "missing_id"),
    "an ID in capitals": (b'{"ID":1}', "missing_id"),
    "an escaped id that is null": (rb'{"i\u0064":null}', "null_id"),
}
FIRST_THAT_APPLIES = {
    "malformed before too deep": (b'{"id":1,"v":' + b"[" * (MAX_DEPTH + 10), "malformed_json"),
    "malformed behind what is too deep": (DEEP + b"x", "malformed_json"),
    "malformed before not an object": (b"[1,]", "malformed_json"),
    "malformed before a key twice": (b'{"a":1,"a":1,}', "malformed_json"),
    "malformed before out of range": (b'{"v":1e999', "malformed_json"),
    "malformed before no id": (b'{"v":nul}', "malformed_json"),
    "too deep before not an object": (make.nested(MAX_DEPTH + 1), "too_deep"),
    "too deep before a key twice": (b'{"a":1,"a":' + make.nested(MAX_DEPTH) + b"}", "too_deep"),
    "too deep before out of range": (b'{"n":1e999,"a":' + make.nested(MAX_DEPTH) + b"}", "too_deep"),
    "not an object before a key twice": (b'[{"a":1,"a":1}]', "not_an_object"),
    "not an object before out of range": (b"1e999", "not_an_object"),
    "not an object before too large": (b'"' + HUGE + b'"', "not_an_object"),
    "a key twice before out of range": (b'{"n":1e999,"a":1,"a":1}', "duplicate_key"),
    "a key twice before no id": (b'{"a":1,"a":1}', "duplicate_key"),
    "a key twice before null": (b'{"id":1,"id":null}', "duplicate_key"),
    "out of range before no id": (b'{"n":1e999}', "number_out_of_range"),
    "out of range before null": (b'{"id":null,"n":1e999}', "number_out_of_range"),
    "no id before too large": (b'{"v":"' + HUGE + b'"}', "missing_id"),
    "null before too large": (b'{"id":null,"v":"' + HUGE + b'"}', "null_id"),
}


ALL_BAD = BAD | FIRST_THAT_APPLIES
PACKED = {"Content-Encoding": "gzip"}


@dataclass(frozen=True)
class Batch:
    """One request and all that became of it, by the index of a record."""

    answer: dict[str, Any]
    results: dict[int, dict[str, Any]]
    errors: dict[int, dict[str, Any]]
    lines: dict[int, bytes]


def send(gateway: Gateway, records: list[bytes], form: str) -> Batch:
    """Post `records` in one request (gzipped: some of them are large) and read back what was stored."""
    body = make.array(records) if form == "json" else make.ndjson(records)
    answer = post(gateway.client, gzip.compress(body), PACKED, media=form).json()
    return Batch(
        answer,
        {result["index"]: result for result in answer["results"]},
        {line["index"]: line for line in gateway.aws.error_lines(answer["request_id"])},
        {line.index: line.payload for line in gateway.aws.lines_of(answer["request_id"])},
    )


@pytest.fixture(scope="module", params=["json", "ndjson"])
def good_batch(request: pytest.FixtureRequest, gateway: Gateway) -> Batch:
    return send(gateway, list(GOOD.values()), request.param)


@pytest.fixture(scope="module")
def bad_lines(gateway: Gateway) -> Batch:
    """Every bad line, each between two good ones."""
    lines = [line for bad, _ in ALL_BAD.values() for line in (make.record(0), bad)]
    return send(gateway, [*lines, make.record(1)], "ndjson")


JUDGED_APART = [name for name, (_, reason) in ALL_BAD.items() if reason != "malformed_json"]


@pytest.fixture(scope="module")
def bad_elements(gateway: Gateway) -> Batch:
    """Every bad record that leaves the array JSON, each between two good ones."""
    elements = [element for name in JUDGED_APART for element in (make.record(0), ALL_BAD[name][0])]
    return send(gateway, [*elements, make.record(1)], "json")


def assert_rejected(batch: Batch, index: int, text: bytes, reason: str) -> None:
    """Record `index` was rejected for `reason`, explained, and kept as it came; its neighbours were not."""
    result = batch.results[index]
    assert (result["status"], result["reason"]) == ("rejected", reason)
    assert result["errors"], "a rejection is explained"
    assert result["errors"] == batch.errors[index]["errors"]
    assert_error_line(batch.errors[index], batch.answer, index, reason)
    assert payload_of(batch.errors[index]) == text
    assert index not in batch.lines
    assert {index - 1, index + 1} <= batch.lines.keys()


@pytest.mark.parametrize("name", GOOD)
def test_a_good_record(good_batch: Batch, name: str) -> None:
    index = list(GOOD).index(name)
    assert index not in good_batch.results
    assert good_batch.lines[index].strip() == one_line(GOOD[name])


@pytest.mark.parametrize("name", GOOD)
def test_a_good_record_alone(gateway: Gateway, name: str) -> None:
    assert_answer(post(gateway.client, GOOD[name]), 202, accepted=1)


@pytest.mark.parametrize("name", ALL_BAD)
def test_a_bad_line_between_two_good_ones(bad_lines: Batch, name: str) -> None:
    assert_rejected(bad_lines, 2 * list(ALL_BAD).index(name) + 1, *ALL_BAD[name])


@pytest.mark.parametrize("name", JUDGED_APART)
def test_a_bad_element_between_two_good_ones(bad_elements: Batch, name: str) -> None:
    assert_rejected(bad_elements, 2 * JUDGED_APART.index(name) + 1, *ALL_BAD[name])


@pytest.mark.parametrize("name", [name for name, (bad, _) in ALL_BAD.items() if bad[:1] == b"{"])
def test_a_bad_object_alone(gateway: Gateway, name: str) -> None:
    bad, reason = ALL_BAD[name]
    response = post(gateway.client, bad)
    status = 400 if reason == "malformed_json" else 422
    if status == 400:
        assert_problem(response, 400, "malformed_json")
    assert_answer(response, status, accepted=0, rejected=[(0, reason)])


@pytest.mark.parametrize("body", [b"42", b"-0", b'"id"', b"null", b"true", b' "x" '])
def test_a_body_that_is_json_but_no_object(gateway: Gateway, body: bytes) -> None:
    answer = assert_answer(post(gateway.client, body), 422, accepted=0, rejected=[(0, "not_an_object")])
    assert payload_of(gateway.aws.error_lines(answer["request_id"])[0]).strip() == body.strip()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[",
        b"nonsense",
        b'[{"id":1},',
        b'[{"id":1} {"id":2}]',
        b'[{"id":1},{"id":2,}]',
        b'[{"id":1},nonsense]',
        b'[{"id":1},{"id":NaN}]',
        b'[{"id":1},{"id":"\xff"}]',
        rb'[{"id":1},{"id":"\ud800"}]',
        b'[{"id":1}]]',
        b'{"id":1}{"id":2}',
        b'{"id":1}\n{"id":2}\n',
        b'\xef\xbb\xbf{"id":1}',
        b"[" * 100_000,
        b"\x00",
        b"\x1f\x8b not gzip, and not called so",
    ],
)
def test_a_body_that_is_no_json_as_a_whole_is_kept_whole(gateway: Gateway, body: bytes) -> None:
    response = post(gateway.client, body)
    assert_problem(response, 400, "malformed_json")
    answer = assert_answer(response, 400, accepted=0, rejected=[(0, "malformed_json")])
    [line] = gateway.aws.error_lines(answer["request_id"])
    assert_error_line(line, answer, 0, "malformed_json")
    assert payload_of(line) == body
    assert gateway.aws.lines_of(answer["request_id"]) == []
