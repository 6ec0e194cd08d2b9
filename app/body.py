"""Reading a request's body within a limit, and refusing one that is over it while the client still sends."""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.exceptions import ContentTooLarge

MAX_DISCARDED_BYTES = 64 * 1024 * 1024
MAX_DISCARD_SECONDS = 30.0
"""What of a refused body is still read and thrown away; who sends more gets a closed connection."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body as received.

    Raises:
        ContentTooLarge: over `max_bytes`, as announced or as it comes; the client may still be sending.
        ClientDisconnect: the client went away.
    """
    if _declared_length(request) > max_bytes:
        raise too_large(max_bytes)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = request.state.body_is_unread = message.get("more_body", False)
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
    return b"".join(chunks)


def while_sending(request: Request, response: Response) -> Response:
    """`response` in a form that the client of `request` gets to read though it may not be done sending."""
    if not getattr(request.state, "body_is_unread", _has_body(request)):
        return response
    return _Interruption(response.body, response.status_code, response.headers)


class _Interruption(Response):
    """Leaves at once and whole, but ends only when the client is done sending.

    A server that closes while bytes come in resets the connection, and the client loses the answer.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _discard(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive) -> None:
    discarded = 0
    try:
        async with asyncio.timeout(MAX_DISCARD_SECONDS):
            more = True
            while more and discarded <= MAX_DISCARDED_BYTES:
                message = await receive()
                more = message["type"] == "http.request" and message.get("more_body", False)
                discarded += len(message.get("body", b""))
    except TimeoutError:
        return


def too_large(max_bytes: int) -> ContentTooLarge:
    """The refusal of a body over `max_bytes`."""
    return ContentTooLarge(f"The body is over {max_bytes} bytes: compress it, or send fewer records a request.")


def _has_body(request: Request) -> bool:
    return _declared_length(request) > 0 or "transfer-encoding" in request.headers


def _declared_length(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0
