"""CloudWatch's embedded metric format: log lines that CloudWatch makes metrics of, without a call.

Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format". One line holds the receipt and the
request's metrics. A dimension has one value a line, so rejected records by reason need lines of their own.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import orjson

from app.metrics import EMITTED, NAMESPACE
from app.observability import Receipt

_BY_STAGE = ("Stage",)
_BY_REASON = ("Stage", "Reason")


def embedded_lines(stage: str) -> Callable[[Receipt], Sequence[bytes]]:
    """How a receipt is written: its own line with the request's metrics, then one for each reason to reject.

    Args:
        stage: the value of the dimension `Stage`.
    """

    def lines_of(receipt: Receipt) -> Sequence[bytes]:
        now = time.time_ns() // 1_000_000
        whole = receipt.members()
        values = _values(receipt)
        whole["_aws"] = {"Timestamp": now, "CloudWatchMetrics": _of_request(tuple(values))}
        whole["Stage"] = stage
        whole["Status"] = str(receipt.status)
        whole.update(values)
        lines = [_line(whole)]
        lines += (
            _line(
                {
                    "event": "metrics",
                    "request_id": receipt.request_id,
                    "_aws": {"Timestamp": now, "CloudWatchMetrics": _rejected_by_reason()},
                    "Stage": stage,
                    "Reason": reason,
                    "RecordsRejected": count,
                }
            )
            for reason, count in receipt.rejected_reasons.items()
        )
        return lines

    return lines_of


def _values(receipt: Receipt) -> dict[str, float]:
    """Only metrics that there is a value for: the specification wants every target to be there."""
    efforts = [effort for effort in (receipt.stream, receipt.error_bucket) if effort is not None]
    values: dict[str, float] = {
        "RequestCount": 1,
        "RecordsAccepted": len(receipt.accepted),
        "RecordsSpilled": len(receipt.spilled),
        "RecordsRejected": len(receipt.rejected),
        "RecordsRetry": len(receipt.retry),
        "RecordsResent": sum(effort.resent for effort in efforts),
        "ReceivedBytes": receipt.received_bytes,
        "RequestMilliseconds": round(receipt.milliseconds["total"], 3),
    }
    if receipt.records:
        values["RejectedShare"] = 100 * receipt.judged_bad / receipt.records
    if receipt.stream is not None:
        values["StreamMilliseconds"] = round(receipt.stream.milliseconds, 3)
        if receipt.stream.breaker_opened:
            values["BreakerOpened"] = 1
        if receipt.stream.breaker_closed:
            values["BreakerClosed"] = 1
    if receipt.error_bucket is not None:
        values["ErrorBucketMilliseconds"] = round(receipt.error_bucket.milliseconds, 3)
    return values


@cache
def _of_request(names: tuple[str, ...]) -> orjson.Fragment:
    counted = _directive(["RequestCount"], EMITTED["RequestCount"].dimensions)
    others = [name for name in names if name != "RequestCount"]
    return orjson.Fragment(orjson.dumps([counted, _directive(others, (_BY_STAGE,))]))


@cache
def _rejected_by_reason() -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps([_directive(["RecordsRejected"], (_BY_REASON,))]))


def _directive(names: Iterable[str], dimensions: Sequence[Sequence[str]]) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": EMITTED[name].unit} for name in names]
    return {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}


def _line(members: dict[str, Any]) -> bytes:
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)
