"""Clients that go on posting while a test does something else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import httpx

from tests.support import generators as make
from tests.support import varied
from tests.support.local_pipeline import LocalPipeline

PAUSE_SECONDS = 0.02


@contextmanager
def load(pipeline: LocalPipeline, connections: int, lines: int) -> Iterator[list[str]]:
    """Post batches of `lines` over `connections` until the block ends.

    Afterwards the list holds the ingest_ids of all that was accepted, and that is all that was sent.
    """
    accepted: list[str] = []
    enough = Event()
    body = make.ndjson([varied.good(number) for number in range(lines)])

    def post_on(client: httpx.Client) -> list[str]:
        found: list[str] = []
        while not enough.is_set():
            answer = client.post("/records", content=body, headers={"Content-Type": "application/x-ndjson"})
            assert answer.status_code == 202, answer.text
            found += [f"{answer.json()['request_id']}-{index}" for index in range(lines)]
            enough.wait(PAUSE_SECONDS)
        return found

    with httpx.Client(base_url=pipeline.url, timeout=60) as client, ThreadPoolExecutor(connections) as threads:
        running = [threads.submit(post_on, client) for _ in range(connections)]
        try:
            yield accepted
        finally:
            enough.set()
        for each in running:
            accepted += each.result()
