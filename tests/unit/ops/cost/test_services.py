"""Each service's part of the bill, worked out by hand with round prices."""

from dataclasses import replace

import pytest

from ops.cost import price_list
from ops.cost.demand import Demand
from ops.cost.packing import Sent
from ops.cost.services import bill, charges
from ops.cost.workload import ON_DEMAND, Setup, Workload
from tests.unit.ops.cost.pricing import ROUND, USD

GB = 1024**3
SENT = Sent(records=2e6, payload_bytes=90 * GB, put_units=5e6, on_demand_bytes=100 * GB, firehose_bytes=200 * GB)
USED = Demand(
    records=50e6,
    requests=3e6,
    http_units=4e6,
    gb_seconds=600_000,
    containers=9,
    stream=SENT,
    shards=3,
    shards_needed=1.2,
    file_seconds=60,
    files=43_800,
    landed_gb=90,
    stored_landing_gb=500,
    error_objects=20_000,
    stored_errors_gb=7,
    spill_objects=1_000,
    drain_runs=40_000,
    drain_gb_seconds=3_000,
    drain_lists=40_001,
    logs_gb=12,
    stored_logs_gb=4,
    answers_gb=11,
)
WORKLOAD, SETUP = Workload(rate=19.0, rejected=0.01, spilled=0.01), Setup()


def dollars(service: str, setup: Setup = SETUP, workload: Workload = WORKLOAD) -> float:
    lines = charges(USED, workload, setup, ROUND)
    return sum(charge.dollars for charge in lines if charge.service == service)


def test_http_api() -> None:
    assert dollars("HTTP API") == pytest.approx(4 * 1.0)


def test_lambda() -> None:
    assert dollars("Lambda") == pytest.approx(3 * 0.2 + 600_000 * 0.00002)
    assert dollars("Lambda", replace(SETUP, architecture="arm64")) == pytest.approx(3 * 0.2 + 600_000 * 0.00001)


def test_kinesis_provisioned() -> None:
    assert dollars("Kinesis") == pytest.approx(3 * 730 * 0.02 + 5 * 0.01)


def test_kinesis_provisioned_with_a_week_of_retention() -> None:
    longer = replace(SETUP, stream_hours=168)
    assert dollars("Kinesis", longer) == pytest.approx(3 * 730 * (0.02 + 0.03) + 5 * 0.01)


def test_kinesis_on_demand() -> None:
    assert dollars("Kinesis", replace(SETUP, mode=ON_DEMAND)) == pytest.approx(730 * 0.04 + 100 * (0.08 + 0.05))


def test_kinesis_on_demand_with_two_days_of_retention() -> None:
    """100 GB a month are 100 * 24 / 730 GB in the day that is paid for."""
    longer = replace(SETUP, mode=ON_DEMAND, stream_hours=48)
    assert dollars("Kinesis", longer) == pytest.approx(730 * 0.04 + 100 * 0.13 + 100 * 24 / 730 * 0.1)


def test_firehose() -> None:
    assert dollars("Firehose") == pytest.approx(200 * 0.03)


def test_landing_files() -> None:
    assert dollars("S3 landing") == pytest.approx(43.8 * 0.005 + 43.8 * 0.0004 + 500 * 0.02)


def test_errors_and_spill() -> None:
    """20,000 and 1,000 PUTs, a GET for each spilled object."""
    assert dollars("S3 errors, spill") == pytest.approx(20 * 0.005 + 7 * 0.02 + 1 * 0.005 + 1 * 0.0004)


def test_drain() -> None:
    runs, lists = 0.04 * 0.2, 40.001 * 0.005
    assert dollars("Drain") == pytest.approx(runs + 3_000 * 0.00002 + lists)
    assert dollars("Drain", replace(SETUP, architecture="arm64")) == pytest.approx(runs + 3_000 * 0.00001 + lists)


def test_the_drain_is_billed_where_nothing_is_spilled() -> None:
    """ "Some 30 cents a month, most of it for listing", says drain.yaml of one run a minute."""
    calm = bill(Workload(rate=1), SETUP, price_list.load("us-east-1"))
    cents = {charge.what: charge.dollars * 100 for charge in calm.charges if charge.service == "Drain"}
    assert 25 < sum(cents.values()) < 35
    assert cents["LISTs"] > sum(cents.values()) / 2


def test_snowpipe() -> None:
    assert dollars("Snowpipe") == pytest.approx(90 * 0.004 * 2)
    assert dollars("Snowpipe", replace(SETUP, edition="business_critical")) == pytest.approx(90 * 0.004 * 4)


def test_cloudwatch() -> None:
    """13 metrics of a request and 2 of the drain, one more for each of two statuses and three reasons: 20."""
    assert dollars("CloudWatch") == pytest.approx(12 * 0.5 + 4 * 0.03 + 20 * 0.3 + 21 * 0.1 + 3)


def test_metrics_that_nobody_writes_are_not_billed() -> None:
    """Without spilling, not the breaker's two; without rejecting, no reason and one status: 14. The drain's stay."""
    calm = Workload(rate=19.0)
    assert dollars("CloudWatch", workload=calm) == pytest.approx(12 * 0.5 + 4 * 0.03 + 14 * 0.3 + 21 * 0.1 + 3)


def test_keys_and_secrets() -> None:
    """9 containers read the secret once a minute; they and Firehose rotate a key 12 times an hour; of the requests to
    S3, twice 43,800, 20,000 and twice 1,000, a hundredth reaches KMS."""
    reads = 9 * 60 * 730
    kms = 10 * 12 * 730 + reads + 109_600 * 0.01
    assert dollars("KMS, secrets") == pytest.approx(1 + 0.4 + kms / 10_000 * 0.03 + reads / 10_000 * 0.05)


def test_answers() -> None:
    assert dollars("Answers out") == pytest.approx(11 * 0.09)


def test_every_service_has_its_test() -> None:
    """A service that is added to the bill is to be worked out here too."""
    names = {charge.service for charge in charges(USED, WORKLOAD, SETUP, ROUND)}
    assert len(names) == 11


def test_every_price_of_a_list_is_on_a_bill() -> None:
    """But for the one that is only compared with."""
    assert set(price_list.load("us-east-1").prices) == set(USD)


def test_the_total_is_the_sum() -> None:
    found = bill(Workload(1000, batch=500, rejected=0.01), SETUP, ROUND)
    assert found.total == pytest.approx(sum(found.by_service().values()))
    assert found.total == pytest.approx(found.per_million * 1000 * 730 * 3600 / 1e6)
