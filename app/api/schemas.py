"""GET /schemas."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.api.documentation import json_of
from app.dependencies import gateway_of

router = APIRouter(tags=["schemas"])


def _in_path(name: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "examples": [example]}}


@router.get(
    "/schemas",
    summary="Schemas that records can be validated against",
    response_model=None,
    responses={200: {"content": json_of("SchemaList")}},
)
async def list_schemas(request: Request) -> JSONResponse:
    """Names and versions; the newest version is the last."""
    return JSONResponse({"schemas": gateway_of(request.app).registry.names()})


@router.get(
    "/schemas/{name}/{version}",
    summary="One schema",
    response_model=None,
    responses={
        200: {"content": {"application/json": {"schema": {"type": "object"}}}},
        404: {"description": "Not Found", "content": json_of("Problem")},
    },
    openapi_extra={"parameters": [_in_path("name", "order"), _in_path("version", "1")]},
)
async def get_schema(request: Request) -> JSONResponse:
    """The JSON Schema as it was loaded."""
    name, version = request.path_params["name"], request.path_params["version"]
    return JSONResponse(gateway_of(request.app).registry.get(f"{name}/{version}").document)
