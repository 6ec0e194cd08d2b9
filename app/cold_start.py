"""What hurries a Lambda container's start (docs/decisions/0018-cold-start.md). Importing it begins the hurry, so it is
imported before all else; `end` ends it."""

import gc

gc.disable()  # what is imported stays: looking through it for garbage, again and again, finds none

from typing import Any  # noqa: E402

from pydantic import BaseModel  # noqa: E402


def _import_fastapi() -> None:
    """Without building its models of the OpenAPI document: 50, of which three it builds itself, and none is needed."""
    rebuild = BaseModel.__dict__["model_rebuild"]

    def only_when_needed(model: type[BaseModel], /, **options: Any) -> bool | None:  # noqa: ANN401  pydantic's own
        return rebuild.__func__(model, **options) if options else None  # pydantic itself asks with options

    BaseModel.model_rebuild = classmethod(only_when_needed)  # type: ignore[method-assign, assignment]
    try:
        import fastapi  # noqa: F401, PLC0415
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]


BaseModel.model_config["defer_build"] = True
_import_fastapi()


def end() -> None:
    """Garbage is collected again, but not looked for in what the start has made."""
    del BaseModel.model_config["defer_build"]
    gc.freeze()
    gc.enable()
