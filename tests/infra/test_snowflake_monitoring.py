"""The monitoring views as shipped, on a history and a status that Snowflake might give."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakesnow.instance import FakeSnow

from local_pipeline.shipped_sql import DEFAULT_VARIABLES
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY, read_statements

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result:UserWarning")

VIEWS = {
    match[1]: statement
    for statement in read_statements(SNOWFLAKE_DIRECTORY / "13_monitoring.sql", DEFAULT_VARIABLES)
    if (match := re.match(r"CREATE OR REPLACE VIEW SLUICE\.MONITORING\.(\w+)", statement))
}
HISTORY = """CREATE TABLE SLUICE.MONITORING.HISTORY (
    file_name VARCHAR, status VARCHAR, row_count INT, row_parsed INT, error_count INT, first_error_message VARCHAR,
    first_error_line_number INT, file_size INT, pipe_received_time TIMESTAMP_LTZ, last_load_time TIMESTAMP_LTZ)"""


def ago(**past: float) -> str:
    return (datetime.now(UTC) - timedelta(**past)).isoformat()


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    connection = FakeSnow().connect()
    for statement in ("CREATE DATABASE SLUICE", "CREATE SCHEMA SLUICE.MONITORING", HISTORY):
        connection.cursor().execute(statement)
    yield connection
    connection.close()


def select(database: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor = database.cursor()
    cursor.execute(statement)
    return list(cursor.fetchall())


def test_what_was_not_loaded_as_a_whole_is_listed(database: Any) -> None:
    history = re.sub(
        r"TABLE\(SLUICE\.INFORMATION_SCHEMA\.COPY_HISTORY\(.*\)\)",
        "SLUICE.MONITORING.HISTORY",
        VIEWS["LOADS"],
        flags=re.DOTALL,
    )
    assert history != VIEWS["LOADS"]
    for statement in (history, VIEWS["FAILED_LOADS"]):
        database.cursor().execute(statement)
    for name, status, loaded in (
        ("whole", "Loaded", "'2026-11-23T02:00:07Z'"),
        ("going on", "Load in progress", "NULL"),
        ("skipped", "Load failed", "'2026-11-23T02:00:03Z'"),
        ("part", "Partially loaded", "'2026-11-23T02:00:04Z'"),
        ("never", "Load skipped", "NULL"),
    ):
        database.cursor().execute(
            f"INSERT INTO SLUICE.MONITORING.HISTORY SELECT '{name}', '{status}', 1, 2, 1, 'message', 7, 100, "
            f"'2026-11-23T02:00:00Z', {loaded}"
        )

    found = select(database, "SELECT file_name, first_error_line_number, failed_at FROM SLUICE.MONITORING.FAILED_LOADS")
    assert {(name, line, at.second) for name, line, at in found} == {("skipped", 7, 3), ("part", 7, 4), ("never", 7, 0)}
    assert select(database, "SELECT load_seconds FROM SLUICE.MONITORING.LOADS WHERE file_name = 'whole'") == [(7,)]


@pytest.mark.parametrize(
    ("status", "troubles"),
    [
        ({"executionState": "RUNNING", "pendingFileCount": 0}, []),
        ({"executionState": "RUNNING", "pendingFileCount": 9, "oldestFileTimestamp": ago(minutes=15)}, []),
        (
            {"executionState": "RUNNING", "pendingFileCount": 9, "oldestFileTimestamp": ago(minutes=31)},
            ["a file waits"],
        ),
        ({"executionState": "RUNNING", "pendingFileCount": 0, "lastIngestedTimestamp": ago(hours=23)}, []),
        (
            {"executionState": "RUNNING", "pendingFileCount": 0, "lastIngestedTimestamp": ago(hours=25)},
            ["nothing loaded"],
        ),
        ({"executionState": "PAUSED", "pendingFileCount": 0}, ["not running"]),
        ({"executionState": "STOPPED_MISSING_TABLE", "pendingFileCount": 0, "error": "gone"}, ["not running"]),
        ({}, ["not running"]),
    ],
)
def test_what_is_wrong_with_the_pipe(database: Any, status: dict[str, object], troubles: list[str]) -> None:
    asked = "SYSTEM$PIPE_STATUS('SLUICE.RAW.RECORDS_PIPE')"
    assert asked in VIEWS["PIPE_STATE"]
    database.cursor().execute(VIEWS["PIPE_STATE"].replace(asked, f"'{json.dumps(status)}'"))
    database.cursor().execute(VIEWS["PIPE_TROUBLE"])

    found = select(database, "SELECT trouble, detail FROM SLUICE.MONITORING.PIPE_TROUBLE")

    assert len(found) == len(troubles)
    assert all(trouble.startswith(expected) for (trouble, _), expected in zip(found, troubles, strict=True))
    assert all(detail for _, detail in found)
