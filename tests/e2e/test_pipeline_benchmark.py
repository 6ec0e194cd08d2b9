"""`make bench-pipeline` runs: a pipeline of its own, records in, everything accounted for. Not how fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT, clean_environment

pytestmark = pytest.mark.e2e
SECONDS = 180


def test_a_short_run_accounts_for_every_record(tmp_path: Path) -> None:
    arguments = ["--rate", "200", "--seconds", "2", "--before", "500", "--console", "--results", str(tmp_path)]
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.pipeline", *arguments],
        cwd=ROOT,
        env=clean_environment({"TMPDIR": str(tmp_path)}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert ended.returncode in {0, 1}, ended.stderr
    result = json.loads((tmp_path / "pipeline.json").read_text())
    # How fast a loaded machine is says nothing about the command.
    assert [each for each in result["failures"] if "records/s" not in each and "lag at p95" not in each] == []
    assert (ended.returncode == 0) == (result["failures"] == [])
    assert (result["records"], result["rows_before"]) == (400, 500)
    assert set(result["counts"].values()) == {900}
    assert result["lag"]["highest"] >= result["lag"]["p95"] >= result["lag"]["p50"] > 0
    assert {"gateway", "engine", "firehose", "snowpipe", "warehouse", "sender"} <= result["cpu_seconds"].keys()
    assert "lag from answer to visible row" in ended.stdout
    assert not list(tmp_path.glob("sluice-bench-*")), "the run's state is removed"
