"""The shipped files are what runs: edit them, and rows and files change. And what a bad line does to its file."""

import gzip
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

import pytest

from tests.support.copies import SQL, TEMPLATES, changed_copy
from tests.support.landing import stream_line
from tests.support.local_pipeline import LocalPipeline, eventually, running
from tests.support.stores import Stores

pytestmark = pytest.mark.e2e
SHIPPED_BUFFER_SECONDS = 5.0
TRIES = 4
DELIVERY = {
    "Default: 5\n": "Default: 1\n",
    "Default: UNCOMPRESSED": "Default: GZIP",
    "${LandingPrefix}dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/": "${LandingPrefix}at/!{timestamp:yyyy/MM}/",
}
PIPE = {
    "$1:source::VARCHAR": "UPPER($1:source::VARCHAR) || '-edited'",
    "        METADATA$FILE_ROW_NUMBER,": "        -7,",
}
HISTORY = (
    "SELECT STATUS, ROW_COUNT, ROW_PARSED, ERROR_COUNT, FIRST_ERROR_LINE_NUMBER, FIRST_ERROR_MESSAGE "
    "FROM SLUICE.SNOWPIPE.COPY_HISTORY WHERE FILE_NAME = ?"
)


@dataclass(frozen=True)
class Outcome:
    """A file's entry in COPY_HISTORY."""

    status: str
    row_count: int
    row_parsed: int
    error_count: int
    first_error_line_number: int | None
    first_error_message: str | None


def wait_for_outcome(stores: Stores, name: str) -> Outcome:
    """The only entry of a file, once there is one."""
    columns = ", ".join(each.name for each in fields(Outcome))
    statement = f"SELECT {columns} FROM SLUICE.SNOWPIPE.COPY_HISTORY WHERE FILE_NAME = ?"  # noqa: S608 - names
    [entry] = eventually(lambda: stores.select(statement, name), bool, 30)
    return Outcome(*entry)


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPipeline]:
    """A pipeline of copies in which the pipe's SELECT, and the buffer, format and prefix of the delivery differ."""
    folder = tmp_path_factory.mktemp("edited")
    templates = changed_copy(TEMPLATES, folder, {"delivery.yaml": DELIVERY})
    sql = changed_copy(SQL, folder, {"11_pipe.sql": PIPE})
    with running(folder / "home", "--templates", str(templates), "--sql", str(sql)) as pipeline:
        yield pipeline


def send_and_wait(pipeline: LocalPipeline) -> dict[str, object]:
    """The row of a record that is alone in its file, unless the machine is very slow."""
    answer = pipeline.post(b'{"id": 1}').json()
    return eventually(lambda: pipeline.rows(ingest_id=f"{answer['request_id']}-0"), bool, 30)[0]


def test_the_rows_are_what_the_pipe_selects(edited: LocalPipeline) -> None:
    row = send_and_wait(edited)

    assert (row["source"], row["file_row_number"]) == ("ANONYMOUS-edited", -7)


def test_the_files_are_what_the_delivery_stream_says(edited: LocalPipeline) -> None:
    row = send_and_wait(edited)

    key = str(row["file_name"])
    assert re.fullmatch(r"records/at/\d{4}/\d\d/[^/]+\.json\.gz", key)
    line = gzip.decompress(Stores(edited).landing_files()[key])
    assert line.startswith(b'{"ingest_id":"%b",' % str(row["ingest_id"]).encode())


def test_a_shorter_buffer_delivers_sooner(edited: LocalPipeline) -> None:
    def seconds(row: dict[str, object]) -> float:
        received, loaded = (datetime.fromisoformat(str(row[name])) for name in ("received_at", "loaded_at"))
        return (loaded - received).total_seconds()

    assert any(seconds(send_and_wait(edited)) < SHIPPED_BUFFER_SECONDS for _ in range(TRIES))


def test_a_bad_line_costs_its_file_and_no_other(edited: LocalPipeline) -> None:
    stores, request_id = Stores(edited), str(uuid.uuid4())
    good = [stream_line(f"{request_id}-{index}", b'{"id":%d}' % index) for index in range(6)]
    files = {
        "with a bad line": [*good[:2], stream_line(f"{request_id}-9", b'{"id":1,"v":NaN}'), good[2]],
        "with two": [b'{"ingest_id"', good[3], stream_line(f"{request_id}-9", b'{"id":1,"id":2}')],
        "without": good[4:],
    }
    names = {name: f"dt=2026-11-23/hr=02/planted-{uuid.uuid4()}.json" for name in files}

    for name, lines in files.items():
        stores.s3.put_object(
            Bucket=stores.deployed["landing_bucket"],
            Key=stores.deployed["landing_prefix"] + names[name],
            Body=b"".join(line + b"\n" for line in lines),
        )

    bad, two, without = (wait_for_outcome(stores, name) for name in names.values())
    assert (bad.status, bad.row_count, bad.row_parsed) == ("Load failed", 0, 4)
    assert (bad.error_count, bad.first_error_line_number) == (1, 3)
    assert "NaN" in str(bad.first_error_message)
    assert (two.status, two.row_count, two.error_count, two.first_error_line_number) == ("Load failed", 0, 2, 1)
    assert (without.status, without.row_count, without.error_count) == ("Loaded", 2, 0)
    assert stores.ids_in("RAW_RECORDS", [request_id]) == {f"{request_id}-4": 1, f"{request_id}-5": 1}
    trace = edited.get(f"/pipeline/trace/{request_id}-0")
    assert (trace["status"], trace["rows"], len(trace["landing"])) == ("landed", [], 1)
    assert f"{names['with a bad line']} skipped: line 3" in (edited.home / "logs" / "snowpipe.log").read_text()
