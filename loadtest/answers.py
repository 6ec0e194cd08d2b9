"""What an answer says about the records of its request, held against what it should say. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

TOO_MANY_REQUESTS = 429
_REASON = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request's records; `accepted` to `refused` add up to its records, unless it is `unknown`.

    Attributes:
        retry: not confirmed, says the gateway.
        throttled: turned away with a 429.
        refused: answered in a way that says nothing was stored.
        unknown: no answer, or one that tells nothing: the request may have been stored.
        error: what is wrong with it, in the few words that errors are counted under; None when it is as it should be.
        request_id: the gateway's, None if the answer is not its own.
    """

    accepted: int = 0
    rejected: int = 0
    retry: int = 0
    throttled: int = 0
    refused: int = 0
    unknown: bool = False
    error: str | None = None
    request_id: str | None = None


def read_answer(status: int, body: bytes, records: int, rejected: Mapping[int, str]) -> Outcome:
    """The outcome of a request.

    Args:
        status: 0 when there was no answer.
        records: how many were sent.
        rejected: the reasons of those that have to be rejected, by index.
    """
    if status == 0:
        return Outcome(unknown=True, error="no answer")
    members = _members(body)
    request_id = members.get("request_id")
    own = request_id if isinstance(request_id, str) else None
    if status == TOO_MANY_REQUESTS:
        return Outcome(throttled=records, request_id=own)
    if own is not None and isinstance(members.get("accepted"), int):
        return _receipt(status, members, own, records, rejected)
    if own is not None or 400 <= status < 500:  # an HTTP API's own 4xx never reached the gateway
        reason = members.get("reason")
        known = f" {reason}" if isinstance(reason, str) and _REASON.fullmatch(reason) else ""
        return Outcome(refused=records, error=f"{status}{known}", request_id=own)
    return Outcome(unknown=True, error=f"{status} without a receipt")


def _members(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _receipt(
    status: int, members: Mapping[str, object], request_id: str, records: int, expected: Mapping[int, str]
) -> Outcome:
    accepted, rejected, results = members.get("accepted"), members.get("rejected"), members.get("results")
    if not (isinstance(accepted, int) and isinstance(rejected, int) and isinstance(results, list)):
        return Outcome(unknown=True, error=f"{status} with half a receipt", request_id=request_id)
    reasons = {each["index"]: each["reason"] for each in results if each["status"] == "rejected"}
    unconfirmed = {each["index"] for each in results if each["status"] == "retry"}
    retry = len(unconfirmed)
    if accepted + rejected + retry != records or rejected != len(reasons):
        return Outcome(unknown=True, error="counts do not add up", request_id=request_id)
    error = None
    if reasons != {index: reason for index, reason in expected.items() if index not in unconfirmed}:
        error = "judged otherwise than expected"
    elif retry:
        error = f"{status} not confirmed"
    elif status not in _statuses(accepted, rejected):
        error = f"{status} for {'accepted' if accepted else 'rejected'} records"
    return Outcome(accepted, rejected, retry, error=error, request_id=request_id)


def _statuses(accepted: int, rejected: int) -> tuple[int, ...]:
    if not rejected:
        return (202,)
    return (207,) if accepted else (422, 400)
