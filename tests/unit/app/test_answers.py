"""From an intake to its answer: statuses, results, and that the largest stays under 5 MB."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import Response

from app.api.answers import respond
from app.api.models import Answer, Problem
from app.envelope import Origin
from app.exceptions import BodyRejected, MalformedBody, UndecodableBody
from app.intake import Account, Intake
from app.validation import MAX_ERRORS, ErrorDetail, Reason, Rejected, error_detail

ORIGIN = Origin(
    "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77", datetime(2026, 11, 23, 2, 17, 14, 123456, UTC), "shop", None, None
)
BAD = Rejected(b"{}", Reason.MISSING_ID, (ErrorDetail(("id",), "no id", "missing_id"),))


def answer(account: Account, refused: BodyRejected | None = None) -> tuple[Response, dict[str, Any]]:
    response = respond(Intake(ORIGIN, account, refused))
    body = json.loads(bytes(response.body))
    if response.status_code < 400:
        Answer.model_validate(body)
        assert response.media_type == "application/json"
        assert set(body) == {"request_id", "received_at", "accepted", "rejected", "results"}
    else:
        Problem.model_validate(body)
        assert response.media_type == "application/problem+json"
        assert body["status"] == response.status_code
    assert (body["request_id"], body["received_at"]) == (ORIGIN.request_id, "2026-11-23T02:17:14.123456Z")
    return response, body


def test_all_accepted() -> None:
    response, body = answer(Account(accepted=[0, 1, 2]))
    assert (response.status_code, body["accepted"], body["rejected"], body["results"]) == (202, 3, 0, [])


def test_some_rejected() -> None:
    response, body = answer(Account(accepted=[0, 2], rejected=[1], judged_bad={1: BAD}))
    assert (response.status_code, body["accepted"], body["rejected"]) == (207, 2, 1)
    assert body["results"] == [
        {
            "index": 1,
            "ingest_id": f"{ORIGIN.request_id}-1",
            "status": "rejected",
            "reason": "missing_id",
            "errors": [{"loc": ["id"], "msg": "no id", "type": "missing_id"}],
        }
    ]


def test_none_accepted() -> None:
    response, body = answer(Account(rejected=[0, 1], judged_bad={0: BAD, 1: BAD}))
    assert (response.status_code, body["reason"], len(body["results"])) == (422, "none_accepted", 2)


def test_a_record_not_confirmed_outranks_the_rest() -> None:
    retry = {1: "error_bucket_unavailable", 2: "stream_unavailable"}
    response, body = answer(Account(accepted=[0], rejected=[3], retry=retry, judged_bad={1: BAD, 3: BAD}))
    assert (response.status_code, body["reason"]) == (503, "not_confirmed")
    assert int(response.headers["retry-after"]) >= 1
    assert (body["accepted"], body["rejected"]) == (1, 1)
    assert [(result["index"], result["status"], result["reason"]) for result in body["results"]] == [
        (1, "retry", "error_bucket_unavailable"),
        (2, "retry", "stream_unavailable"),
        (3, "rejected", "missing_id"),
    ]


@pytest.mark.parametrize("refused", [MalformedBody("no JSON", 3), UndecodableBody("broken")])
def test_a_body_refused_as_a_whole(refused: BodyRejected) -> None:
    bad = Rejected(b"x", Reason(refused.reason), (ErrorDetail((), refused.detail, refused.reason),))
    response, body = answer(Account(rejected=[0], judged_bad={0: bad}), refused)
    assert (response.status_code, body["reason"], body["detail"]) == (400, refused.reason, refused.detail)
    assert (body["accepted"], body["rejected"], body["results"][0]["reason"]) == (0, 1, refused.reason)


def test_a_body_refused_as_a_whole_and_not_kept() -> None:
    account = Account(retry={0: "error_bucket_unavailable"}, judged_bad={0: BAD})
    response, body = answer(account, MalformedBody("no JSON"))
    assert (response.status_code, body["rejected"]) == (503, 0)


@pytest.mark.parametrize("status", ["rejected", "retry"])
@pytest.mark.parametrize("character", ["😀", '"', "\x7f"])
def test_ten_thousand_records_with_the_longest_errors_answer_under_five_megabytes(status: str, character: str) -> None:
    detail = error_detail([character * 1_000] * 100, character * 10_000, "additionalProperties")
    worst = Rejected(b"{}", Reason.NUMBER_OUT_OF_RANGE, (detail,) * MAX_ERRORS)
    account = Account(judged_bad=dict.fromkeys(range(10_000), worst))
    if status == "rejected":
        account.rejected = list(range(10_000))
    else:
        account.retry = dict.fromkeys(range(10_000), "error_bucket_unavailable")
    response, body = answer(account)
    assert len(json.dumps({"body": bytes(response.body).decode()})) < 5_000_000, "as Lambda's response holds it"
    assert len(body["results"]) == 10_000
    assert body["results"][0]["errors"]
    assert {result["reason"] for result in body["results"]} <= {"number_out_of_range", "error_bucket_unavailable"}
