"""The shipped Snowflake SQL: Snowflake's syntax, the rules of pipes, and everything run that can be run here."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from fakesnow.instance import FakeSnow
from sqlglot import exp

from local_pipeline.copy_statement import read_pipe
from local_pipeline.shipped_sql import (
    DEFAULT_VARIABLES,
    PIPE_FILE,
    SNOWFLAKE_DIRECTORY,
    read_statements,
    setup_files,
)
from local_pipeline.stage import JUDGED_BY, read_stage
from local_pipeline.warehouse import COLUMNS, NOT_RUN_LOCALLY, apply_shipped_sql, is_skipped
from ops.snowflake_sql import TEARDOWN_FILE, variables_of
from tests.support.processes import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result:UserWarning")

FILES = sorted(SNOWFLAKE_DIRECTORY.rglob("*.sql"))
NUMBERED = setup_files()
TABLE = "SLUICE.RAW.RAW_RECORDS"


def statements() -> list[str]:
    return [statement for path in NUMBERED for statement in read_statements(path, DEFAULT_VARIABLES)]


def starting(words: str, path: Path | None = None) -> list[str]:
    found = read_statements(path, DEFAULT_VARIABLES) if path else statements()
    return [statement for statement in found if " ".join(statement.split()).upper().startswith(words)]


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    """An embedded Snowflake in memory with the shipped SQL run."""
    connection = FakeSnow().connect()
    apply_shipped_sql(connection, SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES)
    yield connection
    connection.close()


def test_sqlfluff_takes_every_file() -> None:
    command = [sys.executable, "-m", "sqlfluff", "lint", "--disable-progress-bar", str(SNOWFLAKE_DIRECTORY)]

    lint = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603

    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_sqlfluff_would_say_no(tmp_path: Path) -> None:
    """The same command on a file with a mistake in its syntax."""
    broken = tmp_path / "broken.sql"
    broken.write_text((SNOWFLAKE_DIRECTORY / PIPE_FILE).read_text().replace("COPY INTO", "COPY ONTO"))
    command = [sys.executable, "-m", "sqlfluff", "parse", "--config", str(ROOT / ".sqlfluff"), str(broken)]

    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode != 0  # noqa: S603


def test_there_is_no_python_here() -> None:
    assert list(SNOWFLAKE_DIRECTORY.rglob("*.py")) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_one_of_the_documented(path: Path) -> None:
    used = variables_of(path.read_text()) - {"verify_directory"}

    assert used <= set(DEFAULT_VARIABLES)
    readme = (SNOWFLAKE_DIRECTORY / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in used)


def test_readers_and_the_monitor_see_no_more_than_they_need() -> None:
    def granted(role: str) -> set[str]:
        found = (" ".join(grant.split()) for grant in starting("GRANT"))
        return {grant.partition(" TO ROLE ")[0] for grant in found if grant.endswith(f" TO ROLE {role}")}

    assert granted("SLUICE_READER") == {
        "GRANT USAGE ON WAREHOUSE SLUICE_WH",
        "GRANT USAGE ON DATABASE SLUICE",
        "GRANT USAGE ON SCHEMA SLUICE.RAW",
        "GRANT SELECT ON VIEW SLUICE.RAW.RECORDS",
        "GRANT SELECT ON VIEW SLUICE.RAW.LATEST_RECORDS",
    }
    assert not [
        grant for grant in granted("SLUICE_MONITOR") if re.search(r"SELECT|INSERT|OWNERSHIP ON (?!SCHEMA)", grant)
    ]


@pytest.mark.parametrize("kind", ["STORAGE", "NOTIFICATION"])
def test_an_integration_has_a_file_of_its_own(kind: str) -> None:
    (path,) = [path for path in NUMBERED if f"{kind} INTEGRATION IF NOT EXISTS" in path.read_text()]
    rest = [text.split()[0] for text in read_statements(path, DEFAULT_VARIABLES) if not text.startswith("USE ROLE")]

    assert rest[0] == "CREATE"
    assert set(rest[1:]) == {"GRANT"}


def test_the_teardown_drops_all_that_is_not_in_the_database_and_can_be_run_again() -> None:
    ran = [" ".join(text.split()) for text in read_statements(SNOWFLAKE_DIRECTORY / TEARDOWN_FILE, DEFAULT_VARIABLES)]
    made = re.findall(
        r"^CREATE (?:STORAGE |NOTIFICATION )?((?:ROLE|WAREHOUSE|DATABASE|INTEGRATION) )IF NOT EXISTS (\w+)",
        "\n".join(starting("CREATE")),
        re.MULTILINE,
    )

    assert len(made) == 8
    assert {text for text in ran if text.startswith("DROP")} == {f"DROP {kind}IF EXISTS {name}" for kind, name in made}
    assert {text for text in ran if not text.startswith("DROP")} == {
        f"USE ROLE {role}" for role in ("SYSADMIN", "ACCOUNTADMIN", "USERADMIN")
    }


def test_the_table_has_the_columns_of_the_contract_and_the_copy_fills_each() -> None:
    (create,) = starting("CREATE TABLE")
    table = sqlglot.parse_one(create, read="snowflake")
    (pipe,) = starting("CREATE PIPE", SNOWFLAKE_DIRECTORY / PIPE_FILE)
    copied = re.search(r"COPY INTO \S+ \((.*?)\)", pipe, re.DOTALL)

    assert [column.name for column in table.find_all(exp.ColumnDef)] == list(COLUMNS)
    assert copied
    assert [name.strip() for name in copied[1].split(",")] == list(COLUMNS)


def test_the_stand_in_takes_the_shipped_pipe() -> None:
    assert read_pipe(SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES).pipe == "SLUICE.RAW.RECORDS_PIPE"


def test_the_stand_in_judges_by_what_the_file_format_says() -> None:
    (file_format,) = starting("CREATE FILE FORMAT")

    stage = read_stage(SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES)
    assert (stage.bucket, stage.prefix, stage.compression) == ("sluice-local-landing", "records/", "AUTO")
    assert all(re.search(rf"\b{name}\s*=\s*{value}\b", file_format) for name, value in JUDGED_BY.items())


def test_everything_runs_but_what_is_listed(database: Any) -> None:
    skipped = {words for words in NOT_RUN_LOCALLY if not starting(words)}
    assert not skipped, "listed, but nothing of the kind is shipped"

    again = apply_shipped_sql(database, SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES)

    assert {" ".join(text.split()[:2]) for text in again if not text.startswith("USE")} == {
        "CREATE DATABASE",
        "CREATE SCHEMA",
        "CREATE FILE",
        "CREATE STAGE",
        "CREATE TABLE",
        "CREATE OR",
    }
    for statement in statements():
        if is_skipped(statement):
            with pytest.raises(Exception, match=r"(?i)error"):
                database.cursor().execute(statement)


def insert(database: Any, *rows: tuple[str, str, str, str, str]) -> None:
    """Rows of (payload, ingest_id, received_at, source, loaded_at)."""
    for number, (payload, ingest_id, received_at, source, loaded_at) in enumerate(rows, start=1):
        database.cursor().execute(
            f"INSERT INTO {TABLE} SELECT PARSE_JSON('{payload}'), '{ingest_id}', "
            f"'2026-11-23T{received_at}Z'::TIMESTAMP_TZ, '{source}', NULL, 'records/f.json', {number}, "
            f"'2026-11-23T{loaded_at}Z'::TIMESTAMP_LTZ"
        )


def select(database: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor = database.cursor()
    cursor.execute(statement)
    return list(cursor.fetchall())


def test_records_shows_the_copy_that_was_loaded_first(database: Any) -> None:
    insert(
        database,
        ('{"id":"twice","copy":2}', "r1-0", "02:00:00", "once", "03:00:02"),
        ('{"id":"twice","copy":1}', "r1-0", "02:00:00", "once", "03:00:01"),
        ('{"id":"twice","copy":1}', "r1-1", "02:00:00", "once", "03:00:01"),
    )

    found = select(database, "SELECT ingest_id, payload:copy::NUMBER FROM SLUICE.RAW.RECORDS WHERE source = 'once'")

    assert sorted(found) == [("r1-0", 1), ("r1-1", 1)]


def test_latest_records_goes_by_time_then_by_index_as_a_number(database: Any) -> None:
    insert(
        database,
        ('{"id":"a"}', "r2-9", "02:00:00", "latest", "03:00:00"),
        ('{"id":"a"}', "r2-10", "02:00:00", "latest", "03:00:00"),
        ('{"id":"b"}', "r3-0", "02:00:01.000002", "latest", "03:00:00"),
        ('{"id":"b"}', "r2-11", "02:00:01.000001", "latest", "03:00:09"),
        ('{"id":1}', "r4-0", "02:00:00", "latest", "03:00:00"),
        ('{"id":"1"}', "r4-1", "02:00:00", "latest", "03:00:00"),
        ('{"id":"a"}', "r5-0", "01:00:00", "another", "03:00:00"),
        ('{"id":{"k":[1]}}', "r6-0", "01:00:00", "another", "03:00:00"),
    )

    found = select(
        database, "SELECT source, ingest_id FROM SLUICE.RAW.LATEST_RECORDS WHERE source IN ('latest', 'another')"
    )

    assert sorted(found) == [
        ("another", "r5-0"),
        ("another", "r6-0"),
        ("latest", "r2-10"),
        ("latest", "r3-0"),
        ("latest", "r4-0"),
        ("latest", "r4-1"),
    ]
