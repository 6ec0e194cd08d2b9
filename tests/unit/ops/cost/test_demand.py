"""What a workload uses: files, shards, requests, and sizes that are the gateway's."""

import json
import re
from datetime import UTC, datetime

import pytest

from app.drain import report_line
from app.draining import DrainReport
from app.envelope import Origin, StreamLines
from app.settings import Settings
from ops.cost import sizes
from ops.cost.demand import MONTH_SECONDS, demand
from ops.cost.errors import WorkloadError
from ops.cost.services import ALARMS, DASHBOARDS
from ops.cost.sizes import line_bytes
from ops.cost.workload import MAX_BODY_BYTES, MAX_RECORDS, Setup, Workload
from ops.parameters import read_parameters
from ops.stacks import TEMPLATES
from tests.infra import checks

MIB = 1024 * 1024
LINE = line_bytes("shop", None, 300, 1)
ACCESS = {
    "requestId": "bXfEhjT0oAMEP1w=",
    "requestTime": "23/Nov/2026:02:41:34 +0000",
    "httpMethod": "POST",
    "path": "/records",
    "status": "202",
    "responseLength": "160",
    "responseLatency": "23",
    "integration.latency": "20",
    "integration.status": "202",
    "integration.requestId": "8e1f3c52-5c41-4a92-9d3d-0a2b7a0f6a11",
    "error.message": "-",
    "integration.error": "-",
}


def test_limits_are_the_gateways() -> None:
    assert Settings.model_fields["max_body_bytes"].default == MAX_BODY_BYTES
    assert Settings.model_fields["max_records"].default == MAX_RECORDS


def test_a_line_is_as_long_as_the_gateways() -> None:
    origin = Origin("01a20647-bcd4-772d-bc79-80582d1f178e", datetime(2026, 11, 23, tzinfo=UTC), "shop", "order/1", None)
    payload = b'{"id":1}'
    assert line_bytes("shop", "order/1", len(payload), 10) == len(StreamLines(origin).line(9, payload))


def test_a_line_of_a_batch_has_an_index_of_the_mean_length() -> None:
    """Of 0 to 499, ten have one digit, ninety two and four hundred three: 2.78, so 3."""
    assert line_bytes("shop", None, 300, 500) - line_bytes("shop", None, 300, 1) == 2


def test_a_line_of_the_access_log_is_as_long_as_the_template_makes_it() -> None:
    stage = next(body for _, _, body in checks.resources(checks.read(), "AWS::ApiGatewayV2::Stage"))
    form = stage["Properties"]["AccessLogSettings"]["Format"]
    line = re.sub(r"\$context\.([A-Za-z.]+)", lambda name: ACCESS[name[1]], form)
    assert json.loads(line)
    assert len(line) == pytest.approx(sizes.ACCESS_LOG_BYTES, abs=10)


def test_a_line_of_the_drain_is_as_long_as_the_drains() -> None:
    assert len(report_line(DrainReport(), 1_795_400_494.42, "prod")) == pytest.approx(sizes.DRAIN_LINE_BYTES, abs=10)


def test_the_usual_stage_is_prods_where_it_says_so() -> None:
    prod, usual = read_parameters(TEMPLATES / "parameters" / "prod.yaml"), Setup()
    assert {
        name: int(prod[name]) for name in ("MemoryMiB", "DrainMinutes", "RejectedRetentionDays", "LogRetentionDays")
    } == {
        "MemoryMiB": usual.memory_mib,
        "DrainMinutes": usual.drain_minutes,
        "RejectedRetentionDays": usual.rejected_days,
        "LogRetentionDays": usual.log_days,
    }
    assert "DrainMemoryMiB" not in prod
    assert checks.read()["drain"]["Parameters"]["DrainMemoryMiB"]["Default"] == usual.drain_memory_mib


def test_alarms_and_dashboards_are_the_templates() -> None:
    templates = checks.read()
    assert len(list(checks.resources(templates, "AWS::CloudWatch::Alarm"))) == ALARMS
    assert len(list(checks.resources(templates, "AWS::CloudWatch::Dashboard"))) == DASHBOARDS


def test_a_receipt_grows_with_what_it_says() -> None:
    quiet = sizes.receipt_bytes("shop", None, 500, 0)
    assert 1_000 < quiet < sizes.receipt_bytes("shop", None, 500, 1) < sizes.receipt_bytes("shop", None, 500, 50)


def test_a_rejected_record_is_kept_whole_and_explained() -> None:
    """300 bytes, their quotes escaped, and what explains them."""
    assert 300 + 300 < sizes.error_line_bytes("shop", None, 300) < 300 + 500


@pytest.mark.parametrize(
    ("rate", "mib", "seconds", "expected"),
    [
        (1000, 1, 300, MIB / (1000 * LINE)),  # full first
        (1000, 128, 60, 60 + 1 / 1000),  # time first, counted from the first record
        (0.01, 128, 60, 60 + 100),  # a record every 100 s opens a buffer
        (0.01, 128, 0, 100),  # no buffer: a file a record
    ],
    ids=["full", "time", "thin", "no buffer"],
)
def test_a_file_a_buffer(rate: float, mib: int, seconds: int, expected: float) -> None:
    used = demand(Workload(rate), Setup(buffer_mib=mib, buffer_seconds=seconds))
    assert used.file_seconds == pytest.approx(expected)
    assert used.files == pytest.approx(MONTH_SECONDS / expected)
    assert used.file_bytes * used.files == pytest.approx(LINE * rate * MONTH_SECONDS)


def test_shards_by_records() -> None:
    """2,500 a second of 442 bytes are 1.1 MB but 2,500 records: 2.5 shards, twice at the peak."""
    used = demand(Workload(2500, peak=2), Setup(packing=False))
    assert used.shards_needed == pytest.approx(2.5)
    assert used.shards == 5


def test_shards_by_bytes() -> None:
    """500 a second of 9,858 and 142 bytes with a key of 8: 5,004,000 bytes a second."""
    used = demand(Workload(500, size=10_000 - 142, peak=1), Setup(packing=False))
    line = line_bytes("shop", None, 10_000 - 142, 1)
    assert used.shards_needed == pytest.approx(500 * (line + 8) / MIB)
    assert used.shards == 5


def test_standing_shards_are_billed_and_are_enough() -> None:
    assert demand(Workload(100), Setup(shards=7)).shards == 7
    with pytest.raises(WorkloadError, match="2 shards are too few: the peak needs 5"):
        demand(Workload(2500), Setup(shards=2, packing=False))


def test_a_request_is_billed_in_units() -> None:
    """2,000 records of 299 bytes and a newline are 600,000 bytes: two units of 524,288."""
    used = demand(Workload(2000, size=299, batch=2000), Setup())
    assert used.http_units == pytest.approx(2 * used.requests)


def test_a_function_is_billed_for_memory_and_whole_milliseconds() -> None:
    """20 requests a second of 15 + 50 * 0.03 = 16.5, so 17 ms, with 2 GB."""
    setup = Setup(memory_mib=2048, milliseconds=15, milliseconds_per_record=0.03)
    assert demand(Workload(1000, batch=50), setup).gb_seconds == pytest.approx(20 * MONTH_SECONDS * 0.017 * 2)


def test_containers_by_littles_law() -> None:
    """1,000 requests a second of 15.02, so 16 ms: 16 at a time. One is always there."""
    assert demand(Workload(1000), Setup()).containers == 16
    assert demand(Workload(0.1), Setup()).containers == 1


def test_one_error_object_a_request() -> None:
    """1% rejected: alone every hundredth request; in batches of 100 1 - 0.99^100 = 63.4% of them."""
    alone, together = (demand(Workload(100, batch=batch, rejected=0.01), Setup()) for batch in (1, 100))
    assert alone.error_objects == pytest.approx(MONTH_SECONDS)
    assert together.error_objects == pytest.approx(MONTH_SECONDS * 0.63397, rel=1e-4)


def test_one_spill_object_a_request() -> None:
    assert demand(Workload(100, batch=10, spilled=0.02), Setup()).spill_objects == pytest.approx(0.2 * MONTH_SECONDS)


def test_the_drain_runs_whether_or_not_anything_is_spilled() -> None:
    """Each 5 of a month's 43,800 minutes, 0.1 s with 1 GB and one LIST; 26,280 spilled objects are 26.28 pages more."""
    setup = Setup(drain_minutes=5, drain_memory_mib=1024)
    calm, spilling = (demand(Workload(1, spilled=spilled), setup) for spilled in (0, 0.01))
    for used in (calm, spilling):
        assert used.drain_runs == pytest.approx(8_760)
        assert used.drain_gb_seconds == pytest.approx(876)
    assert calm.drain_lists == pytest.approx(8_760)
    assert spilling.drain_lists == pytest.approx(8_760 + 26.28)


def test_the_lines_of_the_drain_are_logged_and_kept() -> None:
    """Four fifths of 43,800 runs less."""
    each, fifth = (demand(Workload(1), Setup(drain_minutes=minutes)) for minutes in (1, 5))
    lines = 43_800 * 4 / 5 * (sizes.DRAIN_LINE_BYTES + sizes.PLATFORM_LOG_BYTES) / 2**30
    assert each.logs_gb - fifth.logs_gb == pytest.approx(lines)
    assert each.stored_logs_gb / each.logs_gb == pytest.approx(fifth.stored_logs_gb / fifth.logs_gb)


def test_rejected_records_do_not_reach_the_stream_and_spilled_ones_do() -> None:
    used = demand(Workload(100, rejected=0.25, spilled=0.5), Setup())
    assert used.stream.payload_bytes == pytest.approx(75 * LINE * MONTH_SECONDS)


def test_what_is_kept_for_longer_is_stored_more() -> None:
    """730 hours are 30.4 days: what comes in 365 days is 12 months' worth."""
    used = demand(Workload(100), Setup(landing_days=365, compression=4))
    assert used.stored_landing_gb == pytest.approx(used.landed_gb * 12 / 4)


def test_answers_inside_the_region_are_free() -> None:
    assert demand(Workload(100), Setup()).answers_gb > 0
    assert demand(Workload(100, over_internet=False), Setup()).answers_gb == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rate": 0}, "--rate is 1e-06 to 1e+09, not 0"),
        ({"rate": float("nan")}, "--rate"),
        ({"batch": 10_001}, "--batch is 1 to 10,000, not 10,001"),
        ({"rejected": 1.0}, "--rejected is 0 to 0.99, not 1"),
        ({"peak": 0.5}, "--peak"),
        ({"size": 100_000, "batch": 500}, "at most 41 fit: lower --batch"),
    ],
    ids=["rate", "no number", "batch", "rejected", "peak", "body"],
)
def test_a_workload_that_cannot_be_is_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(WorkloadError, match=re.escape(said)):
        Workload(**{"rate": 1.0, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"buffer_mib": 0},
        {"buffer_seconds": 901},
        {"lanes": 0},
        {"stream_hours": 169},
        {"shards": 0},
        {"memory_mib": 64},
        {"drain_minutes": 11},
        {"drain_memory_mib": 256},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_setup_that_cannot_be_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(WorkloadError, match=r"^--[a-z-]+ is "):
        Setup(**change)  # type: ignore[arg-type]
