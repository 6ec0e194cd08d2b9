"""One file into the raw table: its lines staged, then the shipped COPY and the history in one transaction.

The lines reach the warehouse as a COPY's do, in a file that it reads itself: in Parquet, because bound values would be
packed and parsed several times on their way (half of what loading costs). So the warehouse sees the same disk.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from tempfile import NamedTemporaryFile

import pyarrow as pa
from pyarrow import parquet
from snowflake.connector.errors import Error as SnowflakeError

from local_pipeline.copy_statement import LINE_COLUMN, METADATA_COLUMNS, CopyStatement
from local_pipeline.refusals import Line
from local_pipeline.snowpipe.history import History, Load
from local_pipeline.warehouse import DATABASE, Connection

STAGING_TABLE = "SNOWPIPE_STAGED_LINES"
LINE, NUMBER = "line", "number"
DATA_ERRORS = range(100_000, 101_000)  # Snowflake's numbers for values that do not fit, as fakesnow gives them


class Loader:
    """Runs the COPY on a connection of its own."""

    def __init__(self, connection: Connection, statement: CopyStatement, history: History) -> None:
        self._connection = connection
        self._statement = statement
        self._history = history
        self._copy = statement.insert_from(STAGING_TABLE)
        self._stage = self._stage_statement()
        self._execute(f"USE SCHEMA {DATABASE}.RAW")

    def load(self, lines: Sequence[Line], load: Load, object_key: str) -> Load:
        """Insert the rows of `lines` and the entry `load`, both or neither. Returns the entry as it was written.

        A value that does not fit its column makes an entry of a failed load.

        Raises:
            snowflake.connector.errors.Error: neither is written; it may succeed another time.
        """
        self._stage_lines(lines, object_key, load.loaded_at)
        try:
            self._execute("BEGIN")
            self._execute(self._copy)
            self._history.add(load)
            self._execute("COMMIT")
        except SnowflakeError as error:
            self._execute("ROLLBACK")
            if error.errno not in DATA_ERRORS:
                raise
            return self.refuse(
                replace(load, error_message="A value does not fit its column", error_count=1, row_count=0)
            )
        return load

    def refuse(self, load: Load) -> Load:
        """Write the entry of a file that does not load."""
        self._history.add(load)
        return load

    def _stage_lines(self, lines: Sequence[Line], object_key: str, scanned_at: datetime) -> None:
        columns = ", ".join(
            (
                f"{LINE_COLUMN} VARIANT",
                *(f"{member.column} VARIANT" for member in self._statement.members),
                f"{METADATA_COLUMNS[0]} VARCHAR",
                f"{METADATA_COLUMNS[1]} NUMBER(38, 0)",
                f"{METADATA_COLUMNS[2]} TIMESTAMP_LTZ",
            )
        )
        self._execute(f"CREATE OR REPLACE TEMPORARY TABLE {STAGING_TABLE} ({columns})")
        with NamedTemporaryFile(prefix="snowpipe-", suffix=".parquet") as file:
            parquet.write_table(self._table_of(lines), file.name, compression="none", use_dictionary=False)
            self._execute(self._stage, object_key, scanned_at.isoformat(), file.name)

    def _table_of(self, lines: Sequence[Line]) -> pa.Table:
        """The lines, the members that are read verbatim, the rows' numbers."""
        columns = {LINE: pa.array([line.text for line in lines], pa.large_string())}
        for member in self._statement.members:
            texts = [line.members.get(member.key) for line in lines]
            columns[member.column] = pa.array(texts, pa.large_string())
        columns[NUMBER] = pa.array(range(1, len(lines) + 1), pa.int64())
        return pa.table(columns)

    def _stage_statement(self) -> str:
        """A VARIANT column of the embedded Snowflake takes text as it is, so not a digit is rewritten."""
        texts = [LINE, *(member.column for member in self._statement.members)]
        selected = ", ".join(f'"{name}"' for name in texts)
        return (
            f'INSERT INTO {STAGING_TABLE} SELECT {selected}, ?, "{NUMBER}", CAST(? AS TIMESTAMP_LTZ) '  # noqa: S608
            "FROM READ_PARQUET(?)"
        )

    def _execute(self, statement: str, *parameters: object) -> None:
        self._connection.cursor().execute(statement, parameters or None)
