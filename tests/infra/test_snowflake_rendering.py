"""The `snow` command line makes the same statements of the shipped files as ops.snowflake_sql does."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlglot

from local_pipeline.shipped_sql import DEFAULT_VARIABLES
from ops.snowflake_sql import SNOWFLAKE_DIRECTORY, ShippedSqlError, read_statements, setup_files, variables_of
from tests.infra.recording_snowflake import recording_snowflake
from tests.support.processes import ROOT
from tests.support.tools import tool

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result:UserWarning")

FILES = sorted(SNOWFLAKE_DIRECTORY.rglob("*.sql"))
RUN = [*setup_files(), SNOWFLAKE_DIRECTORY / "optional" / "records_table.sql"]
VARIABLES = {**DEFAULT_VARIABLES, "verify_directory": "/sluice/snowflake/verify"}
CONNECTION = """
[connections.local]
account = "local"
user = "local"
password = "local"
host = "127.0.0.1"
protocol = "http"
port = {port}
"""


def words(statement: str) -> list[str]:
    """Without comments, blanks and the last semicolon."""
    return [token.text for token in sqlglot.tokenize(statement.strip().rstrip(";"), read="snowflake")]


Rendered = Mapping[str, list[str] | str]


@pytest.fixture(scope="module")
def as_snow_reads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rendered, Rendered]:
    """What snow's own code makes of each file, with its variables and with none: its statements, or its errors."""
    # Without first: snow keeps the values of one rendering for the next.
    home = tmp_path_factory.mktemp("home")
    asked = subprocess.run(  # noqa: S603
        [tool("python"), ROOT / "tests" / "infra" / "snow_rendering.py"],
        input=json.dumps({"files": [str(path) for path in FILES], "variables": [{}, VARIABLES]}),
        env={**os.environ, "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    without, with_values = json.loads(asked.stdout)
    return with_values, without


def test_every_file_is_rendered_and_split_as_snow_does(as_snow_reads: tuple[Rendered, Rendered]) -> None:
    for path in FILES:
        ours = [words(text) for text in read_statements(path, VARIABLES)]
        assert [words(text) for text in as_snow_reads[0][str(path)]] == ours, path


def test_a_missing_variable_fails_in_both(as_snow_reads: tuple[Rendered, Rendered]) -> None:
    for path in FILES:
        names = variables_of(path.read_text())
        assert "is undefined" in as_snow_reads[1][str(path)], path
        with pytest.raises(ShippedSqlError, match="no value for the variable"):
            read_statements(path, dict.fromkeys(names - {min(names)}, "x"))


def test_snow_sets_up_what_we_set_up(tmp_path: Path) -> None:
    """The command itself, all files, against a server that writes down what it is asked and runs what it knows."""
    config = tmp_path / "config.toml"
    with recording_snowflake() as snowflake:
        config.write_text(CONNECTION.format(port=snowflake.port))
        config.chmod(0o600)
        files = [argument for path in RUN for argument in ("-f", str(path))]
        variables = [argument for pair in DEFAULT_VARIABLES.items() for argument in ("-D", "=".join(pair))]
        ran = subprocess.run(  # noqa: S603
            [tool("snow"), "--config-file", config, "sql", "--connection", "local", "--silent", *files, *variables],
            env={**os.environ, "HOME": str(tmp_path), "SNOWFLAKE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert ran.returncode == 0, ran.stderr
        asked = [words(statement) for statement in snowflake.asked]
        assert asked == [words(text) for path in RUN for text in read_statements(path, DEFAULT_VARIABLES)]
        for name in ("RAW_RECORDS", "RECORDS", "LATEST_RECORDS", "RECORDS_TABLE"):
            snowflake.database.cursor().execute(f"SELECT ingest_id FROM SLUICE.RAW.{name}")  # noqa: S608
