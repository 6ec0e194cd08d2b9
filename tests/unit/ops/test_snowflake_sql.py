"""The shipped SQL read, rendered and taken apart."""

from pathlib import Path

import pytest

from ops.snowflake_sql import (
    PIPE_FILE,
    SNOWFLAKE_DIRECTORY,
    ShippedSqlError,
    pipe_statement,
    read_statements,
    render,
    setup_files,
    split_statements,
    variables_of,
)


def test_a_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(ShippedSqlError, match="landing_bucket"):
        render("s3://<% landing_bucket %>/", {"database": "SLUICE"})


def test_the_variables_of_a_text() -> None:
    assert variables_of("<% a %>.<%b%>, <% a %> and % c %") == {"a", "b"}


def test_statements_end_at_semicolons_outside_of_strings_and_comments() -> None:
    assert list(split_statements("-- a; b\nSELECT ';' ; /* ; */ SELECT 2;\n-- end")) == ["SELECT ';'", "SELECT 2"]


def test_the_numbered_files_in_order_without_the_teardown() -> None:
    names = [path.name for path in setup_files()]

    assert names[0] == "01_roles.sql"
    assert names == sorted(names)
    assert PIPE_FILE in names
    assert not [name for name in names if "teardown" in name]
    assert [name[:2] for name in names] == [f"{number:02}" for number in range(1, len(names) + 1)]


def test_one_line_says_which_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT 'open")

    for path in (tmp_path / "a.sql", tmp_path / "missing.sql", tmp_path):
        with pytest.raises(ShippedSqlError, match=str(path)) as caught:
            read_statements(path, {})
        assert "\n" not in str(caught.value)


def test_a_pipe_file_holds_one_pipe(tmp_path: Path) -> None:
    text = (SNOWFLAKE_DIRECTORY / PIPE_FILE).read_text()
    given = dict.fromkeys(variables_of(text), "X")
    (tmp_path / PIPE_FILE).write_text(text)
    assert pipe_statement(tmp_path, given).startswith("CREATE PIPE IF NOT EXISTS X.RAW.RECORDS_PIPE")

    for wrong in (text + text, "SELECT 1"):
        (tmp_path / PIPE_FILE).write_text(wrong)
        with pytest.raises(ShippedSqlError, match="one expected"):
            pipe_statement(tmp_path, given)
