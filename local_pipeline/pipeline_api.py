"""`/pipeline/*` and the console: only on one machine, beside the gateway's own routes."""

from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from app.api.models import Problem
from app.exception_handlers import request_id_of
from app.problems import MEDIA_TYPE, problem
from local_pipeline.pipeline import Pipeline
from local_pipeline.pipeline_models import Rejected, Rows, Summary, Trace
from local_pipeline.same_origin import refuse_foreign_origins

CONSOLE = Path(__file__).with_name("console.html")
# The page carries its own style and script and speaks to nobody else.
CONSOLE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"
)
MOST_ROWS = 200_000

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="At most this many, the newest first.")]


def add_pipeline(app: FastAPI, pipeline: Pipeline) -> None:
    """Serve `pipeline` from `app`."""
    app.include_router(_routes(pipeline))
    app.add_exception_handler(RequestValidationError, _wrong_parameter)


def _routes(pipeline: Pipeline) -> APIRouter:
    router = APIRouter(
        prefix="/pipeline",
        tags=["pipeline on one machine"],
        dependencies=[Depends(refuse_foreign_origins)],
        responses=_problems(403),
    )

    @router.get("/summary", summary="Count every stage")
    async def summary() -> Summary:
        return await pipeline.now(lambda view: view.summary())

    @router.get("/rows", summary="Read the raw table", response_model=Rows, responses=_problems(422))
    async def rows(limit: Limit = 50, ingest_id: str | None = None) -> Response:
        # Written in the thread: a hundred thousand rows would hold the event loop for seconds.
        body = await pipeline.do(lambda view: orjson.dumps({"rows": view.warehouse.rows(limit, ingest_id)}))
        return Response(body, media_type="application/json")

    @router.get("/rejected", summary="Read the error bucket", responses=_problems(422))
    async def rejected(limit: Limit = 50) -> Rejected:
        return Rejected(rejected=await pipeline.now(lambda view: view.rejected(limit)))

    @router.get("/trace/{ingest_id}", summary="Follow one record", responses=_problems(404))
    async def trace(ingest_id: str) -> Trace:
        return await pipeline.now(lambda view: view.trace(ingest_id))

    @router.post("/reset", summary="Empty the pipeline behind the gateway", responses=_problems(503))
    async def reset() -> Summary:
        return await pipeline.reset()

    return router


def add_console(app: FastAPI) -> None:
    """Serve the console at `/`."""

    @app.get("/", include_in_schema=False)
    async def console() -> HTMLResponse:
        headers = {"Content-Security-Policy": CONSOLE_POLICY, "Cache-Control": "no-cache"}
        return HTMLResponse(CONSOLE.read_text(encoding="utf-8"), headers=headers)


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"model": Problem, "content": content} for status in statuses}


async def _wrong_parameter(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError(error)
    errors = [{"loc": each["loc"], "msg": each["msg"], "type": each["type"]} for each in error.errors()]
    detail = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in errors)
    title = "Invalid parameter"
    return problem(422, "invalid_parameter", title, detail, request_id_of(request), members={"errors": errors})
