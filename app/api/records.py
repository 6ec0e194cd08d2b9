"""POST /records."""

import asyncio
import time
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.api.admission import let_in
from app.api.answers import respond
from app.api.documentation import RECORDS_REQUEST, RECORDS_RESPONSES
from app.arrival import arrive
from app.dependencies import gateway_of
from app.envelope import timestamp
from app.exception_handlers import CLIENT_GONE
from app.exceptions import HttpError
from app.in_flight import Place
from app.intake import take_in
from app.observability import Receipt
from app.request_identity import new_request_id

router = APIRouter(tags=["records"])


@router.post(
    "/records",
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
    started = time.perf_counter()
    received_at = datetime.now(UTC)
    receipt = Receipt(new_request_id(received_at), timestamp(received_at))
    gateway = gateway_of(request)
    try:
        with Place(gateway.in_flight) as place:
            arrival = arrive(received_at, asyncio.get_running_loop().time(), gateway.settings, place)
            submission = await let_in(request, gateway, arrival, receipt)
            intake = await take_in(submission, gateway, receipt)
            response = respond(intake)
    except HttpError as refusal:
        receipt.status, receipt.reason = refusal.status, refusal.reason
        raise
    except ClientDisconnect:
        receipt.status, receipt.reason = CLIENT_GONE, "client_gone"
        raise
    else:
        receipt.status = response.status_code
        receipt.reason = None if intake.refused_body is None else intake.refused_body.reason
        return response
    finally:
        request.state.request_id = receipt.request_id
        receipt.milliseconds["total"] = (time.perf_counter() - started) * 1000
        gateway.account_for(receipt)
