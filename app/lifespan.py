"""Start and end of the gateway under a server with a lifespan."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.observability import configure_logging


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the sinks and receipts, and close them when the last request is answered. Asks nothing of AWS."""
    configure_logging()
    gateway = app.state.gateway
    gateway.receipts.open()
    await gateway.sinks.open()
    gc.collect()
    gc.freeze()  # what is there now stays: looking through it again and again took a tenth of the time
    yield
    await gateway.sinks.close()
    await gateway.api_keys.close()
    gateway.receipts.close()
