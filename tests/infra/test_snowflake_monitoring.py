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


OLD = ago(hours=25)


@pytest.mark.parametrize(
    ("made", "status", "troubles"),
    [
        (ago(hours=1), {"executionState": "RUNNING", "pendingFileCount": 0}, []),
        (OLD, {"executionState": "RUNNING", "pendingFileCount": 0}, ["nothing loaded"]),
        (None, {"executionState": "RUNNING", "pendingFileCount": 0}, []),
        (
            OLD,
            {
                "executionState": "RUNNING",
                "pendingFileCount": 9,
                "oldestFileTimestamp": ago(minutes=15),
                "lastIngestedTimestamp": ago(minutes=1),
            },
            [],
        ),
        (
            ago(hours=1),
            {"executionState": "RUNNING", "pendingFileCount": 9, "oldestFileTimestamp": ago(minutes=31)},
            ["a file waits"],
        ),
        (OLD, {"executionState": "RUNNING", "pendingFileCount": 0, "lastIngestedTimestamp": ago(hours=23)}, []),
        (
            OLD,
            {"executionState": "RUNNING", "pendingFileCount": 0, "lastIngestedTimestamp": ago(hours=25)},
            ["nothing loaded"],
        ),
        (ago(hours=1), {"executionState": "PAUSED", "pendingFileCount": 0}, ["not running"]),
        (
            ago(hours=1),
            {"executionState": "STOPPED_MISSING_TABLE", "pendingFileCount": 0, "error": "gone"},
            ["not running"],
        ),
        (None, {}, ["not running"]),
    ],
    ids=[
        "new and idle",
        "never loaded",
        "age unknown",
        "busy",
        "a file waits",
        "loaded yesterday",
        "quiet for long",
        "paused",
        "stopped",
        "no answer",
    ],
)
def test_what_is_wrong_with_the_pipe(
    database: Any, made: str | None, status: dict[str, object], troubles: list[str]
) -> None:
    state = VIEWS["PIPE_STATE"]
    for asked, answer in (
        ("SYSTEM$PIPE_STATUS('SLUICE.RAW.RECORDS_PIPE')", f"'{json.dumps(status)}'"),
        ("SLUICE.INFORMATION_SCHEMA.PIPES", "SLUICE.MONITORING.PIPES"),
    ):
        assert state.count(asked) == 1
        state = state.replace(asked, answer)
    pipes = [("RAW", "RECORDS_PIPE", made), ("RAW", "OTHER", ago(minutes=1)), ("ELSE", "RECORDS_PIPE", ago(days=9))]
    database.cursor().execute(
        "CREATE OR REPLACE TABLE SLUICE.MONITORING.PIPES "
        "(pipe_schema VARCHAR, pipe_name VARCHAR, created TIMESTAMP_LTZ)"
    )
    for schema, name, created in pipes:
        if created is not None:
            database.cursor().execute(
                f"INSERT INTO SLUICE.MONITORING.PIPES SELECT '{schema}', '{name}', '{created}'::TIMESTAMP_LTZ"
            )
    database.cursor().execute(state)
    database.cursor().execute(VIEWS["PIPE_TROUBLE"])

    found = select(database, "SELECT trouble, detail FROM SLUICE.MONITORING.PIPE_TROUBLE")

    assert len(found) == len(troubles)
    assert all(trouble.startswith(expected) for (trouble, _), expected in zip(found, troubles, strict=True))
    assert all(detail for _, detail in found)


@pytest.mark.parametrize("view", ["LOADS", "FAILED_LOADS"])
def test_a_view_on_the_history_says_how_far_back_it_goes(view: str) -> None:
    assert re.search(r"COMMENT = '[^']*since the pipe was made or last replaced[^']*'", VIEWS[view])
