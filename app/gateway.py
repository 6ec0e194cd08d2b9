"""The parts that serve requests, made once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.api_keys import ApiKeys
from app.authentication import Authenticator
from app.deadlines import Deadlines
from app.in_flight import InFlight
from app.metrics import Counters
from app.observability import Receipt, ReceiptLog
from app.rate_limit import RateLimiter
from app.registry import Registry
from app.settings import Settings
from app.sinks.base import Sink
from app.sinks.breaker import Breaker

ReadinessCheck = Callable[[float], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where records go.

    Attributes:
        breaker: the stream's, if it has one; for the metrics.
    """

    stream: Sink
    error_bucket: Sink
    breaker: Breaker | None = None

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
    """The parts that serve requests.

    Attributes:
        bodies: of requests whose body is awaited.
    """

    settings: Settings
    sinks: Sinks
    registry: Registry
    api_keys: ApiKeys
    authenticator: Authenticator
    rate_limiter: RateLimiter
    in_flight: InFlight
    receipts: ReceiptLog
    counters: Counters | None
    bodies: Deadlines = field(default_factory=Deadlines)

    def account_for(self, receipt: Receipt) -> None:
        """Write and count what became of a request."""
        self.receipts.write(receipt)
        if self.counters is not None:
            self.counters.add(receipt)
