"""Around every answer: headers that tell browsers to make nothing else of it, and an answer where the app had none."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", API_POLICY.encode()),
    (b"cache-control", b"no-store"),
]
"""For an answer that does not say otherwise (OWASP REST Security Cheat Sheet, "Security Headers"). No
Strict-Transport-Security: whoever ends TLS knows the domain, and an HTTP API has no port for plain HTTP."""


_NAMES = frozenset(name for name, _ in _HEADERS)


def with_all_headers(response: Response) -> Response:
    """`response` with the headers that every answer has, for what answers before `AnswerGuard`."""
    response.raw_headers += _missing({name for name, _ in response.raw_headers})
    return response


def put_before_all(app: Starlette, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    """Have `wrap` put an app around all else, what Starlette puts around its middleware included."""
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: wrap(build())  # type: ignore[method-assign]


def _missing(names: set[bytes]) -> Sequence[tuple[bytes, bytes]]:
    """Of _HEADERS, those that an answer with these names gets. What has a version of its own may be kept."""
    if b"etag" in names:
        names.add(b"cache-control")
    return _HEADERS if _NAMES.isdisjoint(names) else [header for header in _HEADERS if header[0] not in names]


class AnswerGuard:
    """Adds the headers, and turns an exception that nobody foresaw into an answer.

    It goes no further: Starlette would raise it again after its own answer, and servers log what they catch with its
    message, whatever that quotes.

    Args:
        unforeseen: makes the answer.
    """

    def __init__(self, app: ASGIApp, unforeseen: Callable[[Request, Exception], Awaitable[Response]]) -> None:
        self._app = app
        self._unforeseen = unforeseen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def guarded(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                message["headers"] = [*message["headers"], *_missing({name for name, _ in message["headers"]})]
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001  the last place before the lane and the server
            response = await self._unforeseen(Request(scope, receive), error)
            if not is_started:
                await response(scope, receive, guarded)
