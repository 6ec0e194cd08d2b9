"""The counters."""

from collections import Counter

import pytest

from app.api.documentation import RECORDS_RESPONSES
from app.exception_handlers import CLIENT_GONE
from app.exceptions import HttpError
from app.metrics import EMITTED, STATUSES, Counters, Histogram
from app.observability import Receipt
from app.sinks.base import RETRY_REASONS, Effort
from app.validation import Reason

CLOUDWATCH_UNITS = {"Count", "Bytes", "Percent", "Milliseconds"}


@pytest.mark.parametrize(("value", "bucket"), [(0, 0), (1, 0), (1.5, 1), (2, 1), (2.1, 2)])
def test_a_value_on_a_bound_is_below_it(value: float, bucket: int) -> None:
    histogram = Histogram((1, 2))
    histogram.observe(value)
    assert (histogram.counts.index(1), sum(histogram.counts), histogram.total) == (bucket, 1, value)


def test_requests_add_up() -> None:
    counters = Counters()
    counters.add(Receipt("a", "then", status=401, milliseconds={"total": 0.5}))
    for _ in range(2):
        counters.add(
            Receipt(
                "b",
                "then",
                status=503,
                accepted=[0, 1],
                spilled=[1],
                rejected=[2],
                retry=[3],
                received_bytes=10,
                milliseconds={"total": 30.0},
                rejected_reasons={"missing_id": 1},
                retry_reasons={"stream_unavailable": 1},
                stream=Effort(20.0, 5, breaker_opened=True),
                error_bucket=Effort(2.0, 0),
            )
        )
    assert +Counter(counters.requests) == {401: 1, 503: 2}
    assert (counters.accepted, counters.spilled, counters.received_bytes) == (4, 2, 20)
    assert (counters.breaker_opened, counters.breaker_closed) == (2, 0)
    assert (sum(counters.rejected.values()), counters.rejected["missing_id"]) == (2, 2)
    assert (sum(counters.retry.values()), counters.retry["stream_unavailable"]) == (2, 2)
    assert (counters.stream.resent, counters.error_bucket.resent) == (10, 0)
    assert sum(counters.seconds.counts) == 3
    assert counters.seconds.total == pytest.approx(0.0605)
    assert counters.stream.seconds.total == pytest.approx(0.04)
    assert sum(counters.error_bucket.seconds.counts) == 2


def test_every_status_and_reason_is_counted_from_the_start() -> None:
    counters = Counters()
    assert counters.requests == dict.fromkeys(STATUSES, 0)
    assert set(STATUSES) == {*RECORDS_RESPONSES, CLIENT_GONE, HttpError.status}
    assert counters.rejected == {reason.value: 0 for reason in Reason}
    assert counters.retry == dict.fromkeys(RETRY_REASONS, 0)


def test_the_table_is_complete() -> None:
    assert {metric.unit for metric in EMITTED.values()} == CLOUDWATCH_UNITS
    assert all(("Stage",) in metric.dimensions and metric.description for metric in EMITTED.values())
