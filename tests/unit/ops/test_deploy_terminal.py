"""Answers: beforehand, from a terminal, or a no."""

import io

import pytest

from ops.deploy.terminal import Answers


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
    assert not Answers().types("delete_data", "All of it?", "dev")


def test_beforehand_one_answer_is_for_one_question() -> None:
    answers = Answers(yes=True, typed={"delete_data": "dev", "delete_snowflake": "prod"})
    assert answers.agrees("Begin?")
    assert answers.types("delete_data", "All of it?", "dev")
    assert not answers.types("delete_snowflake", "All of it?", "dev")
