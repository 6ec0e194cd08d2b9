"""Reading a request's body within a limit."""

from starlette.requests import Request

from app.exceptions import ContentTooLarge

MAX_DISCARDED_BYTES = 64 * 1024 * 1024
"""What is read and thrown away of a body that is too large, so that the client, still sending, gets to read its 413
instead of a broken connection; who sends even more gets the broken connection."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body as received.

    Raises:
        ContentTooLarge: over `max_bytes`.
    """
    chunks: list[bytes] = []
    size = 0
    if _waits_for_permission(request) and _declared_length(request) > max_bytes:
        raise _too_large(max_bytes)
    async for chunk in request.stream():
        size += len(chunk)
        if size <= max_bytes:
            chunks.append(chunk)
        elif size > MAX_DISCARDED_BYTES:
            break
        else:
            chunks.clear()
    if size > max_bytes:
        raise _too_large(max_bytes)
    return b"".join(chunks)


def _too_large(max_bytes: int) -> ContentTooLarge:
    return ContentTooLarge(f"The body is over {max_bytes} bytes: compress it, or send fewer records a request.")


def _waits_for_permission(request: Request) -> bool:
    return request.headers.get("expect", "").lower() == "100-continue"


def _declared_length(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0
