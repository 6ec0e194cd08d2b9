"""The OpenAPI document: FastAPI's, with problem+json for errors and the parts the raw route cannot declare."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.api.models import MODELS
from app.gateway import Gateway
from app.problems import MEDIA_TYPE
from app.settings import AuthMode
from app.webhooks import HEADERS

_REFERENCE = "#/components/schemas/{model}"
_FASTAPIS_OWN_ERRORS = ("HTTPValidationError", "ValidationError")
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Your source's key."},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "Your source's key."},
    **{
        name: {"type": "apiKey", "in": "header", "name": name, "description": f"Standard Webhooks: {meaning}."}
        for name, meaning in zip(
            HEADERS,
            ("the webhook's id, its Idempotency-Key", "seconds since 1970", "the signatures: v1,BASE64"),
            strict=True,
        )
    },
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of `app`, made at the first call."""
    if app.openapi_schema is None:
        app.openapi_schema = _make(app)
    return app.openapi_schema


def _make(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for path in made["paths"].values():
        for operation in path.values():
            operation["responses"] = {
                status: _as_problem(response) if int(status) >= 400 else response
                for status, response in operation["responses"].items()
                if not _is_fastapis_own(response)
            }
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _FASTAPIS_OWN_ERRORS:
        schemas.pop(name, None)
    _add_what_this_gateway_has(made["paths"]["/records"]["post"], app.state.gateway)
    _, definitions = models_json_schema([(model, "validation") for model in MODELS], ref_template=_REFERENCE)
    schemas.update(definitions["$defs"])
    components["securitySchemes"] = _SECURITY_SCHEMES
    return made


def _add_what_this_gateway_has(operation: dict[str, Any], gateway: Gateway) -> None:
    operation["security"] = _security(gateway.settings.auth)
    names = gateway.registry.names()
    if names:
        schema = next(parameter["schema"] for parameter in operation["parameters"] if parameter["name"] == "schema")
        schema["enum"] = [*names, *(f"{name}/{version}" for name, versions in names.items() for version in versions)]


def _security(auth: AuthMode) -> list[dict[str, list[str]]]:
    """What to send, of which one will do. Where no key is asked for, credentials are not looked at."""
    if auth is AuthMode.NONE:
        return []
    return [{"bearer": []}, {"api_key": []}, {name: [] for name in HEADERS}]


def _as_problem(response: dict[str, Any]) -> dict[str, Any]:
    content = response.get("content", {})
    return {**response, "content": {MEDIA_TYPE: content.get("application/json", content.get(MEDIA_TYPE, {}))}}


def _is_fastapis_own(response: dict[str, Any]) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2] in _FASTAPIS_OWN_ERRORS
