"""`make run` and `sluice up`: start, stop, start again, and what can go wrong in between."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.copies import sooner_delivered
from tests.support.local_pipeline import LocalPipeline, eventually, processes_of, running
from tests.support.processes import ROOT, clean_environment
from tests.support.stores import Stores

pytestmark = pytest.mark.e2e
# Five of them are the shipped buffer of the Firehose stand-in.
FIRST_ROW_SECONDS = 8.0
STOP_SECONDS = 10.0
RECORD = b'{"id": "order-1001", "customer": "ada", "amount": 12.5}'


def sluice(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the `sluice` command to its end."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "ops.cli", *arguments],
        cwd=ROOT,
        env=clean_environment({"SLUICE_HOME": str(home)}),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def send_one(pipeline: LocalPipeline, body: bytes = RECORD) -> str:
    """Post one record; its ingest_id."""
    answer = pipeline.post(body)
    assert answer.status_code == 202, answer.text
    return f"{answer.json()['request_id']}-0"


def wait_for_row(pipeline: LocalPipeline, ingest_id: str, seconds: float = 30) -> dict[str, object]:
    """The record's row."""
    return eventually(lambda: pipeline.rows(ingest_id=ingest_id), bool, seconds)[0]


def one_line(text: str) -> str:
    """The only line that is not blank."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    return lines[0]


def test_the_first_record_is_a_row_in_time(start_pipeline: Callable[..., LocalPipeline]) -> None:
    pipeline = start_pipeline()
    started = time.monotonic()
    ingest_id = send_one(pipeline)
    row = wait_for_row(pipeline, ingest_id, FIRST_ROW_SECONDS)

    assert time.monotonic() - started < FIRST_ROW_SECONDS
    assert re.fullmatch(r"records/dt=\d{4}-\d\d-\d\d/hr=\d\d/[^/]+\.json", str(row["file_name"]))


def test_what_the_warehouse_leaves_behind_goes_with_the_home(pipeline: LocalPipeline) -> None:
    assert list((pipeline.home / "tmp").glob("fakesnow_bucket_*"))


def test_the_printed_curl_line_works(pipeline: LocalPipeline) -> None:
    line = next(line for line in pipeline.printed().splitlines() if "curl -i" in line)
    answer = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True)  # noqa: S603

    assert "202" in answer.stdout.splitlines()[0]


def test_trace_follows_good_and_bad_records(pipeline: LocalPipeline) -> None:
    good = send_one(pipeline)
    bad = f"{pipeline.post(b'[{}]').json()['request_id']}-0"
    row = wait_for_row(pipeline, good)

    told = sluice(pipeline.home, "trace", good)
    assert (told.returncode, told.stderr) == (0, "")
    for part in (
        f"{good}: loaded",
        "accepted, with status 202",
        "shardId-",
        str(row["file_name"]),
        str(row["loaded_at"]),
    ):
        assert part in told.stdout
    told = sluice(pipeline.home, "trace", bad)
    assert (told.returncode, told.stderr) == (0, "")
    for part in (f"{bad}: rejected", "status 422", "missing_id", "rejected/dt="):
        assert part in told.stdout


def test_trace_of_an_unknown_record_says_so(pipeline: LocalPipeline, tmp_path: Path) -> None:
    told = sluice(pipeline.home, "trace", "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77-0")
    assert (told.returncode, told.stdout) == (1, "")
    assert "No record with this ingest_id" in one_line(told.stderr)

    told = sluice(tmp_path, "trace", "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77-0")
    assert (told.returncode, told.stdout) == (1, "")
    assert "make run" in one_line(told.stderr)


def test_wrong_parameters_and_unknown_records_are_problems(pipeline: LocalPipeline) -> None:
    for path, status in (
        ("/pipeline/rows?limit=0", 422),
        ("/pipeline/rejected?limit=x", 422),
        ("/pipeline/trace/nonsense", 404),
    ):
        answer = httpx.get(f"{pipeline.url}{path}")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "reason", "request_id"} <= answer.json().keys()


def test_the_console_loads_nothing_from_elsewhere(pipeline: LocalPipeline) -> None:
    answer = httpx.get(pipeline.url)

    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"(?:src|href)=\"?https?:", answer.text)
    assert "innerHTML" not in answer.text


def test_the_endpoints_are_documented(pipeline: LocalPipeline) -> None:
    paths = pipeline.get("/openapi.json")["paths"]

    assert {path for path in paths if path.startswith("/pipeline")} == {
        "/pipeline/summary",
        "/pipeline/rows",
        "/pipeline/rejected",
        "/pipeline/trace/{ingest_id}",
        "/pipeline/reset",
    }


def test_a_second_one_in_the_same_place_is_refused(pipeline: LocalPipeline) -> None:
    told = sluice(pipeline.home, "up", "--port", "0")

    assert told.returncode == 1
    assert f"pid {pipeline.process.pid} already runs" in one_line(told.stdout + told.stderr)
    assert pipeline.summary()


def test_clean_refuses_while_it_runs(pipeline: LocalPipeline) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "local_pipeline.clean"],
        cwd=ROOT,
        env=clean_environment({"SLUICE_HOME": str(pipeline.home)}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert "stop it first" in one_line(told.stderr)
    assert pipeline.home.exists()


def test_a_taken_port_is_one_line_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = sluice(tmp_path, "up", "--port", str(port))

    assert told.returncode == 1
    assert f"port {port}" in one_line(told.stdout + told.stderr)
    assert not (tmp_path / "run.json").exists()


BROKEN = {
    "storage.yaml": ("--templates", "infra/cloudformation", "AWS::Kinesis::Stream", "AWS::Kinesis::River", "River"),
    "delivery.yaml": ("--templates", "infra/cloudformation", "::DeliveryStream", "::DeliveryRiver", "firehose"),
    "08_raw_table.sql": ("--sql", "snowflake", "CREATE TABLE", "CREATE TABEL", "08_raw_table.sql: "),
    "11_pipe.sql": ("--sql", "snowflake", "COPY INTO", "COPY ONTO", "11_pipe.sql"),
}


@pytest.mark.parametrize("file", BROKEN)
def test_a_broken_file_is_one_line_and_nothing_is_left(tmp_path: Path, file: str) -> None:
    option, folder, right, wrong, told = BROKEN[file]
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / folder, copy)
    text = (copy / file).read_text()
    assert right in text
    (copy / file).write_text(text.replace(right, wrong))

    ended = sluice(tmp_path / "home", "up", "--port", "0", option, str(copy))

    assert ended.returncode == 1
    assert told in one_line(ended.stdout + ended.stderr)
    assert processes_of(tmp_path / "home") == []


def test_a_restart_keeps_the_rows_and_a_reset_does_not(
    start_pipeline: Callable[..., LocalPipeline], tmp_path: Path
) -> None:
    templates = ("--templates", str(sooner_delivered(tmp_path)))
    first = start_pipeline(*templates)
    ingest_id = send_one(first)
    row = wait_for_row(first, ingest_id)
    first.post(b"[{}]")
    counts = first.summary()
    began = time.monotonic()
    assert first.interrupt() == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert "stopped" in first.printed().splitlines()[-1]
    assert processes_of(tmp_path / "home") == []

    second = start_pipeline(*templates)
    assert second.rows() == [row]
    assert second.summary() == counts == {
        "accepted": 1, "rejected": 1, "spilled": 0, "streamed": 1, "landed": 1, "loaded": 1,
    }  # fmt: skip
    again = send_one(second)
    wait_for_row(second, again)
    assert second.summary()["loaded"] == 2
    stores = Stores(second)
    stores.s3.put_object(Bucket=stores.deployed["error_bucket"], Key="replayed/dt=2026-11-23/hr=08/x.ndjson", Body=b"")

    second.reset()
    assert stores.s3.list_objects_v2(Bucket=stores.deployed["error_bucket"])["KeyCount"] == 0
    assert set(second.summary().values()) == {0}
    assert second.rows() == second.get("/pipeline/rejected")["rejected"] == []
    assert httpx.get(f"{second.url}/pipeline/trace/{again}").status_code == 404
    wait_for_row(second, send_one(second))
    assert second.wait_until_loaded(1)["streamed"] == 1


def test_a_process_that_dies_is_started_again_but_not_the_engine(
    start_pipeline: Callable[..., LocalPipeline], tmp_path: Path
) -> None:
    pipeline = start_pipeline("--templates", str(sooner_delivered(tmp_path)))
    url = pipeline.url
    for name in ("firehose", "snowpipe", "warehouse", "lambda", "gateway"):
        killed = pipeline.kill(name)
        eventually(lambda name=name: pipeline.pid(name), lambda pid, killed=killed: pid != killed, 20)  # type: ignore[misc]
        assert f"{name} (pid {killed}) ended (signal 9)" in pipeline.printed()
    eventually(lambda: httpx.get(f"{url}/ready", timeout=30).status_code, lambda status: status == 200, 30)
    wait_for_row(pipeline, send_one(pipeline))

    pipeline.kill("engine")

    assert pipeline.process.wait(STOP_SECONDS) == 1
    assert "the engine" in pipeline.printed().splitlines()[-1]
    assert processes_of(pipeline.home) == []


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    home, templates = tmp_path / "home", ("--templates", str(sooner_delivered(tmp_path)))
    with running(home, *templates) as killed:
        ingest_id = send_one(killed)
        wait_for_row(killed, ingest_id)
        killed.process.kill()
        killed.process.wait()
        eventually(lambda: processes_of(home), lambda left: not left, STOP_SECONDS)

    with running(home, *templates) as again:
        assert [row["ingest_id"] for row in again.rows()] == [ingest_id]
        assert again.summary()["loaded"] == 1


def test_make_run_takes_a_port_and_ends_quietly_with_ctrl_c(tmp_path: Path) -> None:
    if not (ROOT / ".venv" / ".installed-local").exists():
        pytest.skip("the environment was not made by make")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home, output = tmp_path / "home", tmp_path / "output"
    environment = clean_environment({"SLUICE_HOME": str(home)})
    for inherited in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        environment.pop(inherited, None)
    with output.open("wb") as printed:
        make = subprocess.Popen(  # noqa: S603
            ["make", "run", f"PORT={port}"],  # noqa: S607
            cwd=ROOT,
            env=environment,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
    try:
        eventually(output.read_text, lambda text: "Sluice is serving." in text or make.poll() is not None, 60)
        assert httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200
    finally:
        os.killpg(make.pid, signal.SIGINT)  # as a terminal does
        make.wait(STOP_SECONDS)
    assert "***" not in output.read_text()
    assert "stopped" in output.read_text().splitlines()[-1]
    assert processes_of(home) == []
