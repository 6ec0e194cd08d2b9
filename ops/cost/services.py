"""The bill: what is used, service by service, at a region's prices."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.metrics import DRAINED, EMITTED
from ops.cost.demand import (
    BUCKET_KEY_SHARE,
    FREE_STREAM_HOURS,
    KEY_ROTATIONS,
    MONTH_DAYS,
    MONTH_HOURS,
    SECRET_READS,
    Demand,
    demand,
)
from ops.cost.price_list import GB, PriceList
from ops.cost.workload import PROVISIONED, Setup, Workload

ALARMS = 21
"""Of monitoring.yaml, which a test counts."""
DASHBOARDS = 1
STATUSES, REASONS = 2, 3
"""How many of each a stage sees in a month, each a custom metric: 202 and 207, and the usual reasons. An assumption."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the bill."""

    service: str
    what: str
    quantity: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's charges, and what they are for."""

    workload: Workload
    setup: Setup
    demand: Demand
    charges: tuple[Charge, ...]

    @property
    def total(self) -> float:
        """Dollars a month."""
        return sum(charge.dollars for charge in self.charges)

    @property
    def per_million(self) -> float:
        """Dollars for a million records that came."""
        return self.total / self.demand.records * 1e6

    def of(self, service: str) -> float:
        """Dollars a month of one service."""
        return sum(charge.dollars for charge in self.charges if charge.service == service)

    def by_service(self) -> dict[str, float]:
        """Dollars a month of each service, in the order of the way."""
        return {service: self.of(service) for service in dict.fromkeys(charge.service for charge in self.charges)}


_Line = Callable[[str, str, float], Charge]


def bill(workload: Workload, setup: Setup, prices: PriceList) -> Bill:
    """What a month of `workload` costs.

    Raises:
        WorkloadError: the stage cannot take it.
    """
    used = demand(workload, setup)
    return Bill(workload, setup, used, charges(used, workload, setup, prices))


def charges(used: Demand, workload: Workload, setup: Setup, prices: PriceList) -> tuple[Charge, ...]:
    """The lines of the bill for what is used, in the order of the way."""
    stations = (
        ("HTTP API", _http_api),
        ("Lambda", _lambda),
        ("Kinesis", _kinesis),
        ("Firehose", _firehose),
        ("S3 landing", _landing),
        ("S3 errors, spill", _errors),
        ("Drain", _drain),
        ("Snowpipe", _snowpipe),
        ("CloudWatch", _cloudwatch),
        ("KMS, secrets", _keys),
        ("Answers out", _answers),
    )
    return tuple(
        charge
        for service, station in stations
        for charge in station(used, workload, setup, partial(_charge, prices, service))
    )


def _charge(prices: PriceList, service: str, what: str, key: str, quantity: float) -> Charge:
    return Charge(service, what, quantity, prices.charge(key, quantity))


def _http_api(used: Demand, _workload: Workload, _setup: Setup, line: _Line) -> list[Charge]:
    return [line("requests in units of 512 KB", "http_api_requests", used.http_units)]


def _lambda(used: Demand, _workload: Workload, setup: Setup, line: _Line) -> list[Charge]:
    return [
        line("requests", "lambda_requests", used.requests),
        line("GB-seconds", f"lambda_gb_seconds_{setup.architecture}", used.gb_seconds),
    ]


def _kinesis(used: Demand, _workload: Workload, setup: Setup, line: _Line) -> list[Charge]:
    beyond = setup.stream_hours > FREE_STREAM_HOURS
    if setup.mode == PROVISIONED:
        hours = used.shards * MONTH_HOURS
        charges = [
            line("shard hours", "kinesis_shard_hours", hours),
            line("PUT payload units", "kinesis_put_units", used.stream.put_units),
        ]
        return charges + ([line("shard hours, retention", "kinesis_extended_shard_hours", hours)] if beyond else [])
    gigabytes = used.stream.on_demand_bytes / GB
    kept = gigabytes * (setup.stream_hours - FREE_STREAM_HOURS) / 24 / MONTH_DAYS
    charges = [
        line("stream hours", "kinesis_stream_hours", MONTH_HOURS),
        line("GB in", "kinesis_gb_in", gigabytes),
        line("GB out", "kinesis_gb_out", gigabytes),
    ]
    return charges + ([line("GB-months, retention", "kinesis_extended_gb_months", kept)] if beyond else [])


def _firehose(used: Demand, _workload: Workload, _setup: Setup, line: _Line) -> list[Charge]:
    return [line("GB", "firehose_gb", used.stream.firehose_bytes / GB)]


def _landing(used: Demand, _workload: Workload, _setup: Setup, line: _Line) -> list[Charge]:
    return [
        line("PUTs of files", "s3_puts", used.files),
        line("GETs by Snowpipe", "s3_gets", used.files),
        line("GB-months", "s3_gb_months", used.stored_landing_gb),
    ]


def _errors(used: Demand, _workload: Workload, _setup: Setup, line: _Line) -> list[Charge]:
    return [
        line("PUTs of error objects", "s3_puts", used.error_objects),
        line("GB-months of error objects", "s3_gb_months", used.stored_errors_gb),
        line("PUTs of spill objects", "s3_puts", used.spill_objects),
        line("GETs of the drain", "s3_gets", used.spill_objects),
    ]


def _drain(used: Demand, _workload: Workload, setup: Setup, line: _Line) -> list[Charge]:
    """Its runs, most of which find nothing; what it does with an object is billed where the object is."""
    return [
        line("requests", "lambda_requests", used.drain_runs),
        line("GB-seconds", f"lambda_gb_seconds_{setup.architecture}", used.drain_gb_seconds),
        line("LISTs", "s3_puts", used.drain_lists),
    ]


def _snowpipe(used: Demand, _workload: Workload, setup: Setup, line: _Line) -> list[Charge]:
    credits_used = line("GB", "snowpipe_gb", used.landed_gb).dollars
    return [line("credits", f"snowflake_credit_{setup.edition}", credits_used)]


def _cloudwatch(used: Demand, workload: Workload, _setup: Setup, line: _Line) -> list[Charge]:
    return [
        line("GB of logs", "logs_gb", used.logs_gb),
        line("GB-months of logs", "logs_gb_months", used.stored_logs_gb),
        line("custom metrics", "metrics", custom_metrics(workload)),
        line("alarms", "alarms", ALARMS),
        line("dashboards", "dashboards", DASHBOARDS),
    ]


def _keys(used: Demand, _workload: Workload, _setup: Setup, line: _Line) -> list[Charge]:
    reads = used.containers * SECRET_READS * MONTH_HOURS
    stream = (used.containers + 1) * KEY_ROTATIONS * MONTH_HOURS
    objects = 2 * used.files + used.error_objects + 2 * used.spill_objects
    return [
        line("customer keys", "kms_keys", 1),
        line("KMS requests", "kms_requests", stream + reads + objects * BUCKET_KEY_SHARE),
        line("secrets", "secrets", 1),
        line("reads of the secret", "secret_requests", reads),
    ]


def _answers(used: Demand, _workload: Workload, _setup: Setup, line: _Line) -> list[Charge]:
    return [line("GB", "transfer_out_gb", used.answers_gb)]


def custom_metrics(workload: Workload) -> int:
    """The embedded metrics of a stage: each of the table once, and once more for each value of another dimension."""
    by_status = STATUSES if workload.rejected else 1
    by_reason = REASONS if workload.rejected else 0
    quiet = 0 if workload.spilled else 2  # BreakerOpened, BreakerClosed; the drain writes its own at each run
    return len(EMITTED) + len(DRAINED) - quiet + by_status + by_reason
