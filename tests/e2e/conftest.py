"""The whole pipeline with its real processes, shared by the session; a test that breaks it starts its own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.copies import sooner_delivered
from tests.support.fault_proxy import ProxyThread
from tests.support.local_pipeline import LocalPipeline, running
from tests.support.second_gateway import behind_proxy
from tests.support.stores import Stores
from tests.support.transports import Client

StartPipeline = Callable[..., LocalPipeline]


@dataclass(frozen=True)
class Faulty:
    """A second gateway of the running pipeline, with a proxy between it and the engine."""

    gateway: Client
    proxy: ProxyThread
    stores: Stores

    def told(self, ingest_id: str) -> tuple[str, list[str]]:
        """How far a record has come, and what each answer said of it."""
        trace = self.stores.pipeline.get(f"/pipeline/trace/{ingest_id}")
        return trace["status"], [answer["status"] for answer in trace["answer"]]


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPipeline]:
    """One pipeline, shipped but for a short buffer, for tests that leave it as they found it but for their records.

    They wait for rows often; how soon the shipped buffer gives one is a test of its own in `test_make_run`.
    """
    folder = tmp_path_factory.mktemp("pipeline")
    with running(folder / "home", "--templates", str(sooner_delivered(folder))) as shared:
        yield shared


@pytest.fixture(scope="module")
def faulty(pipeline: LocalPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """A gateway and a proxy for the tests of one file."""
    with behind_proxy(pipeline, tmp_path_factory.mktemp("faulty")) as (gateway, proxy):
        yield Faulty(gateway.client, proxy, Stores(pipeline))


@pytest.fixture
def start_pipeline(tmp_path: Path) -> Iterator[Callable[..., LocalPipeline]]:
    """Start a pipeline of one's own: `start_pipeline("--sql", str(folder))`; ended with the test."""
    with ExitStack() as stack:

        def start(*arguments: str, home: Path | None = None) -> LocalPipeline:
            started: AbstractContextManager[LocalPipeline] = running(home or tmp_path / "home", *arguments)
            return stack.enter_context(started)

        yield start
