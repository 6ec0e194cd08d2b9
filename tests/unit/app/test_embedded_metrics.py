"""Receipts that CloudWatch makes metrics of, against its specification."""

import json
from typing import Any

import pytest

from app.embedded_metrics import embedded_lines
from app.metrics import EMITTED, NAMESPACE
from app.observability import Receipt, plain_lines
from app.sinks.base import Effort
from tests.support.embedded_metrics import MAX_EVENT_BYTES, Point, points_in, points_of, total, values

REFUSED = Receipt("request", "then", status=401, reason="unauthorized", milliseconds={"total": 0.2})
MIXED = Receipt(
    "request",
    "then",
    status=503,
    records=8,
    accepted=[0, 1, 2],
    spilled=[1, 2],
    rejected=[3, 4, 5],
    retry=[6, 7],
    received_bytes=1234,
    milliseconds={"total": 12.3456},
    judged_bad=4,
    rejected_reasons={"missing_id": 2, "too_deep": 1},
    retry_reasons={"stream_unavailable": 1, "error_bucket_unavailable": 1},
    stream=Effort(5.5555, 7, breaker_opened=True, breaker_closed=True),
    error_bucket=Effort(3.25, 4),
)
LINES_OF = embedded_lines("dev")


def test_the_line_is_the_receipt_and_more() -> None:
    line, *_ = LINES_OF(MIXED)
    assert line.count(b"\n") == 1
    whole, plain = json.loads(line), json.loads(plain_lines(MIXED)[0])
    assert {name: whole[name] for name in plain} == plain


def test_every_metric_of_the_table_is_written_with_its_unit_and_dimensions_and_no_other() -> None:
    points = points_in(LINES_OF(MIXED))
    written = {(point.name, point.unit, tuple(sorted(dict(point.dimensions)))) for point in points}
    table = {
        (name, metric.unit, tuple(sorted(names))) for name, metric in EMITTED.items() for names in metric.dimensions
    }
    assert written == table
    assert {point.namespace for point in points} == {NAMESPACE}


def test_the_values() -> None:
    points = points_in(LINES_OF(MIXED))
    expected = {
        "RequestCount": 1,
        "RecordsAccepted": 3,
        "RecordsSpilled": 2,
        "RecordsRejected": 3,
        "RecordsRetry": 2,
        "RecordsResent": 11,
        "ReceivedBytes": 1234,
        "RejectedShare": 50,
        "RequestMilliseconds": 12.346,
        "StreamMilliseconds": 5.556,
        "ErrorBucketMilliseconds": 3.25,
        "BreakerOpened": 1,
        "BreakerClosed": 1,
    }
    assert {name: total(points, name, Stage="dev") for name in EMITTED} == expected
    assert all(len(values(points, name, Stage="dev")) == 1 for name in EMITTED), "each once, for statistics count"
    assert total(points, "RequestCount", Stage="dev", Status="503") == 1
    assert total(points, "RecordsRejected", Stage="dev", Reason="missing_id") == 2
    assert total(points, "RecordsRejected", Stage="dev", Reason="too_deep") == 1


def test_a_refused_request_counts_as_a_request_and_has_no_share_and_no_sink() -> None:
    [line] = LINES_OF(REFUSED)
    points = points_of(line)
    assert total(points, "RequestCount", Stage="dev", Status="401") == 1
    missing = {"RejectedShare", "StreamMilliseconds", "ErrorBucketMilliseconds", "BreakerOpened", "BreakerClosed"}
    assert {point.name for point in points} == EMITTED.keys() - missing


def test_a_request_without_bad_records_has_a_share_of_nought() -> None:
    receipt = Receipt("request", "then", status=202, records=1, accepted=[0], milliseconds={"total": 1.0})
    assert values(points_in(LINES_OF(receipt)), "RejectedShare", Stage="dev") == [0]


def test_the_lines_by_reason_name_their_request() -> None:
    _, *by_reason = map(json.loads, LINES_OF(MIXED))
    assert [(line["event"], line["request_id"], line["Reason"]) for line in by_reason] == [
        ("metrics", "request", "missing_id"),
        ("metrics", "request", "too_deep"),
    ]


def test_the_longest_receipt_is_a_log_event_still() -> None:
    records = 10_000
    longest = Receipt(
        "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77",
        "2026-11-23T02:17:14.123456Z",
        source="s" * 64,
        schema="n" * 64,
        records=records,
        accepted=list(range(0, records, 2)),
        rejected=list(range(1, records, 2)),
        milliseconds={"total": 1.0},
    )
    assert len(LINES_OF(longest)[0]) < MAX_EVENT_BYTES


def broken(**changes: object) -> bytes:
    event: dict[str, Any] = json.loads(LINES_OF(REFUSED)[0])
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = event
        for parent in parents:
            place = place[int(parent) if parent.isdigit() else parent]
        place[int(last) if last.isdigit() else last] = value
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    "line",
    [
        broken(Stage=1),
        broken(Status=401),
        broken(Stage="é"),
        broken(RequestCount="1"),
        broken(RequestCount=None),
        broken(_aws__Timestamp="now"),
        broken(_aws__Timestamp=1_795_400_234),
        broken(_aws__CloudWatchMetrics__0__Namespace=""),
        broken(_aws__CloudWatchMetrics__0__Metrics=[]),
        broken(_aws__CloudWatchMetrics__0__Metrics__0__Unit="Pieces"),
        broken(_aws__CloudWatchMetrics__0__Metrics__0__Name="Nobody"),
        broken(_aws__CloudWatchMetrics__0__Dimensions=[]),
        broken(_aws__CloudWatchMetrics__0__Dimensions__0__0="Nobody"),
        broken(_aws__CloudWatchMetrics__0__More=1),
    ],
)
def test_the_check_finds_what_cloudwatch_would_drop(line: bytes) -> None:
    with pytest.raises((AssertionError, ValueError)):
        points_of(line)


def test_the_check_takes_the_line_as_it_is() -> None:
    assert all(isinstance(point, Point) for point in points_of(broken()))
