"""`sluice pipe`: what it tells, and that nothing is rolled out without a yes."""

import json
from typing import Any

import pytest

from ops.deploy.actions import variables_of
from ops.deploy.pipe import pipe_roll_out, pipe_status
from ops.snowflake_pipe import RollOutError
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY, pipe_statement
from tests.unit.ops.fake_deployment import FakePerson, FakeSnowflake, make_deployment

NOW = [{"now": "2026-11-23T12:00:00+00:00"}]
FAILURE = {
    "file_name": "dt=2026-11-23/a.json",
    "first_error_message": "Error parsing JSON",
    "first_error_line_number": 3,
    "failed_at": "2026-11-23 11:00",
}


def snowflake(*, copy: str | None = None, states: tuple[tuple[str, int], ...] = (("RUNNING", 0),)) -> FakeSnowflake:
    """A pipe as its file says, or with another COPY; its states in turn, the last one again and again."""
    statement = pipe_statement(SNOWFLAKE_DIRECTORY, variables_of(make_deployment()))
    row = {
        "database_name": "SLUICE_DEV",
        "schema_name": "RAW",
        "name": "RECORDS_PIPE",
        "definition": copy or statement[statement.index("COPY INTO") :],
        "comment": "Landing bucket to raw table",
        "error_integration": "SLUICE_DEV_ERRORS",
        "notification_channel": "arn:aws:sqs:eu-west-1:9:q",
    }
    left = list(states)

    def status() -> list[dict[str, Any]]:
        state, pending = left.pop(0) if len(left) > 1 else left[0]
        return [{"status": json.dumps({"executionState": state, "pendingFileCount": pending})}]

    return FakeSnowflake(
        {"SHOW PIPES": [row], "PIPE_STATUS": status, "SYSDATE": NOW, "MONITORING.FAILED_LOADS": [FAILURE]}
    )


def test_status_tells_of_the_pipe_and_of_files_that_were_not_loaded() -> None:
    said: list[str] = []
    pipe_status(make_deployment(snowflake(states=(("RUNNING", 2),)), said=said))
    assert said[:2] == ["RECORDS_PIPE: RUNNING, 2 files pending", "  as its file says"]
    assert said[-1] == "  2026-11-23 11:00 dt=2026-11-23/a.json line 3: Error parsing JSON"


def test_status_tells_of_a_difference() -> None:
    said: list[str] = []
    pipe_status(make_deployment(snowflake(copy="COPY INTO T FROM @S"), said=said))
    assert "differs from its file: the COPY differs" in said[1]


def test_a_pipe_that_is_as_its_file_says_is_left_alone() -> None:
    fake = snowflake()
    person = FakePerson()
    assert pipe_roll_out(make_deployment(fake), person)
    assert person.asked == []
    assert not any(sql.startswith(("ALTER", "CREATE")) for sql in fake.asked)


def test_a_no_changes_nothing() -> None:
    fake = snowflake(copy="COPY INTO T FROM @S")
    assert not pipe_roll_out(make_deployment(fake), FakePerson(agreed=False))
    assert not any(sql.startswith(("ALTER", "CREATE")) for sql in fake.asked)


def test_it_waits_until_the_pipe_has_loaded_what_was_queued() -> None:
    states = (("RUNNING", 0), ("PAUSED", 2), ("PAUSED", 0), ("RUNNING", 0))
    fake = snowflake(copy="COPY INTO T FROM @S", states=states)
    deployment = make_deployment(fake)
    assert pipe_roll_out(deployment, FakePerson())
    asked = [sql.split("SLUICE_DEV")[0].strip() for sql in fake.asked]
    replaced = asked.index("CREATE OR REPLACE PIPE")
    assert asked[:replaced].count("SELECT SYSTEM$PIPE_STATUS('") == 3
    assert any("REFRESH MODIFIED_AFTER" in sql for sql in fake.asked[replaced:])
    assert deployment.clock.monotonic() == 5


def test_a_pipe_that_does_not_run_is_not_rolled_out() -> None:
    fake = snowflake(copy="COPY INTO T FROM @S", states=(("STALLED_INTERNAL_ERROR", 0),))
    with pytest.raises(RollOutError, match="not RUNNING"):
        pipe_roll_out(make_deployment(fake), FakePerson())
