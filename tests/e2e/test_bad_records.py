"""What is bad is told so, is kept to the byte, and never becomes a row."""

import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support import generators as make
from tests.support.aws import payload_of
from tests.support.contract import assert_answer, assert_error_key, assert_error_line, assert_problem
from tests.support.local_pipeline import LocalPipeline
from tests.support.stores import Stores, under_uvicorn
from tests.support.transports import Response, post

pytestmark = pytest.mark.e2e
SENTINELS = 16
"""Enough that both shards get some: what was sent before them has been read when they are rows."""


@dataclass(frozen=True)
class Case:
    """A request with something bad in it, and what the contract says of it.

    Attributes:
        rejected: (index, reason, bytes that the error bucket keeps, words of the explanation) of each bad record.
        reason: of the whole body, where it is refused whole.
    """

    body: bytes
    status: int
    rejected: Sequence[tuple[int, str, bytes, str]] = ()
    accepted: Sequence[int] = ()
    reason: str | None = None
    media: str = "json"
    headers: dict[str, str] = field(default_factory=dict)


def whole(body: bytes, reason: str, words: str, **more: Any) -> Case:
    """A body that is refused, and kept, as one."""
    return Case(body, 400, [(0, reason, body, words)], reason=reason, **more)


BAD_UTF8 = b'{"id":"caf\xe9"}'
PRETTY = b'{\n  "customer": "eve",\r\n  "amount": 12.50\n}'
CUT_GZIP = gzip.compress(make.record(1), mtime=0)[:-9]
RUBBISH = b"\x1f\x8b\x08 no gzip behind the magic \xff\x00"
TOO_MANY = [b'{"id":%d}' % number for number in range(10_001)]
LINES = [make.record(0), b'{"id":1', b"", make.record(2), b'{"v":3}', b" \t", b"[]", BAD_UTF8, b'{"id":null,"v":7}']
BAD_LINES = [
    (1, "malformed_json", LINES[1], "byte 7"),
    (3, "missing_id", LINES[4], '"id"'),
    (4, "not_an_object", LINES[6], "object"),
    (5, "malformed_json", LINES[7], "byte"),
    (6, "null_id", LINES[8], '"id" is null'),
]
CASES = {
    "missing id": Case(PRETTY, 422, [(0, "missing_id", PRETTY, 'no "id"')]),
    "null id": Case(b'{"id": null}', 422, [(0, "null_id", b'{"id": null}', '"id" is null')]),
    "malformed JSON": whole(b'{"id": 1, "v": }', "malformed_json", "byte 15"),
    "an array with a bad record": Case(
        b'[{"id":1}, { "v" : 2.50 } ,{"id":3}]', 207, [(1, "missing_id", b'{ "v" : 2.50 }', 'no "id"')], accepted=[0, 2]
    ),
    "an array with malformed JSON": whole(b'[{"id":1},{"id":2,},{"id":3}]', "malformed_json", "byte"),
    "NDJSON with bad lines": Case(make.ndjson(LINES), 207, BAD_LINES, accepted=[0, 2], media="ndjson"),
    "invalid UTF-8": whole(BAD_UTF8, "malformed_json", "byte"),
    "broken gzip": whole(RUBBISH, "undecodable_body", "gzip", headers={"Content-Encoding": "gzip"}),
    "gzip cut off": whole(CUT_GZIP, "undecodable_body", "too early", headers={"Content-Encoding": "gzip"}),
}
NOT_KEPT = {
    "an empty body": Case(b"", 400, reason="empty"),
    "an empty array": Case(b" [ ]\n", 400, reason="empty"),
    "only blank lines": Case(b"\n \r\n", 400, reason="empty", media="ndjson"),
    "10,001 lines": Case(make.ndjson(TOO_MANY), 413, reason="content_too_large", media="ndjson"),
    "an array of 10,001": Case(make.array(TOO_MANY), 413, reason="content_too_large"),
}


@dataclass(frozen=True)
class Sent:
    """The answers to all cases, when everything sent with them has been delivered."""

    answers: dict[str, Response]
    stores: Stores
    before: dict[str, int]


@pytest.fixture(scope="module")
def sent(pipeline: LocalPipeline) -> Sent:
    client, stores, before = under_uvicorn(pipeline), Stores(pipeline), pipeline.summary()
    answers = {
        name: post(client, case.body, case.headers, media=case.media) for name, case in (CASES | NOT_KEPT).items()
    }
    sentinels = post(client, make.array([make.record(number) for number in range(SENTINELS)])).json()["request_id"]
    stores.wait_for_rows([f"{sentinels}-{index}" for index in range(SENTINELS)])
    return Sent(answers, stores, before)


@pytest.mark.parametrize("name", CASES)
def test_the_answer_says_what_is_wrong(sent: Sent, name: str) -> None:
    case = CASES[name]
    rejected = [(index, reason) for index, reason, _, _ in case.rejected]

    answer = assert_answer(sent.answers[name], case.status, accepted=len(case.accepted), rejected=rejected)

    if case.reason:
        assert_problem(sent.answers[name], case.status, case.reason)
        assert case.rejected[0][3] in answer["detail"]
    for result, (_, reason, _, words) in zip(answer["results"], case.rejected, strict=True):
        assert {error["type"] for error in result["errors"]} == {reason}
        assert any(words in error["msg"] for error in result["errors"]), result["errors"]
        assert [error["loc"] for error in result["errors"]] == [["id"] if reason.endswith("_id") else []]


@pytest.mark.parametrize("name", NOT_KEPT)
def test_what_is_refused_unread_says_why(sent: Sent, name: str) -> None:
    case = NOT_KEPT[name]

    problem = assert_problem(sent.answers[name], case.status, case.reason)

    assert ("10000 records" if case.status == 413 else "no record") in problem["detail"]
    assert sent.stores.error_objects(problem["request_id"]) == []


@pytest.mark.parametrize("name", CASES)
def test_the_exact_bytes_are_kept(sent: Sent, name: str) -> None:
    answer, rejected = sent.answers[name].json(), CASES[name].rejected

    [kept] = sent.stores.error_objects(answer["request_id"])

    assert_error_key(kept.key, answer)
    assert [payload_of(line) for line in kept.lines] == [text for _, _, text, _ in rejected]
    for line, (index, reason, _, _) in zip(kept.lines, rejected, strict=True):
        assert_error_line(line, answer, index, reason)
    by_id = {line["ingest_id"]: line for line in sent.stores.pipeline.get("/pipeline/rejected?limit=1000")["rejected"]}
    assert [by_id[line["ingest_id"]] for line in kept.lines] == kept.lines


def test_only_the_good_ones_become_rows(sent: Sent) -> None:
    ids = {name: answer.json()["request_id"] for name, answer in sent.answers.items()}
    wanted = {f"{ids[name]}-{index}": 1 for name, case in CASES.items() for index in case.accepted}

    assert sent.stores.ids_in("RAW_RECORDS", ids.values()) == wanted
    landed = Counter(line.ingest_id for line in sent.stores.landing_lines() if line.request_id in ids.values())
    assert landed == wanted


def test_the_counts_agree(sent: Sent) -> None:
    grown = {stage: count - sent.before[stage] for stage, count in sent.stores.pipeline.summary().items()}

    accepted = sum(len(case.accepted) for case in CASES.values()) + SENTINELS
    assert (grown["accepted"], grown["streamed"], grown["spilled"]) == (accepted, accepted, 0)
    assert grown["rejected"] == sum(len(case.rejected) for case in CASES.values())
