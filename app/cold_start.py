"""What hurries a Lambda container's start (docs/decisions/0018-cold-start.md). Importing it begins the hurry, so it is
imported before all else; `end` ends it."""

import gc

gc.disable()  # what is imported stays: looking through it for garbage, again and again, finds none

from typing import Any  # noqa: E402

from pydantic import BaseModel, TypeAdapter  # noqa: E402


def _import_fastapi() -> None:
    """Without building its models of the OpenAPI document, 50, of which three it builds itself, and what reads a form's
    limits: none is needed."""
    rebuild, defers = BaseModel.__dict__["model_rebuild"], TypeAdapter.__dict__["_defer_build"]

    def only_when_needed(model: type[BaseModel], /, **options: Any) -> bool | None:  # noqa: ANN401  pydantic's own
        return rebuild.__func__(model, **options) if options else None  # pydantic itself asks with options

    BaseModel.model_rebuild = classmethod(only_when_needed)  # type: ignore[method-assign, assignment]
    TypeAdapter._defer_build = True  # type: ignore[assignment]  # noqa: SLF001  there is no other way to say it
    try:
        import fastapi  # noqa: F401, PLC0415
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]
        TypeAdapter._defer_build = defers  # type: ignore[method-assign]  # noqa: SLF001


BaseModel.model_config["defer_build"] = True
_import_fastapi()


def end() -> None:
    """Garbage is collected again, but not looked for in what the start has made."""
    del BaseModel.model_config["defer_build"]
    gc.freeze()
    gc.enable()
