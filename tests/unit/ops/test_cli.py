"""The end of a command that somebody cuts short: one line or none, and the status that a shell knows."""

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from ops import cli
from ops.deploy import main as deployment
from tests.support.processes import ROOT

PLAN = [sys.executable, "-m", "ops.cli", "deploy", "--stage", "dev", "--plan"]
DESTROY = ["destroy", "--stage", "dev", "--yes"]


def interrupted(*_: object) -> bool:
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["_deploy", "plan"])
def test_ctrl_c_is_one_line(where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(deployment, where, interrupted)
    assert cli.main(["deploy", "--stage", "dev", "--plan"]) == 130
    assert capsys.readouterr().err.strip() == "sluice: interrupted; run it again"


def test_a_reader_who_has_seen_enough_ends_it_quietly() -> None:
    process = subprocess.Popen(PLAN, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 128 + signal.SIGPIPE


@pytest.mark.parametrize("option", ["--delete-data", "--delete-snowflake"])
def test_another_stages_name_is_refused_before_aws_is_asked(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody: Callable[[], None] = lambda: pytest.fail("AWS was asked")  # noqa: E731
    monkeypatch.setattr(deployment, "_aws", nobody)
    assert cli.main([*DESTROY, option, "prod"]) == 1
    assert capsys.readouterr().err == f"sluice: {option} takes the stage's name, dev; nothing was removed\n"


def test_what_is_left_out_cannot_be_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([*DESTROY, "--skip-snowflake", "--delete-snowflake", "dev"])
    assert "not allowed with" in capsys.readouterr().err
