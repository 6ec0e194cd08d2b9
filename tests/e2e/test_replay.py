"""Rejected records, mended by `sluice replay`, are rows under the ids that their answers named.

The number of records is SLUICE_TEST_REPLAY_RECORDS, so that the same test runs with 10,000."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support import generators as make
from tests.support.local_pipeline import LocalPipeline
from tests.support.processes import ROOT, clean_environment
from tests.support.stores import Stores, under_uvicorn
from tests.support.transports import post

pytestmark = pytest.mark.e2e
RECORDS = int(os.environ.get("SLUICE_TEST_REPLAY_RECORDS", "6000"))
PER_REQUEST = 400
SECONDS = 60 + RECORDS / 20
FIX = """
operations:
  - rename: /order_id
    to: id
  - cast: /amount
    to: number
"""
EXAMPLE = ROOT / "docs" / "replay-example.yaml"


def replaying(pipeline: LocalPipeline, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "ops.cli", "replay", *arguments],
        cwd=ROOT,
        env=clean_environment({"SLUICE_HOME": str(pipeline.home)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def replay(pipeline: LocalPipeline, *arguments: str) -> tuple[int, str]:
    """Exit status, and what was printed."""
    process = replaying(pipeline, *arguments)
    printed, _ = process.communicate(timeout=SECONDS)
    return process.returncode, printed


def send(pipeline: LocalPipeline, lines: list[bytes]) -> list[str]:
    """Records that are all rejected; their ids."""
    answer = post(under_uvicorn(pipeline), make.ndjson(lines), media="ndjson").json()
    assert [result["status"] for result in answer["results"]] == ["rejected"] * len(lines)
    return [f"{answer['request_id']}-{index}" for index in range(len(lines))]


def outcomes(stores: Stores, ids: set[str]) -> Counter[tuple[str, str, int]]:
    """How many mark lines of these records say what."""
    s3, bucket = stores.s3, stores.deployed["error_bucket"]
    counts: Counter[tuple[str, str, int]] = Counter()
    for key in marks(stores):
        for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines():
            mark: dict[str, Any] = json.loads(line)
            if mark["ingest_id"] in ids:
                counts[mark["ingest_id"], mark["outcome"], mark["attempts"]] += 1
    return counts


def marks(stores: Stores) -> list[str]:
    pages = stores.s3.get_paginator("list_objects_v2").paginate(
        Bucket=stores.deployed["error_bucket"], Prefix="replayed/"
    )
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def test_the_example_of_the_documentation(pipeline: LocalPipeline) -> None:
    ids = send(pipeline, [b'{"order_id":"o-%d","amount":"12345678901234567890.10"}' % n for n in range(50)])
    only = [argument for ingest_id in ids for argument in ("--ingest-id", ingest_id)]

    shown = replay(pipeline, "--reason", "missing_id", "--fix", str(EXAMPLE), *only)
    done = replay(pipeline, "--reason", "missing_id", "--fix", str(EXAMPLE), "--apply", *only)

    assert shown[0] == done[0] == 0, (shown, done)
    assert "50  missing_id → accepted" in shown[1]
    assert '+ {"id":"o-0","amount":12345678901234567890.10}' in shown[1]
    stores = Stores(pipeline)
    stores.wait_for_rows(ids)
    for number in (0, 49):
        [row] = pipeline.rows(ingest_id=ids[number])
        assert row["payload"] == f'{{"id":"o-{number}","amount":12345678901234567890.10}}'
    trace = pipeline.get(f"/pipeline/trace/{ids[7]}")
    assert (trace["status"], trace["rejected"][0]["reason"]) == ("loaded", "missing_id")


def test_killed_twice_each_is_a_row_once(pipeline: LocalPipeline, tmp_path: Path) -> None:
    """A seventh of the records has no order_id either: the fix does not help it."""
    (tmp_path / "fix.yaml").write_text(FIX)
    ids: list[str] = []
    for start in range(0, RECORDS, PER_REQUEST):
        numbers = range(start, min(RECORDS, start + PER_REQUEST))
        ids += send(pipeline, [b'{"%b":%d}' % (b"order_id" if n % 7 else b"v", n) for n in numbers])
    good = {ingest_id for n, ingest_id in enumerate(ids) if n % 7}
    command = ["--fix", str(tmp_path / "fix.yaml"), "--apply"]
    command += ["--from", pipeline.get(f"/pipeline/trace/{ids[0]}")["answer"][0]["received_at"]]
    stores, started = Stores(pipeline), time.monotonic()
    requests = {ingest_id.rpartition("-")[0] for ingest_id in ids}
    some = len(requests) // 3 + 1
    for more in (len(requests) + some, some):  # what the fix does not help is marked first
        before = len(marks(stores))
        process = replaying(pipeline, *command)
        while len(marks(stores)) < before + more:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert len(outcomes(stores, set(ids))) < len(ids), "killed in the middle"

    status, printed = replay(pipeline, *command)

    took = time.monotonic() - started
    assert status == 3, printed
    expected = {(i, "replayed", 2) if i in good else (i, "rejected", 2) for i in ids}
    assert outcomes(stores, set(ids)) == dict.fromkeys(expected, 1)
    stores.wait_for_rows(good, seconds=SECONDS)
    assert stores.ids_in("RECORDS", requests) == dict.fromkeys(good, 1)
    raw = stores.ids_in("RAW_RECORDS", requests).total()
    print(f"{len(ids)} records, {len(good)} in RECORDS, {raw} rows in RAW_RECORDS, three runs in {took:.1f} s")
