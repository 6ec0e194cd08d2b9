"""The shipped CREATE PIPE taken apart, and pipes that the stand-in must not run."""

import pytest

from local_pipeline.copy_statement import LINE_COLUMN, METADATA_COLUMNS, parse_pipe, read_pipe
from local_pipeline.shipped_sql import DEFAULT_VARIABLES, SNOWFLAKE_DIRECTORY, ShippedSqlError

PIPE = """
CREATE PIPE IF NOT EXISTS db.RAW.P AUTO_INGEST = TRUE COMMENT = 'runs AS COPY INTO t'
AS
COPY INTO db.RAW.T (a, b, c)
FROM (SELECT {select} FROM @db.RAW.S {rest})
FILE_FORMAT = (FORMAT_NAME = 'db.RAW.F'){options}
"""
SELECT = "$1:payload, $1:source::VARCHAR, METADATA$FILENAME"


def pipe(select: str = SELECT, rest: str = "", options: str = "") -> str:
    return PIPE.format(select=select, rest=rest, options=options).strip()


def test_the_shipped_pipe() -> None:
    copy = read_pipe(SNOWFLAKE_DIRECTORY, DEFAULT_VARIABLES)

    assert (copy.pipe, copy.table, copy.stage, copy.file_format) == (
        "SLUICE.RAW.RECORDS_PIPE",
        "SLUICE.RAW.RAW_RECORDS",
        "SLUICE.RAW.LANDING_STAGE",
        "SLUICE.RAW.JSON_LINES",
    )
    assert [member.key for member in copy.members] == ["payload"]
    assert copy.pattern is not None
    assert copy.pattern.fullmatch("dt=2026-11-23/hr=02/x.json.gz")
    assert not copy.pattern.fullmatch("dt=2026-11-23/hr=02/x.json.txt")
    insert = copy.insert_from("STAGED")
    assert insert.startswith("INSERT INTO SLUICE.RAW.RAW_RECORDS (payload, ingest_id, ")
    assert insert.endswith("METADATA$FILENAME, METADATA$FILE_ROW_NUMBER, METADATA$START_SCAN_TIME FROM STAGED")


def test_the_copy_is_found_behind_the_words_in_a_comment() -> None:
    copy = parse_pipe(pipe())

    assert (copy.pipe, copy.table, copy.stage, copy.pattern) == ("db.RAW.P", "db.RAW.T", "db.RAW.S", None)


def test_only_a_member_taken_whole_and_uncast_is_read_verbatim() -> None:
    copy = parse_pipe(pipe("$1:payload, $1:payload.id, $1:source::VARCHAR"))

    assert [(member.key, member.column) for member in copy.members] == [("payload", "MEMBER_1")]
    insert = copy.insert_from("STAGED")
    assert "$1" not in insert
    assert insert.count(LINE_COLUMN) == 2
    assert (
        "SELECT MEMBER_1, GET_PATH(LINE, 'payload.id'), CAST(GET_PATH(LINE, 'source') AS VARCHAR) FROM STAGED" in insert
    )


def test_the_whole_line_and_all_metadata() -> None:
    insert = parse_pipe(pipe(f"$1, {METADATA_COLUMNS[1]}, {METADATA_COLUMNS[2]}")).insert_from("STAGED")

    assert insert.endswith("SELECT LINE, METADATA$FILE_ROW_NUMBER, METADATA$START_SCAN_TIME FROM STAGED")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (pipe("$1:payload, $1:source"), "2 expressions for 3 columns"),
        (pipe("$1:payload, $2:source, $1"), r"\$2"),
        (pipe(rest="WHERE $1:id IS NOT NULL"), "WHERE"),
        (pipe(rest="LIMIT 1"), "LIMIT"),
        (pipe(options=" ON_ERROR = CONTINUE"), "ON_ERROR = CONTINUE"),
        (pipe(options=" PURGE = TRUE"), "PURGE"),
        (pipe(options=" FORCE = TRUE"), "FORCE"),
        (pipe().replace("@db.RAW.S", "db.RAW.S"), "named stage"),
        ("CREATE PIPE p AS COPY INTO t FROM @s", "from a SELECT"),
        ("CREATE PIPE p", "no AS COPY"),
    ],
)
def test_a_pipe_that_snowflake_or_the_stand_in_does_not_take(statement: str, message: str) -> None:
    with pytest.raises(ShippedSqlError, match=message):
        parse_pipe(statement)
