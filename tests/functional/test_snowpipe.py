"""The Snowpipe stand-in as a process, between the engine's bucket and queue and the embedded Snowflake."""

import gzip
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_pipeline.shipped_sql import PIPE_FILE, SNOWFLAKE_DIRECTORY
from local_pipeline.warehouse import connect, rows, truncate
from tests.support.engine import RunningEngine, eventually, running_engine
from tests.support.landing import PREFIX, RECEIVED_AT, Landing, Warehouse, running_warehouse, stream_line

EXACT = (
    '{"id":"ü\\u00fc😀","n":12345678901234567890.10,"b":123456789012345678901,"z":1e5,"k":{"b":1, "a":[ ]}}'.encode()
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as running:
        yield running


@pytest.fixture(scope="module")
def loading(engine: RunningEngine, warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landing]:
    """A bucket and a queue with a stand-in that stays."""
    made = Landing(engine, warehouse, tmp_path_factory.mktemp("home"))
    made.start()
    yield made
    made.stop_all()


@pytest.fixture
def landing(engine: RunningEngine, warehouse: Warehouse, tmp_path: Path) -> Iterator[Landing]:
    """A bucket and a queue without a stand-in yet."""
    made = Landing(engine, warehouse, tmp_path / "home")
    yield made
    made.stop_all()


def test_a_file_becomes_rows_with_every_byte_of_the_payload(loading: Landing) -> None:
    first, second = loading.ingest_ids(2)
    key = loading.put([stream_line(first, EXACT, source="shop", schema="order/1"), stream_line(second)])

    entry = loading.wait_for_history(key)

    assert (entry["STATUS"], entry["ROW_COUNT"], entry["ROW_PARSED"], entry["ERROR_COUNT"]) == ("Loaded", 2, 2, 0)
    (row,) = loading.rows_of(first)
    assert row["payload"].encode() == EXACT
    loaded_at = row.pop("loaded_at")
    assert row == {
        "payload": EXACT.decode(),
        "ingest_id": first,
        "received_at": RECEIVED_AT,
        "source": "shop",
        "schema": "order/1",
        "file_name": key,
        "file_row_number": 1,
    }
    (other,) = loading.rows_of(second)
    assert (other["schema"], other["file_row_number"], other["loaded_at"]) == (None, 2, loaded_at)


def test_one_bad_line_skips_its_whole_file_and_no_other(loading: Landing) -> None:
    before, after, other = loading.ingest_ids(3)
    bad = loading.put([stream_line(before), stream_line("x-0", b'{"id":1,"id":2}'), stream_line(after)])
    good = loading.put([stream_line(other)])

    assert loading.wait_for_history(good)["STATUS"] == "Loaded"
    entry = loading.wait_for_history(bad)

    assert (entry["STATUS"], entry["ROW_COUNT"], entry["ROW_PARSED"], entry["ERROR_COUNT"]) == ("Load failed", 0, 3, 1)
    assert entry["FIRST_ERROR_LINE_NUMBER"] == 2
    assert "duplicate_key" in entry["FIRST_ERROR_MESSAGE"]
    assert loading.rows_of(before) == loading.rows_of(after) == []
    assert len(loading.rows_of(other)) == 1


def test_a_name_is_loaded_once(loading: Landing) -> None:
    """Told twice, put again with other contents, or mended after it failed: Snowpipe knows it by its name."""
    first, second, third, last = loading.ingest_ids(4)
    key = loading.put([stream_line(first)])
    failed = loading.put([b"{"])
    loading.wait_for_history(key)
    loading.wait_for_history(failed)

    event = {"s3": {"bucket": {"name": loading.name}, "object": {"key": key}}}
    record = {"eventName": "ObjectCreated:Put", "eventTime": "2099-01-01T00:00:00.000Z", **event}
    loading.sqs.send_message(QueueUrl=loading.queue_url, MessageBody=json.dumps({"Records": [record, record]}))
    loading.put([stream_line(second)], key=key)
    loading.put([stream_line(third)], key=failed)
    loading.wait_for_history(loading.put([stream_line(last)]))

    assert len(loading.rows_of(first)) == 1
    assert loading.rows_of(second) == loading.rows_of(third) == []
    assert len(loading.history_of(key)) == len(loading.history_of(failed)) == 1


def test_it_loads_what_the_stage_holds_and_nothing_else(loading: Landing) -> None:
    plain, packed, outside, text = loading.ingest_ids(4)
    odd_key = loading.put([stream_line(plain)], key=f"{PREFIX}dt=2026-11-23/a file+ü%20&.json")
    gzip_key = loading.put([], key=f"{PREFIX}{loading.name}.json.gz", body=gzip.compress(stream_line(packed) + b"\n"))
    loading.put([stream_line(outside)], key=f"elsewhere/{loading.name}.json")
    loading.put([stream_line(text)], key=f"{PREFIX}{loading.name}.txt")
    loading.sqs.send_message(QueueUrl=loading.queue_url, MessageBody="no notification")
    loading.sqs.send_message(QueueUrl=loading.queue_url, MessageBody='{"Event":"s3:TestEvent"}')
    (last,) = loading.ingest_ids(1)
    loading.wait_for_history(loading.put([stream_line(last)]))

    assert [row["file_name"] for row in loading.rows_of(plain)] == [odd_key]
    assert [row["file_name"] for row in loading.rows_of(packed)] == [gzip_key]
    assert loading.rows_of(outside) == loading.rows_of(text) == []
    assert "no S3 event notification" in loading.log


def test_editing_the_shipped_pipe_changes_the_rows(landing: Landing, tmp_path: Path) -> None:
    landing.sql = tmp_path / "snowflake"
    shutil.copytree(SNOWFLAKE_DIRECTORY, landing.sql)
    pipe = landing.sql / PIPE_FILE
    shipped = pipe.read_text()
    edited = shipped.replace("$1:source::VARCHAR", "UPPER($1:source::VARCHAR) || '/' || $1:payload.shop.name::VARCHAR")
    assert edited != shipped
    pipe.write_text(edited)
    landing.start()
    (ingest_id,) = landing.ingest_ids(1)

    landing.wait_for_history(landing.put([stream_line(ingest_id, b'{"id":1,"shop":{"name":"Kiel"}}', source="till")]))

    assert landing.rows_of(ingest_id)[0]["source"] == "TILL/Kiel"


def test_a_pipe_it_cannot_run_is_one_line(landing: Landing, tmp_path: Path) -> None:
    landing.sql = tmp_path / "snowflake"
    shutil.copytree(SNOWFLAKE_DIRECTORY, landing.sql)
    pipe = landing.sql / PIPE_FILE
    pipe.write_text(pipe.read_text().replace("ON_ERROR = SKIP_FILE", "ON_ERROR = CONTINUE"))

    assert landing.start().wait(20) == 1

    assert landing.log.splitlines()[-1].endswith("ON_ERROR = CONTINUE: the Snowpipe stand-in only knows SKIP_FILE")
    assert "Traceback" not in landing.log


def test_killed_again_and_again_it_loses_nothing_and_loads_nothing_twice(landing: Landing) -> None:
    keys, sent = set(), []
    process = landing.start()
    for number in range(24):
        ingest_ids = landing.ingest_ids(200)
        keys.add(landing.put([stream_line(ingest_id, EXACT) for ingest_id in ingest_ids]))
        sent += ingest_ids
        if number % 8 == 7:
            eventually(lambda: landing.loaded_from(keys), pause=0.02)
            process.kill()
            process.wait()
            process = landing.start()

    eventually(lambda: len(landing.loaded_from(keys)) >= len(sent), seconds=40)
    loaded = landing.loaded_from(keys)

    assert sorted(row.ingest_id for row in loaded) == sorted(sent)
    assert len({(row.file_name, row.file_row_number) for row in loaded}) == len(sent)


def test_a_warehouse_that_is_killed_keeps_what_was_committed_and_gets_the_rest(
    landing: Landing, warehouse: Warehouse
) -> None:
    landing.start()
    early, late = landing.ingest_ids(1), landing.ingest_ids(1)
    landing.wait_for_history(landing.put([stream_line(early[0])]))

    warehouse.kill()
    key = landing.put([stream_line(late[0])])
    warehouse.start()

    assert len(landing.rows_of(early[0])) == 1
    eventually(lambda: landing.history_of(key), seconds=60)
    assert len(landing.rows_of(late[0])) == 1


def test_a_file_whose_message_was_lost_is_loaded_when_it_starts(landing: Landing) -> None:
    (ingest_id,) = landing.ingest_ids(1)
    key = landing.put([stream_line(ingest_id)])
    landing.sqs.purge_queue(QueueUrl=landing.queue_url)

    landing.start()

    landing.wait_for_history(key)
    assert len(landing.rows_of(ingest_id)) == 1


def test_it_ends_within_seconds_of_sigterm_and_idles_quietly(landing: Landing) -> None:
    process = landing.start()
    (ingest_id,) = landing.ingest_ids(1)
    landing.wait_for_history(landing.put([stream_line(ingest_id)]))

    before, until = _cpu_seconds(process.pid), time.monotonic() + 3
    eventually(lambda: time.monotonic() > until)
    assert _cpu_seconds(process.pid) - before < 0.3

    process.terminate()
    assert process.wait(5) == 0


def test_a_reset_forgets_the_files_and_the_messages(landing: Landing, warehouse: Warehouse) -> None:
    process = landing.start()
    (ingest_id,) = landing.ingest_ids(1)
    key = landing.put([stream_line(ingest_id)])
    landing.wait_for_history(key)

    (landing.home / "reset").write_text("3\n")
    eventually((landing.home / "reset.snowpipe.done").exists)
    assert (landing.home / "reset.snowpipe.done").read_text() == "3\n"
    assert landing.history_of(key) == []
    with connect(warehouse.url) as connection:
        truncate(connection)
        assert rows(connection, 10) == []

    (again,) = landing.ingest_ids(1)
    landing.wait_for_history(landing.put([stream_line(again)], key=key))
    assert len(landing.rows_of(again)) == 1
    assert process.poll() is None


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
