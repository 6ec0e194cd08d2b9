"""What every request needs, made once and kept on `app.state`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from app.authentication import Authenticator
from app.observability import ReceiptLog
from app.rate_limit import RateLimiter
from app.registry import Registry
from app.settings import Settings
from app.sinks.base import Sink

ReadinessCheck = Callable[[float], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where records go."""

    stream: Sink
    error_bucket: Sink

    async def open(self) -> None:
        """Open both."""
        await self.stream.open()
        await self.error_bucket.open()

    async def close(self) -> None:
        """Close both."""
        await self.stream.close()
        await self.error_bucket.close()


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts that serve requests."""

    settings: Settings
    sinks: Sinks
    registry: Registry
    authenticator: Authenticator
    rate_limiter: RateLimiter
    receipts: ReceiptLog


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves `request`."""
    gateway = request.app.state.gateway
    if not isinstance(gateway, Gateway):
        raise TypeError("app.state.gateway is not a Gateway: make the app with create_app")
    return gateway
