"""Which records are meant, what their lines say, and what is printed of them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from app.envelope import Origin, error_line
from app.registry import Registry
from app.sinks.base import Lines
from app.sinks.error_bucket import REJECTED_AREA, object_key
from app.validation import Reason, reject_body
from ops.replay.fix import Fix
from ops.replay.records import RejectedRecord, UnreadableLine, read_error_line
from ops.replay.report import NOT_CONFIRMED, Report, describe, printable, status_of
from ops.replay.selection import CHUNK_BYTES, CHUNK_KEYS, ErrorObject, Selection, chunks
from ops.replay.trial import Rules, Trial

MOMENT = datetime(2026, 11, 23, 8, 59, 59, 999999, tzinfo=UTC)
ORIGIN = Origin(str(UUID(int=7)), MOMENT, "shop", "order/1", "application/json")
KEY = object_key(REJECTED_AREA, Lines(ORIGIN.request_id, MOMENT, [b""], [0]))
LINE = error_line(ORIGIN, 3, reject_body(b'{"v":1}', Reason.MISSING_ID, "no id"))
RECORD = read_error_line(KEY, LINE)


def test_a_line_is_read_as_it_was_written() -> None:
    assert RejectedRecord(KEY, ORIGIN, 3, "missing_id", 1, b'{"v":1}') == RECORD
    broken = b"\x1f\x8b\xff"
    assert (
        read_error_line(KEY, error_line(ORIGIN, 0, reject_body(broken, Reason.UNDECODABLE_BODY, ""))).payload == broken
    )


@pytest.mark.parametrize(
    "change",
    [
        {"ingest_id": f"{UUID(int=8)}-0"},
        {"ingest_id": f"{ORIGIN.request_id}-x"},
        {"ingest_id": None},
        {"received_at": "2026-11-23T08:00:00"},
        {"received_at": "yesterday"},
        {"source": 7},
        {"attempts": None},
        {"payload": None},
        {"payload": 7},
        {"payload_base64": "!", "payload": None},
    ],
)
def test_a_line_that_is_none_of_ours(change: dict[str, object]) -> None:
    with pytest.raises(UnreadableLine) as refused:
        read_error_line(KEY, json.dumps({**json.loads(LINE), **change}).encode())
    assert "shop" not in str(refused.value)


@pytest.mark.parametrize(
    "key",
    ["rejected/notes.txt", KEY.replace("rejected/", "spill/"), KEY + ".gz"],
    ids=["no key", "spilled", "compressed"],
)
def test_a_key_that_is_none_of_ours(key: str) -> None:
    with pytest.raises(UnreadableLine):
        read_error_line(key, LINE)


NOT_BEFORE = MOMENT + timedelta(microseconds=1)
ELSEWHERE = MOMENT.astimezone(timezone(timedelta(hours=5)))


@pytest.mark.parametrize(
    ("selection", "key", "record"),
    [
        (Selection(), True, True),
        (Selection(since=MOMENT, until=NOT_BEFORE), True, True),
        (Selection(since=ELSEWHERE), True, True),
        (Selection(since=NOT_BEFORE), False, False),
        (Selection(until=MOMENT), True, False),
        (Selection(until=MOMENT - timedelta(hours=1)), False, False),
        (Selection(reasons=frozenset({"missing_id", "null_id"})), True, True),
        (Selection(reasons=frozenset({"null_id"})), True, False),
        (Selection(sources=frozenset({"shops"})), True, False),
        (Selection(schemas=frozenset({"order"})), True, True),
        (Selection(schemas=frozenset({"order/1"})), True, True),
        (Selection(schemas=frozenset({"order/2", "ord"})), True, False),
        (Selection(schemas=frozenset({"-"})), True, False),
        (Selection(ingest_ids=frozenset({RECORD.ingest_id})), True, True),
        (Selection(ingest_ids=frozenset({f"{ORIGIN.request_id}-30"})), True, False),
        (Selection(ingest_ids=frozenset({f"{UUID(int=8)}-3"})), False, False),
    ],
)
def test_what_is_meant(selection: Selection, key: bool, record: bool) -> None:
    assert (selection.takes_key(KEY), selection.takes(RECORD)) == (key, record)


def test_a_record_without_a_schema() -> None:
    without = replace(RECORD, origin=ORIGIN._replace(schema=None))
    assert Selection(schemas=frozenset({"-"})).takes(without)
    assert not Selection(schemas=frozenset({"order"})).takes(without)


def test_chunks_keep_their_order_and_their_limits() -> None:
    sizes = [1] * (CHUNK_KEYS + 1) + [CHUNK_BYTES, CHUNK_BYTES + 1, 1]
    objects = [ErrorObject(f"{number:04d}", size) for number, size in enumerate(sizes)]

    portions = list(chunks(objects))

    assert [found for portion in portions for found in portion] == objects
    assert [len(portion) for portion in portions] == [CHUNK_KEYS, 1, 1, 1, 1]
    assert list(chunks([])) == []


def test_rules_are_the_same_only_where_records_fare_the_same() -> None:
    rules = Rules(Fix(), Registry({}))
    assert rules.digest == Rules(Fix(), Registry({})).digest
    assert len({rules.digest, Rules(Fix(text="x"), Registry({})).digest, Rules(Fix(), Registry({}), []).digest}) == 3
    assert Rules(Fix(), Registry.load("schemas")).digest != rules.digest


@pytest.mark.parametrize(
    ("applied", "results", "status"),
    [
        (False, ["accepted", "missing_id"], 0),
        (True, ["accepted"], 0),
        (True, [], 0),
        (True, ["accepted", "missing_id"], 3),
        (True, ["missing_id", NOT_CONFIRMED], 1),
    ],
)
def test_the_exit_status(applied: bool, results: list[str], status: int) -> None:
    report = Report(applied, 1)
    for result in results:
        report.ended(Trial(RECORD, b"", None), result)
    assert status_of(report) == status


def test_nothing_of_a_client_reaches_the_terminal_as_a_command() -> None:
    evil = "\x1b]0;evil\x07\r\u202e"
    record = replace(RECORD, payload=evil.encode() + b"\xff", origin=ORIGIN._replace(source=evil, schema=evil))
    report = Report(applied=False, max_samples=1)
    report.met(Trial(record, b"\x00", evil, reason="missing_id"))
    report.ended(Trial(record, b"\x00", evil), "missing_id")

    lines = list(describe(report, "s3://bucket/"))

    assert all(line.isprintable() for line in lines), lines
    assert printable(evil) == "\\u001b]0;evil\\u0007\\r\\u202e"
    assert any("\\xff" in line for line in lines)
