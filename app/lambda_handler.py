"""The gateway on AWS Lambda. Importing it is the container's start: settings are read and clients made, once."""

from app import cold_start  # before all else

# isort: split

import asyncio
import binascii
from base64 import b64decode
from typing import Any

from fastapi import FastAPI
from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES

from app import warm_up
from app.main import create_app
from app.observability import configure_logging
from app.problems import MEDIA_TYPE
from app.settings import load_settings
from app.sinks.aws import AwsSession
from app.sinks.connect import lambda_sinks

Event = dict[str, Any]


class LambdaHandler:
    """Serves the events of an HTTP API, a REST API or a function URL with `app`, in one event loop for all."""

    def __init__(self, app: FastAPI) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)  # Mangum runs each request in the thread's loop
        gateway = app.state.gateway
        gateway.receipts.open()
        self._loop.run_until_complete(gateway.sinks.open())
        self._adapter = Mangum(app, lifespan="off", text_mime_types=[*DEFAULT_TEXT_MIME_TYPES, MEDIA_TYPE])
        app.state.gateway = warm_up.aside(gateway)
        for event in warm_up.TIMES * list(warm_up.events()):
            self(event, None)
        app.state.gateway = gateway

    def __call__(self, event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401  the runtime's own class
        """Answer one event."""
        return self._adapter(normalised(event), context)


def normalised(event: Event) -> Event:
    """`event` with headers that are an object, and with a body that is marked base64 only when it is.

    Mangum raises on ``"headers": null`` and drops what is not base64 in silence; so marked, such a body is judged,
    refused and kept as it came.
    """
    body = event.get("body")
    return {
        **event,
        "headers": event.get("headers") or {},
        "isBase64Encoded": bool(event.get("isBase64Encoded")) and _is_base64(body),
    }


def _is_base64(body: object) -> bool:
    if not isinstance(body, str):
        return False
    try:
        b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _make_handler() -> LambdaHandler:
    configure_logging()
    settings, session = load_settings(), AwsSession(in_lambda=True)
    return LambdaHandler(create_app(settings, lambda_sinks(settings, session), session))


try:
    handler = _make_handler()
finally:
    cold_start.end()
