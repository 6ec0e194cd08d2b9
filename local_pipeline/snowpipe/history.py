"""SNOWPIPE.COPY_HISTORY: what became of every file, with the columns of Snowflake's table function COPY_HISTORY.

Columns and values: https://docs.snowflake.com/en/sql-reference/functions/copy_history. Files are known by their path
below the stage's URL for 14 days, those that failed too: https://docs.snowflake.com/en/user-guide/data-load-snowpipe-intro.
"""

# ruff: noqa: S608 - every name in the statements is a constant
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local_pipeline.warehouse import DATABASE, Connection

HISTORY = timedelta(days=14)
TABLE = f"{DATABASE}.SNOWPIPE.COPY_HISTORY"
COLUMNS = (
    ("FILE_NAME", "VARCHAR"),
    ("STAGE_LOCATION", "VARCHAR"),
    ("LAST_LOAD_TIME", "TIMESTAMP_LTZ"),
    ("ROW_COUNT", "NUMBER(38, 0)"),
    ("ROW_PARSED", "NUMBER(38, 0)"),
    ("FILE_SIZE", "NUMBER(38, 0)"),
    ("FIRST_ERROR_MESSAGE", "VARCHAR"),
    ("FIRST_ERROR_LINE_NUMBER", "NUMBER(38, 0)"),
    ("FIRST_ERROR_CHARACTER_POS", "NUMBER(38, 0)"),
    ("FIRST_ERROR_COLUMN_NAME", "VARCHAR"),
    ("ERROR_COUNT", "NUMBER(38, 0)"),
    ("ERROR_LIMIT", "NUMBER(38, 0)"),
    ("STATUS", "VARCHAR"),
    ("TABLE_CATALOG_NAME", "VARCHAR"),
    ("TABLE_SCHEMA_NAME", "VARCHAR"),
    ("TABLE_NAME", "VARCHAR"),
    ("PIPE_CATALOG_NAME", "VARCHAR"),
    ("PIPE_SCHEMA_NAME", "VARCHAR"),
    ("PIPE_NAME", "VARCHAR"),
    ("PIPE_RECEIVED_TIME", "TIMESTAMP_LTZ"),
    ("FIRST_COMMIT_TIME", "TIMESTAMP_LTZ"),
)
ERROR_LIMIT = 1  # SKIP_FILE skips at the first error


@dataclass(frozen=True, slots=True)
class Load:
    """One file's entry. `table` and `pipe` are qualified names."""

    file_name: str
    stage_location: str
    loaded_at: datetime
    received_at: datetime
    file_size: int
    row_parsed: int
    row_count: int
    table: str
    pipe: str
    error_message: str | None = None
    error_line: int | None = None
    error_count: int = 0

    def values(self) -> tuple[object, ...]:
        """In the order of COLUMNS."""
        failed = self.error_count > 0
        return (
            self.file_name,
            self.stage_location,
            self.loaded_at.isoformat(),
            self.row_count,
            self.row_parsed,
            self.file_size,
            self.error_message,
            self.error_line,
            None,
            None,
            self.error_count,
            ERROR_LIMIT,
            "Load failed" if failed else "Loaded",
            *self.table.split("."),
            *self.pipe.split("."),
            self.received_at.isoformat(),
            None if failed else self.loaded_at.isoformat(),
        )


class History:
    """The history of the pipe, and the newest time in it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def set_up(self) -> None:
        """Create the table if there is none; the warehouse does it when it starts."""
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS)
        self._execute(f"CREATE SCHEMA IF NOT EXISTS {DATABASE}.SNOWPIPE")
        self._execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})")

    def known(self, now: datetime) -> set[str]:
        """The names of the files of the last 14 days."""
        since = (now - HISTORY).isoformat()
        return {
            name for (name,) in self._fetch(f"SELECT FILE_NAME FROM {TABLE} WHERE LAST_LOAD_TIME > {_MOMENT}", since)
        }

    def newest(self) -> datetime:
        """When the last file was loaded; the beginning of time if there is none."""
        ((newest,),) = self._fetch(f"SELECT MAX(LAST_LOAD_TIME) FROM {TABLE}")
        return datetime.min.replace(tzinfo=UTC) if newest is None else datetime.fromtimestamp(newest.timestamp(), UTC)

    def files_skipped(self, now: datetime) -> int:
        """How many files of the last 14 days were not loaded."""
        since = (now - HISTORY).isoformat()
        failed = f"SELECT COUNT(*) FROM {TABLE} WHERE ERROR_COUNT > 0 AND LAST_LOAD_TIME > {_MOMENT}"
        ((count,),) = self._fetch(failed, since)
        return int(count)

    def add(self, load: Load) -> None:
        """Write an entry, in the connection's transaction if it has one."""
        values = load.values()
        marks = ", ".join(_MOMENT if kind == "TIMESTAMP_LTZ" else "?" for _, kind in COLUMNS)
        self._connection.cursor().execute(f"INSERT INTO {TABLE} SELECT {marks}", values)

    def forget(self) -> None:
        """Forget every file."""
        self._execute(f"DELETE FROM {TABLE}")

    def _execute(self, statement: str) -> None:
        self._connection.cursor().execute(statement)

    def _fetch(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.execute(statement, parameters or None)
        return list(cursor.fetchall())


_MOMENT = "CAST(? AS TIMESTAMP_LTZ)"
