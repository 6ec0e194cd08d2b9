"""The COPY inside the shipped CREATE PIPE, as the Snowpipe stand-in runs it.

The statement stays the shipped one: it is parsed as Snowflake SQL, `FROM @stage` becomes a staging table, `$1` that
table's column LINE, and the result runs as an INSERT. One thing is done for the embedded Snowflake's sake: a member of
the line that is taken whole and uncast (`$1:payload`) is read from a column that holds its text verbatim, because the
embedded JSON functions would turn 12345678901234567890.10 into a double. Deeper uncast paths go through those functions
and may lose digits, where Snowflake's VARIANT keeps up to 38.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from local_pipeline.shipped_sql import PIPE_FILE, ShippedSqlError, pipe_statement

LINE_COLUMN = "LINE"
METADATA_COLUMNS = ("METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER", "METADATA$START_SCAN_TIME")
ON_ERROR_DEFAULT = "SKIP_FILE"


@dataclass(frozen=True)
class StagedMember:
    """A member of the line that the COPY takes whole: its key, and the staging column with its text."""

    key: str
    column: str


@dataclass(frozen=True)
class CopyStatement:
    """A pipe and its COPY.

    Attributes:
        pipe, table, stage, file_format: qualified names as written.
        pattern: what the path below the stage's URL must match as a whole; None for any.
        members: what the INSERT reads verbatim.
    """

    pipe: str
    table: str
    stage: str
    file_format: str
    pattern: re.Pattern[str] | None
    members: tuple[StagedMember, ...]
    _insert: exp.Insert = field(repr=False)

    def insert_from(self, staging_table: str) -> str:
        """The COPY as an INSERT in Snowflake SQL that reads `staging_table`.

        The staging table has the columns LINE, one for each of `members`, and METADATA_COLUMNS.
        """
        insert = self._insert.copy()
        for table in insert.find_all(exp.Table):
            if table.name == _STAGED:
                table.replace(exp.to_table(staging_table))
        return insert.sql(dialect="snowflake")


_STAGED = "STAGED_LINES"
# https://docs.snowflake.com/en/user-guide/data-load-transform and …/sql-reference/sql/create-pipe, usage notes
_NOT_IN_A_COPY = ("where", "group", "order", "limit", "joins", "laterals", "distinct", "qualify")
_NOT_IN_A_PIPE = ("PURGE", "FORCE", "FILES", "SIZE_LIMIT", "VALIDATION_MODE", "RETURN_FAILED_ONLY")


def read_pipe(directory: Path, variables: Mapping[str, str]) -> CopyStatement:
    """The pipe in the shipped file.

    Raises:
        ShippedSqlError: there is no pipe that the stand-in can run.
    """
    statement = pipe_statement(directory, variables)
    try:
        return parse_pipe(statement)
    except (ShippedSqlError, SqlglotError) as error:
        raise ShippedSqlError(f"{directory / PIPE_FILE}: {str(error).splitlines()[0]}") from error


def parse_pipe(statement: str) -> CopyStatement:
    """Take a CREATE PIPE apart.

    Raises:
        ShippedSqlError: its COPY is not of the form COPY INTO table (columns) FROM (SELECT … FROM @stage).
        SqlglotError: it is not Snowflake SQL.
    """
    copy_text = statement[_copy_start(statement) :]
    copy = sqlglot.parse_one(copy_text, read="snowflake")
    if (
        not isinstance(copy, exp.Copy)
        or len(copy.args["files"]) != 1
        or not isinstance(copy.args["files"][0], exp.Subquery)
    ):
        raise ShippedSqlError("the pipe's COPY must read from a SELECT")
    select = copy.args["files"][0].this
    source = select.find(exp.Table)
    if not isinstance(select, exp.Select) or source is None or not source.name.startswith("@"):
        raise ShippedSqlError("the pipe's SELECT must read from a named stage")
    stage = source.name.removeprefix("@")
    options = _options(copy)
    if options.get("ON_ERROR", ON_ERROR_DEFAULT).upper() != ON_ERROR_DEFAULT:
        raise ShippedSqlError(f"ON_ERROR = {options['ON_ERROR']}: the Snowpipe stand-in only knows {ON_ERROR_DEFAULT}")
    if len(select.expressions) != len(copy.this.expressions):
        raise ShippedSqlError(f"{len(select.expressions)} expressions for {len(copy.this.expressions)} columns")
    for name in (*filter(select.args.get, _NOT_IN_A_COPY), *(option for option in _NOT_IN_A_PIPE if option in options)):
        raise ShippedSqlError(f"Snowflake takes no {name.upper()} in a pipe")
    source.set("this", exp.to_identifier(_STAGED))
    members = _read_from_staging(select)
    pattern = options.get("PATTERN")
    return CopyStatement(
        pipe=_pipe_name(statement),
        table=_table_name(copy),
        stage=stage,
        file_format=options.get("FILE_FORMAT", ""),
        pattern=re.compile(pattern) if pattern else None,
        members=members,
        _insert=exp.Insert(this=copy.this, expression=select),
    )


def _copy_start(statement: str) -> int:
    """Where COPY starts: a text search would find the word in a comment or a string as well."""
    tokens = sqlglot.tokenize(statement, read="snowflake")
    for before, token in pairwise(tokens):
        if before.token_type is TokenType.ALIAS and token.token_type is TokenType.COPY:
            return token.start
    raise ShippedSqlError("no AS COPY in the pipe")


def _pipe_name(statement: str) -> str:
    match = re.match(
        r"CREATE\s+(?:OR\s+REPLACE\s+)?PIPE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w$.\"]+)", statement, re.IGNORECASE
    )
    if match is None:
        raise ShippedSqlError("the pipe has no name")
    return match[1]


def _table_name(copy: exp.Copy) -> str:
    table = copy.this.find(exp.Table)
    if table is None:
        raise ShippedSqlError("the pipe's COPY names no table")
    return str(table.sql(dialect="snowflake"))


def _options(copy: exp.Copy) -> dict[str, str]:
    """The COPY's options by name; for FILE_FORMAT the name of the format."""
    options = {}
    for parameter in copy.args.get("params") or ():
        value = parameter.expression or next(iter(parameter.expressions), None)
        if isinstance(value, exp.Property):
            value = value.args["value"]
        options[parameter.name.upper()] = value.name if value else ""
    return options


def _read_from_staging(select: exp.Select) -> tuple[StagedMember, ...]:
    """Turn `$1` into staging columns, in place; what is read verbatim."""
    members: dict[str, StagedMember] = {}
    for column in list(select.expressions):
        value = column.unalias()
        key = _whole_member(value)
        if key is not None:
            member = members.setdefault(key, StagedMember(key, f"MEMBER_{len(members) + 1}"))
            value.replace(exp.column(member.column))
    for parameter in list(select.find_all(exp.Parameter)):
        if parameter.name != "1":
            raise ShippedSqlError(f"${parameter.name}: a JSON file has the one column $1")
        parameter.replace(exp.column(LINE_COLUMN))
    return tuple(members.values())


def _whole_member(value: exp.Expr) -> str | None:
    """The key, if this is `$1:key`."""
    if not isinstance(value, exp.JSONExtract) or not isinstance(value.this, exp.Parameter) or value.this.name != "1":
        return None
    path = value.expression.expressions if isinstance(value.expression, exp.JSONPath) else []
    if len(path) != 2 or not isinstance(path[1], exp.JSONPathKey):
        return None
    return str(path[1].this)
