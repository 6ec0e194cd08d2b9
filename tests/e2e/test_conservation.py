"""Nothing is lost and nothing is made up: 100,000 records, 1% of them bad in ten different ways."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support import generators as make
from tests.support import varied
from tests.support.aws import payload_of
from tests.support.load import load
from tests.support.local_pipeline import LocalPipeline
from tests.support.stores import Stores

pytestmark = pytest.mark.e2e
REQUESTS, LINES, BAD_LINES = 200, 500, 5
CONNECTIONS = 4
GOOD, BAD = REQUESTS * (LINES - BAD_LINES), REQUESTS * BAD_LINES
LOADED_SECONDS = 240.0
READINGS, IN_FLIGHT_LINES, SUMMARY_SECONDS = 12, 50, 10.0


@dataclass(frozen=True)
class Batch:
    """A request of NDJSON; `reasons` are those of its bad lines, by index."""

    lines: list[bytes]
    reasons: dict[int, str]


@dataclass(frozen=True)
class Sent:
    """What should be found, by ingest_id: the bytes of good lines, and of bad ones with their reasons."""

    good: dict[str, bytes]
    bad: dict[str, tuple[bytes, str]]
    seconds: float


def make_batch(number: int) -> Batch:
    """The bad lines stand at other places in each batch."""
    seeds = {(number * 7 + step * 101) % LINES: number * BAD_LINES + step for step in range(BAD_LINES)}
    bad = {index: varied.bad(seeds[index]) for index in sorted(seeds)}
    lines = [bad[index][0] if index in bad else varied.good(number * LINES + index) for index in range(LINES)]
    return Batch(lines, {index: reason for index, (_, reason) in bad.items()})


def send(pipeline: LocalPipeline, batches: list[Batch]) -> Sent:
    """Post all, over several connections; every answer is what its batch deserves."""
    with (
        httpx.Client(base_url=pipeline.url, timeout=60, limits=httpx.Limits(max_connections=CONNECTIONS)) as client,
        ThreadPoolExecutor(CONNECTIONS) as connections,
    ):

        def post(batch: Batch) -> dict[str, Any]:
            headers = {"Content-Type": "application/x-ndjson"}
            answer = client.post("/records", content=make.ndjson(batch.lines), headers=headers)
            assert answer.status_code == 207, answer.text[:2000]
            members: dict[str, Any] = answer.json()
            assert {result["index"]: result["reason"] for result in members["results"]} == batch.reasons
            assert (members["accepted"], members["rejected"]) == (LINES - BAD_LINES, BAD_LINES)
            return members

        began = time.monotonic()
        answers = list(connections.map(post, batches))
        seconds = time.monotonic() - began
    good: dict[str, bytes] = {}
    bad: dict[str, tuple[bytes, str]] = {}
    for answer, batch in zip(answers, batches, strict=True):
        for index, line in enumerate(batch.lines):
            ingest_id = f"{answer['request_id']}-{index}"
            if index in batch.reasons:
                bad[ingest_id] = (line, batch.reasons[index])
            else:
                good[ingest_id] = line
    return Sent(good, bad, seconds)


def assert_landed(stores: Stores, good: dict[str, bytes]) -> None:
    lines = list(stores.landing_lines())
    assert len(lines) == GOOD
    assert {line.ingest_id: line.payload for line in lines} == good


def assert_loaded(stores: Stores, good: dict[str, bytes]) -> None:
    rows = stores.select("SELECT ingest_id, payload::VARCHAR FROM RAW_RECORDS")
    assert len(rows) == GOOD
    payloads = dict(rows)
    assert payloads.keys() == good.keys()
    differing = [name for name, payload in payloads.items() if varied.value(payload) != varied.value(good[name])]
    assert differing == []
    assert stores.select("SELECT COUNT(*), COUNT(DISTINCT ingest_id) FROM RECORDS") == [(GOOD, GOOD)]


def assert_kept(stores: Stores, bad: dict[str, tuple[bytes, str]]) -> None:
    lines = [line for found in stores.error_objects() for line in found.lines]
    assert len(lines) == BAD
    assert {line["ingest_id"]: (payload_of(line), line["reason"]) for line in lines} == bad


def test_what_goes_in_comes_out(
    start_pipeline: Callable[..., LocalPipeline], capsys: pytest.CaptureFixture[str]
) -> None:
    batches = [make_batch(number) for number in range(REQUESTS)]
    texts = Counter(line for batch in batches for line in batch.lines)
    assert max(texts.values()) == 1, "a line that were taken for another would not be seen"
    pipeline = start_pipeline()
    stores = Stores(pipeline)

    began = time.monotonic()
    sent = send(pipeline, batches)
    assert (len(sent.good), len(sent.bad)) == (GOOD, BAD)
    counts = pipeline.wait_until_loaded(GOOD, LOADED_SECONDS)
    loaded = time.monotonic() - began

    assert_loaded(stores, sent.good)
    assert_landed(stores, sent.good)
    assert_kept(stores, sent.bad)
    assert counts == {
        "accepted": GOOD, "rejected": BAD, "spilled": 0, "streamed": GOOD, "landed": GOOD, "loaded": GOOD,
    }  # fmt: skip
    with capsys.disabled():
        print(
            f"\nconservation: {GOOD + BAD:,} records in {REQUESTS} requests over {CONNECTIONS} connections in "
            f"{sent.seconds:.1f} s ({(GOOD + BAD) / sent.seconds:,.0f} records/s); "
            f"all loaded, and counted, after {loaded:.1f} s"
        )


def test_the_counts_answer_while_records_come(pipeline: LocalPipeline) -> None:
    pipeline.summary()  # what earlier tests left to be read
    readings = []
    with load(pipeline, CONNECTIONS, IN_FLIGHT_LINES):
        for _ in range(READINGS):
            began = time.monotonic()
            counts = pipeline.summary()
            readings.append((time.monotonic() - began, counts))

    assert max(seconds for seconds, _ in readings) < SUMMARY_SECONDS
    # Between the stream's answer and the receipt a request's records are in the stream only.
    in_flight = CONNECTIONS * IN_FLIGHT_LINES
    for _, counts in readings:
        assert counts["accepted"] + in_flight >= counts["streamed"] >= counts["landed"] >= counts["loaded"], counts
