"""Gateways in which something raises what quotes a payload and a key, of which nothing may come out.

`uvicorn --factory tests.support.planted:sink_fails` (or `route_fails`), or as a Lambda container:
`python -m tests.support.planted sink_fails`. Both sinks are in memory.
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from fastapi import FastAPI

import app.main
from app.gateway import Sinks
from app.registry import Registry
from app.sinks.base import Lines
from app.sinks.memory import MemorySink

MARK = "hunter2"
make_app = app.main.create_app


class FailingSink(MemorySink):
    """Quotes what it is given."""

    async def put(self, lines: Lines, deadline: float) -> NoReturn:
        raise ValueError(f"cannot put {lines.data[0]!r} by {deadline}")


class FailingRegistry(Registry):
    """Quotes a key, and a payload in its cause."""

    def resolve(self, references: Sequence[str]) -> NoReturn:
        error = ValueError(f"a payload with {MARK}")
        try:
            raise error
        except ValueError as cause:
            error = cause
        raise KeyError(f"a key with {MARK}, {references}") from error


def sink_fails(*_: object) -> FastAPI:
    """A stream that raises."""
    return make_app(sinks=Sinks(FailingSink(), MemorySink()))


def route_fails(*_: object) -> FastAPI:
    """Something between the body and the answer raises."""
    made = make_app(sinks=Sinks(MemorySink(), MemorySink()))
    made.state.gateway = replace(made.state.gateway, registry=FailingRegistry({}))
    return made


def main() -> None:
    """As a container, with the handler that Lambda's runtime gives to the root logger."""
    logging.basicConfig(level=logging.INFO)
    app.main.create_app = globals()[sys.argv[1]]
    from tests.support import lambda_container  # noqa: PLC0415

    lambda_container.main()


if __name__ == "__main__":
    main()
