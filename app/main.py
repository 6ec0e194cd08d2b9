"""The gateway put together: ``uvicorn --factory app.main:create_app``."""

import time
from functools import partial

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from app import __version__, openapi
from app.api import health, records, schemas
from app.authentication import Authenticator
from app.exception_handlers import add_exception_handlers
from app.gateway import Gateway, ReadinessCheck, Sinks
from app.lifespan import lifespan
from app.observability import ReceiptLog
from app.rate_limit import RateLimiter
from app.registry import Registry
from app.settings import Settings, load_settings
from app.sinks.connect import aws_sinks

DESCRIPTION = """JSON records in over HTTP, judged before they enter the stream: good ones go to Snowflake, bad ones
to an error bucket, whole, explained and replayable."""


def create_app(settings: Settings | None = None, sinks: Sinks | None = None) -> FastAPI:
    """Make the gateway.

    Args:
        settings: from the environment unless given.
        sinks: to AWS unless given; opened by the lifespan.

    Raises:
        ConfigurationError: the settings do not make a gateway.
    """
    settings = settings or load_settings()
    app: FastAPI = FastAPIOffline(
        title="Sluice",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        static_url="/docs-assets",
        redirect_slashes=False,
        redoc_url=None,
    )
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]  # FastAPI's documented way
    app.state.gateway = Gateway(
        settings=settings,
        sinks=sinks or aws_sinks(settings),
        registry=Registry.load(settings.schemas_uri),
        authenticator=Authenticator(settings.auth, settings.api_keys),
        rate_limiter=RateLimiter(settings.rate_limit_requests_per_second, time.monotonic),
        receipts=ReceiptLog(settings.receipt_file),
    )
    readiness_checks: dict[str, ReadinessCheck] = {}
    app.state.readiness_checks = readiness_checks
    for router in (records.router, health.router, schemas.router):
        app.include_router(router)
    add_exception_handlers(app)
    return app
