"""Answers: beforehand, from a terminal, or a no; and commands that run as they are printed."""

import argparse
import io
import shlex
from pathlib import Path

import pytest

from ops.deploy.command import register
from ops.deploy.main import again_with
from ops.deploy.terminal import Answers, command, stage_command
from tests.support.processes import ROOT


class Keyboard(io.StringIO):
    """A terminal that somebody has typed into."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "agreed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_a_plain_question(typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    assert Answers().agrees("Begin?") is agreed


@pytest.mark.parametrize(("typed", "agreed"), [("dev\n", True), ("prod\n", False), ("y\n", False), ("Dev\n", False)])
def test_a_name_to_type(typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    assert Answers(yes=True).types("delete_data", "All of it?", "dev") is agreed


def test_nobody_at_the_terminal_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\ndev\n"))
    assert not Answers().agrees("Begin?")
    answers = Answers()
    assert not answers.types("delete_data", "All of it?", "dev")
    assert answers.unanswered == ["delete_data"]


def test_a_slip_is_asked_again_and_a_no_is_a_no(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard("dve\ndev\n"))
    assert Answers().types("delete_data", "All of it?", "dev")
    assert "That is not 'dev'." in capsys.readouterr().out
    answers = Answers()
    monkeypatch.setattr("sys.stdin", Keyboard("no\ndev\n"))
    assert not answers.types("delete_data", "All of it?", "dev")
    assert answers.unanswered == []


def test_beforehand_one_answer_is_for_one_question() -> None:
    answers = Answers(yes=True, typed={"delete_data": "dev", "delete_snowflake": "prod"})
    assert answers.agrees("Begin?")
    assert answers.types("delete_data", "All of it?", "dev")
    assert not answers.types("delete_snowflake", "All of it?", "dev")


@pytest.mark.parametrize(("below", "program"), [("", ".venv/bin/sluice"), ("docs", "../.venv/bin/sluice")])
def test_a_printed_command_runs_where_it_is_printed(below: str, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / below)
    assert command("pipe", scripts=ROOT / ".venv" / "bin") == f"{program} pipe"
    assert command("pipe", scripts=Path("/opt/sluice/bin")) == "sluice pipe"


def test_a_printed_command_is_quoted() -> None:
    printed = stage_command("pipe", "dev", {"database": "A B", "warehouse": "W"}, "status", connection="my own")
    assert shlex.split(printed)[1:] == [
        *("pipe", "--stage", "dev", "--connection", "my own"),
        *("--set", "database=A B", "--set", "warehouse=W", "status"),
    ]


def test_a_deployment_goes_on_with_the_same_arguments(tmp_path: Path) -> None:
    given = ["--stage", "dev", "--connection", "my own", "--set", "database=A B", "--set", "warehouse=W"]
    given += ["--parameters", str(tmp_path / "my own.yaml"), "--builder", "podman", "--rebuild", "--skip-snowflake"]
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    assert shlex.split(again_with(parser.parse_args(["deploy", *given])))[1:] == ["deploy", *given]
