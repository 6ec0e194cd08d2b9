"""A gateway that is wrong in ways that no one document would name, to see that each of them is found."""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.main import create_app as create_right_app


class Wrong:
    """Answers of some paths are changed on their way out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [header for header in message["headers"] if header[0] != b"content-length"]
                status = 203 if path == "/ready" else 500 if path.startswith("/schemas/order") else message["status"]
                message = {**message, "headers": kept, "status": status}
            elif path == "/health" and message.get("body"):
                message = {**message, "body": json.dumps({**json.loads(message["body"]), "mood": "good"}).encode()}
            await send(message)

        await self._app(scope, receive, changed if scope["type"] == "http" else send)


def create_app() -> ASGIApp:
    """The gateway, wrong."""
    return Wrong(create_right_app())
