"""Headers around every answer, and an answer where an app had none; a pure ASGI app inside."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware import API_POLICY, AnswerGuard


async def answer_500(_: Request, __: Exception) -> Response:
    return Response("ours", 500)


def serve(app: ASGIApp, kind: str = "http") -> list[Message]:
    """All that the guarded app sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": kind, "method": "GET", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(AnswerGuard(app, answer_500)(scope, receive, send))
    return sent


def answering(*headers: tuple[bytes, bytes]) -> ASGIApp:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b"x"})

    return app


def headers_of(sent: Sequence[Message]) -> dict[bytes, bytes]:
    found: list[tuple[bytes, bytes]] = sent[0]["headers"]
    assert len(found) == len(dict(found)), "none stands twice"
    return dict(found)


def test_an_answer_gets_the_headers_and_keeps_its_own() -> None:
    headers = headers_of(serve(answering((b"content-type", b"text/plain"))))
    assert headers == {
        b"content-type": b"text/plain",
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"no-referrer",
        b"content-security-policy": API_POLICY.encode(),
        b"cache-control": b"no-store",
    }


@pytest.mark.parametrize("name", [b"content-security-policy", b"cache-control", b"referrer-policy"])
def test_an_answer_may_say_otherwise(name: bytes) -> None:
    assert headers_of(serve(answering((name, b"its own"))))[name] == b"its own"


def test_what_has_a_version_of_its_own_may_be_kept() -> None:
    assert b"cache-control" not in headers_of(serve(answering((b"etag", b'"1"'))))


def test_what_nobody_foresaw_is_answered_and_goes_no_further() -> None:
    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise ValueError("hunter2")

    sent = serve(app)
    assert (sent[0]["status"], sent[1]["body"]) == (500, b"ours")
    assert headers_of(sent)[b"x-content-type-options"] == b"nosniff"


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})
        raise ValueError("hunter2")

    assert [message["type"] for message in serve(app)] == ["http.response.start"]


def test_what_is_not_http_is_left_alone() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})

    assert serve(app, "lifespan") == [{"type": "lifespan.startup.complete"}]
