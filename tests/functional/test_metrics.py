"""The metrics of both ways in, read as Prometheus and as CloudWatch would, are what was posted."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from app.sinks.breaker import APART_SECONDS, FAILURES_TO_OPEN, FIRST_PAUSE_SECONDS
from app.validation import Reason
from tests.functional.conftest import KEYS, TRANSPORTS, Gateway, StartGateway
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem, assert_retry
from tests.support.embedded_metrics import Point, points_in
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.prometheus import samples
from tests.support.runbook import INSIGHTS_FIELDS, INSIGHTS_QUERIES, fields_asked_for, flattened
from tests.support.transports import Client, post

DELIVERY_SECONDS, SOON_GIVEN_UP = "4", "0.5"
STAGE, MARKER = "test", "do-not-tell-7f3a"
KEY = {"X-Api-Key": KEYS["shop"]}
HASHES = {source: [hashlib.sha256(key.encode()).hexdigest()] for source, key in KEYS.items()}
GOOD = [make.record(number) for number in range(3)]
SUMMED = {
    "sluice_records_resent_total": "resent",
    "sluice_received_bytes_total": "bytes",
    "sluice_request_seconds_count": "timed",
    "sluice_records_spilled_total": "spilled",
}
SINK_COUNT = "sluice_sink_seconds_count"

Figures = Counter[tuple[str, ...]]
"""What was counted: `("request", status)`, `("record", outcome, reason)`, `("resent",)`, `("bytes",)` and so on."""


@dataclass(frozen=True)
class Measured:
    """A gateway and what it has counted since the test began."""

    gateway: Gateway
    proxy: ProxyThread
    read: Callable[[], Figures]
    before: Figures

    def grown(self) -> Figures:
        return self.read() - self.before


def as_prometheus_counts(gateway: Gateway) -> Figures:
    figures = Figures()
    for sample in samples(gateway.client):
        labels, value = sample.labels, int(sample.value)
        if sample.name == "sluice_requests_total":
            figures["request", labels["status"]] += value
        elif sample.name == "sluice_records_total":
            reason = labels["reason"] if labels["outcome"] == "rejected" else ""
            figures["record", labels["outcome"], reason] += value
        elif sample.name in SUMMED:
            figures[(SUMMED[sample.name],)] += value
        elif sample.name == "sluice_breaker_changes_total":
            figures["breaker", labels["to"]] += value
        elif sample.name == SINK_COUNT:
            figures["timed", labels["sink"]] += value
    return figures


def as_cloudwatch_counts(gateway: Gateway) -> Figures:
    figures = Figures()
    for point in points_in((gateway.receipt_file.parent / "lambda.log").read_bytes().splitlines(keepends=True)):
        dimensions = dict(point.dimensions)
        assert dimensions.pop("Stage") == STAGE
        figures[figure_of(point, dimensions)] += 1 if point.unit == "Milliseconds" else int(point.value)
    total = figures.pop(("RecordsRejected",), 0)
    assert total == sum(count for name, count in figures.items() if name[:2] == ("record", "rejected"))
    assert figures.pop(("RequestCount",), 0) == sum(count for name, count in figures.items() if name[0] == "request")
    figures.pop(("RejectedShare",), None)
    return figures


def figure_of(point: Point, dimensions: dict[str, str]) -> tuple[str, ...]:
    if dimensions:
        [(name, value)] = dimensions.items()
        return {"Status": ("request", value), "Reason": ("record", "rejected", value)}[name]
    return {
        "RecordsAccepted": ("record", "accepted", ""),
        "RecordsSpilled": ("spilled",),
        "BreakerOpened": ("breaker", "open"),
        "BreakerClosed": ("breaker", "closed"),
        "RecordsRetry": ("record", "retry", ""),
        "RecordsResent": ("resent",),
        "ReceivedBytes": ("bytes",),
        "RequestMilliseconds": ("timed",),
        "StreamMilliseconds": ("timed", "stream"),
        "ErrorBucketMilliseconds": ("timed", "error_bucket"),
    }.get(point.name, (point.name,))


READERS = {"uvicorn": as_prometheus_counts, "lambda": as_cloudwatch_counts}
MODES = {"uvicorn": "prometheus", "lambda": "cloudwatch"}


@pytest.fixture(scope="module")
def _proxy(endpoint: str) -> Iterator[ProxyThread]:
    with running_proxy(endpoint) as running:
        yield running


def started(start_gateway: StartGateway, transport: str, proxy: ProxyThread, delivery_seconds: str) -> Gateway:
    """It asks for keys and has a proxy behind it."""
    return start_gateway(
        transport,
        through=proxy.url,
        SLUICE_AUTH="keys",
        SLUICE_API_KEYS=json.dumps(HASHES),
        SLUICE_METRICS=MODES[transport],
        SLUICE_STAGE=STAGE,
        SLUICE_PACKING="false",  # so that a third of the entries is a third of the lines
        SLUICE_DELIVERY_TIMEOUT_SECONDS=delivery_seconds,
    )


@pytest.fixture(scope="module", params=TRANSPORTS)
def _gateway(request: pytest.FixtureRequest, start_gateway: StartGateway, _proxy: ProxyThread) -> Gateway:
    return started(start_gateway, request.param, _proxy, DELIVERY_SECONDS)


@pytest.fixture
def measured(_gateway: Gateway, _proxy: ProxyThread) -> Iterator[Measured]:
    _proxy.set_rules([])
    _proxy.forget_calls()

    def read() -> Figures:
        return READERS[_gateway.client.name](_gateway)

    yield Measured(_gateway, _proxy, read, read())
    _proxy.set_rules([])


def test_each_record_is_counted_under_its_reason(measured: Measured) -> None:
    deep, large = make.record_of_depth(1_000), make.record_of_size(1_100_000)
    lines = [*GOOD, *(line for line, _ in make.BAD_LINES.values()), deep, large]
    mixed, client = make.ndjson(lines), measured.gateway.client
    post(client, mixed, KEY, media="ndjson")
    post(client, GOOD[0], KEY, query="?schema=nobody")
    violation = b'{"id":"a"}'
    post(client, violation, KEY, query="?schema=order")
    post(client, b"{broken", KEY)
    undecodable = b"\x1f\x8b broken"
    post(client, undecodable, {**KEY, "Content-Encoding": "gzip"})

    rejected = Counter(reason for _, reason in make.BAD_LINES.values())
    rejected.update(["too_deep", "too_large", "unknown_schema", "schema_violation", "malformed_json"])
    rejected.update(["undecodable_body"])
    assert rejected.keys() == {reason.value for reason in Reason}
    by_reason: dict[tuple[str, ...], int] = {("record", "rejected", name): count for name, count in rejected.items()}
    assert measured.grown() == {
        **by_reason,
        ("record", "accepted", ""): 3,
        ("request", "207"): 1,
        ("request", "422"): 2,
        ("request", "400"): 2,
        ("bytes",): len(mixed) + len(GOOD[0]) + len(violation) + len(b"{broken") + len(undecodable),
        ("timed",): 5,
        ("timed", "stream"): 1,
        ("timed", "error_bucket"): 5,
    }


def test_a_refused_request_is_a_request_of_its_status(measured: Measured) -> None:
    client = measured.gateway.client
    for body, headers, media in (
        (GOOD[0], {}, "json"),
        (b"", KEY, "json"),
        (GOOD[0], {**KEY, "Idempotency-Key": "a b"}, "json"),
        (GOOD[0], KEY, "text/plain"),
        (make.padded(b"", 4 * make.MIB + 1), KEY, "ndjson"),
    ):
        post(client, body, headers, media=media)
    client.request("GET", "/records")
    client.request("GET", "/health")
    grown = measured.grown()
    assert grown.pop(("bytes",), 0) == 0, "a body that is refused unread is not counted"
    assert grown == {
        ("request", "401"): 1,
        ("request", "400"): 2,
        ("request", "415"): 1,
        ("request", "413"): 1,
        ("timed",): 5,
    }


def test_entries_that_fail_are_counted_as_resent(measured: Measured) -> None:
    measured.proxy.set_rules([Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=0.5, times=2)])
    records = [make.record(number) for number in range(40)]
    assert_answer(post(measured.gateway.client, make.ndjson(records), KEY, media="ndjson"), 202, accepted=40)
    failed = sum(entry.failed for call in measured.proxy.calls(PUT_RECORDS) for entry in call.entries)
    grown = measured.grown()
    assert failed > 10
    assert (grown["resent",], grown["record", "accepted", ""]) == (failed, 40)


def test_an_error_object_that_is_sent_again_counts_with_its_lines(measured: Measured) -> None:
    measured.proxy.set_rules([Rule(PUT_OBJECT, Fault.THROTTLE, times=2)])
    post(measured.gateway.client, make.ndjson([b"x", b"y", b"z"]), KEY, media="ndjson")
    grown = measured.grown()
    assert (grown["resent",], grown["record", "rejected", "malformed_json"]) == (6, 3)


def test_what_is_not_confirmed_is_counted_as_retry(measured: Measured) -> None:
    measured.proxy.set_rules([Rule(name, Fault.DENY) for name in (PUT_RECORDS, PUT_OBJECT)])
    body = make.ndjson([GOOD[0], b"x", GOOD[1]])
    retry = [(0, "stream_unavailable"), (1, "error_bucket_unavailable"), (2, "stream_unavailable")]
    assert_retry(post(measured.gateway.client, body, KEY, media="ndjson"), accepted=0, retry=retry)
    assert measured.grown() == {
        ("record", "retry", ""): 3,
        ("request", "503"): 1,
        ("bytes",): len(body),
        ("timed",): 1,
        ("timed", "stream"): 1,
        ("timed", "error_bucket"): 1,
    }


def test_spilled_records_and_the_breaker_s_changes_are_counted(measured: Measured) -> None:
    client = measured.gateway.client
    measured.proxy.set_rules([Rule(PUT_RECORDS, Fault.DENY)])
    for _ in range(FAILURES_TO_OPEN):
        time.sleep(APART_SECONDS)
        assert_answer(post(client, make.ndjson(GOOD), KEY, media="ndjson"), 202, accepted=3)
    down = measured.grown()
    assert (down["spilled",], down["record", "accepted", ""]) == (3 * FAILURES_TO_OPEN, 3 * FAILURES_TO_OPEN)
    assert (down["breaker", "open"], down["breaker", "closed"]) == (1, 0)
    assert down["request", "202"] == FAILURES_TO_OPEN
    if client.name == "uvicorn":
        assert states_of_the_breaker(client) == {"closed": 0, "half_open": 0, "open": 1}

    measured.proxy.set_rules([])
    time.sleep(FIRST_PAUSE_SECONDS)
    post(client, GOOD[0], KEY)
    up = measured.grown()
    assert (up["spilled",], up["breaker", "open"], up["breaker", "closed"]) == (3 * FAILURES_TO_OPEN, 1, 1)
    if client.name == "uvicorn":
        assert states_of_the_breaker(client) == {"closed": 1, "half_open": 0, "open": 0}


def states_of_the_breaker(client: Client) -> dict[str, float]:
    return {sample.labels["state"]: sample.value for sample in samples(client) if sample.name == "sluice_breaker_state"}


def test_nothing_of_a_client_is_in_a_log_line_or_a_metric(measured: Measured, start_gateway: StartGateway) -> None:
    marked = json.dumps({"id": MARKER, MARKER: MARKER}).encode()
    bad = json.dumps({MARKER: MARKER}).encode()
    headers = {**KEY, "Idempotency-Key": MARKER, "X-Marker": MARKER, "User-Agent": MARKER}
    query = f"?marker={MARKER}"
    impatient = started(start_gateway, measured.gateway.client.name, measured.proxy, SOON_GIVEN_UP)
    gateways, client = (measured.gateway, impatient), impatient.client
    for rules in ([], [Rule("*", Fault.DENY)], [Rule("*", Fault.CUT_BEFORE)]):
        measured.proxy.set_rules(rules)
        post(client, make.ndjson([marked, bad, MARKER.encode()]), headers, media="ndjson", query=query)
    post(client, MARKER.encode(), KEY)
    for schema in (f"?schema={MARKER}", f"?schema=order/{MARKER}", f"?schema={MARKER}&schema=order"):
        post(client, marked, KEY, query=schema)
    post(client, marked, {"Authorization": f"Bearer {MARKER}"})
    post(client, marked, KEY, media=f"text/{MARKER}")
    post(client, marked, {**KEY, "Content-Encoding": MARKER})
    client.request("GET", f"/{MARKER}")

    told = [path.read_text() for each in gateways for path in each.receipt_file.parent.iterdir()]
    told += [each.client.request("GET", "/metrics").body.decode() for each in gateways]
    for secret in (MARKER, *KEYS.values(), *HASHES["shop"]):
        assert not any(secret in text for text in told)
    logged = list(map(json.loads, impatient.receipt_file.with_name(f"{client.name}.log").read_text().splitlines()))
    assert {line["event"] for line in logged} >= {"receipt", "log"}
    assert all(line["request_id"] for line in logged)


def test_what_the_runbook_queries_is_in_the_receipts(measured: Measured) -> None:
    client, found = measured.gateway.client, set[str]()
    bodies = [make.ndjson([GOOD[0], b"{}"] * 300), make.ndjson([GOOD[0], b"x"])]
    for body, rules in zip(bodies, ([], [Rule("*", Fault.DENY)]), strict=True):
        measured.proxy.set_rules(rules)
        [receipt] = measured.gateway.receipts(post(client, body, KEY, media="ndjson").json()["request_id"])
        found.update(list(flattened(receipt))[:INSIGHTS_FIELDS])
    asked_for = [fields_asked_for(query) for query in INSIGHTS_QUERIES]
    assert asked_for == [
        {"event", "counts.rejected", "source"},
        {"reasons.rejected.missing_id", "source"},
        {"counts.retry", "request_id", "reasons.retry.stream_unavailable", "reasons.retry.error_bucket_unavailable"},
    ]
    assert set().union(*asked_for) <= found


def test_in_lambda_there_is_no_page(measured: Measured) -> None:
    if measured.gateway.client.name == "lambda":
        assert_problem(measured.gateway.client.request("GET", "/metrics"), 404)
