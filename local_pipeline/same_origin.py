"""Keeps pages of other origins away from what asks for no key here, for any web page reaches loopback."""

import re

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.records import PATH
from app.body import while_sending
from app.exception_handlers import request_id_of
from app.exceptions import HttpError
from app.incoming import Incoming
from app.middleware import put_before_all, with_all_headers
from app.problems import problem

# A name that an attacker's DNS points to 127.0.0.1 comes as the Host (DNS rebinding).
LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]*)?", re.IGNORECASE)
# Fetch Metadata: our own pages, and what a person typed. "same-site" is any other port of localhost.
OWN_SITES = ("same-origin", "none")
BROWSERS_HEADERS = frozenset({"origin", "sec-fetch-site"})  # every POST of a page has one of them


class ForeignOriginError(HttpError):
    """A page that is not ours sent the request, or it was sent to a name that is not this machine's."""

    status = 403
    reason = "foreign_origin"
    title = "Foreign origin"


async def refuse_foreign_origins(request: Request) -> None:
    """Let our own pages and clients that are no browsers pass.

    Raises:
        ForeignOriginError: by Host, Origin or Sec-Fetch-Site.
    """
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    if not LOOPBACK_HOST.fullmatch(host):
        raise ForeignOriginError("The Host header must name localhost, 127.0.0.1 or [::1].")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        raise ForeignOriginError("The Origin header names another place than the Host header.")
    if request.headers.get("sec-fetch-site", "none") not in OWN_SITES:
        raise ForeignOriginError("A page of another site sent the request.")


def guard_records(app: FastAPI) -> None:
    """Keep pages of other origins from posting records: before what takes records, which is before all else."""
    put_before_all(app, lambda inner: OwnPagesOnly(inner, PATH))


class OwnPagesOnly:
    """Refuses what browsers send to `path` for other pages. Without it a page could post records: a body without a type
    needs no leave of ours. Other clients pass, under whatever name they reach this machine."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http" and scope["path"] == self._path:
            request = Request(scope, receive)
            try:
                if not BROWSERS_HEADERS.isdisjoint(request.headers):
                    await refuse_foreign_origins(request)
            except ForeignOriginError as refusal:
                of_it = (refusal.status, refusal.reason, refusal.title, refusal.detail)
                answer = with_all_headers(problem(*of_it, request_id_of(request)))
                app = while_sending(Incoming(scope, receive), answer)
        await app(scope, receive, send)
