"""What a run has counted so far, in a form that workers can send and a master can add up. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from loadtest.answers import Outcome
from loadtest.latencies import Latencies


@dataclass
class Tally:
    """Counts of requests and of records.

    Attributes:
        counts: by name, see NAMES.
        errors: requests that went wrong, by what was wrong.
        latencies: milliseconds from when a request was due to its last answer.
        service: milliseconds that the last attempt of it took, as Locust measures.
    """

    FATES: ClassVar = ("accepted", "rejected", "retry", "throttled", "refused")
    NAMES: ClassVar = ("requests", "throttled_requests", "late", "resends", "bytes", "sent", *FATES)
    """Requests: attempts, those turned away with 429, those that left over 100 ms after they were due, those sent a
    second time on purpose, and the bytes of their bodies. Records: each once, however often its request went out."""

    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    service: Latencies = field(default_factory=Latencies)

    @property
    def unaccounted(self) -> int:
        """Records whose fate no answer told."""
        return self.counts["sent"] - sum(self.counts[name] for name in self.FATES)

    @property
    def error_share(self) -> float:
        """Of the requests that were not turned away with 429."""
        return self.errors.total() / max(1, self.counts["requests"] - self.counts["throttled_requests"])

    @property
    def throttled_share(self) -> float:
        """Of all requests."""
        return self.counts["throttled_requests"] / max(1, self.counts["requests"])

    def attempted(self, outcome: Outcome, body_bytes: int) -> None:
        """Count one request that went out, however it ended."""
        self.counts["requests"] += 1
        self.counts["bytes"] += body_bytes
        if outcome.throttled:
            self.counts["throttled_requests"] += 1
        if outcome.error is not None:
            self.errors[outcome.error] += 1

    def settled(self, outcome: Outcome, milliseconds: float, service_milliseconds: float) -> None:
        """Count the records of a request whose last attempt ended so; `sent` was counted before the first."""
        for name in self.FATES:
            self.counts[name] += getattr(outcome, name)
        if not outcome.throttled and not outcome.unknown:
            self.latencies.add(milliseconds)
            self.service.add(service_milliseconds)

    def add(self, other: Self) -> None:
        """Add what another process counted."""
        self.counts += other.counts
        self.errors += other.errors
        self.latencies.buckets += other.latencies.buckets
        self.service.buckets += other.service.buckets

    def as_message(self) -> dict[str, dict[str, int]]:
        """For the wire."""
        return {
            "counts": dict(self.counts),
            "errors": dict(self.errors),
            "latencies": dict(self.latencies.buckets),
            "service": dict(self.service.buckets),
        }

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """The opposite of `as_message`."""
        return cls(
            Counter(message["counts"]),
            Counter(message["errors"]),
            Latencies(message["latencies"]),
            Latencies(message["service"]),
        )
