"""Waits that end when their time is up, for very many at a time."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

Result = TypeVar("Result")
GRAIN_SECONDS = 0.25
"""How exactly deadlines of seconds are kept."""


class Deadlines:
    """As `asyncio.timeout_at`, with one timer for all: one for each costs more than the wait. For one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._is_watched = False

    async def wait(self, awaited: Awaitable[Result], deadline: float) -> Result:
        """What `awaited` gives.

        Args:
            deadline: in seconds of the loop's clock; kept to within GRAIN_SECONDS.

        Raises:
            TimeoutError: it did not come in time, and was cancelled.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can wait")
        cancels = task.cancelling()
        self._waiting[task] = deadline
        if not self._is_watched:
            self._watch_on()
        try:
            return await awaited
        except asyncio.CancelledError:
            if task in self._late and task.uncancel() <= cancels:
                raise TimeoutError from None
            raise
        finally:
            self._waiting.pop(task, None)
            self._late.discard(task)

    def _watch_on(self) -> None:
        loop = asyncio.get_running_loop()
        self._is_watched = True
        loop.call_later(GRAIN_SECONDS, self._watch, loop)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """From the loop only: who is cancelled while it runs meets that anywhere, later."""
        now = loop.time()
        for task in [task for task, deadline in self._waiting.items() if deadline <= now]:
            del self._waiting[task]
            self._late.add(task)
            task.cancel()
        self._is_watched = False
        if self._waiting:
            self._watch_on()
