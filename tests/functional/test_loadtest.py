"""`make loadtest` itself: Locust against a real gateway, and its verdict against what was stored."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.functional.conftest import KEYS, StartGateway
from tests.support.processes import ROOT, clean_environment
from tests.support.tools import loadtest_python
from tests.support.transports import UvicornClient

SECONDS = 120
GENEROUS = ("--max-p99-ms", "60000")


def load(client: object, folder: Path, *arguments: str, key: str = "") -> tuple[int, str, dict[str, Any]]:
    """Exit status, what was printed, and verdict.json."""
    assert isinstance(client, UvicornClient)
    command = [str(loadtest_python()), "-m", "loadtest", "--host", client.url, "--report-dir", str(folder), *arguments]
    environment = clean_environment({"SLUICE_LOADTEST_KEYS": key} if key else {})
    ran = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert (folder / "verdict.json").exists(), (ran.stdout, ran.stderr)
    return ran.returncode, ran.stdout, json.loads((folder / "verdict.json").read_text())


def test_the_verdict_counts_what_was_stored(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway("uvicorn")
    status, printed, verdict = load(
        gateway.client, tmp_path, "--scenario=mixed-bad", "--seconds=2", "--rate=15", "--users=5", *GENEROUS
    )
    assert (status, verdict["failures"]) == (0, []), printed
    assert "PASSED" in printed
    counts = verdict["counts"]
    assert counts["sent"] == counts["accepted"] + counts["rejected"]
    lines = {line.ingest_id for line in gateway.aws.lines()}
    rejected = {line["ingest_id"] for found in gateway.aws.error_objects("") for line in found.lines}
    assert (len(lines), len(rejected)) == (counts["accepted"], counts["rejected"])
    assert rejected
    assert {path.name for path in tmp_path.iterdir()} >= {"report.html", "locust_stats.csv", "verdict.json"}


def test_workers_and_slow_lines_add_up(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway("uvicorn")
    status, printed, verdict = load(
        gateway.client,
        tmp_path,
        "--scenario=slow-clients",
        "--seconds=2",
        "--rate=4",
        "--users=4",
        "--workers=2",
        *GENEROUS,
    )
    assert (status, verdict["failures"]) == (0, []), printed
    assert len({line.ingest_id for line in gateway.aws.lines()}) == verdict["counts"]["sent"] > 0


def test_who_is_not_let_in_fails_and_nothing_is_lost_from_the_count(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    hashes = {"shop": [hashlib.sha256(KEYS["shop"].encode()).hexdigest()]}
    limits = {"shop": {"requests_per_second": 1, "burst": 1}}
    gateway = start_gateway(
        "uvicorn", SLUICE_AUTH="keys", SLUICE_API_KEYS=json.dumps(hashes), SLUICE_SOURCE_LIMITS=json.dumps(limits)
    )
    arguments = ("--seconds=1", "--rate=20", "--users=4", *GENEROUS)
    status, printed, verdict = load(gateway.client, tmp_path / "without", *arguments)
    assert (status, verdict["error_share"]) == (1, 1.0), printed
    assert verdict["counts"]["refused"] == verdict["counts"]["sent"] > 0
    assert verdict["counts"]["unaccounted"] == 0

    status, printed, verdict = load(gateway.client, tmp_path / "with", *arguments, key=KEYS["shop"])
    assert (status, verdict["failures"]) == (0, []), printed
    assert verdict["throttled_share"] > 0
    assert verdict["error_share"] == 0
    assert KEYS["shop"] not in printed + "".join(path.read_text() for path in (tmp_path / "with").iterdir())
