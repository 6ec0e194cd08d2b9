"""The one refresh of a pipe: when it was hooked up to the bucket, whatever broke off, and never after a roll-out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from local_pipeline.shipped_sql import DEFAULT_VARIABLES
from ops.deploy.actions import run_sql
from ops.deploy.errors import DeployError
from ops.deploy.pipe import pipe_roll_out
from ops.deploy.pipe_actions import compare_pipe, read_queue, refresh_pipe
from ops.deploy.surroundings import Deployment
from ops.snowflake_pipe import MARGIN
from ops.snowflake_pipe_seen import HOOK_UP_MARK, ROLL_OUT_MARK
from ops.snowflake_sql import PIPE_FILE, SNOWFLAKE_DIRECTORY, pipe_statement
from tests.unit.ops import fake_deployment
from tests.unit.ops.fake_deployment import FakePerson, FakeStack, make_deployment
from tests.unit.ops.fake_pipe import START, ConnectionLostError, FakeSnowflake, Landing, Pipe

FILE = pipe_statement(SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES)
COPY = FILE[FILE.index("COPY INTO") :]
OLD_COPY = COPY.replace("$1:schema::VARCHAR", "$1:schema")
COMMENT = "Landing bucket to raw table"
QUEUE = "arn"
HOUR, DAY = 3600, 24 * 3600


@dataclass
class Session:
    """A session on the fake pipe."""

    pipe: FakeSnowflake

    def execute(self, sql: str) -> list[dict[str, Any]]:
        if sql.startswith("USE ") or "FAILED_LOADS" in sql:
            return []
        if sql.startswith("SHOW PIPES"):
            shown = self.pipe.show()
            return [
                {
                    "database_name": shown.database,
                    "schema_name": shown.schema,
                    "name": shown.name,
                    "definition": shown.definition,
                    "comment": shown.comment,
                    "error_integration": shown.error_integration,
                    "notification_channel": shown.channel,
                }
            ]
        if "SYSDATE" in sql:
            return [{"now": self.pipe.clock().isoformat()}]
        return [{"answer": self.pipe.ask(sql)}]

    def close(self) -> None:
        pass


class PassingTime:
    """Sleeping lets the fake's time pass."""

    def __init__(self, pipe: FakeSnowflake) -> None:
        self._pipe = pipe

    def monotonic(self) -> float:
        return float(self._pipe.now)

    def sleep(self, seconds: float, /) -> None:
        self._pipe.advance(round(seconds))


def stage(pipe: FakeSnowflake, hooked_up_to: str = QUEUE) -> tuple[Deployment, FakeStack]:
    storage = FakeStack(hooked_up_to)
    deployment = make_deployment(Session(pipe), storage=storage)
    deployment.overrides = {name: value for name, value in DEFAULT_VARIABLES.items() if "SLUICE" in value}
    deployment.clock = PassingTime(pipe)
    return deployment, storage


def deploy(deployment: Deployment, storage: FakeStack) -> str:
    """The steps of a deployment that touch the pipe."""
    compare_pipe(deployment)
    read_queue(deployment)
    storage.queue = deployment.known["SnowpipeQueueArn"]
    return refresh_pipe(deployment)


def three_days() -> FakeSnowflake:
    """A pipe that has loaded a file each six hours for three days."""
    landings = [Landing(f"f{number}", number * 6 * HOUR) for number in range(1, 13)]
    pipe = FakeSnowflake(Pipe(OLD_COPY, COMMENT), [*landings, Landing("near", 3 * DAY + HOUR)])
    pipe.advance(3 * DAY + HOUR + HOUR // 2)
    return pipe


def test_after_a_roll_out_a_deployment_loads_nothing_again() -> None:
    pipe = three_days()
    begins = pipe.clock()
    deployment, storage = stage(pipe)
    assert pipe_roll_out(deployment, FakePerson())
    assert deploy(deployment, storage) == "not needed: the notification was hooked up before"

    pipe.advance(HOUR)
    twice = [each for each in pipe.landings if pipe.raw.count(each.name) > 1]
    assert [each.name for each in twice] == ["near"]
    assert all(START + timedelta(seconds=each.at) > begins - MARGIN for each in twice)


def test_a_plain_refresh_there_would_load_all_of_it_again() -> None:
    pipe = three_days()
    deployment, _ = stage(pipe)
    pipe_roll_out(deployment, FakePerson())
    pipe.ask("ALTER PIPE SLUICE.RAW.RECORDS_PIPE REFRESH")
    pipe.advance(HOUR)
    assert pipe.raw.count("f1") == 2


@pytest.mark.parametrize("after", range(1, 9))
def test_a_deployment_while_a_roll_out_is_broken_off_leaves_the_pipe_alone(after: int) -> None:
    pipe = three_days()
    deployment, storage = stage(pipe)
    pipe.lost_after = after
    with pytest.raises(ConnectionLostError):
        pipe_roll_out(deployment, FakePerson())
    queue, comment, asked = list(pipe.pipe.queue), pipe.pipe.comment, len(pipe.asked)
    result = deploy(deployment, storage)
    if comment.startswith(ROLL_OUT_MARK):
        assert result.startswith("left out: a roll-out is not finished")
    assert len(pipe.asked) == asked
    assert pipe.pipe.queue == queue

    pipe_roll_out(deployment, FakePerson())
    pipe.advance(HOUR)
    assert pipe.raw.count("f1") == 1
    assert pipe.records() == sorted(each.name for each in pipe.landings)


def test_a_notification_is_not_changed_under_a_roll_out() -> None:
    pipe = FakeSnowflake(Pipe(COPY, ROLL_OUT_MARK + START.isoformat()), [])
    deployment, _ = stage(pipe, hooked_up_to="arn of another")
    with pytest.raises(DeployError, match=r"finish that first, with \S*sluice pipe --stage dev .*roll-out"):
        read_queue(deployment)
    assert pipe.pipe.comment.startswith(ROLL_OUT_MARK)


def test_a_pipe_is_made_with_the_note_that_it_is_to_be_refreshed() -> None:
    snowflake = fake_deployment.FakeSnowflake()
    run_sql(make_deployment(snowflake), [SNOWFLAKE_DIRECTORY / PIPE_FILE])
    (made,) = [sql for sql in snowflake.asked if sql.startswith("CREATE PIPE IF NOT EXISTS")]
    assert f"COMMENT = '{HOOK_UP_MARK}'" in made
    assert COMMENT not in made


@pytest.mark.parametrize("hooked_up_to", ["", "arn of another", QUEUE])
def test_what_landed_before_a_new_pipe_is_loaded_once(hooked_up_to: str) -> None:
    """With the queue there already: the database was removed and is made again, under the same queue."""
    made = FakeSnowflake(Pipe(COPY, HOOK_UP_MARK), [Landing("before", 10, delay=DAY), Landing("later", DAY)])
    made.advance(HOUR)
    deployment, storage = stage(made, hooked_up_to)

    assert deploy(deployment, storage) == "asked for"
    made.advance(2 * DAY)
    assert deploy(deployment, storage).startswith("not needed")

    made.advance(HOUR)
    assert sorted(made.raw) == ["before", "later"]
    assert made.pipe.comment == COMMENT


def test_a_pipe_that_gets_another_buckets_events_is_refreshed() -> None:
    pipe = FakeSnowflake(Pipe(COPY, COMMENT), [Landing("before", 10, delay=9 * DAY)])
    pipe.advance(HOUR)
    deployment, storage = stage(pipe, hooked_up_to="arn of another")
    assert deploy(deployment, storage) == "asked for"
    pipe.advance(HOUR)
    assert pipe.raw == ["before"]


@pytest.mark.parametrize("after", [1, 2, 3])
def test_it_is_refreshed_wherever_the_first_deployment_breaks_off(after: int) -> None:
    pipe = FakeSnowflake(Pipe(COPY, COMMENT), [Landing("before", 10, delay=9 * DAY)], lost_after=after)
    pipe.advance(HOUR)
    deployment, storage = stage(pipe, hooked_up_to="")
    with pytest.raises(ConnectionLostError):
        deploy(deployment, storage)
    pipe.advance(HOUR)
    again = deploy(deployment, storage) if after == 1 else refresh_pipe(deployment)  # sluice deploy --from refresh
    assert again.startswith("not needed" if after == 3 else "asked for")
    pipe.advance(HOUR)
    assert pipe.raw == ["before"]
