"""GET /metrics: Prometheus's text, there only where it is asked for."""

import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.metrics import STATUSES
from app.validation import Reason
from tests.functional.conftest import Gateway, StartGateway
from tests.support import generators as make
from tests.support.contract import assert_problem
from tests.support.processes import clean_environment
from tests.support.prometheus import samples
from tests.support.transports import post

GOOD = [make.record(number) for number in range(3)]


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
        "sluice_records_spilled": "counter",
        "sluice_requests_in_flight": "gauge",
        "sluice_bytes_in_flight": "gauge",
        "sluice_breaker_state": "gauge",
        "sluice_breaker_changes": "counter",
        "sluice_records_resent": "counter",
        "sluice_received_bytes": "counter",
        "sluice_request_seconds": "histogram",
        "sluice_sink_seconds": "histogram",
    }
    assert all(family.documentation for family in families.values())


def test_buckets_are_cumulative_and_end_with_all(exposed: Gateway) -> None:
    buckets: dict[tuple[str, str], list[tuple[float, float]]] = {}
    counts: dict[tuple[str, str], float] = {}
    for sample in samples(exposed.client):
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


def test_every_status_and_reason_is_shown_before_it_occurs(exposed: Gateway) -> None:
    statuses = {sample.labels["status"] for sample in samples(exposed.client) if sample.name == "sluice_requests_total"}
    assert statuses == {str(status) for status in STATUSES}
    shown = {sample.labels["reason"] for sample in samples(exposed.client) if sample.name == "sluice_records_total"}
    assert shown == {reason.value for reason in Reason} | {"", "stream_unavailable", "error_bucket_unavailable"}


def test_the_page_is_not_the_clients(exposed: Gateway) -> None:
    assert "/metrics" not in exposed.client.request("GET", "/openapi.json").json()["paths"]
    assert_problem(exposed.client.request("POST", "/metrics"), 405)


def test_without_prometheus_there_is_no_page(start_gateway: StartGateway) -> None:
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
