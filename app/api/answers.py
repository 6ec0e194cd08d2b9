"""From what became of each record to the answer. Pure."""

import json
from collections.abc import Sequence

import orjson
from starlette.responses import Response

from app.envelope import Origin, timestamp
from app.intake import Account, Intake
from app.problems import problem
from app.validation import ErrorDetail

MAX_ERROR_BYTES = 3 * 1024 * 1024
"""What the errors of all results may take together inside Lambda's response, so that 10,000 results stay under 5 MB
there; those left out are in the error bucket."""
RETRY_AFTER_SECONDS = 1


def respond(intake: Intake) -> Response:
    """The answer of POST /records."""
    origin, account, refused_body = intake.origin, intake.account, intake.refused_body
    members = {
        "request_id": origin.request_id,
        "received_at": timestamp(origin.received_at),
        "accepted": len(account.accepted),
        "rejected": len(account.rejected),
        "results": _results(origin, account),
    }
    total = len(account.accepted) + len(account.rejected) + len(account.retry)
    if account.retry:
        return problem(
            503,
            "not_confirmed",
            "Not confirmed",
            f"{len(account.retry)} of {total} records are not confirmed: send the whole request again with its "
            "Idempotency-Key, or without one only the records marked retry.",
            origin.request_id,
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            members=members,
        )
    if refused_body is not None:
        return problem(
            refused_body.status,
            refused_body.reason,
            refused_body.title,
            refused_body.detail,
            origin.request_id,
            members=members,
        )
    if not account.accepted:
        detail = f"None of {total} records was accepted: see the reason of each in results."
        return problem(422, "none_accepted", "No record accepted", detail, origin.request_id, members=members)
    return Response(orjson.dumps(members), 207 if account.rejected else 202, media_type="application/json")


def _results(origin: Origin, account: Account) -> list[dict[str, object]]:
    results: list[dict[str, object]] = []
    room = MAX_ERROR_BYTES
    for index in sorted([*account.rejected, *account.retry]):
        bad = account.judged_bad.get(index)
        errors = [] if bad is None or room < 0 else _errors(bad.errors)
        room -= _bytes_in_lambda_response(errors)
        retry_reason = account.retry.get(index)
        results.append(
            {
                "index": index,
                "ingest_id": origin.ingest_id(index),
                "status": "rejected" if retry_reason is None else "retry",
                "reason": retry_reason or (bad.reason if bad else None),
                "errors": errors if room >= 0 else [],
            }
        )
    return results


def _bytes_in_lambda_response(errors: list[dict[str, object]]) -> int:
    """An answer is a string inside Lambda's JSON: quotes are escaped again, and some of its runtimes write ASCII."""
    return len(json.dumps(orjson.dumps(errors).decode()))


def _errors(errors: Sequence[ErrorDetail]) -> list[dict[str, object]]:
    return [{"loc": error.loc, "msg": error.msg, "type": error.type} for error in errors]
