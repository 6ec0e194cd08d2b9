"""Start and end of the gateway under a server with a lifespan."""

import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.observability import configure_logging

_COLLECTIONS = (20_000, 10, 10)
"""Python's default looks for garbage after every 700 objects, which is a few requests, among all that hundreds of
others hold: it took a tenth of the time and found next to nothing."""

logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the sinks and receipts, and close them when the last request is answered. Asks nothing of AWS."""
    configure_logging()
    if _loses_bodies():
        logger.warning(
            "uvicorn loses the body of a request that offers an upgrade, as Java's clients do with each: start it with "
            "--http app.http_protocol:Http"
        )
    gateway = app.state.gateway
    gateway.receipts.open()
    await gateway.sinks.open()
    gc.collect()
    gc.freeze()  # what is there now stays
    gc.set_threshold(*_COLLECTIONS)
    yield
    await gateway.sinks.close()
    await gateway.api_keys.close()
    gateway.receipts.close()


def _loses_bodies() -> bool:
    """Whether uvicorn serves with its own httptools protocol, its choice where nobody chooses (docs/decisions/0017)."""
    return "uvicorn.protocols.http.httptools_impl" in sys.modules and "app.http_protocol" not in sys.modules
