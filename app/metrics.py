"""What the gateway measures of each request, and the two forms that it tells it in: counters and CloudWatch's lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

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
        "RecordsAccepted": Metric("Count", _BY_STAGE, "Records confirmed in the stream."),
        "RecordsRejected": Metric("Count", (("Stage",), ("Stage", "Reason")), "Records kept in the error bucket."),
        "RecordsRetry": Metric("Count", _BY_STAGE, "Records answered `retry`: confirmed in neither."),
        "RecordsResent": Metric("Count", _BY_STAGE, "Lines that were sent again, to the stream or the error bucket."),
        "ReceivedBytes": Metric("Bytes", _BY_STAGE, "Size of the body as received."),
        "RejectedShare": Metric("Percent", _BY_STAGE, "Of a request's records, those that were found bad."),
        "RequestMilliseconds": Metric("Milliseconds", _BY_STAGE, "From the request's head to its answer."),
        "StreamMilliseconds": Metric("Milliseconds", _BY_STAGE, "Storing a request's good records, retries included."),
        "ErrorBucketMilliseconds": Metric(
            "Milliseconds", _BY_STAGE, "Storing a request's bad records, retries included."
        ),
    }
)
"""Every metric of NAMESPACE. Alarms and dashboards are tested against it."""
