"""The raw table for the gateway's process: a connection that is made again after the warehouse was."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from local_pipeline import warehouse
from local_pipeline.snowpipe.history import History
from local_pipeline.warehouse import Connection, LoadedRow

T = TypeVar("T")


class WarehouseClient:
    """Used by one thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    def loaded_since(self, since: str | None) -> Sequence[LoadedRow]:
        """The rows loaded at `since` or later, oldest first."""
        return self._ask(lambda connection: warehouse.loaded_since(connection, since))

    def rows(self, limit: int, ingest_id: str | None) -> list[dict[str, Any]]:
        """Rows of the raw table, newest first."""
        return self._ask(lambda connection: warehouse.rows(connection, limit, ingest_id))

    def files_skipped(self) -> int:
        """How many landing files of the last 14 days the pipe did not load."""
        return self._ask(lambda connection: History(connection).files_skipped(datetime.now(UTC)))

    def truncate(self) -> None:
        """Empty the raw table."""
        self._ask(warehouse.truncate)

    def warm_up(self) -> None:
        """Import the connector, which takes a second of CPU, and connect."""
        self._connected()

    def _ask(self, question: Callable[[Connection], T]) -> T:
        """A warehouse that was started again does not know the sessions of the one before."""
        from snowflake.connector.errors import Error as SnowflakeError  # noqa: PLC0415 - see warm_up

        try:
            return question(self._connected())
        except SnowflakeError:
            self._connection = None
            return question(self._connected())

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = warehouse.connect(self._url)
        return self._connection
