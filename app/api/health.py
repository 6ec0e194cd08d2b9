"""GET /health and /ready."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from app import __version__
from app.api.documentation import RETRY_AFTER, json_of
from app.dependencies import gateway_of
from app.exceptions import NotReady
from app.gateway import ReadinessCheck

READY_SECONDS = 2.0
"""How long the readiness checks may take together: below the usual patience of load balancers."""

router = APIRouter(tags=["health"])
# The lower decorator is the route that serves, and names both methods in the Allow of a 405; the upper one is the
# document's, where one route with two methods would stand twice under one operationId.


@router.get(
    "/health",
    summary="Is the process alive?",
    response_model=None,
    responses={200: {"content": json_of("Health")}},
)
@router.api_route("/health", methods=["GET", "HEAD"], include_in_schema=False, response_model=None)
async def health(_: Request) -> JSONResponse:
    """Answers without asking anything else. HEAD does the same."""
    return JSONResponse({"status": "ok", "version": __version__})


@router.get(
    "/ready",
    summary="Can records be taken?",
    response_model=None,
    responses={
        200: {"content": json_of("Ready")},
        503: {"description": "Service Unavailable", "content": json_of("Problem"), "headers": RETRY_AFTER},
    },
)
@router.api_route("/ready", methods=["GET", "HEAD"], include_in_schema=False, response_model=None)
async def ready(request: Request) -> JSONResponse:
    """Asks the stream and the error bucket, and for the API keys where they stand in a secret. HEAD does the same."""
    gateway = gateway_of(request.app)
    checks: dict[str, ReadinessCheck] = {
        "the stream": gateway.sinks.stream.check,
        "the error bucket": gateway.sinks.error_bucket.check,
        "the API keys": gateway.api_keys.check,
        **request.app.state.readiness_checks,
    }
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    reachable = await asyncio.gather(*(check(deadline) for check in checks.values()))
    missing = [name for name, is_reachable in zip(checks, reachable, strict=True) if not is_reachable]
    if missing:
        raise NotReady(f"Not reachable: {', '.join(missing)}.")
    return JSONResponse({"status": "ready"})
