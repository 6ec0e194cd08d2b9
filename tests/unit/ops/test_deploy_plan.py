"""`sluice deploy --plan`: every step, from files alone.

The snapshots are renewed by RENEW_SNAPSHOTS=1 .venv/bin/python -m pytest tests/unit/ops/test_deploy_plan.py
"""

import os
from pathlib import Path

import boto3
import pytest

from ops.cli import main
from ops.deploy.errors import DeployError
from ops.deploy.names import Account, snowflake_names, sql_variables
from ops.deploy.plan import Options, plan
from ops.deploy.steps import chosen
from ops.snowflake_sql import setup_files

SNAPSHOTS = Path(__file__).with_name("snapshots")
DIGEST = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/sluice-dev@sha256:{'0' * 64}"
ALL = [
    "bootstrap",
    "image",
    "storage",
    "delivery",
    "snowflake-account",
    "trust",
    "snowflake-access",
    "assume-role",
    "snowflake-database",
    "pipe",
    "pipe-queue",
    "notification",
    "refresh",
    "gateway",
    "drain",
    "monitoring",
    "smoke-test",
]

SNOWFLAKES = ALL[ALL.index("snowflake-account") : ALL.index("gateway")]


@pytest.fixture(autouse=True)
def _nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, no region, and no session of AWS is made."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SNOWFLAKE_"))]:
        monkeypatch.delenv(name)

    def session() -> None:
        raise AssertionError("a plan asks nobody")

    monkeypatch.setattr(boto3, "Session", session)


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["deploy", "--plan", *arguments]) == 0
    return capsys.readouterr().out


def options(**changed: object) -> Options:
    given: dict[str, object] = {"stage": "dev", "account": Account("1", "r"), "parameters": {}}
    return Options(**(given | changed))  # type: ignore[arg-type]


def names(**changed: object) -> list[str]:
    return [step.name for step in plan(options(**changed))]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_plan_is_the_one_reviewed(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = SNAPSHOTS / f"{stage}.txt"
    text = planned(capsys, "--stage", stage)
    if os.environ.get("RENEW_SNAPSHOTS"):
        snapshot.write_text(text, encoding="utf-8")
    assert text == snapshot.read_text(encoding="utf-8")


def test_the_steps() -> None:
    assert names() == ALL


def test_with_an_image_none_is_built() -> None:
    assert names(image=DIGEST) == ALL[2:]


def test_both_functions_get_one_image(capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(capsys, "--stage", "dev", "--image", DIGEST).count(f"ImageUri = {DIGEST}") == 2
    assert [step.resume_at for step in plan(options()) if step.name in {"gateway", "drain"}] == ["image", "image"]


def test_without_snowflake() -> None:
    assert names(skip_snowflake=True) == [name for name in ALL if name not in SNOWFLAKES]


def test_every_numbered_file_is_run_once_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.strip() for line in planned(capsys, "--stage", "dev").splitlines()]
    assert [line for line in lines if line.endswith(".sql")] == [path.name for path in setup_files()]


def test_an_image_by_tag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--stage", "dev", "--plan", "--image", DIGEST.replace("@sha256:", ":")]) == 1
    assert "@sha256:DIGEST, not a tag" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["Dev", "", "thirteen-long", "-dev", "dev\n"])
def test_a_stage_that_can_be_none(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", f"--stage={stage}", "--plan"]) == 1
    assert "a stage is 1 to 12 lower-case letters" in capsys.readouterr().err


def test_a_stage_without_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--stage", "none", "--plan"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_parameter_that_no_template_has() -> None:
    with pytest.raises(DeployError, match="no template has the parameter StreamShards"):
        plan(options(parameters={"StreamShards": "2"}))


def test_a_value_that_nobody_gives(tmp_path: Path) -> None:
    for template in options().templates.glob("*.yaml"):
        text = template.read_text()
        (tmp_path / template.name).write_text(
            text.replace("  StreamArn:\n    Description", "  Other:\n    Description")
        )
    with pytest.raises(DeployError, match=r"delivery\.yaml needs a value for StreamArn"):
        plan(options(templates=tmp_path))


def test_a_step_to_go_on_with() -> None:
    steps = plan(options())
    assert [step.name for step in chosen(steps, "gateway", None)] == ALL[-4:]
    assert ALL[-4:] == ["gateway", "drain", "monitoring", "smoke-test"]
    assert [step.name for step in chosen(steps, None, "gateway")] == ["gateway"]
    with pytest.raises(DeployError, match="there is no step gate; the steps are bootstrap, image"):
        chosen(steps, "gate", None)


def test_two_stages_share_no_name_in_snowflake() -> None:
    assert not set(snowflake_names("dev").values()) & set(snowflake_names("dev-2").values())
    assert snowflake_names("dev-2")["database"] == "SLUICE_DEV_2"


def test_the_predicted_arns_are_those_of_the_template() -> None:
    template = (options().templates / "snowflake-access.yaml").read_text()
    outputs = {"LandingBucketName": "b", "LandingPrefix": "p/"}
    variables = sql_variables("dev", Account("1", "r"), outputs, {})
    for variable in ("snowflake_role_arn", "error_role_arn", "error_topic_arn"):
        name = variables[variable].rpartition(":")[2].removeprefix("role/")
        assert f'!Sub "{name.replace("-dev-", "-${Stage}-")}"' in template
