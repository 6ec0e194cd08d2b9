"""One file into the raw table: its lines staged, then the shipped COPY and the history in one transaction."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from snowflake.connector.errors import Error as SnowflakeError

from local_pipeline.copy_statement import LINE_COLUMN, METADATA_COLUMNS, CopyStatement
from local_pipeline.refusals import Line
from local_pipeline.snowpipe.history import History, Load
from local_pipeline.warehouse import DATABASE, Connection

STAGING_TABLE = "SNOWPIPE_STAGED_LINES"
LINES_PER_STATEMENT = 2_000
CHARACTERS_PER_STATEMENT = 2**20
StagedRow = tuple[str | None, ...]

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
        keys = [member.key for member in self._statement.members]
        rows = ((line.text, *map(line.members.get, keys), str(number)) for number, line in enumerate(lines, start=1))
        for chunk in _chunks(rows):
            self._execute(self._stage, object_key, scanned_at.isoformat(), json.dumps(chunk, ensure_ascii=False))

    def _stage_statement(self) -> str:
        """Each line comes as an array of texts: the line, the members that are read verbatim, the row's number.

        A VARIANT column of the embedded Snowflake takes text as it is, so not a digit is rewritten.
        """
        texts = [f"value[{index}]::VARCHAR" for index in range(1 + len(self._statement.members))]
        number = f"value[{len(texts)}]::NUMBER(38, 0)"
        return (
            f"INSERT INTO {STAGING_TABLE} SELECT {', '.join(texts)}, ?, {number}, CAST(? AS TIMESTAMP_LTZ) "  # noqa: S608
            "FROM TABLE(FLATTEN(PARSE_JSON(?)))"
        )

    def _execute(self, statement: str, *parameters: object) -> None:
        self._connection.cursor().execute(statement, parameters or None)


def _chunks(rows: Iterable[StagedRow]) -> Iterator[list[StagedRow]]:
    """Split by number and by size: the statement is held in memory several times over."""
    chunk: list[StagedRow] = []
    characters = 0
    for row in rows:
        chunk.append(row)
        characters += len(row[0] or "")
        if len(chunk) >= LINES_PER_STATEMENT or characters >= CHARACTERS_PER_STATEMENT:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
