"""The command-line tools that `make test` and `make check` install into an environment of their own."""

from pathlib import Path

from tests.support.processes import ROOT

TOOLS = ROOT / ".venv-checks" / "bin"


def tool(name: str) -> Path:
    """Where `name` (checkov, hadolint, actionlint, zizmor, snow) is; an AssertionError says how to install it."""
    path = TOOLS / name
    assert path.exists(), f"{path} is missing; run: make test"
    return path


def loadtest_python() -> Path:
    """The Python that has Locust; an AssertionError says how to install it."""
    path = ROOT / ".venv-loadtest" / "bin" / "python"
    assert path.exists(), f"{path} is missing; run: make test"
    return path
