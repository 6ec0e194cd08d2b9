"""How much the pipeline on one machine carries end to end: `make bench-pipeline`, `python -m benchmarks.pipeline`.

Starts a pipeline of its own (`sluice up`, as `make run` does, in a new state directory), sends records at a rate
whether answers come or not, waits until everything is in the raw table, and compares: accepted = streamed = landed =
loaded in distinct ingest_ids, by /pipeline/summary, by `sluice reconcile`, and by its own list of answers against the
rows. The lag of a record is from its answer to the moment its row was seen in the table.

Requests are NDJSON batches of 100 records, what a producer has after a second of 100 events (`--batch`), and 1 % of the
records come alone in a POST, so that both ways in are used. A batch of 500 would be cheaper for every process here.

Exit status: 0 it held, 1 something was lost, not confirmed, too slow or too late, 2 it could not be measured.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.pipeline_load import Answer, plan, send
from benchmarks.pipeline_process import PipelineError, Running, running
from benchmarks.pipeline_rows import Watch, all_rows
from benchmarks.pipeline_verdict import Result, Seen, describe, judge
from benchmarks.places import RESULTS
from benchmarks.processes import busy_seconds
from local_pipeline.deployed import Deployed
from local_pipeline.template import read_delivery

BATCH = 100
BEFORE_BATCH, BEFORE_RATE = 2_000, 10_000.0
STILL_SECONDS = 60.0
"""Without a new row: what is missing then is lost."""
SUMMARY_SECONDS = 300.0
CONSOLE_ASKS = ("/pipeline/summary", "/pipeline/rows?limit=20", "/pipeline/rejected?limit=20")


def main(arguments: Sequence[str]) -> int:
    """Run, print, write; the exit status."""
    options = parser().parse_args(arguments)
    try:
        with running() as pipeline:
            result = measure(pipeline, options)
    except PipelineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in describe(result):
        print(line)
    directory: Path = options.results
    directory.mkdir(parents=True, exist_ok=True)
    document = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), **result.as_json()}
    (directory / "pipeline.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 1 if document["failures"] else 0


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    found.add_argument("--rate", type=float, default=5_000, help="records/s to be reached (5000)")
    found.add_argument("--seconds", type=float, default=60, help="for how long (60)")
    found.add_argument("--batch", type=int, default=BATCH, help=f"records of an NDJSON request ({BATCH})")
    found.add_argument("--before", type=int, default=0, help="rows that are loaded first and not measured (0)")
    found.add_argument(
        "--console", action="store_true", help="ask for the summary each second, as an open console does"
    )
    found.add_argument("--results", type=Path, default=RESULTS, help="directory of the JSON file")
    return found


def measure(pipeline: Running, options: argparse.Namespace) -> Result:
    """Load a pipeline and look at what became of it."""
    watch = Watch(pipeline.url("warehouse"))
    watch.start()
    before = _prepare(pipeline, watch, options.before)
    cpu, busy = pipeline.cpu_seconds(), busy_seconds()
    with _console(pipeline) if options.console else nullcontext():
        answers = asyncio.run(send(pipeline.url("gateway"), plan(options.rate, options.seconds, options.batch)))
        settled = watch.wait(before + sum(answer.accepted for answer in answers), STILL_SECONDS)
    cpu = {name: used - cpu[name] for name, used in pipeline.cpu_seconds().items()}
    busy = busy_seconds() - busy
    watch.stop()
    rows, file_of = all_rows(pipeline.url("warehouse"))
    reconciled, _ = pipeline.reconcile()
    seen = Seen(
        answers=answers,
        file_of=file_of,
        visible_at=watch.seen,
        rows=rows,
        before=before,
        summary=_summary(pipeline),
        reconciled=reconciled,
        settled=settled,
        cpu=cpu,
        busy=busy,
        memory=pipeline.memory_mib(),
    )
    return judge(seen, options.rate, buffer_seconds(pipeline))


def _prepare(pipeline: Running, watch: Watch, rows: int) -> int:
    """Load so many rows in large batches; how many there are."""
    if not rows:
        return 0
    answers: list[Answer] = asyncio.run(
        send(pipeline.url("gateway"), plan(BEFORE_RATE, rows / BEFORE_RATE, BEFORE_BATCH))
    )
    accepted = sum(answer.accepted for answer in answers)
    if accepted < rows or not watch.wait(accepted, STILL_SECONDS):
        raise PipelineError(f"only {watch.rows:,} of the {rows:,} rows that should be there before were loaded")
    _summary(pipeline)
    return accepted


def _summary(pipeline: Running) -> dict[str, int]:
    answer = httpx.get(f"{pipeline.url('gateway')}/pipeline/summary", timeout=SUMMARY_SECONDS)
    counts: dict[str, int] = answer.raise_for_status().json()
    return counts


@contextmanager
def _console(pipeline: Running) -> Iterator[None]:
    """Ask for what the console's page asks for, each second, until the block ends."""
    closed = threading.Event()

    def refresh() -> None:
        with httpx.Client(base_url=pipeline.url("gateway"), timeout=SUMMARY_SECONDS) as client:
            while not closed.wait(1):
                for path in CONSOLE_ASKS:
                    client.get(path).raise_for_status()

    thread = threading.Thread(target=refresh)
    thread.start()
    try:
        yield
    finally:
        closed.set()
        thread.join()


def buffer_seconds(pipeline: Running) -> float:
    """The delivery template's buffer interval, as the Firehose stand-in reads it."""
    deployed = Deployed.read(pipeline.home)
    given = {
        "StreamArn": deployed.stream_arn,
        "LandingBucketArn": deployed.landing_bucket_arn,
        "LandingPrefix": deployed.landing_prefix,
        "DataKeyArn": deployed.data_key_arn,
        "Stage": "local",
    }
    return read_delivery(given).buffer_seconds


def machine() -> dict[str, object]:
    """What the figures depend on."""
    return {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
