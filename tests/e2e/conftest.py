"""The whole pipeline with its real processes, shared by the session; a test that breaks it starts its own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.support.local_pipeline import LocalPipeline, running

StartPipeline = Callable[..., LocalPipeline]


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPipeline]:
    """One pipeline as it is shipped, for tests that leave it as they found it but for their records."""
    with running(tmp_path_factory.mktemp("pipeline") / "home") as shared:
        yield shared


@pytest.fixture
def start_pipeline(tmp_path: Path) -> Iterator[Callable[..., LocalPipeline]]:
    """Start a pipeline of one's own: `start_pipeline("--sql", str(folder))`; ended with the test."""
    with ExitStack() as stack:

        def start(*arguments: str, home: Path | None = None) -> LocalPipeline:
            started: AbstractContextManager[LocalPipeline] = running(home or tmp_path / "home", *arguments)
            return stack.enter_context(started)

        yield start
