"""GET /schemas."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request

from app.api.models import Problem, SchemaList
from app.dependencies import gateway_of

router = APIRouter(tags=["schemas"])


@router.get("/schemas", summary="Schemas that records can be validated against")
async def list_schemas(request: Request) -> SchemaList:
    """Names and versions; the newest version is the last."""
    return SchemaList(schemas=gateway_of(request.app).registry.names())


@router.get("/schemas/{name}/{version}", summary="One schema", responses={404: {"model": Problem}})
async def get_schema(
    request: Request, name: Annotated[str, Path(examples=["order"])], version: Annotated[str, Path(examples=["1"])]
) -> dict[str, Any]:
    """The JSON Schema as it was loaded."""
    return gateway_of(request.app).registry.get(f"{name}/{version}").document
