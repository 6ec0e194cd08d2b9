"""Keeps pages of other origins away from `/pipeline`: it asks for no key, and any web page reaches loopback."""

import re

from starlette.requests import Request

from app.exceptions import HttpError

# A name that an attacker's DNS points to 127.0.0.1 comes as the Host (DNS rebinding).
LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]*)?", re.IGNORECASE)
# Fetch Metadata: our own pages, and what a person typed. "same-site" is any other port of localhost.
OWN_SITES = ("same-origin", "none")


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
