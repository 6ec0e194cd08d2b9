"""Reading a request's body within a limit, and refusing one that is over it while the client still sends."""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.arrival import Arrival
from app.deadlines import Deadlines
from app.exceptions import BodyTimeout, ContentTooLarge
from app.in_flight import Place
from app.incoming import Incoming

MAX_DISCARDED_BYTES = 64 * 1024 * 1024
DISCARD_SECONDS = 2.0
"""What of a refused body is still read and thrown away, beyond the time that any body has; who sends more may find the
connection closed."""


async def read_body(incoming: Incoming, max_bytes: int, arrival: Arrival, deadlines: Deadlines) -> bytes:
    """The body as received; its bytes are held in the place of `arrival`.

    Raises:
        ContentTooLarge: over `max_bytes`, as announced or as it comes; the client may still be sending, as in all that
            follows.
        Overloaded: there is no room for it, as announced or as it comes.
        BodyTimeout: it was not there in time.
        ClientDisconnect: the client went away.
    """
    size = incoming.declared_length
    if size > max_bytes:
        raise too_large(max_bytes)
    arrival.place.expect(size)
    incoming.body_by = arrival.body_by
    try:
        return await deadlines.wait(_read(incoming, max_bytes, arrival.place), arrival.body_by)
    except TimeoutError:
        raise BodyTimeout("The body did not come in time; nothing is stored. Send fewer records a request.") from None


async def _read(incoming: Incoming, max_bytes: int, place: Place) -> bytes:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await incoming.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = incoming.body_is_unread = message.get("more_body", False)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
        place.hold(len(chunk))
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def while_sending(incoming: Incoming, response: Response) -> Response:
    """`response` in a form that the client gets to read though it may not be done sending."""
    if not incoming.body_is_unread:
        return response
    if "connection" in response.headers:  # it is closed, whatever still comes
        return response
    return _Interruption(response, incoming.body_by)


class _Interruption(Response):
    """Leaves at once and whole, but ends only when the client is done sending.

    A server that closes while bytes come in resets the connection, and the client loses the answer.
    """

    def __init__(self, response: Response, body_by: float) -> None:
        super().__init__(response.body, response.status_code, response.headers)
        self._body_by = body_by

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  Starlette's own
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _discard(receive, self._body_by)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive, body_by: float) -> None:
    discarded = 0
    try:
        async with asyncio.timeout_at(max(body_by, asyncio.get_running_loop().time() + DISCARD_SECONDS)):
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
