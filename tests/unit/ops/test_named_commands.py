"""Whatever documents, templates, workflows and SQL name as `sluice WORD` is a command that there is."""

import argparse
import re
from pathlib import Path

import pytest

from ops.cli import COMMANDS
from tests.support.processes import ROOT

NAMED = re.compile(r"\bsluice\s+([a-z][a-z-]*)")
PLACES = (
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "infra").rglob("*.md"),
    *(ROOT / "infra").rglob("*.yaml"),
    *(ROOT / ".github").rglob("*.yml"),
    *(ROOT / "snowflake").rglob("*.md"),
    *(ROOT / "snowflake").rglob("*.sql"),
)


def commands() -> set[str]:
    parser = argparse.ArgumentParser()
    registered = parser.add_subparsers()
    for command in COMMANDS:
        command.register(registered)
    return set(registered.choices)


def named(text: str) -> set[str]:
    return set(NAMED.findall(text))


@pytest.mark.parametrize("path", PLACES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_names_commands_that_there_are(path: Path) -> None:
    assert named(path.read_text(encoding="utf-8")) <= commands()


def test_a_command_that_is_not_there_would_be_found() -> None:
    assert named("say `.venv/bin/sluice\nlaunch --stage dev`, or sluice pipe") - commands() == {"launch"}


def test_each_kind_of_file_is_looked_at() -> None:
    assert {path.suffix for path in PLACES} == {".md", ".yaml", ".yml", ".sql"}
    assert {"deploy", "pipe", "trace"} <= set().union(*(named(path.read_text(encoding="utf-8")) for path in PLACES))
