"""Not part of a plain run: `make rehearse-test`, or pytest tests/rehearsal."""

from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect these tests only when they are asked for by path."""
    asked = [(config.invocation_params.dir / name.partition("::")[0]).resolve() for name in config.args]
    return None if any(path == HERE or HERE in path.parents for path in asked) else True
