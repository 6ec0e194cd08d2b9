"""GET /metrics: this process's counters as Prometheus reads them.

The only module that imports prometheus_client, and only when the gateway serves the route. Not in the OpenAPI document:
it is there for whoever runs the gateway, and only with `metrics=prometheus`.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from starlette.requests import Request
from starlette.responses import Response

from app.in_flight import InFlight
from app.metrics import Counters, Histogram
from app.sinks.breaker import Breaker, State

MetricSource = Callable[[], Awaitable[Sequence[Metric]]]


def metrics_router(counters: Counters, in_flight: InFlight, breaker: Breaker | None) -> APIRouter:
    """The route. `app.state.metric_sources` may add metrics of what else the process knows."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        families = [*families_of(counters), *families_of_in_flight(in_flight)]
        if breaker is not None:
            families += families_of_breaker(breaker, counters)
        sources: list[MetricSource] = request.app.state.metric_sources
        for source in sources:
            families += await source()
        return Response(generate_latest(_Collected(families)), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return router


def families_of(counters: Counters) -> Iterator[Metric]:
    """The counters as metric families."""
    requests = CounterMetricFamily("sluice_requests", "POST /records, by status.", labels=["status"])
    for status, count in sorted(counters.requests.items()):
        requests.add_metric([str(status)], count)
    yield requests

    records = CounterMetricFamily("sluice_records", "Records, by what became of them.", labels=["outcome", "reason"])
    records.add_metric(["accepted", ""], counters.accepted)
    for outcome, reasons in (("rejected", counters.rejected), ("retry", counters.retry)):
        for reason, count in reasons.items():
            records.add_metric([outcome, reason], count)
    yield records

    yield CounterMetricFamily("sluice_records_spilled", "Of the accepted, those spilled.", value=counters.spilled)
    resent = CounterMetricFamily("sluice_records_resent", "Lines that a sink sent again.", labels=["sink"])
    seconds = HistogramMetricFamily("sluice_sink_seconds", "Storing a request's lines in a sink.", labels=["sink"])
    for name, sink in (("stream", counters.stream), ("error_bucket", counters.error_bucket)):
        resent.add_metric([name], sink.resent)
        seconds.add_metric([name], _buckets(sink.seconds), sink.seconds.total)
    yield resent
    yield seconds

    yield CounterMetricFamily("sluice_received_bytes", "Bodies as received.", value=counters.received_bytes)
    whole = HistogramMetricFamily("sluice_request_seconds", "From a request's head to its answer.")
    whole.add_metric([], _buckets(counters.seconds), counters.seconds.total)
    yield whole


def families_of_in_flight(in_flight: InFlight) -> Iterator[Metric]:
    """What is at hand now; the bounds are settings."""
    yield GaugeMetricFamily("sluice_requests_in_flight", "Requests at work.", value=in_flight.requests)
    yield GaugeMetricFamily("sluice_bytes_in_flight", "Bytes of bodies that are held.", value=in_flight.held_bytes)


def families_of_breaker(breaker: Breaker, counters: Counters) -> Iterator[Metric]:
    """The state of the stream's breaker now, and how often it changed."""
    state = GaugeMetricFamily("sluice_breaker_state", "1 for the state of the stream's breaker.", labels=["state"])
    for each in State:
        state.add_metric([each.value], breaker.state is each)
    yield state
    changes = CounterMetricFamily("sluice_breaker_changes", "How often it opened and closed.", labels=["to"])
    changes.add_metric([State.OPEN.value], counters.breaker_opened)
    changes.add_metric([State.CLOSED.value], counters.breaker_closed)
    yield changes


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*map(floatToGoString, histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


class _Collected(Collector):
    """Families that are there already, in the form that the exposition asks for."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
