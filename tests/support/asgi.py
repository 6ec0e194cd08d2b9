"""A client that speaks to an ASGI app in the same event loop: it sends what a test says when a test says it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message


class Exchange:
    """One POST and its answer."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] | None = None, path: str = "/records") -> None:
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._sent: list[Message] = []
        self.asked = asyncio.Event()
        self.answered = asyncio.Event()
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "state": {},
        }
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    def say(self, body: bytes, *, more: bool = False) -> None:
        """Send a part of the body; the last one unless `more`."""
        self._inbox.put_nowait({"type": "http.request", "body": body, "more_body": more})

    async def status(self) -> int:
        """The status once the answer's body has left, be the exchange over or not."""
        await self.answered.wait()
        return int(self._sent[0]["status"])

    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self._sent[0]["headers"]}

    def json(self) -> Any:
        return json.loads(b"".join(message["body"] for message in self._sent[1:]))

    async def _receive(self) -> Message:
        self.asked.set()
        return await self._inbox.get()

    async def _send(self, message: Message) -> None:
        self._sent.append(message)
        if message["type"] == "http.response.body":
            self.answered.set()
