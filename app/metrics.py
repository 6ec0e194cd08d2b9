"""What is measured of each request: the table of CloudWatch's metrics, and counters for Prometheus."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from app.observability import Receipt
from app.sinks.base import RETRY_REASONS, Effort
from app.validation import Reason

NAMESPACE = "Sluice"
"""Of all metrics in CloudWatch."""
_BY_STAGE = (("Stage",),)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as CloudWatch gets it.

    Attributes:
        unit: one of CloudWatch's (CloudWatch API reference, MetricDatum).
        dimensions: the sets of dimension names that it can be looked up by; `Stage` is the setting `stage`.
    """

    unit: str
    dimensions: tuple[tuple[str, ...], ...]
    description: str


EMITTED: Mapping[str, Metric] = MappingProxyType(
    {
        "RequestCount": Metric("Count", (("Stage",), ("Stage", "Status")), "1 for each POST /records; by its status."),
        "RecordsAccepted": Metric("Count", _BY_STAGE, "Records confirmed in the stream, or spilled."),
        "RecordsSpilled": Metric("Count", _BY_STAGE, "Of the accepted records, those that wait for the stream."),
        "RecordsRejected": Metric("Count", (("Stage",), ("Stage", "Reason")), "Records kept in the error bucket."),
        "RecordsRetry": Metric("Count", _BY_STAGE, "Records answered `retry`: confirmed in neither."),
        "RecordsResent": Metric("Count", _BY_STAGE, "Lines that were sent again, to the stream or the error bucket."),
        "ReceivedBytes": Metric("Bytes", _BY_STAGE, "Size of the body as received."),
        "RejectedShare": Metric("Percent", _BY_STAGE, "Of a request's records, those that were found bad."),
        "RequestMilliseconds": Metric("Milliseconds", _BY_STAGE, "From the request's head to its answer."),
        "StreamMilliseconds": Metric(
            "Milliseconds", _BY_STAGE, "Storing a request's good records, retries and spilling included."
        ),
        "ErrorBucketMilliseconds": Metric(
            "Milliseconds", _BY_STAGE, "Storing a request's bad records, retries included."
        ),
        "BreakerOpened": Metric("Count", _BY_STAGE, "1 when a process stops asking a stream that takes nothing."),
        "BreakerClosed": Metric("Count", _BY_STAGE, "1 when it asks again, for the stream takes records again."),
    }
)
"""Every metric of NAMESPACE. Alarms and dashboards are tested against it."""

DRAINED: Mapping[str, Metric] = MappingProxyType(
    {
        "RecordsDrained": Metric("Count", _BY_STAGE, "Spilled records that are in the stream now."),
        "SpillAgeSeconds": Metric(
            "Seconds", _BY_STAGE, "How long what a drain left behind has waited; 0 if nothing, none if unseen."
        ),
    }
)
"""What the drain's function writes once a run, the age where it is known."""

STATUSES = (202, 207, 400, 401, 408, 413, 415, 422, 429, 499, 500, 503)
"""What POST /records answers; 499 is a client that went away."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the histograms: from an answer without I/O to the longest that storing may take by default."""


class Histogram:
    """How many values fell between the bounds, and their sum; a value on a bound is below it, as Prometheus counts."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count `value`."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class SinkCounters:
    """What storing in one sink took."""

    __slots__ = ("resent", "seconds")

    def __init__(self) -> None:
        self.resent = 0
        self.seconds = Histogram()

    def add(self, effort: Effort) -> None:
        """Count one put."""
        self.resent += effort.resent
        self.seconds.observe(effort.milliseconds / 1000)


class Counters:
    """Sums over this process's requests. Plain numbers, for they are changed by one event loop only.

    Attributes:
        requests: how many, by status.
        rejected, retry: how many records, by reason.

    Every status and reason is there from the start: a counter that appears with its first value hides that value from
    Prometheus's `increase`.
    """

    def __init__(self) -> None:
        self.requests = defaultdict[int, int](int, dict.fromkeys(STATUSES, 0))
        self.accepted = 0
        self.spilled = 0
        self.rejected = defaultdict[str, int](int, {reason.value: 0 for reason in Reason})
        self.retry = defaultdict[str, int](int, dict.fromkeys(RETRY_REASONS, 0))
        self.received_bytes = 0
        self.seconds = Histogram()
        self.breaker_opened = 0
        self.breaker_closed = 0
        self.stream = SinkCounters()
        self.error_bucket = SinkCounters()

    def add(self, receipt: Receipt) -> None:
        """Count one request."""
        self.requests[receipt.status] += 1
        self.accepted += len(receipt.accepted)
        self.spilled += len(receipt.spilled)
        self.received_bytes += receipt.received_bytes
        self.seconds.observe(receipt.milliseconds["total"] / 1000)
        if receipt.stream is not None:
            self.stream.add(receipt.stream)
            self.breaker_opened += receipt.stream.breaker_opened
            self.breaker_closed += receipt.stream.breaker_closed
        if receipt.error_bucket is not None:
            self.error_bucket.add(receipt.error_bucket)
        for reason, count in receipt.rejected_reasons.items():
            self.rejected[reason] += count
        for reason, count in receipt.retry_reasons.items():
            self.retry[reason] += count
