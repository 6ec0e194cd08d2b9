"""What a scenario is made of."""

from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from loadtest.arrivals import Burst
from loadtest.skew import Zipf
from loadtest.verdict import Limits


class BatchSizes(Protocol):
    """How many records a request has."""

    def draw(self, rng: Random) -> int:
        """One size, at least 1."""


@dataclass(frozen=True, slots=True)
class Bad:
    """What of it has to be rejected.

    Attributes:
        record_share: of the records.
        body_share: of the requests, for each reason that takes a whole one, but `too_large`.
        too_large_share: of the requests: one record of a megabyte.
    """

    record_share: float
    body_share: float
    too_large_share: float


@dataclass(frozen=True, slots=True)
class Slow:
    """Clients that send slowly.

    Attributes:
        share: of the users.
        bytes_per_second: that such a client sends.
    """

    share: float
    bytes_per_second: float


@dataclass(frozen=True)
class Scenario:
    """A load: rates in requests a second of all users together, shares from 0 to 1.

    Attributes:
        about: where its figures come from.
        gzip_share, schema_share: of the requests.
        resend_share: of the requests, sent once more at once with the same Idempotency-Key.
    """

    name: str
    about: str
    rate: float
    users: int
    batch: BatchSizes
    ids: Zipf = field(default_factory=Zipf)
    burst: Burst | None = None
    gzip_share: float = 0.25
    schema_share: float = 0.25
    resend_share: float = 0.02
    bad: Bad | None = None
    slow: Slow | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def title(self) -> str:
        """Its first line."""
        return self.about.strip().splitlines()[0]
