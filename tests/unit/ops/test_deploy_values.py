"""Values that cannot be are refused by the plan: in one line, before anything is done."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ops.cli import main
from ops.deploy.errors import DeployError
from ops.deploy.main import UNKNOWN_ACCOUNT
from ops.deploy.plan import Options, plan
from ops.deploy.values import fault_of

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:sf-snowpipe"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("StreamMode", "FOO", "one of PROVISIONED, ON_DEMAND"),
        ("Architecture", "arm", "one of arm64, x86_64"),
        ("LogRetentionDays", "2", "one of 1, 3, 5"),
        ("StreamShardCount", "many", "a number"),
        ("ConcurrencyAlarm", "", "a number"),
        ("BufferSeconds", "99999", "0 to 900"),
        ("BufferSeconds", "-1", "0 to 900"),
        ("BufferSeconds", "nan", "a number"),
        ("LandingPrefix", "/x", "lower-case letters"),
        ("AlarmEmail", "nobody", "empty, or an e-mail address"),
    ],
)
def test_a_value_that_its_template_does_not_take(
    name: str, value: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stage.yaml"
    file.write_text(f'{name}: "{value}"\n')
    line = refused(capsys, "deploy", "--stage", "dev", "--plan", "--parameters", str(file))
    assert line.startswith(f'sluice: correct the parameter file: {name} "{value}": {wanted}')
    assert line.count(f'{name} "') == 1


def test_fewer_lanes_than_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "stage.yaml"
    file.write_text('StreamMode: "PROVISIONED"\nStreamShardCount: "9"\nStreamLanes: "8"\n')
    line = refused(capsys, "deploy", "--stage", "dev", "--plan", "--parameters", str(file))
    assert "StreamLanes 8 is less than StreamShardCount 9" in line


def parameters(values: Mapping[str, str], *, skip_snowflake: bool = False) -> Options:
    return Options("dev", UNKNOWN_ACCOUNT, values, skip_snowflake=skip_snowflake)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("Stage", "from --stage"),
        ("StreamArn", "from the stack storage"),
        ("FunctionName", "from the stack gateway"),
        ("ImageUri", "from the step image, or --image"),
        ("SnowflakeUserArn", "from DESC of the storage integration"),
        ("SnowpipeQueueArn", "from SHOW PIPES"),
    ],
)
def test_what_the_deployment_learns_is_not_to_be_given(name: str, source: str) -> None:
    with pytest.raises(DeployError, match=rf"not for the parameter file: {name} \({source}.*\); take it out"):
        plan(parameters({name: "x"}))


def test_what_is_given_to_the_stack_whose_output_it_is_too() -> None:
    assert plan(parameters({"LandingPrefix": "landing/", "DeliveryErrorPrefix": "failed/"}))


def test_the_queue_of_a_pipe_that_was_made_by_hand_can_be_given() -> None:
    assert plan(parameters({"SnowpipeQueueArn": QUEUE}, skip_snowflake=True))


@pytest.mark.parametrize(
    ("rules", "value", "fault"),
    [
        ({"Type": "String", "MinLength": 2, "MaxLength": "3"}, "abcd", "2 to 3 characters"),
        ({"Type": "String", "MinLength": 2, "MaxLength": 3}, "abc", None),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "a1", "to match [a-z]+"),
        ({"Type": "String", "AllowedPattern": "^[a-z]+$"}, "a\n", "to match ^[a-z]+$"),
        ({"Type": "Number", "MaxValue": 3}, "3.5", "at most 3"),
        ({"Type": "Number", "MinValue": 3}, "2", "at least 3"),
        ({"Type": "Number"}, "-2.5", None),
    ],
)
def test_each_rule(rules: Mapping[str, object], value: str, fault: str | None) -> None:
    assert fault_of(value, rules) == fault


@pytest.mark.parametrize("command", [["deploy", "--plan"], ["destroy"], ["pipe", "status"]])
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("foo=bar", "--set foo: the SQL files have no such variable, only alert_minutes"),
        ("database=a;b", "--set database: 'a;b' is no name that Snowflake takes"),
        ('reader_role="R"', "--set reader_role: '\"R\"' is no name"),
        ("database=", "--set database: '' is no name"),
        ("alert_minutes=soon", "--set alert_minutes: 'soon' is no whole number"),
        ("landing_prefix=x'", '--set landing_prefix: "x\'" has characters'),
    ],
)
def test_what_no_variable_can_be(
    command: list[str], given: str, wanted: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    line = refused(capsys, command[0], "--stage", "dev", "--set", given, *command[1:])
    assert line.startswith(f"sluice: {wanted}")


def test_variables_that_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["database=Analytics_2$", "alert_minutes=60", "snowflake_role_arn=arn:aws:iam::123456789012:role/my+role"]
    assert main(["deploy", "--stage", "dev", "--plan", *(word for each in given for word in ("--set", each))]) == 0
    assert "database = Analytics_2$" in capsys.readouterr().out
