"""What hurries a Lambda container's start (docs/decisions/0018-cold-start.md). Importing it begins the hurry, so it is
imported before all else; `end` ends it."""

import gc

gc.disable()  # what is imported stays: looking through it for garbage, again and again, finds none

from pydantic import BaseModel  # noqa: E402

BaseModel.model_config["defer_build"] = True  # FastAPI has some 50 models of the OpenAPI document; few are ever used


def end() -> None:
    """Garbage is collected again, but not looked for in what the start has made."""
    del BaseModel.model_config["defer_build"]
    gc.freeze()
    gc.enable()
