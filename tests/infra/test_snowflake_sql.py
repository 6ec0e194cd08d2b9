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

from local_pipeline.copy_statement import METADATA_COLUMNS, read_pipe
from local_pipeline.shipped_sql import (
    DEFAULT_VARIABLES,
    PIPE_FILE,
    SNOWFLAKE_DIRECTORY,
    read_statements,
    setup_files,
)
from local_pipeline.stage import JUDGED_BY, read_stage
from local_pipeline.warehouse import COLUMNS, NOT_RUN_LOCALLY, apply_shipped_sql, is_skipped
from tests.support.processes import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result:UserWarning")

TOP_FILES = sorted(SNOWFLAKE_DIRECTORY.glob("*.sql"))
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


@pytest.mark.parametrize("path", TOP_FILES, ids=lambda path: path.name)
def test_every_variable_is_one_of_the_documented(path: Path) -> None:
    used = set(re.findall(r"<%\s*(\w+)\s*%>", path.read_text()))

    assert used <= set(DEFAULT_VARIABLES)
    readme = (SNOWFLAKE_DIRECTORY / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in used)


def test_running_it_again_destroys_nothing() -> None:
    for statement in statements():
        words = " ".join(statement.split()).upper()
        assert not re.match(r"(DROP|TRUNCATE|DELETE)\b", words), statement
        if words.startswith("CREATE") and not words.startswith("CREATE OR REPLACE VIEW"):
            assert " IF NOT EXISTS " in words, statement
            assert "OR REPLACE" not in words, statement


def test_no_role_is_granted_everything() -> None:
    grants = starting("GRANT")

    assert grants
    assert not [grant for grant in grants if re.search(r"\bALL\b|\bPUBLIC\b|ACCOUNTADMIN|WITH GRANT OPTION", grant)]
    reader = [grant for grant in grants if grant.endswith("TO ROLE SLUICE_READER") and "WAREHOUSE" not in grant]
    assert all(re.match(r"GRANT (USAGE ON (DATABASE|SCHEMA)|SELECT ON VIEW) ", grant) for grant in reader)


def test_the_integration_has_a_file_of_its_own() -> None:
    (path,) = [path for path in NUMBERED if "INTEGRATION IF NOT EXISTS" in path.read_text()]
    rest = [text for text in read_statements(path, DEFAULT_VARIABLES) if not text.startswith("USE ROLE")]

    assert [text.split()[0] for text in rest] == ["CREATE", "GRANT"]


def test_the_table_has_the_columns_of_the_contract_and_the_copy_fills_each() -> None:
    (create,) = starting("CREATE TABLE")
    table = sqlglot.parse_one(create, read="snowflake")
    (pipe,) = starting("CREATE PIPE", SNOWFLAKE_DIRECTORY / PIPE_FILE)
    copied = re.search(r"COPY INTO \S+ \((.*?)\)", pipe, re.DOTALL)

    assert [column.name for column in table.find_all(exp.ColumnDef)] == list(COLUMNS)
    assert copied
    assert [name.strip() for name in copied[1].split(",")] == list(COLUMNS)


def test_the_pipe_is_what_snowpipe_takes() -> None:
    """https://docs.snowflake.com/en/sql-reference/sql/create-pipe, usage notes; read_pipe refuses the rest."""
    (pipe,) = starting("CREATE PIPE", SNOWFLAKE_DIRECTORY / PIPE_FILE)

    read_pipe(SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES)
    assert re.search(r"AUTO_INGEST\s*=\s*TRUE", pipe)
    assert "CURRENT_TIMESTAMP" not in pipe
    assert set(re.findall(r"METADATA\$\w+", pipe)) == set(METADATA_COLUMNS)


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
