"""Exceptions → answers; the only place that does it."""

import logging
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.body import while_sending
from app.exceptions import HttpError
from app.incoming import Incoming
from app.problems import problem
from app.request_identity import new_request_id

logger = logging.getLogger(__name__)
CLIENT_GONE = 499
"""nginx' code for a client that went away; nobody reads the answer."""


_ROUTER_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this path; /docs lists what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The path is served, but not for this method; Allow says for which.",
}


def add_exception_handlers(app: FastAPI) -> None:
    """Map our errors and the router's; `AnswerGuard` and the lane ask `unforeseen` about what nobody foresaw."""
    app.add_exception_handler(HttpError, _ours)
    app.add_exception_handler(HTTPException, _of_the_router)


def request_id_of(request: Request) -> str:
    """The request's id, or a new one where the route has not come to give it one."""
    request_id = getattr(request.state, "request_id", None)
    return request_id if isinstance(request_id, str) else new_request_id(datetime.now(UTC))


def answer_to(error: HttpError, incoming: Incoming, request_id: str) -> Response:
    """The answer to one of ours."""
    response = problem(error.status, error.reason, error.title, error.detail, request_id, headers=error.headers)
    error.with_traceback(None)  # its frames hold what came of the body; the client may go on sending for long
    return while_sending(incoming, response)


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, HttpError):
        raise TypeError(error)
    return answer_to(error, Incoming(request.scope, request.receive), request_id_of(request))


async def _of_the_router(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    status = HTTPStatus(error.status_code)
    detail = _ROUTER_DETAILS.get(status, f"{status.description or error.detail}.")
    response = problem(
        status, status.name.lower(), status.phrase, detail, request_id_of(request), headers=error.headers
    )
    return while_sending(Incoming(request.scope, request.receive), response)


async def unforeseen(request: Request, error: Exception) -> Response:
    """The answer to what is none of ours, and the log's line about it."""
    request_id = request_id_of(request)
    logger.error("unforeseen error", exc_info=error, extra={"request_id": request_id})
    detail = "The gateway failed; what it did with the request is not known. Send it again with its Idempotency-Key."
    return problem(500, "internal_error", "Internal error", detail, request_id)
