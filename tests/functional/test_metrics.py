"""The metrics of both ways in, read as Prometheus and as CloudWatch would, are what was posted."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from app.validation import Reason
from tests.functional.conftest import KEYS, TRANSPORTS, Gateway, StartGateway
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem, assert_retry
from tests.support.embedded_metrics import Point, points_in
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.processes import clean_environment
from tests.support.transports import post

HASTY_SECONDS = "1"
STAGE = "test"
KEY = {"X-Api-Key": KEYS["shop"]}
GOOD = [make.record(number) for number in range(3)]
SUMMED = {
    "sluice_records_resent_total": "resent",
    "sluice_received_bytes_total": "bytes",
    "sluice_request_seconds_count": "timed",
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
    for sample in samples(gateway):
        labels, value = sample.labels, int(sample.value)
        if sample.name == "sluice_requests_total":
            figures["request", labels["status"]] += value
        elif sample.name == "sluice_records_total":
            reason = labels["reason"] if labels["outcome"] == "rejected" else ""
            figures["record", labels["outcome"], reason] += value
        elif sample.name in SUMMED:
            figures[(SUMMED[sample.name],)] += value
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
        "RecordsRetry": ("record", "retry", ""),
        "RecordsResent": ("resent",),
        "ReceivedBytes": ("bytes",),
        "RequestMilliseconds": ("timed",),
        "StreamMilliseconds": ("timed", "stream"),
        "ErrorBucketMilliseconds": ("timed", "error_bucket"),
    }.get(point.name, (point.name,))


def samples(gateway: Gateway) -> list[Sample]:
    answer = gateway.client.request("GET", "/metrics")
    assert answer.status == 200
    return [sample for family in text_string_to_metric_families(answer.body.decode()) for sample in family.samples]


READERS = {"uvicorn": as_prometheus_counts, "lambda": as_cloudwatch_counts}
MODES = {"uvicorn": "prometheus", "lambda": "cloudwatch"}


@pytest.fixture(scope="module")
def _proxy(endpoint: str) -> Iterator[ProxyThread]:
    with running_proxy(endpoint) as running:
        yield running


@pytest.fixture(scope="module", params=TRANSPORTS)
def _gateway(request: pytest.FixtureRequest, start_gateway: StartGateway, _proxy: ProxyThread) -> Gateway:
    """It asks for keys, gives up soon and has a proxy behind it."""
    hashes = {source: [hashlib.sha256(key.encode()).hexdigest()] for source, key in KEYS.items()}
    return start_gateway(
        request.param,
        through=_proxy.url,
        SLUICE_AUTH="keys",
        SLUICE_API_KEYS=json.dumps(hashes),
        SLUICE_METRICS=MODES[request.param],
        SLUICE_STAGE=STAGE,
        SLUICE_DELIVERY_TIMEOUT_SECONDS=HASTY_SECONDS,
    )


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


MARKER = "do-not-tell-7f3a"


def test_nothing_of_a_client_is_in_a_log_line_or_a_metric(measured: Measured) -> None:
    marked = json.dumps({"id": MARKER, MARKER: MARKER}).encode()
    bad = json.dumps({MARKER: MARKER}).encode()
    headers = {**KEY, "Idempotency-Key": MARKER, "X-Marker": MARKER, "User-Agent": MARKER}
    query = f"?marker={MARKER}"
    client = measured.gateway.client
    for rules in ([], [Rule("*", Fault.DENY)], [Rule("*", Fault.CUT_BEFORE)]):
        measured.proxy.set_rules(rules)
        post(client, make.ndjson([marked, bad, MARKER.encode()]), headers, media="ndjson", query=query)
    post(client, MARKER.encode(), KEY)
    post(client, marked, {"Authorization": f"Bearer {MARKER}"})
    post(client, marked, KEY, media=f"text/{MARKER}")
    post(client, marked, {**KEY, "Content-Encoding": MARKER})
    client.request("GET", f"/{MARKER}")

    folder = measured.gateway.receipt_file.parent
    told = [path.read_text() for path in folder.iterdir()] + [client.request("GET", "/metrics").body.decode()]
    for secret in (MARKER, *KEYS.values(), hashlib.sha256(KEYS["shop"].encode()).hexdigest()):
        assert not any(secret in text for text in told)
    logged = [json.loads(line) for line in (folder / f"{client.name}.log").read_text().splitlines()]
    assert {line["event"] for line in logged} >= {"receipt", "log"}
    assert all(line["request_id"] for line in logged)


@pytest.fixture(scope="module")
def exposed(start_gateway: StartGateway) -> Gateway:
    """A gateway as it is by default, with some requests behind it."""
    gateway = start_gateway("uvicorn")
    for body in (GOOD[0], b"{}", make.array(GOOD)):
        post(gateway.client, body)
    return gateway


def test_the_page_is_prometheus_text(exposed: Gateway) -> None:
    answer = exposed.client.request("GET", "/metrics", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    assert {name: family.type for name, family in families.items()} == {
        "sluice_requests": "counter",
        "sluice_records": "counter",
        "sluice_records_resent": "counter",
        "sluice_received_bytes": "counter",
        "sluice_request_seconds": "histogram",
        "sluice_sink_seconds": "histogram",
    }
    assert all(family.documentation for family in families.values())


def test_buckets_are_cumulative_and_end_with_all(exposed: Gateway) -> None:
    buckets: dict[tuple[str, str], list[tuple[float, float]]] = {}
    counts: dict[tuple[str, str], float] = {}
    for sample in samples(exposed):
        name, _, kind = sample.name.rpartition("_")
        series = (name, sample.labels.get("sink", ""))
        if kind == "bucket":
            buckets.setdefault(series, []).append((float(sample.labels["le"]), sample.value))
        elif kind == "count":
            counts[series] = sample.value
        elif kind == "sum":
            assert sample.value > 0
    assert counts == {
        ("sluice_request_seconds", ""): 3,
        ("sluice_sink_seconds", "stream"): 2,
        ("sluice_sink_seconds", "error_bucket"): 1,
    }
    for series, found in buckets.items():
        assert found == sorted(found), series
        assert [count for _, count in found] == sorted(count for _, count in found), series
        assert found[-1] == (float("inf"), counts[series])


def test_every_reason_is_shown_before_it_occurs(exposed: Gateway) -> None:
    shown = {sample.labels["reason"] for sample in samples(exposed) if sample.name == "sluice_records_total"}
    assert shown == {reason.value for reason in Reason} | {"", "stream_unavailable", "error_bucket_unavailable"}


def test_the_page_is_not_the_clients(exposed: Gateway) -> None:
    assert "/metrics" not in exposed.client.request("GET", "/openapi.json").json()["paths"]
    assert_problem(exposed.client.request("POST", "/metrics"), 405)


def test_without_prometheus_there_is_no_page(measured: Measured, start_gateway: StartGateway) -> None:
    if measured.gateway.client.name == "lambda":
        assert_problem(measured.gateway.client.request("GET", "/metrics"), 404)
    else:
        off = start_gateway("uvicorn", SLUICE_METRICS="none")
        assert_problem(off.client.request("GET", "/metrics"), 404)
        post(off.client, GOOD[0])
        assert "_aws" not in off.receipts("")[0]


def test_lambda_does_not_load_the_prometheus_client() -> None:
    settings = {
        "SLUICE_STREAM_NAME": "records",
        "SLUICE_ERROR_BUCKET": "errors",
        "SLUICE_AUTH": "none",
        "SLUICE_METRICS": "cloudwatch",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    loaded = "print('prometheus_client' in sys.modules)"
    code = f"import app.lambda_handler, sys; {loaded}; import app.api.metrics; {loaded}"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], env=clean_environment(settings), capture_output=True, check=True
    )
    assert done.stdout.split() == [b"False", b"True"]


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_load_balancers_may_ask_with_head(exposed: Gateway, path: str) -> None:
    answer = exposed.client.request("HEAD", path)
    assert (answer.status, answer.body) == (200, b"")
