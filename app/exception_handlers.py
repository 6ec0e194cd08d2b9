"""Exceptions → answers; the only place that does it."""

import logging
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.body import while_sending
from app.exceptions import HttpError
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
    """Map our errors and the router's; `AnswerGuard` asks `unforeseen` about what nobody foresaw."""
    app.add_exception_handler(HttpError, _ours)
    app.add_exception_handler(HTTPException, _of_the_router)
    app.add_exception_handler(ClientDisconnect, _client_gone)


def request_id_of(request: Request) -> str:
    """The request's id, or a new one where the route has not come to give it one."""
    request_id = getattr(request.state, "request_id", None)
    return request_id if isinstance(request_id, str) else new_request_id(datetime.now(UTC))


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, HttpError):
        raise TypeError(error)
    response = problem(
        error.status, error.reason, error.title, error.detail, request_id_of(request), headers=error.headers
    )
    error.with_traceback(None)  # its frames hold what came of the body; the client may go on sending for long
    return while_sending(request, response)


async def _of_the_router(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    status = HTTPStatus(error.status_code)
    detail = _ROUTER_DETAILS.get(status, f"{status.description or error.detail}.")
    response = problem(
        status, status.name.lower(), status.phrase, detail, request_id_of(request), headers=error.headers
    )
    return while_sending(request, response)


async def _client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


async def unforeseen(request: Request, error: Exception) -> Response:
    """The answer to what is none of ours, and the log's line about it."""
    request_id = request_id_of(request)
    logger.error("unforeseen error", exc_info=error, extra={"request_id": request_id})
    detail = "The gateway failed; what it did with the request is not known. Send it again with its Idempotency-Key."
    return problem(500, "internal_error", "Internal error", detail, request_id)
