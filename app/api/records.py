"""POST /records."""

import time
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.api.answers import respond
from app.api.documentation import RECORDS_REQUEST, RECORDS_RESPONSES
from app.body import read_body
from app.content import Encoding, parse_content_encoding, parse_content_type
from app.decompression import GZIP_MAGIC
from app.dependencies import gateway_of
from app.envelope import timestamp
from app.exception_handlers import CLIENT_GONE
from app.exceptions import HttpError
from app.gateway import Gateway
from app.intake import Submission, take_in
from app.observability import Receipt
from app.request_identity import new_request_id, parse_idempotency_key

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
        submission = await _let_in(request, gateway, received_at, receipt)
        intake = await take_in(submission, gateway, receipt)
    except HttpError as refusal:
        receipt.status, receipt.reason = refusal.status, refusal.reason
        raise
    except ClientDisconnect:
        receipt.status, receipt.reason = CLIENT_GONE, "client_gone"
        raise
    else:
        response = respond(intake)
        receipt.status = response.status_code
        receipt.reason = None if intake.refused_body is None else intake.refused_body.reason
        return response
    finally:
        request.state.request_id = receipt.request_id
        receipt.milliseconds["total"] = (time.perf_counter() - started) * 1000
        gateway.account_for(receipt)


async def _let_in(request: Request, gateway: Gateway, received_at: datetime, receipt: Receipt) -> Submission:
    """The checks before a record is looked at, in the contract's order, and the body."""
    headers = request.headers
    source = await gateway.authenticator.identify(headers.getlist("authorization"), headers.getlist("x-api-key"))
    receipt.source = source
    gateway.rate_limiter.admit(source)
    media_type = parse_content_type(", ".join(headers.getlist("content-type")))
    encoding = parse_content_encoding(", ".join(headers.getlist("content-encoding")))
    idempotency_key = parse_idempotency_key(headers.getlist("idempotency-key"))
    body = await read_body(request, gateway.settings.max_body_bytes)
    receipt.received_bytes = len(body)
    if encoding is Encoding.GZIP and _decoded_by_front_door(request, body):
        encoding = Encoding.IDENTITY
    return Submission(
        received_at=received_at,
        source=source,
        media_type=media_type,
        encoding=encoding,
        idempotency_key=idempotency_key,
        schema=request.query_params.getlist("schema"),
        body=body,
    )


def _decoded_by_front_door(request: Request, body: bytes) -> bool:
    """Some front doors of Lambda hand a gzip body over decoded, with the header left in place."""
    return "aws.event" in request.scope and not body.startswith(GZIP_MAGIC)
