"""The drain of the local pipeline, a task of its gateway: in AWS it is a function on a schedule."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.drain import Drain
from app.draining import Stopped

EVERY_SECONDS = 2.0
RUN_SECONDS = 5.0
logger = logging.getLogger(__name__)


def add_drain(app: FastAPI, drain: Drain, turn: asyncio.Lock) -> None:
    """Drain while `app` serves, each time in its `turn`."""
    serves = app.router.lifespan_context

    @asynccontextmanager
    async def serves_and_drains(app: FastAPI) -> AsyncIterator[None]:
        async with serves(app):
            await drain.open()
            task = asyncio.create_task(_keep_draining(drain, turn))
            yield
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await drain.close()

    app.router.lifespan_context = serves_and_drains


async def _keep_draining(drain: Drain, turn: asyncio.Lock) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        async with turn:
            try:
                report = await drain.once(RUN_SECONDS)
            except Exception:  # the next time is soon
                logger.exception("the drain failed")
                continue
        if report.objects or (report.stopped and report.stopped is not Stopped.TIME):
            logger.warning("drained %d records; stopped: %s", report.records, report.stopped)
