"""The GitHub workflows: their syntax, and what must hold of anything that may deploy."""

import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from tests.support.tools import tool

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PLANTED = [
    ("deploy.yml", "needs: [ci, image]", "needs: [ci, imago]", "actionlint"),
    ("deploy-stage.yml", "steps.push.outputs.uri", "steps.pushed.outputs.uri", "actionlint"),
    ("ci.yml", "runs-on: ubuntu-24.04", "runs-on: ubuntu-24.05", "actionlint"),
    ("deploy-stage.yml", "@e6de054238d6b7531b4efff3b6587d9aade6a06c # v6.2.3", "@v6", "zizmor"),
    ("ci.yml", "permissions:\n  contents: read", "permissions: write-all", "zizmor"),
    ("deploy-stage.yml", 'echo "uri=$REPOSITORY', 'echo "uri=${{ github.head_ref }}$REPOSITORY', "zizmor"),
]


def findings(linter: str, *files: Path) -> str:
    """What the linter says, and nothing if it is content."""
    options = {"actionlint": ["-no-color"], "zizmor": ["--offline", "--quiet", "--min-severity", "medium"]}[linter]
    command = [str(tool(linter)), *options, *map(str, files)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
    return ran.stdout + ran.stderr if ran.returncode else ""


@pytest.mark.parametrize("linter", ["actionlint", "zizmor"])
def test_the_linters_find_nothing(linter: str) -> None:
    assert findings(linter, *WORKFLOWS) == ""


@pytest.mark.parametrize(("name", "old", "new", "linter"), PLANTED)
def test_they_would_say_no(tmp_path: Path, name: str, old: str, new: str, linter: str) -> None:
    text = (ROOT / ".github" / "workflows" / name).read_text()
    assert old in text
    broken = tmp_path / ".github" / "workflows" / name
    broken.parent.mkdir(parents=True)
    broken.write_text(text.replace(old, new))

    assert findings(linter, broken) != ""


def test_no_workflow_has_a_key() -> None:
    """GitHub's own token becomes a role: a stored secret would be a long-lived key."""
    assert not [path.name for path in WORKFLOWS if "secrets." in path.read_text()]
