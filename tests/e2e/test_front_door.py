"""The same answers through HTTP API and Lambda handler as under uvicorn; the engine makes the payload-2.0 events.

The engine hands over JSON and text as text (bytes that are no UTF-8 replaced, so none are sent as such here) and
everything else as base64. What it cannot make, gzip that is already undone, is tested without it.
"""

import gzip
import uuid
from dataclasses import dataclass, field

import pytest
from backports import zstd

from tests.support import generators as make
from tests.support.local_pipeline import LocalPipeline
from tests.support.stores import Stores, behind_http_api, under_uvicorn
from tests.support.transports import Response, post

pytestmark = pytest.mark.e2e
BOTH = (under_uvicorn, behind_http_api)
COMPARED_HEADERS = ("content-type", "retry-after", "www-authenticate", "allow", "location")
TOO_MUCH = make.padded(make.record(1), 4 * make.MIB + 1)
MIXED = [
    make.record(0),
    b'{"v":2.50}',
    '{"id":"Z\u00fcrich \U0001f600"}'.encode(),
    b'{"id":null}',
    b'{"id":4,"id":5}',
    b"{",
]
BYTES = [make.record(0), b'{"id":"\xff\xfe"}', make.record(2), b"\x00\x01"]


@dataclass(frozen=True)
class Case:
    """One POST, and the status that the contract gives it."""

    status: int
    body: bytes
    media: str | None = "json"
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""


def coded(status: int, body: bytes, encoding: str, media: str = "ndjson") -> Case:
    return Case(status, body, media, {"Content-Encoding": encoding})


ORDER = b'{"id":"o-1","customer":"ada","amount":12.50,"currency":"EUR"}'
TEXT = {
    "one record": Case(202, make.record(1)),
    "with a charset": Case(202, make.record(1), "application/json; charset=utf-8"),
    "an array": Case(202, make.array([make.record(number) for number in range(50)])),
    "an array with bad ones": Case(207, make.array(MIXED[:-1])),
    "all bad": Case(422, b'[{"v":1},[],7,"x",null]'),
    "malformed": Case(400, b'{"id":1,'),
    "an empty array": Case(400, b"[]"),
    "nothing": Case(400, b""),
    "too deep": Case(422, make.record_of_depth(501)),
    "a key's worth of errors": Case(422, b'{"id":{"a":{"b":1,"b":2}}}'),
    "out of range": Case(422, b'{"id":-1e999}'),
    "too large a record": Case(422, make.record_of_size(1_050_000)),
    "too much": Case(413, TOO_MUCH),
    "too many": Case(413, make.array([b'{"id":1}'] * 10_001)),
    "text": Case(415, make.record(1), "text/plain"),
    "another charset": Case(415, make.record(1), "application/json; charset=latin-1"),
    "a bad Idempotency-Key": Case(400, make.record(1), headers={"Idempotency-Key": "not visible"}),
    "a schema": Case(202, ORDER, query="?schema=order"),
    "a schema's version": Case(202, ORDER, query="?schema=order/1"),
    "a schema violated": Case(422, b'[{"id":"o-2","amount":"much"},{"id":7}]', query="?schema=order/1"),
    "an unknown schema": Case(422, b'[{"id":1},{"id":2}]', query="?schema=no%20such/9"),
    "two schemas": Case(422, make.record(1), query="?schema=order&schema=order/1"),
}
BASE64 = {
    "NDJSON": Case(202, make.ndjson([make.record(number) for number in range(50)]), "ndjson"),
    "NDJSON with bad lines": Case(207, make.ndjson(MIXED), "ndjson"),
    "NDJSON that is not UTF-8": Case(207, make.ndjson(BYTES), "application/jsonl"),
    "only blank lines": Case(400, b"\n\r\n \n", "ndjson"),
    "no content type": Case(202, make.record(1), None),
    "JSON of a kind": Case(207, make.array(MIXED[:2]), "application/vnd.orders+json"),
    "JSON of a kind that is not UTF-8": Case(400, b'{"id":"\xff"}', "application/vnd.orders+json"),
    "gzip": coded(207, gzip.compress(make.ndjson(MIXED)), "gzip"),
    "gzip of an array": coded(202, gzip.compress(make.array(MIXED[:1])), "gzip", "application/vnd.orders+json"),
    "gzip in members": coded(207, make.many_members([MIXED[0] + b"\n", MIXED[1]]), "gzip"),
    "zstd": coded(207, zstd.compress(make.ndjson(MIXED)), "zstd"),
    "zstd in frames": coded(202, make.many_frames([MIXED[0] + b"\n", MIXED[2]]), "zstd"),
    "gzip cut off": coded(400, gzip.compress(make.ndjson(MIXED))[:-5], "gzip"),
    "zstd that is none": coded(400, b"\xff" * 99, "zstd"),
    "an unknown encoding": coded(415, b"\x0b\x02\x80", "br"),
    "a bomb": coded(413, make.gzip_bomb(200_000, make.MIB), "gzip"),
    "too many lines": Case(413, make.ndjson([b'{"id":1}'] * 10_001), "ndjson"),
    "too much NDJSON": Case(413, TOO_MUCH, "ndjson"),
    "as much as fits": Case(422, make.ndjson([b'{"v":"' + b"x" * 400_000 + b'"}'] * 10), "ndjson"),
}
ELSEWHERE = [
    (200, "GET", "/health"),
    (200, "GET", "/ready"),
    (200, "GET", "/schemas"),
    (200, "GET", "/schemas/order/1"),
    (404, "GET", "/schemas/order/99"),
    (404, "GET", "/no/such/page?a=1&a=2"),
    (405, "GET", "/records"),
    (405, "DELETE", "/records"),
    (404, "POST", "/records/"),
]


def masked(response: Response) -> tuple[int, dict[str, str], str]:
    """All of an answer that must be the same: the ids and times that are its own have been taken out."""
    text = response.body.decode()
    if "json" in response.media_type and isinstance(members := response.json(), dict):
        for name in ("request_id", "received_at"):
            if name in members:
                text = text.replace(members[name], name)
    return response.status, {name: response.headers.get(name, "") for name in COMPARED_HEADERS}, text


@pytest.mark.parametrize("name", [*TEXT, *BASE64])
def test_both_answer_the_same(pipeline: LocalPipeline, name: str) -> None:
    case = (TEXT | BASE64)[name]

    direct, through = (post(way(pipeline), case.body, case.headers, media=case.media, query=case.query) for way in BOTH)

    assert direct.status == case.status, direct
    assert masked(through) == masked(direct)
    assert through.json()["request_id"] != direct.json()["request_id"]


@pytest.mark.parametrize(("status", "method", "path"), ELSEWHERE)
def test_both_answer_the_same_elsewhere(pipeline: LocalPipeline, status: int, method: str, path: str) -> None:
    direct, through = (way(pipeline).request(method, path) for way in BOTH)

    assert direct.status == status, direct
    assert masked(through) == masked(direct)


@pytest.mark.parametrize("case", [TEXT["an array with bad ones"], BASE64["gzip"]], ids=["text", "base64"])
def test_one_request_is_one_by_either_way(pipeline: LocalPipeline, case: Case) -> None:
    headers = {**case.headers, "Idempotency-Key": uuid.uuid4().hex}

    direct, through = (post(way(pipeline), case.body, headers, media=case.media).json() for way in BOTH)

    assert through["request_id"] == direct["request_id"]
    assert through["results"] == direct["results"]


def test_what_came_through_lands_to_the_byte(pipeline: LocalPipeline) -> None:
    stores = Stores(pipeline)
    requests = [
        (make.array(MIXED[:-1]), {}, "json"),
        (make.ndjson(MIXED), {}, "ndjson"),
        (gzip.compress(make.ndjson(MIXED)), {"Content-Encoding": "gzip"}, "ndjson"),
    ]

    sent = [
        post(behind_http_api(pipeline), body, headers, media=media).json()["request_id"]
        for body, headers, media in requests
    ]

    good = {f"{request_id}-{index}": MIXED[index] for request_id in sent for index in (0, 2)}
    stores.wait_for_rows(good)
    assert {line.ingest_id: line.payload for line in stores.landing_lines() if line.request_id in sent} == good
    assert stores.ids_in("RECORDS", sent) == dict.fromkeys(good, 1)
    trace = pipeline.get(f"/pipeline/trace/{sent[0]}-0")
    assert (trace["status"], trace["answer"][0]["http_status"]) == ("loaded", 207)
