"""POST /records whose answer cannot be sent: what that raises goes no further, as for every other path."""

import asyncio

import pytest
from starlette.types import Message

from app.gateway import Sinks
from app.main import create_app
from app.settings import AuthMode, Settings
from app.sinks.memory import MemorySink


@pytest.mark.parametrize("fails_at", ["http.response.start", "http.response.body"])
@pytest.mark.parametrize("root_path", ["", "/below"])
def test_what_sending_raises_goes_no_further(root_path: str, fails_at: str) -> None:
    app = create_app(
        Settings(stream_name="records", error_bucket="errors", auth=AuthMode.NONE), Sinks(MemorySink(), MemorySink())
    )
    sent: list[str] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b'{"id":1}', "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == fails_at and fails_at not in sent:
            sent.append(fails_at)
            raise OSError("hunter2")
        sent.append(message["type"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{root_path}/records",
        "root_path": root_path,
        "query_string": b"",
        "headers": [],
    }
    asyncio.run(app(scope, receive, send))
    assert sent[:2] == ["http.response.start", "http.response.body"][: 1 if fails_at.endswith("start") else 2]
