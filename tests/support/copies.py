"""Copies of the shipped files with something changed, for pipelines that are started with them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.support.processes import ROOT

TEMPLATES = Path("infra/cloudformation")
SQL = Path("snowflake")


def changed_copy(folder: Path, into: Path, changes: Mapping[str, Mapping[str, str]]) -> Path:
    """A copy of a shipped folder below `into`, where `changes` says new text by old text by file name.

    Each old text must stand in its file exactly once.
    """
    copy = into / folder.name
    shutil.copytree(ROOT / folder, copy)
    for name, edits in changes.items():
        text = (copy / name).read_text(encoding="utf-8")
        for old, new in edits.items():
            assert text.count(old) == 1, f"{name}: {old!r} stands there {text.count(old)} times"
            text = text.replace(old, new)
        (copy / name).write_text(text, encoding="utf-8")
    return copy


def sooner_delivered(into: Path, seconds: int = 1) -> Path:
    """The templates, but a landing file is written `seconds` after its first record, for tests that wait for rows."""
    return changed_copy(TEMPLATES, into, {"delivery.yaml": {"Default: 5\n": f"Default: {seconds}\n"}})
