"""problem+json (RFC 9457): the one shape of every error answer."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


def problem(  # noqa: PLR0913  the members of RFC 9457, and ours
    status: int,
    reason: str,
    title: str,
    detail: str,
    request_id: str,
    *,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, object] | None = None,
) -> Response:
    """An error answer.

    Args:
        reason: for programs; also the last part of the problem's type.
        members: what else the answer tells, such as results.
    """
    body = problem_document(status, reason, title, detail, request_id=request_id, members=members or {})
    return Response(orjson.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def problem_document(  # noqa: PLR0913  the members of RFC 9457, and ours
    status: int, reason: str, title: str, detail: str, *, request_id: str, members: Mapping[str, object]
) -> dict[str, object]:
    """The body of an error answer."""
    return {
        "type": f"urn:sluice:problem:{reason}",
        "title": title,
        "status": status,
        "detail": detail,
        "reason": reason,
        "request_id": request_id,
        **members,
    }
