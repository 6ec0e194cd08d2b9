"""`sluice pipe`: what it tells, and that nothing is rolled out without a yes."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from ops.cli import main
from ops.deploy.actions import variables_of
from ops.deploy.pipe import pipe_roll_out, pipe_status
from ops.snowflake_pipe_seen import HOOK_UP_MARK, RollOutError
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY, pipe_statement
from tests.unit.ops.fake_deployment import FakePerson, FakeSnowflake, make_deployment

NOW = [{"now": "2026-11-23T12:00:00+00:00"}]
FAILURE = {
    "file_name": "dt=2026-11-23/a.json",
    "first_error_message": "Error parsing JSON",
    "first_error_line_number": 3,
    "failed_at": "2026-11-23 11:00",
    "of_all": 1,
}


def snowflake(
    *,
    copy: str | None = None,
    states: tuple[tuple[str, int], ...] = (("RUNNING", 0),),
    failures: Sequence[Mapping[str, object]] = (),
    comment: str = "Landing bucket to raw table",
    outstanding: int = 0,
) -> FakeSnowflake:
    """A pipe as its file says, or with another COPY; its states in turn, the last one again and again."""
    statement = pipe_statement(SNOWFLAKE_DIRECTORY, variables_of(make_deployment()))
    row = {
        "database_name": "SLUICE_DEV",
        "schema_name": "RAW",
        "name": "RECORDS_PIPE",
        "definition": copy or statement[statement.index("COPY INTO") :],
        "comment": comment,
        "error_integration": "SLUICE_DEV_ERRORS",
        "notification_channel": "arn:aws:sqs:eu-west-1:9:q",
        "created_on": "2026-11-01 10:00:00+00:00",
    }
    left = list(states)

    def status() -> list[dict[str, Any]]:
        state, pending = left.pop(0) if len(left) > 1 else left[0]
        found = {
            "executionState": state,
            "pendingFileCount": pending,
            "numOutstandingMessagesOnChannel": outstanding,
            "lastReceivedMessageTimestamp": "2026-11-23T11:59:00.000Z",
        }
        return [{"status": json.dumps(found)}]

    return FakeSnowflake(
        {"SHOW PIPES": [row], "PIPE_STATUS": status, "SYSDATE": NOW, "MONITORING.FAILED_LOADS": list(failures)}
    )


def test_status_tells_of_the_pipe_and_of_files_that_were_not_loaded() -> None:
    said: list[str] = []
    pipe_status(make_deployment(snowflake(states=(("RUNNING", 2),), failures=[FAILURE], outstanding=3), said=said))
    assert said[:3] == [
        "RECORDS_PIPE: RUNNING, 2 files pending",
        "  3 messages outstanding, the last received: 2026-11-23T11:59:00.000Z",
        "  as its file says",
    ]
    assert said[-2].endswith("and since the pipe was made (2026-11-01 10:00:00+00:00): 1")
    assert said[-1] == "  2026-11-23 11:00 dt=2026-11-23/a.json line 3: Error parsing JSON"


def test_status_tells_of_a_difference() -> None:
    said: list[str] = []
    pipe_status(make_deployment(snowflake(copy="COPY INTO T FROM @S"), said=said))
    assert "differs from its file: the COPY differs" in said[2]
    assert said[-1].endswith(": none")


def test_status_tells_of_a_refresh_that_is_to_come() -> None:
    said: list[str] = []
    pipe_status(make_deployment(snowflake(comment=HOOK_UP_MARK), said=said))
    assert "  as its file says" in said
    assert "  what landed before it was hooked up is not loaded yet: deploy the stage again" in said


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


def test_the_record_of_skipped_files_is_not_erased_unasked() -> None:
    fake, said = snowflake(copy="COPY INTO T FROM @S", failures=[FAILURE | {"of_all": 12}]), list[str]()
    with pytest.raises(RollOutError, match="--forget-failures"):
        pipe_roll_out(make_deployment(fake, said=said), FakePerson())
    assert any("no record of: 12, the newest 1" in line for line in said)
    assert said[-1] == "  2026-11-23 11:00 dt=2026-11-23/a.json line 3: Error parsing JSON"
    assert not any(sql.startswith(("ALTER", "CREATE")) for sql in fake.asked)


def test_with_the_users_word_it_is_and_by_the_pipes_owner() -> None:
    states = (("RUNNING", 0), ("PAUSED", 0), ("RUNNING", 0))
    fake = snowflake(copy="COPY INTO T FROM @S", failures=[FAILURE], states=states)
    assert pipe_roll_out(make_deployment(fake), FakePerson(), forget_failures=True)
    roles = [sql for sql in fake.asked if sql.startswith(("USE ROLE", "CREATE OR REPLACE"))]
    assert roles[-2:-1] == ["USE ROLE SLUICE_DEV_LOADER"]


def test_what_replaces_no_pipe_asks_for_no_skipped_file() -> None:
    fake = snowflake(comment="mine", failures=[FAILURE])
    assert pipe_roll_out(make_deployment(fake), FakePerson())
    assert not any("FAILED_LOADS" in sql for sql in fake.asked)


def test_messages_that_wait_are_passed_with_a_margin_only() -> None:
    states = (("RUNNING", 0), ("PAUSED", 0), ("RUNNING", 0))
    with pytest.raises(RollOutError, match="--margin HOURS"):
        pipe_roll_out(make_deployment(snowflake(copy="COPY INTO T FROM @S", outstanding=1)), FakePerson())
    fake = snowflake(copy="COPY INTO T FROM @S", outstanding=1, states=states)
    assert pipe_roll_out(make_deployment(fake), FakePerson(), timedelta(hours=3))
    assert any("MODIFIED_AFTER = '2026-11-23T09:00:00+00:00'" in sql for sql in fake.asked)


def test_it_promises_what_is_so() -> None:
    person = FakePerson(agreed=False)
    pipe_roll_out(make_deployment(snowflake(copy="COPY INTO T FROM @S")), person)
    assert "each record is once in RECORDS; it may be twice in RAW_RECORDS" in person.asked[0]


@pytest.mark.parametrize("margin", ["0", "0.5", "145", "-1", "nan", "inf", "an hour"])
def test_a_margin_that_can_be_none(margin: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["pipe", "--stage", "dev", "roll-out", f"--margin={margin}"])
    assert "1 to 144 hours" in capsys.readouterr().err
