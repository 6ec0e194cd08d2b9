"""The embedded Snowflake: fakesnow in a process of its own, on disk, and what the rest of the pipeline asks it.

Differs from Snowflake: one node without roles, warehouses and grants; a VARIANT is JSON text, so it keeps every digit
and the order of keys, where Snowflake keeps 38 digits and no order, comparing and extracting go through doubles;
stages and file formats are definitions only; there is no time travel. A transaction that has committed survives kill -9
(DuckDB's write-ahead log).

Only the server opens the database's file; everyone else is a client: `connect`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

DATABASE = "SLUICE"
RAW_TABLE = f"{DATABASE}.RAW.RAW_RECORDS"
COLUMNS = ("payload", "ingest_id", "received_at", "source", "schema", "file_name", "file_row_number", "loaded_at")
STATEMENT_SECONDS = 20
LOGIN_SECONDS = 5

# What the embedded Snowflake does not know. Everything else in the shipped files is run.
NOT_RUN_LOCALLY = (
    "CREATE ROLE",
    "CREATE WAREHOUSE",
    "CREATE STORAGE INTEGRATION",
    "CREATE NOTIFICATION INTEGRATION",
    "CREATE PIPE",  # the Snowpipe stand-in runs its COPY
    "CREATE ALERT",
    "ALTER ALERT",
    "ALTER SCHEMA",  # managed access
    "GRANT",
    "EXECUTE IMMEDIATE",
)
NOT_READ_LOCALLY = ".MONITORING."  # views on COPY_HISTORY and SYSTEM$PIPE_STATUS, and on those views


class Cursor(Protocol):
    """The part of a Snowflake cursor that is used here."""

    def execute(self, command: str, params: Sequence[object] | None = None) -> object: ...
    def fetchall(self) -> Sequence[Any]: ...


class Connection(Protocol):
    """The part of a Snowflake connection that is used here; the connector's and the embedded one's both have it."""

    def cursor(self) -> Cursor: ...


class LoadedRow(NamedTuple):
    """Where a record stands in the raw table. `loaded_at` is ISO 8601 in UTC with microseconds, and sorts as text."""

    ingest_id: str
    file_name: str
    file_row_number: int
    loaded_at: str


def connect(url: str, timeout_seconds: int = STATEMENT_SECONDS) -> "SnowflakeConnection":
    """A connection to the server at `url`, http://host:port; not to be shared between threads.

    A call fails with an OperationalError when the server is gone for `timeout_seconds`; a server that was started again
    does not know the connection any more (DatabaseError 390104): connect again. The connector is imported here, because
    that takes about a second.
    """
    import snowflake.connector  # noqa: PLC0415

    address = urlsplit(url)
    return snowflake.connector.connect(
        user="local",
        password="local",  # noqa: S106 - the server takes any
        account="local",
        host=address.hostname,
        port=address.port,
        protocol="http",
        paramstyle="qmark",
        login_timeout=LOGIN_SECONDS,
        network_timeout=timeout_seconds,
        session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    )


def apply_shipped_sql(connection: Connection, directory: Path, variables: Mapping[str, str]) -> list[str]:
    """Run the shipped files, but for what `is_skipped`; doing it again changes nothing. Returns the statements it ran.

    Raises:
        ShippedSqlError: a file cannot be read, or a statement of it fails.
    """
    from snowflake.connector.errors import Error as SnowflakeError  # noqa: PLC0415 - see `connect`

    from local_pipeline.shipped_sql import (  # noqa: PLC0415 - clients do not need the parser
        ShippedSqlError,
        read_statements,
        setup_files,
    )

    ran = []
    for path in setup_files(directory):
        try:
            ran += [_run(connection, each) for each in read_statements(path, variables) if not is_skipped(each)]
        except SnowflakeError as error:
            raise ShippedSqlError(f"{path}: {str(error.msg).splitlines()[0]}") from error
    return ran


def is_skipped(statement: str) -> bool:
    """Whether the embedded Snowflake does not know this kind of statement."""
    words = " ".join(statement.split()).upper()
    return words.startswith(NOT_RUN_LOCALLY) or NOT_READ_LOCALLY in words


def rows(connection: Connection, limit: int, ingest_id: str | None = None) -> list[dict[str, Any]]:
    """Rows of the raw table, newest first: columns by lower-case name, payload as JSON text, times as ISO 8601 text."""
    where = "" if ingest_id is None else "WHERE ingest_id = ?"
    selected = _fetch(
        connection,
        f"SELECT payload::VARCHAR, {', '.join(COLUMNS[1:])} FROM {RAW_TABLE} {where} "  # noqa: S608 - constants
        f"ORDER BY loaded_at DESC, file_name DESC, file_row_number DESC LIMIT {int(limit)}",
        () if ingest_id is None else (ingest_id,),
    )
    return [{name: _plain(value) for name, value in zip(COLUMNS, row, strict=True)} for row in selected]


def loaded_since(connection: Connection, since: str | None = None) -> list[LoadedRow]:
    """The rows loaded at `since` (a `loaded_at` from here) or later, all if it is None; oldest first.

    The Snowpipe stand-in gives every file a later `loaded_at` than the file before, so reading on from the last one
    seen misses nothing; the rows of that one file come again.
    """
    where = "" if since is None else "WHERE loaded_at >= CAST(? AS TIMESTAMP_LTZ)"
    selected = _fetch(
        connection,
        f"SELECT ingest_id, file_name, file_row_number, loaded_at FROM {RAW_TABLE} {where} "  # noqa: S608 - constants
        "ORDER BY loaded_at, file_name, file_row_number",
        () if since is None else (since,),
    )
    return [LoadedRow(ingest_id, name, int(number), iso(loaded_at)) for ingest_id, name, number, loaded_at in selected]


def truncate(connection: Connection) -> None:
    """Empty the raw table. The Snowpipe stand-in's history is its own to forget."""
    _run(connection, f"TRUNCATE TABLE {RAW_TABLE}")


def iso(moment: datetime) -> str:
    """ISO 8601 with microseconds, UTC as Z."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _plain(value: object) -> object:
    return iso(value) if isinstance(value, datetime) else value


def _run(connection: Connection, statement: str) -> str:
    connection.cursor().execute(statement)
    return statement


def _fetch(connection: Connection, statement: str, parameters: Iterable[object] = ()) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(statement, tuple(parameters) or None)
    return list(cursor.fetchall())
