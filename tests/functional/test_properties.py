"""What must hold of any request: both ways in give one answer, every record is accounted for, and judged as a plain
judge would judge it."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from app.validation import MAX_DEPTH
from tests.functional.conftest import Gateway, StartGateway
from tests.support import generators as make
from tests.support.aws import payload_of
from tests.support.contract import one_line
from tests.support.reference import judge, parse
from tests.support.transports import Response, post

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress, "identity": bytes}
EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

numbers = some.one_of(
    some.integers(-(10**25), 10**25).map(str),
    some.floats(allow_nan=False, allow_infinity=False).map(repr),
    some.sampled_from(
        ["-0", "1e308", "1e309", "-1E400", "1e-400", "0e999", "12345678901234567890.10", "1.50", "9" * 320]
    ),
).map(str.encode)
strings = some.one_of(
    some.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    some.text(max_size=8).map(lambda text: json.dumps(text).encode()),
    some.sampled_from([rb'"\ud800"', rb'"\ud83d\ude00"', rb'"\u0000"', b'"\xff"', rb'"\":"', b'"[{"', rb'"\\"']),
)
spaces = some.sampled_from([b"", b"", b" ", b"\t", b"  "])
names = some.one_of(some.sampled_from([b'"id"', b'"id"', b'"a"', rb'"\u0061"', b'"b"', b'""', rb'"i\u0064"']), strings)
scalars = some.one_of(numbers, strings, some.sampled_from([b"true", b"false", b"null", b"NaN", b"{}", b"[]"]))


def joined(opening: bytes, closing: bytes) -> Callable[[tuple[list[bytes], bytes]], bytes]:
    return lambda parts: opening + (b"," + parts[1]).join(parts[0]) + parts[1] + closing


def members(values: some.SearchStrategy[bytes]) -> some.SearchStrategy[bytes]:
    member = some.tuples(names, spaces, values).map(lambda part: part[0] + part[1] + b":" + part[2])
    return some.tuples(some.lists(member, max_size=4), spaces).map(joined(b"{", b"}"))


values = some.recursive(
    scalars,
    lambda inner: members(inner) | some.tuples(some.lists(inner, max_size=4), spaces).map(joined(b"[", b"]")),
    max_leaves=12,
)
records = some.one_of(
    members(values),
    values.map(lambda value: b'{"id":1,"v":' + value + b"}"),
    values.map(lambda value: b'{"v":' + value + b',"id":"x"}'),
    values,
)


@some.composite
def near_json(draw: some.DrawFn) -> bytes:
    """A record, now and then with a piece cut out, put in or changed, on one line and not blank."""
    text = draw(records)
    if draw(some.integers(0, 3)) == 0:
        start = draw(some.integers(0, len(text)))
        end = draw(some.integers(start, min(len(text), start + 3)))
        text = (
            text[:start]
            + draw(some.sampled_from([b"", b",", b"}", b"]", b'"', b"\\", b"\x00", b"\xe9", b"0"]))
            + text[end:]
        )
    text = text.replace(b"\n", b" ")
    return text if text.strip(b" \t\r\n") else b"x"


@pytest.fixture(scope="module")
def both(start_gateway: StartGateway) -> tuple[Gateway, Gateway]:
    return start_gateway("uvicorn"), start_gateway("lambda")


def without_time(response: Response) -> dict[str, Any]:
    answer: dict[str, Any] = response.json()
    answer.pop("received_at", None)
    return answer


@EXAMPLES
@given(lines=some.lists(near_json(), min_size=1, max_size=30), encoding=some.sampled_from(list(COMPRESS)))
def test_every_line_is_judged_and_accounted_for(
    both: tuple[Gateway, Gateway], lines: list[bytes], encoding: str
) -> None:
    gateway = both[0]
    body = COMPRESS[encoding](make.ndjson(lines))
    answer = post(gateway.client, body, {"Content-Encoding": encoding}, media="ndjson").json()
    stored = {line.index: line.payload for line in gateway.aws.lines_of(answer["request_id"])}
    kept = {line["index"]: line for line in gateway.aws.error_lines(answer["request_id"])}
    assert stored.keys() | kept.keys() == set(range(len(lines)))
    assert not stored.keys() & kept.keys()
    for index, text in enumerate(lines):
        verdict = judge(text, MAX_DEPTH)
        assert (kept[index]["reason"] if index in kept else "accepted") == verdict, text
        if index in kept:
            assert payload_of(kept[index]) == text
        else:
            assert stored[index].strip() == one_line(text)


@EXAMPLES
@given(elements=some.lists(near_json(), min_size=1, max_size=12))
def test_a_body_is_judged_as_a_whole_or_by_its_elements(both: tuple[Gateway, Gateway], elements: list[bytes]) -> None:
    gateway, body = both[0], make.array(elements)
    response = post(gateway.client, body)
    answer = response.json()
    try:
        whole = parse(body)
    except ValueError:
        assert (response.status, answer["reason"]) == (400, "malformed_json")
        assert payload_of(gateway.aws.error_lines(answer["request_id"])[0]) == body
        return
    assert answer["accepted"] + answer["rejected"] == len(whole)
    if len(whole) == len(elements) and all(judge(element, MAX_DEPTH) != "malformed_json" for element in elements):
        told = {result["index"]: result["reason"] for result in answer["results"]}
        assert [told.get(index, "accepted") for index in range(len(elements))] == [
            judge(element, MAX_DEPTH) for element in elements
        ]


@EXAMPLES
@given(
    body=some.one_of(
        near_json(),
        some.binary(max_size=40),
        some.lists(near_json(), max_size=6).map(make.array),
        some.lists(near_json(), max_size=6).map(make.ndjson),
    ),
    media=some.sampled_from(
        ["json", "ndjson", None, "application/x+json", "text/plain", "application/json; charset=x"]
    ),
    encoding=some.sampled_from(["gzip", "zstd", "identity", "br"]),
    query=some.sampled_from(["", "", "?schema=order", "?schema=order/1", "?schema=nobody"]),
    broken=some.booleans(),
)
def test_both_ways_in_give_the_same_answer(
    *, both: tuple[Gateway, Gateway], body: bytes, media: str | None, encoding: str, query: str, broken: bool
) -> None:
    packed = COMPRESS.get(encoding, bytes)(body)
    if broken and encoding == "zstd":
        packed = packed[:-1]
    headers = {"Content-Encoding": encoding, "Idempotency-Key": "the-same"}
    answers = [post(gateway.client, packed, headers, media=media, query=query) for gateway in both]
    assert answers[0].status == answers[1].status
    assert answers[0].media_type == answers[1].media_type
    if answers[0].status in {202, 207, 422} or without_time(answers[0]).get("results"):
        assert without_time(answers[0]) == without_time(answers[1])
    else:
        assert answers[0].json().get("reason") == answers[1].json().get("reason")
