"""Receipts and log lines."""

import io
import json
import logging
import sys
from pathlib import Path

import pytest

from app.observability import MAX_CAUSES, JsonFormatter, Receipt, ReceiptLog, milliseconds, plain_lines, ranges

RECEIPT = Receipt(
    "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77",
    "2026-11-23T02:17:14.123456Z",
    source="shop",
    schema="order/1",
    status=503,
    records=7,
    accepted=[0, 1, 2, 5],
    spilled=[1],
    rejected=[3],
    retry=[4, 6],
    received_bytes=10,
    decoded_bytes=20,
    milliseconds={"decode": 0.123, "total": 2.0},
    rejected_reasons={"missing_id": 1},
    retry_reasons={"stream_unavailable": 2},
)


[LINE] = plain_lines(RECEIPT)


def test_a_receipt_is_one_line_of_json() -> None:
    line = LINE
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    assert json.loads(line) == {
        "event": "receipt",
        "request_id": "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77",
        "received_at": "2026-11-23T02:17:14.123456Z",
        "source": "shop",
        "schema": "order/1",
        "status": 503,
        "reason": None,
        "records": 7,
        "accepted": [[0, 2], [5, 5]],
        "spilled": [[1, 1]],
        "rejected": [[3, 3]],
        "retry": [[4, 4], [6, 6]],
        "counts": {"accepted": 4, "spilled": 1, "rejected": 1, "retry": 2},
        "reasons": {"rejected": {"missing_id": 1}, "retry": {"stream_unavailable": 2}},
        "bytes": {"received": 10, "decoded": 20},
        "ms": {"decode": 0.123, "total": 2.0},
    }


def test_the_receipt_of_a_request_that_was_refused() -> None:
    line = json.loads(plain_lines(Receipt("id", "then", status=401, reason="unauthorized"))[0])
    assert (line["status"], line["reason"], line["source"], line["accepted"]) == (401, "unauthorized", None, [])
    assert line["reasons"] == {"rejected": {}, "retry": {}}


def test_milliseconds_are_told_to_the_microsecond() -> None:
    assert [milliseconds(spent) for spent in (0, 999, 123_456, 2_000_000, 1_234_567_890)] == [
        0.0,
        0.0,
        0.123,
        2.0,
        1234.567,
    ]


@pytest.mark.parametrize(
    ("indexes", "expected"),
    [([], []), ([0], [(0, 0)]), ([0, 1, 2], [(0, 2)]), ([1, 3, 4, 9], [(1, 1), (3, 4), (9, 9)])],
)
def test_ranges(indexes: list[int], expected: list[tuple[int, int]]) -> None:
    assert ranges(indexes) == expected


def test_receipts_go_to_standard_output_and_are_appended_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "receipts.ndjson"
    for _ in range(2):
        stdout = io.BytesIO()
        log = ReceiptLog(str(file), stdout)
        log.open()
        log.write(RECEIPT)
        log.close()
        assert stdout.getvalue() == LINE
    assert file.read_bytes() == LINE * 2


def test_further_lines_go_to_standard_output_alone(tmp_path: Path) -> None:
    file, stdout = tmp_path / "receipts.ndjson", io.BytesIO()
    log = ReceiptLog(str(file), stdout, lambda receipt: [receipt.request_id.encode() + b"\n", b"more\n"])
    log.open()
    log.write(RECEIPT)
    log.close()
    own = RECEIPT.request_id.encode() + b"\n"
    assert (file.read_bytes(), stdout.getvalue()) == (own, own + b"more\n")


def test_without_a_file_only_standard_output(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    log = ReceiptLog(None)
    log.open()
    log.write(RECEIPT)
    log.close()
    assert capsysbinary.readouterr().out == LINE


def log_line(message: str, *values: object, extra: dict[str, object] | None = None) -> dict[str, object]:
    record = logging.LogRecord("app.sinks", logging.WARNING, __file__, 1, message, values, None)
    vars(record).update(extra or {})
    line = JsonFormatter().format(record)
    assert "\n" not in line
    parsed = json.loads(line)
    assert isinstance(parsed, dict)
    return parsed


def test_a_log_line_is_json_with_its_extra() -> None:
    line = log_line("%d of %s\nfailed", 3, "é", extra={"code": "X", "path": Path("a"), "n": 1})
    assert (line["event"], line["level"], line["logger"]) == ("log", "WARNING", "app.sinks")
    assert (line["message"], line["code"], line["path"], line["n"]) == ("3 of é\nfailed", "X", "a", 1)
    assert "exception" not in line
    assert "args" not in line


def test_a_log_line_has_what_was_raised_and_where_but_not_its_message() -> None:
    try:
        try:
            int("hunter2")
        except ValueError as error:
            raise KeyError("hunter2") from error
    except KeyError:
        record = logging.LogRecord("app", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    text = JsonFormatter().format(record)
    line = json.loads(text)
    assert line["exception"] == "KeyError from ValueError"
    assert line["raised_at"].count(f"{__file__}:") == 2
    assert "hunter2" not in text
    assert "Traceback" not in text


def test_a_chain_of_causes_ends() -> None:
    error = ValueError("broken")
    error.__cause__ = error
    record = logging.LogRecord("app", logging.ERROR, __file__, 1, "failed", (), (ValueError, error, None))
    assert json.loads(JsonFormatter().format(record))["exception"] == " from ".join(["ValueError"] * MAX_CAUSES)
