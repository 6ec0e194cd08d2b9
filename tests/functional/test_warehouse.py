"""The embedded Snowflake as a process: what its clients see, what it keeps, what it says when it cannot start."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from snowflake.connector.errors import ProgrammingError

from local_pipeline.shipped_sql import SNOWFLAKE_DIRECTORY
from local_pipeline.warehouse import Connection, connect, loaded_since, rows, truncate
from tests.support.landing import Warehouse, running_warehouse
from tests.support.processes import start

INSERT = (
    "INSERT INTO SLUICE.RAW.RAW_RECORDS SELECT PARSE_JSON('{\"id\":1}'), ?, "
    "'2026-11-23T02:17:14.123456Z'::TIMESTAMP_TZ, 'shop', NULL, 'records/f.json', 1, CAST(? AS TIMESTAMP_LTZ)"
)
FIRST, SECOND = "2026-11-23T02:17:20.000001Z", "2026-11-23T02:17:20.000002Z"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as running:
        yield running


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """A client of an empty table."""
    with connect(warehouse.url) as client:
        truncate(client)
        yield client


def insert(connection: Connection, ingest_id: str, loaded_at: str = FIRST) -> None:
    connection.cursor().execute(INSERT, (ingest_id, loaded_at))


def test_rows_come_newest_first_and_the_log_of_loads_oldest_first(connection: Connection) -> None:
    insert(connection, "b-0", SECOND)
    insert(connection, "a-0", FIRST)

    assert [row["ingest_id"] for row in rows(connection, 10)] == ["b-0", "a-0"]
    assert [row["ingest_id"] for row in rows(connection, 1)] == ["b-0"]
    assert rows(connection, 10, "a-0") == [
        {
            "payload": '{"id":1}',
            "ingest_id": "a-0",
            "received_at": "2026-11-23T02:17:14.123456Z",
            "source": "shop",
            "schema": None,
            "file_name": "records/f.json",
            "file_row_number": 1,
            "loaded_at": FIRST,
        }
    ]
    assert rows(connection, 10, "' OR 1 = 1 --") == []
    assert [(row.ingest_id, row.loaded_at) for row in loaded_since(connection)] == [("a-0", FIRST), ("b-0", SECOND)]
    assert [row.ingest_id for row in loaded_since(connection, SECOND)] == ["b-0"]


def test_clients_do_not_see_what_is_not_committed(warehouse: Warehouse, connection: Connection) -> None:
    with connect(warehouse.url) as writer:
        writer.cursor().execute("BEGIN")
        insert(writer, "a-0")
        assert rows(connection, 10) == []
        writer.cursor().execute("COMMIT")

    assert len(rows(connection, 10)) == 1


def test_a_reader_and_writers_at_the_same_time(warehouse: Warehouse, connection: Connection) -> None:
    def write(name: str) -> None:
        with connect(warehouse.url) as writer:
            for number in range(20):
                insert(writer, f"{name}-{number}")

    writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    seen = [0]
    while any(writer.is_alive() for writer in writers):
        seen.append(len(rows(connection, 100)))
    for writer in writers:
        writer.join()

    assert seen == sorted(seen)
    assert len({row["ingest_id"] for row in rows(connection, 100)}) == 40


def test_what_it_cannot_do_is_said_at_once_and_no_value_is_logged(warehouse: Warehouse, connection: Connection) -> None:
    with pytest.raises(ProgrammingError, match="261000"):
        connection.cursor().execute("INSERT INTO SLUICE.RAW.RAW_RECORDS (ingest_id) SELECT ?", ("a secret",))

    log = (warehouse.folder / "warehouse.log").read_text()
    assert "ConstraintException" in log
    assert "a secret" not in log


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    with running_warehouse(tmp_path) as warehouse:
        for generation in range(3):
            with connect(warehouse.url) as connection:
                insert(connection, f"a-{generation}")
                connection.cursor().execute("BEGIN")
                insert(connection, f"lost-{generation}")
                warehouse.kill()
            warehouse.start()
            assert sorted(row for (row,) in warehouse.fetch("SELECT ingest_id FROM SLUICE.RAW.RECORDS")) == [
                f"a-{number}" for number in range(generation + 1)
            ]


def test_it_says_in_one_line_why_it_does_not_start(warehouse: Warehouse, tmp_path: Path) -> None:
    sql = tmp_path / "snowflake"
    shutil.copytree(SNOWFLAKE_DIRECTORY, sql)
    table = sql / "08_raw_table.sql"
    table.write_text(table.read_text().replace("payload VARIANT NOT NULL", "payload VARIANT NOT NOLL"))

    broken = _starts(warehouse, tmp_path / "broken.log", "--sql", str(sql), "--db-path", str(tmp_path / "db"))
    taken = _starts(warehouse, tmp_path / "taken.log", "--db-path", str(warehouse.folder / "warehouse"))

    assert broken.startswith(f"{table}: ")
    assert "lock" in taken


def _starts(warehouse: Warehouse, log: Path, *arguments: str) -> str:
    """The only line that a server says that must not start."""
    command = [*(warehouse.command[:3]), "--port", "1", *arguments]
    with log.open("wb") as output:
        assert start(command, {}, output).wait(60) == 1
    (line,) = log.read_text().splitlines()
    return line
