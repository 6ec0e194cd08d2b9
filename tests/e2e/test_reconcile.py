"""`sluice reconcile` and `sluice reload` in one running pipeline: clean, broken by hand in three ways, and mended."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from local_pipeline.engine import REGION
from local_pipeline.warehouse import connect
from ops import cli
from tests.support import generators as make
from tests.support.aws import parse_record
from tests.support.copies import sooner_delivered
from tests.support.local_pipeline import LocalPipeline, eventually
from tests.support.stores import Stores

pytestmark = pytest.mark.e2e


def sluice(pipeline: LocalPipeline, *arguments: str) -> tuple[int, str]:
    """Exit status, and what was printed. In this process: importing Snowflake's connector for each takes seconds."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        patch.setenv("SLUICE_HOME", str(pipeline.home))
        status = cli.main(arguments)
    return status, printed.getvalue()


def reconcile(pipeline: LocalPipeline) -> dict[str, Any]:
    """The document, whose verdict is the exit status."""
    status, printed = sluice(pipeline, "reconcile", "--from", "-30m", "--settle", "0s", "--json")
    found: dict[str, Any] = json.loads(printed)
    assert status == (0 if found["clean"] else 1)
    return found


def differing(found: dict[str, Any]) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for each in found["differences"]:
        by_kind.setdefault(each["kind"], []).append(each["ingest_id"])
    return {kind: sorted(ids) for kind, ids in by_kind.items()}


def send(pipeline: LocalPipeline, name: str, count: int) -> list[str]:
    """Records that are accepted; their ids."""
    lines = [b'{"id":"%b-%d"}' % (name.encode(), number) for number in range(count)]
    answer = pipeline.post(make.ndjson(lines), "application/x-ndjson").json()
    assert answer["accepted"] == count
    return [f"{answer['request_id']}-{index}" for index in range(count)]


def poison(pipeline: LocalPipeline, like: str) -> str:
    """Put a line into the stream that the gateway would not let in; its id."""
    [row] = pipeline.rows(ingest_id=like)
    ingest_id = f"{uuid4()}-0"
    head = {"ingest_id": ingest_id, "received_at": row["received_at"], "source": row["source"], "schema": None}
    line = json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"payload":{"id":1,"twice":1,"twice":2}}\n'
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    kinesis = session.client("kinesis", endpoint_url=pipeline.engine_url)
    kinesis.put_record(StreamName=pipeline.deployed()["stream_name"], Data=line, PartitionKey="poison")
    return ingest_id


def file_of(pipeline: LocalPipeline, ingest_id: str) -> str:
    [row] = pipeline.rows(ingest_id=ingest_id)
    return str(row["file_name"])


def select(stores: Stores, statement: str, *parameters: object) -> list[str]:
    """A column, sorted."""
    return sorted(value for (value,) in stores.select(statement, *parameters))


def skipped(stores: Stores) -> list[str]:
    return select(stores, "SELECT file_name FROM SLUICE.SNOWPIPE.COPY_HISTORY WHERE error_count > 0")


@dataclass(frozen=True)
class Breaks:
    """What was broken by hand.

    Attributes:
        deleted: a landing file that had been loaded, and the records in it.
        removed: whose row is gone.
        bad: the line that no COPY takes; lost: it, and the records in its file.
        beside: good records of which some are in that file.
    """

    deleted: str
    in_deleted: list[str]
    removed: str
    bad: str
    lost: list[str]
    beside: list[str]
    skipped: str


def break_it(pipeline: LocalPipeline, stores: Stores, first: list[str], second: list[str]) -> Breaks:
    deleted = file_of(pipeline, first[0])
    bad = poison(pipeline, first[0])
    beside = send(pipeline, "beside", 10)
    [name] = eventually(lambda: skipped(stores), bool, 30)
    in_file = {line.ingest_id for line in parse_record(stores.landing_files()[f"records/{name}"], "", name)}
    assert len(in_file) > 1, "a good line is in the file of the bad one"
    eventually(lambda: set(beside) - in_file - set(ids_of(stores, beside)), lambda left: not left, 30)
    stores.s3.delete_object(Bucket=stores.deployed["landing_bucket"], Key=deleted)
    in_deleted = select(stores, "SELECT ingest_id FROM RAW_RECORDS WHERE file_name = ?", deleted)
    removed = next(ingest_id for ingest_id in second if ingest_id not in in_deleted)
    with connect(str(pipeline.processes()["warehouse"]["url"])) as connection:
        connection.cursor().execute("DELETE FROM SLUICE.RAW.RAW_RECORDS WHERE ingest_id = ?", (removed,))
    return Breaks(deleted, in_deleted, removed, bad, sorted(in_file), beside, name)


def ids_of(stores: Stores, like: list[str]) -> dict[str, int]:
    """How many rows each record of a request has."""
    return stores.ids_in("RAW_RECORDS", {like[0].rpartition("-")[0]})


def test_a_break_by_hand_is_found_with_its_ids_and_a_skipped_file_comes_back(
    start_pipeline: Callable[..., LocalPipeline], tmp_path: Path
) -> None:
    # Two seconds, so that a record put just after the bad line is in its file.
    pipeline = start_pipeline("--templates", str(sooner_delivered(tmp_path, 2)))
    stores = Stores(pipeline)
    first = send(pipeline, "first", 300)
    pipeline.post(b'{"no":"id"}')
    stores.wait_for_rows(first)
    second = send(pipeline, "second", 5)
    stores.wait_for_rows(second)

    clean = reconcile(pipeline)
    assert (clean["clean"], clean["differences"], clean["files"]) == (True, [], [])
    counts = {name: clean["total"][name] for name in ("accepted", "streamed", "landed", "loaded", "rejected")}
    assert counts == {"accepted": 305, "streamed": 305, "landed": 305, "loaded": 305, "rejected": 1}

    done = break_it(pipeline, stores, first, second)
    places = assert_found(pipeline, done)
    assert_reloaded(pipeline, stores, done, places[done.removed]["name"])

    mended = reconcile(pipeline)
    assert differing(mended) == {"landing_gone": done.in_deleted}
    assert (mended["explained"]["refused"], mended["explained"]["no_receipt"]) == (1, 1)
    assert [each["open"] for each in mended["files"]] == [False]

    fix = pipeline.home / "fix.yaml"
    fix.write_text("operations:\n  - remove: /twice\n")
    status, printed = sluice(pipeline, "replay", "--reason", "load_failed", "--fix", str(fix), "--apply")
    assert status == 0, printed
    stores.wait_for_rows([done.bad])
    replayed = reconcile(pipeline)
    assert differing(replayed) == {"landing_gone": done.in_deleted}
    assert (replayed["explained"]["refused"], replayed["explained"]["replayed"]) == (0, 1)

    pipeline.reset()
    forgotten = reconcile(pipeline)
    assert (forgotten["clean"], forgotten["total"]["streamed"]) == (True, 0), "the stream still has them"


def assert_found(pipeline: LocalPipeline, done: Breaks) -> dict[str, dict[str, Any]]:
    """Each break with exactly its ids; where each was last seen."""
    broken = reconcile(pipeline)
    assert differing(broken) == {"landing_gone": done.in_deleted, "not_loaded": sorted([done.removed, *done.lost])}
    places = {each["ingest_id"]: each["last_seen"] for each in broken["differences"]}
    assert places[done.in_deleted[0]] == {"stage": "loaded", "name": done.deleted}
    assert places[done.removed]["load_status"] == "Loaded"
    [file] = broken["files"]
    assert file["key"] == places[done.bad]["name"] == f"records/{done.skipped}"
    assert (file["missing"], file["first_error_line"]) == (len(done.lost), places[done.bad]["line"])
    status, printed = sluice(pipeline, "reconcile", "--from", "-30m", "--settle", "0s", "--ids", "1")
    assert status == 1
    assert f"sluice reload {file['key']}" in printed
    assert f"and {len(done.lost):,} more" in printed
    return places


def assert_reloaded(pipeline: LocalPipeline, stores: Stores, done: Breaks, file_of_removed: str) -> None:
    """The good lines of the skipped file are rows, once; the bad one is in the error bucket, once."""
    request_id = done.bad.rpartition("-")[0]
    assert sluice(pipeline, "reload", done.skipped)[0] == 0
    assert len(stores.error_objects(request_id)) == 0, "without --apply nothing changes"
    for name in (done.skipped, done.skipped, file_of_removed):
        status, printed = sluice(pipeline, "reload", name, "--apply")
        assert status == 0, printed
    stores.wait_for_rows([*done.beside, done.removed])
    assert ids_of(stores, done.beside) == dict.fromkeys(done.beside, 1)
    [refused] = stores.error_objects(request_id)
    assert [line["reason"] for line in refused.lines] == ["load_failed"]
