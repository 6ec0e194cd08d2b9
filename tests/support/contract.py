"""What the HTTP contract promises, as assertions that every suite shares."""

import json
import re
import uuid
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from tests.support.transports import Response

PROBLEM = "application/problem+json"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
RECEIPT_MEMBERS = {"request_id", "received_at", "accepted", "rejected", "results"}
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "request_id"}
OPTIONAL_PROBLEM_MEMBERS = {"instance", "reason", "received_at", "accepted", "rejected", "retry", "results"}
RESULT_MEMBERS = {"index", "ingest_id", "status", "reason", "errors"}
ERROR_MEMBERS = {"loc", "msg", "type"}
ERROR_LINE_MEMBERS = {
    "ingest_id",
    "received_at",
    "source",
    "index",
    "reason",
    "errors",
    "schema",
    "content_type",
    "gateway_version",
    "attempts",
}


def assert_problem(response: Response, status: int, reason: str | None = None) -> dict[str, Any]:
    """An RFC 9457 answer as every failing route gives it; its members."""
    assert response.status == status, response
    assert response.media_type == PROBLEM
    problem: dict[str, Any] = response.json()
    assert problem.keys() >= PROBLEM_MEMBERS, problem
    assert problem.keys() <= PROBLEM_MEMBERS | OPTIONAL_PROBLEM_MEMBERS, problem
    assert problem["status"] == status
    for member in ("type", "title", "detail"):
        assert isinstance(problem[member], str), problem
        assert problem[member], problem
    assert uuid.UUID(problem["request_id"]).version in {5, 7}
    if reason is not None:
        assert problem.get("reason") == reason, problem
    assert "Traceback" not in response.body.decode()
    return problem


def _assert_results(answer: dict[str, Any]) -> None:
    assert TIME.fullmatch(answer["received_at"])
    indexes = [result["index"] for result in answer["results"]]
    assert indexes == sorted(set(indexes)), "results stand in index order, one a record"
    for result in answer["results"]:
        assert result.keys() == RESULT_MEMBERS, result
        assert result["ingest_id"] == f"{answer['request_id']}-{result['index']}"
        assert result["status"] in {"rejected", "retry"}
        assert isinstance(result["errors"], list)
        for error in result["errors"]:
            assert error.keys() == ERROR_MEMBERS, error
            assert isinstance(error["msg"], str)
            assert isinstance(error["type"], str)
            assert isinstance(error["loc"], list)


def assert_answer(response: Response, status: int, *, accepted: int, rejected: Iterable[tuple[int, str]] = ()) -> Any:
    """An answer that judged records: its counts, and (index, reason) of every one rejected; its members."""
    wanted = list(rejected)
    if status >= 400:
        answer = assert_problem(response, status)
        assert answer.keys() >= RECEIPT_MEMBERS, answer
    else:
        assert response.status == status, response
        assert response.media_type == "application/json"
        answer = response.json()
        assert answer.keys() == RECEIPT_MEMBERS, answer
    _assert_results(answer)
    found = [(result["index"], result["reason"]) for result in answer["results"] if result["status"] == "rejected"]
    assert found == wanted
    assert (answer["accepted"], answer["rejected"]) == (accepted, len(wanted))
    if status != 503:
        assert len(answer["results"]) == len(wanted), "nothing is left to retry"
    return answer


def assert_retry(response: Response, *, accepted: int, retry: Sequence[tuple[int, str]], rejected: Any = ()) -> Any:
    """A 503: (index, reason) of every record that is not confirmed."""
    answer = assert_answer(response, 503, accepted=accepted, rejected=rejected)
    found = [(result["index"], result["reason"]) for result in answer["results"] if result["status"] == "retry"]
    assert found == list(retry)
    assert int(response.headers["retry-after"]) >= 1
    return answer


def one_line(text: bytes) -> bytes:
    """A record as a stream line holds it: raw newlines are spaces, what surrounds the record is not looked at."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ").strip()


def expand(ranges: Sequence[Sequence[int]]) -> list[int]:
    """The indexes of inclusive ranges, which are in order and leave a gap between them."""
    assert all(first <= last for first, last in ranges), ranges
    assert all(a[1] + 1 < b[0] for a, b in pairwise(ranges)), f"ranges are merged: {ranges}"
    return [index for first, last in ranges for index in range(first, last + 1)]


def assert_error_line(line: dict[str, Any], answer: dict[str, Any], index: int, reason: str) -> None:
    """An error line of record `index` agrees with the answer that was given."""
    assert line.keys() - {"payload", "payload_base64"} == ERROR_LINE_MEMBERS, line.keys()
    assert line["ingest_id"] == f"{answer['request_id']}-{index}"
    assert line["received_at"] == answer["received_at"]
    assert (line["index"], line["reason"], line["attempts"]) == (index, reason, 1)
    assert isinstance(line["gateway_version"], str)
    assert line["gateway_version"]
    assert isinstance(line["errors"], list)
    for error in line["errors"]:
        assert error.keys() == ERROR_MEMBERS, error


def assert_error_key(key: str, answer: dict[str, Any]) -> None:
    """The key of an error object: the hour of receipt, the request, something random, and no word of a client."""
    day, hour = answer["received_at"][:10], answer["received_at"][11:13]
    pattern = rf"rejected/dt={day}/hr={hour}/{answer['request_id']}\.[0-9A-Za-z_-]+\.ndjson"
    assert re.fullmatch(pattern, key), key


def canonical(value: bytes | str) -> str:
    """A JSON text's value in one spelling, numbers kept as written."""
    return json.dumps(json.loads(value, parse_int=str, parse_float=str), sort_keys=True)
