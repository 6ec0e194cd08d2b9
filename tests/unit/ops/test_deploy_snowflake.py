"""The two-step trust, the pipe and its queue, against answers in Snowflake's form."""

import json
from typing import Any

import pytest

from ops.deploy.actions import TRUST_SECONDS, read_trust, run_sql, variables_of, wait_for_trust
from ops.deploy.errors import DeployError, SnowflakeError, TimeLimitError
from ops.deploy.pipe_actions import compare_pipe, read_queue
from ops.deploy.snowflake import arguments
from ops.deploy.sql_files import SqlFiles
from ops.deploy.terminal import stage_command
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY, pipe_statement
from tests.unit.ops.fake_deployment import FakeClock, FakeSnowflake, FakeStack, make_deployment

STORAGE = [
    {"property": "ENABLED", "property_value": "true"},
    {"property": "STORAGE_AWS_IAM_USER_ARN", "property_value": "arn:aws:iam::9:user/s"},
    {"property": "STORAGE_AWS_EXTERNAL_ID", "property_value": "S=1"},
]
ERRORS = [
    {"property": "SF_AWS_IAM_USER_ARN", "property_value": "arn:aws:iam::9:user/e"},
    {"property": "SF_AWS_EXTERNAL_ID", "property_value": "E=1"},
]
QUEUE = "arn:aws:sqs:eu-west-1:9:sf-snowpipe"


def validation(status: str, message: str = "") -> list[dict[str, Any]]:
    return [{"validated": json.dumps({"status": status, "message": message})}]


def shown_pipe(**changed: object) -> list[dict[str, Any]]:
    statement = pipe_statement(SNOWFLAKE_DIRECTORY, variables_of(make_deployment()))
    row = {
        "database_name": "SLUICE_DEV",
        "schema_name": "RAW",
        "name": "RECORDS_PIPE",
        "definition": statement[statement.index("COPY INTO") :],
        "comment": "Landing bucket to raw table",
        "error_integration": "SLUICE_DEV_ERRORS",
        "notification_channel": QUEUE,
    }
    return [row | changed]


def test_desc_gives_the_parameters_of_the_role() -> None:
    deployment = make_deployment(FakeSnowflake({"DESC INTEGRATION SLUICE_DEV_S3": STORAGE, "DESC INTEGRATION": ERRORS}))
    read_trust(deployment)
    learnt = {name: value for name, value in deployment.known.items() if name.startswith("Snowflake")}
    assert learnt == {
        "SnowflakeUserArn": "arn:aws:iam::9:user/s",
        "SnowflakeExternalId": "S=1",
        "SnowflakeErrorsUserArn": "arn:aws:iam::9:user/e",
        "SnowflakeErrorsExternalId": "E=1",
    }


def test_an_integration_that_does_not_say_who_comes() -> None:
    deployment = make_deployment(FakeSnowflake({"DESC INTEGRATION": STORAGE}))
    with pytest.raises(SnowflakeError, match="DESC INTEGRATION SLUICE_DEV_ERRORS has no SF_AWS_IAM_USER_ARN"):
        read_trust(deployment)


def test_the_role_is_waited_for() -> None:
    answers = iter([validation("failure"), [{"validated": "no JSON"}], validation("success")])
    snowflake = FakeSnowflake({"VALIDATE": lambda: next(answers)})
    wait_for_trust(make_deployment(snowflake))
    asked = [sql for sql in snowflake.asked if "VALIDATE" in sql]
    assert len(asked) == 3
    assert "('SLUICE_DEV_S3', 's3://sluice-dev-landing/records/', 'x', 'list')" in asked[0]


def test_waiting_for_the_role_ends_with_snowflakes_own_reason() -> None:
    deployment = make_deployment(FakeSnowflake({"VALIDATE": validation("failure", "Error assuming AWS_ROLE")}))
    with pytest.raises(TimeLimitError, match="within 180 s: Error assuming AWS_ROLE"):
        wait_for_trust(deployment)
    assert deployment.clock.monotonic() >= TRUST_SECONDS
    assert isinstance(deployment.clock, FakeClock)


def test_a_pipe_as_its_file_says() -> None:
    said: list[str] = []
    compare_pipe(make_deployment(FakeSnowflake({"SHOW PIPES": shown_pipe()}), said=said))
    assert said == []


def test_a_pipe_that_differs_is_told_with_the_command_and_left_alone() -> None:
    said: list[str] = []
    snowflake = FakeSnowflake({"SHOW PIPES": shown_pipe(definition="COPY INTO T FROM @S")})
    assert compare_pipe(make_deployment(snowflake, said=said)) == "1 differences"
    assert "the COPY differs" in said[1]
    assert said[-1] == f"    To roll it out: {stage_command('pipe', 'dev', {}, 'roll-out')}"
    assert not any(sql.startswith(("ALTER", "CREATE")) for sql in snowflake.asked)


def test_the_queue() -> None:
    deployment = make_deployment(FakeSnowflake({"SHOW PIPES": shown_pipe()}), storage=FakeStack(""))
    read_queue(deployment)
    assert deployment.known["SnowpipeQueueArn"] == QUEUE


@pytest.mark.parametrize(
    ("rows", "why"), [([], "there is no pipe"), (shown_pipe(notification_channel=None), "AUTO_IN")]
)
def test_no_queue(rows: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(SnowflakeError, match=why):
        read_queue(make_deployment(FakeSnowflake({"SHOW PIPES": rows})))


def test_a_refused_statement_is_told_with_its_file() -> None:
    def refuse() -> list[dict[str, Any]]:
        raise SnowflakeError("Insufficient privileges")

    deployment = make_deployment(FakeSnowflake({"CREATE WAREHOUSE": refuse}))
    with pytest.raises(SnowflakeError, match=r"02_warehouse\.sql: Insufficient privileges"):
        run_sql(deployment, SqlFiles(SNOWFLAKE_DIRECTORY).account_part)


def test_without_storage_nothing_is_known_of_the_bucket() -> None:
    deployment = make_deployment(FakeSnowflake())
    deployment.known.clear()
    with pytest.raises(DeployError, match="the stack storage is not deployed"):
        run_sql(deployment, SqlFiles(SNOWFLAKE_DIRECTORY).account_part)


CI = {
    "SNOWFLAKE_ACCOUNT": "org-account",
    "SNOWFLAKE_USER": "DEPLOYER",
    "SNOWFLAKE_AUTHENTICATOR": "WORKLOAD_IDENTITY",
    "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "OIDC",
    "SNOWFLAKE_TOKEN": "t",
    "SNOWFLAKE_DEFAULT_CONNECTION_NAME": "the connector's own",
}


@pytest.mark.parametrize(
    ("name", "environment", "known", "expected"),
    [
        ("mine", CI, (), {"connection_name": "mine"}),
        (None, {}, ("sluice-dev", "sluice-prod"), {"connection_name": "sluice-dev"}),
        (
            None,
            CI,
            ("sluice-dev",),
            {
                "account": "org-account",
                "user": "DEPLOYER",
                "authenticator": "WORKLOAD_IDENTITY",
                "workload_identity_provider": "OIDC",
                "token": "t",
            },
        ),
    ],
)
def test_which_connection(
    name: str | None, environment: dict[str, str], known: tuple[str, ...], expected: dict[str, str]
) -> None:
    assert arguments("dev", name, environment, known) == {"login_timeout": 60} | expected


def test_the_connectors_default_connection_is_asked_for_by_nothing() -> None:
    assert arguments("dev", None, {}, ("other",)) == {}
