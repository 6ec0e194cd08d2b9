"""POST /records."""

import asyncio
from datetime import UTC, datetime
from time import perf_counter_ns

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.admission import let_in
from app.api.answers import respond
from app.api.documentation import RECORDS_REQUEST, RECORDS_RESPONSES
from app.arrival import arrive
from app.dependencies import gateway_of
from app.envelope import timestamp
from app.exception_handlers import CLIENT_GONE, answer_to, unforeseen
from app.exceptions import HttpError
from app.gateway import Gateway
from app.in_flight import Place
from app.incoming import Incoming
from app.intake import take_in
from app.middleware import with_all_headers
from app.observability import Receipt, milliseconds
from app.request_identity import new_request_id

router = APIRouter(tags=["records"])
PATH = "/records"


@router.post(
    PATH,
    summary="Send records",
    status_code=202,
    response_model=None,
    responses=RECORDS_RESPONSES,
    openapi_extra=RECORDS_REQUEST,
)
async def post_records(request: Request) -> Response:
    """Send one record, a batch as a JSON array, or one record a line (NDJSON).

    The answer is a receipt: it leaves when every record is in the stream or spilled (`accepted`), in the error bucket
    (`rejected`), or not confirmed (`retry`, status 503).
    """
    return await answer(Incoming(request.scope, request.receive), gateway_of(request.app))


class RecordsLane:
    """Takes POST /records past FastAPI's middleware and routing, which cost as much as all else that a single record
    needs. The route answers the same where this does not know the path: below a root path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not _posts_records(scope):
            await self._app(scope, receive, send)
            return
        try:
            response = await answer(Incoming(scope, receive), gateway_of(scope["app"]))
        except Exception as error:  # noqa: BLE001  as `AnswerGuard` does for all others
            response = await unforeseen(Request(scope, receive), error)
        try:
            await with_all_headers(response)(scope, receive, send)
        except Exception as error:  # noqa: BLE001  there is nobody to tell; the server would log what it quotes
            await unforeseen(Request(scope, receive), error)


def _posts_records(scope: Scope) -> bool:
    is_path = scope["type"] == "http" and scope["path"] == PATH and not scope.get("root_path")
    return is_path and bool(scope["method"] == "POST")


async def answer(incoming: Incoming, gateway: Gateway) -> Response:
    """Take the request in, and account for it whatever becomes of it."""
    started = perf_counter_ns()
    received_at = datetime.now(UTC)
    receipt = Receipt(new_request_id(received_at), timestamp(received_at))
    try:
        with Place(gateway.in_flight) as place:
            arrival = arrive(received_at, asyncio.get_running_loop().time(), gateway.settings, place)
            submission = await let_in(incoming, gateway, arrival, receipt)
            intake = await take_in(submission, gateway, receipt)
            response = respond(intake)
        receipt.status = response.status_code
        receipt.reason = None if intake.refused_body is None else intake.refused_body.reason
    except HttpError as refusal:
        receipt.status, receipt.reason = refusal.status, refusal.reason
        response = answer_to(refusal, incoming, receipt.request_id)
    except ClientDisconnect:
        receipt.status, receipt.reason = CLIENT_GONE, "client_gone"
        response = Response(status_code=CLIENT_GONE)
    except BaseException:
        incoming.scope.setdefault("state", {})["request_id"] = receipt.request_id
        raise
    finally:
        receipt.milliseconds["total"] = milliseconds(perf_counter_ns() - started)
        gateway.account_for(receipt)
    return response
