"""What `sluice replay` does to rejected records of every kind: shown, mended, put in, counted, marked."""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.aws import make_aws, session
from tests.support.fault_proxy import running_proxy
from tests.support.rejected import KINDS, OVERSIZED
from tests.support.replaying import SECONDS, World, every_kind


@pytest.fixture
def world(endpoint: str, schemas_folder: Path, tmp_path: Path) -> Iterator[World]:
    with running_proxy(endpoint) as proxy:
        yield World(make_aws(endpoint), proxy, tmp_path, schemas_folder)


def test_a_dry_run_shows_what_would_come_of_it_and_changes_nothing(world: World) -> None:
    world.plant([*every_kind(), OVERSIZED], 90)

    with world.aws.nothing_stored():
        status, printed = world.run()

    assert status == 0, printed
    assert "90 rejected records" in printed
    assert "Nothing was changed." in printed
    counts = Counter((record.kind.reason, record.kind.result) for record in world.planted)
    for (before, after), count in counts.items():
        assert re.search(rf"^ +{count}  {before} → {after}$", printed, re.MULTILINE), (before, after, count, printed)
    assert "  - " + '{"order_id": ' in printed
    assert "12345678901234567890.10" in printed
    assert "  ! /amount: the value cannot be made number" in printed


def test_all_kinds_are_replayed_or_stay(world: World) -> None:
    world.plant([*every_kind(), OVERSIZED], 90)

    status, printed = world.run("--apply")

    assert status == 3, printed
    world.assert_all_is_done()
    assert max(world.streamed().values()) == 1
    status, printed = world.run("--apply")
    assert (status, "0 rejected records" in printed) == (3, True), printed
    assert f"{len(world.good()):,} replayed before" in printed
    assert "tried before" in printed
    world.assert_all_is_done()


def test_progress_is_for_terminals(world: World) -> None:
    world.plant([KINDS["renamed id"]], 12)
    terminal, seen_by_it = os.openpty()

    process = world.start(stderr=seen_by_it)
    printed, _ = process.communicate(timeout=SECONDS)
    os.close(seen_by_it)
    progress = os.read(terminal, 4096).decode()
    os.close(terminal)

    assert "12 rejected records" in printed
    assert progress.endswith("5 of 5 objects, 12 records\r\n"), progress
    assert "objects, " not in world.run()[1]


def test_a_fix_that_does_not_help_is_counted_and_another_one_may_help(world: World) -> None:
    world.plant([KINDS["renamed id"]], 12)
    no_help = "operations: [{rename: /order, to: id}]"

    assert world.run("--apply", fix=no_help)[0] == 3
    assert world.run("--apply", fix=no_help)[0] == 3, "the same again is the same try"
    assert {marks[-1]["attempts"] for marks in world.marks().values()} == {2}
    assert world.run("--apply", fix=no_help + " # another")[0] == 3
    assert world.run("--apply", fix="operations: [{remove: /x}]")[0] == 3
    assert world.streamed() == {}
    status, printed = world.run("--apply")

    assert status == 0, printed
    assert world.streamed() == dict.fromkeys(world.good(), 1)
    for marks in world.marks().values():
        assert [(mark["attempts"], mark["outcome"]) for mark in marks] == [
            (2, "rejected"),
            (3, "rejected"),
            (4, "replayed"),
        ]
        assert marks[0]["errors"][0]["type"] == "missing_id"
    assert world.objects("rejected/") == world.error_objects


def test_only_what_is_meant(world: World) -> None:
    world.plant(every_kind(), 150)
    middle = world.planted[60].received_at
    wanted = [
        record
        for record in world.planted
        if record.received_at >= middle and record.source == "shop" and record.kind.reason in {"null_id", "missing_id"}
    ]

    status, printed = world.run(
        "--apply", "--from", middle.isoformat(), "--source", "shop", "--reason", "null_id", "--reason", "missing_id"
    )

    assert status == 0, printed
    assert set(world.marks()) == {record.ingest_id for record in wanted} != set()
    until = world.planted[20]
    status, printed = world.run("--apply", "--to", until.received_at.isoformat(), "--of-schema", "order")
    early = {r.ingest_id for r in world.planted if r.received_at < until.received_at and r.kind.schema == "order/1"}
    assert set(world.marks()) - {record.ingest_id for record in wanted} == early != set()
    one = next(record for record in world.planted if record.ingest_id not in world.marks() and record.mended)
    assert world.run("--apply", "--ingest-id", one.ingest_id)[0] == 0
    assert world.marks()[one.ingest_id][0]["outcome"] == "replayed"


def test_another_schema_than_was_asked_for(world: World) -> None:
    world.plant([KINDS["no such schema"]], 10)

    assert "unknown_schema → schema_violation" in world.run("--schema", "order")[1]
    status, printed = world.run("--apply", "--no-schema")

    assert status == 0, printed
    assert {line.schema for line in world.aws.lines()} == {None}
    assert world.streamed() == {record.ingest_id: 1 for record in world.planted}


def test_a_request_that_was_sent_again_is_replayed_once(world: World) -> None:
    world.plant([KINDS["renamed id"]], 10)
    for key, body in world.error_objects.items():
        copy = key.replace("hr=21", "hr=23").replace(".ndjson", "0.ndjson")
        world.aws.s3.put_object(Bucket=world.aws.bucket, Key=copy, Body=body)

    first = world.run("--apply", "--to", "2026-11-20T21:59:59Z")
    rest = world.run("--apply")

    assert (first[0], rest[0]) == (0, 0), (first, rest)
    assert world.streamed() == dict.fromkeys(world.good(), 1)
    assert {ingest_id: len(marks) for ingest_id, marks in world.marks().items()} == dict.fromkeys(world.good(), 1)


def test_what_is_no_error_line_is_told_and_stops_nothing(world: World) -> None:
    world.plant([KINDS["renamed id"]], 10)
    first = min(world.error_objects)
    strange = {
        "rejected/notes.txt": b"somebody's notes\n",
        f"{first[:-7]}1.ndjson": b'{"ingest_id":"x"}\n' + world.error_objects[first],
    }
    for key, body in strange.items():
        world.aws.s3.put_object(Bucket=world.aws.bucket, Key=key, Body=body)

    status, printed = world.run("--apply")

    assert status == 1
    assert printed.count("not an error line of ours: ") == 2
    assert "somebody" not in printed
    assert world.streamed() == dict.fromkeys(world.good(), 1)


def test_the_stream_and_the_bucket_of_a_stage(world: World) -> None:
    world.plant([KINDS["renamed id"]], 3)
    outputs = {"StreamName": {"Value": world.aws.stream}, "ErrorBucketName": {"Value": world.aws.bucket}}
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
    cloudformation = session().client("cloudformation", endpoint_url=world.aws.endpoint)
    stage = world.aws.stream[-8:]
    cloudformation.create_stack(StackName=f"sluice-{stage}-storage", TemplateBody=json.dumps(template))

    status, printed = world.run("--apply", where=["--stage", stage])

    assert status == 0, printed
    world.assert_all_is_done()
    status, printed = world.run(where=["--stage", "none"])
    assert (status, printed.splitlines()[0][:33]) == (1, "sluice: stack sluice-none-storage"), printed


@pytest.mark.parametrize("stem", ["0" * 16, "f" * 16], ids=["listed first", "listed last"])
def test_what_snowflake_refuses_again_is_replayed_again(world: World, stem: str) -> None:
    world.plant([KINDS["renamed id"]], 2)
    assert world.run("--apply")[0] == 0
    time.sleep(1.1)  # LastModified has whole seconds
    key, body = next((key, body) for key, body in world.error_objects.items() if b'-0"' in body)
    members = json.loads(body.splitlines()[0])
    again = json.dumps({**members, "reason": "load_failed", "payload": '{"id":"a","bad":1}'}).encode()
    request_id = members["ingest_id"].rpartition("-")[0]
    copy = f"{key.rpartition('/')[0]}/{request_id}.{stem}.ndjson"
    world.aws.s3.put_object(Bucket=world.aws.bucket, Key=copy, Body=again + b"\n")
    fix = "operations: [{remove: /bad}]"

    status, printed = world.run("--apply", fix=fix)

    assert (status, "1 rejected record in" in printed) == (0, True), printed
    assert b'{"id":"a"}' in [line.payload for line in world.aws.lines() if line.ingest_id == members["ingest_id"]]
    outcomes = [mark["outcome"] for mark in world.marks()[members["ingest_id"]]]
    assert outcomes == ["replayed", "replayed"]
    assert "0 rejected records" in world.run("--apply", fix=fix)[1]
    assert world.streamed().total() == 3
