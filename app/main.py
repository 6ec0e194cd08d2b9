"""The gateway put together: ``uvicorn --factory app.main:create_app``."""

import time
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline

from app import __version__
from app.api import docs, health, records, schemas
from app.api_keys import ApiKeys, GivenKeys, SecretKeys
from app.authentication import Authenticator
from app.embedded_metrics import embedded_lines
from app.exception_handlers import add_exception_handlers, unforeseen
from app.gateway import Gateway, ReadinessCheck, Sinks
from app.in_flight import InFlight
from app.key_secret import SecretsManagerReader
from app.lifespan import lifespan
from app.metrics import Counters
from app.middleware import AnswerGuard, put_before_all
from app.observability import ReceiptLog, plain_lines
from app.rate_limit import RateLimiter
from app.registry import Registry
from app.settings import AuthMode, MetricsMode, Settings, load_settings
from app.sinks.aws import AwsSession, client_config
from app.sinks.breaker import Breaker
from app.sinks.connect import server_sinks

DESCRIPTION = """JSON records in over HTTP, judged before they enter the stream: good ones go to Snowflake, bad ones
to an error bucket, whole, explained and replayable."""

_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own would send what an exception quotes to wherever OTEL_* variables say, and looks for them with each
request. Receipts and metrics are ours."""


def create_app(
    settings: Settings | None = None, sinks: Sinks | None = None, session: AwsSession | None = None
) -> FastAPI:
    """Make the gateway.

    Args:
        settings: from the environment unless given.
        sinks: to AWS unless given; opened by the lifespan.
        session: what AWS clients are made by.

    Raises:
        ConfigurationError: the settings do not make a gateway.
    """
    settings = settings or load_settings()
    session = session or AwsSession()
    api_keys = _api_keys(settings, session)
    counters = Counters() if settings.metrics is MetricsMode.PROMETHEUS else None
    app: FastAPI = FastAPIOffline(
        title="Sluice",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        static_url=docs.ASSETS,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.openapi = lambda: _openapi_document(app)  # type: ignore[method-assign]  # FastAPI's documented way
    sinks = sinks or server_sinks(settings, session)
    in_flight = InFlight(settings.max_requests_in_flight, settings.max_bytes_in_flight)
    app.state.gateway = Gateway(
        settings=settings,
        sinks=sinks,
        registry=Registry.load(settings.schemas_uri),
        api_keys=api_keys,
        authenticator=Authenticator(settings.auth, api_keys),
        rate_limiter=RateLimiter(settings.rate_limit_requests_per_second, time.monotonic, settings.source_limits),
        in_flight=in_flight,
        receipts=ReceiptLog(
            settings.receipt_file,
            lines_of=embedded_lines(settings.stage) if settings.metrics is MetricsMode.CLOUDWATCH else plain_lines,
        ),
        counters=counters,
    )
    readiness_checks: dict[str, ReadinessCheck] = {}
    app.state.readiness_checks = readiness_checks
    app.state.metric_sources = []
    for router in (records.router, health.router, schemas.router, docs.router):
        app.include_router(router)
    if counters is not None:
        _add_metrics(app, counters, in_flight, sinks.breaker)
    add_exception_handlers(app)
    app.add_middleware(AnswerGuard, unforeseen=unforeseen)
    put_before_all(app, records.RecordsLane)
    return app


def _openapi_document(app: FastAPI) -> dict[str, Any]:
    from app.openapi import document  # noqa: PLC0415 - has no place in Lambda's start

    return document(app)


def _add_metrics(app: FastAPI, counters: Counters, in_flight: InFlight, breaker: Breaker | None) -> None:
    from app.api.metrics import metrics_router  # noqa: PLC0415 - prometheus_client has no place in Lambda's start

    app.include_router(metrics_router(counters, in_flight, breaker))


def _api_keys(settings: Settings, session: AwsSession) -> ApiKeys:
    if settings.api_keys_secret_arn is None or settings.auth is AuthMode.NONE:
        return GivenKeys(settings.api_keys)
    config = client_config(settings.aws_region, connections=1)
    reader = SecretsManagerReader(lambda: session.client("secretsmanager", config), settings.api_keys_secret_arn)
    return SecretKeys(reader, time.time)
