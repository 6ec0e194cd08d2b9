"""The raw table and the history of loads, as reconciling and reloading ask for them: of a stage, or of what runs here.

In Snowflake all of it is asked as the loader role, which may read the raw table and owns the pipe, so that COPY_HISTORY
shows its loads (snowflake/10_grants.sql). The local pipeline's Snowpipe stand-in keeps its history in a table.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, Protocol

from app.envelope import timestamp

HISTORY_DAYS = 14
"""https://docs.snowflake.com/en/sql-reference/functions/copy_history"""
_SPARE = timedelta(minutes=5)
"""COPY_HISTORY refuses a START_TIME that is older than its days by Snowflake's clock."""
IDS_AT_A_TIME = 1_000
_INGEST_ID = re.compile(r"[0-9a-f-]{36}-[0-9]{1,9}")
GOOD = ("loaded", "load in progress")


class Session(Protocol):
    """One Snowflake session."""

    def execute(self, sql: str) -> list[dict[str, Any]]: ...
    def select(self, sql: str) -> Iterator[tuple[Any, ...]]: ...
    def close(self) -> None: ...


class LoadedRow(NamedTuple):
    """Where a record stands in the raw table. `received_at` is in whole seconds since the epoch."""

    ingest_id: str
    received_at: int
    source: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Load:
    """What COPY made of a file.

    Attributes:
        key: of the file in the landing bucket.
        error_line: of the first error, from 1; None or 0 if the file as a whole failed.
        at: seconds since the epoch when it was loaded or given up.
    """

    key: str
    status: str
    rows: int
    parsed: int | None
    errors: int
    error: str | None
    error_line: int | None
    at: int

    @property
    def is_good(self) -> bool:
        """Whether nothing of the file was left out."""
        return self.status.lower() in GOOD


@dataclass(frozen=True, slots=True)
class Warehouse:
    """One database. Every value in its statements is of our own making: times, ids of our form (others: ValueError).

    Attributes:
        prefix: where landing files start in their bucket: COPY_HISTORY names them below it.
        history: the FROM of the history's query; `{start}` is a time.
    """

    session: Session
    database: str
    prefix: str
    history: str

    def rows(self, since: datetime, until: datetime) -> Iterator[LoadedRow]:
        """The raw table's rows of records received in this span."""
        yield from map(
            LoadedRow._make,
            self.session.select(
                "SELECT ingest_id, DATE_PART(EPOCH_SECOND, received_at), source, file_name "  # noqa: S608
                f"FROM {self.database}.RAW.RAW_RECORDS "
                f"WHERE received_at >= {_moment(since)} AND received_at < {_moment(until)}"
            ),
        )

    def among(self, ingest_ids: Collection[str], since: datetime | None = None) -> set[str]:
        """Those of these ingest_ids that have a row, received at `since` or later if that is known."""
        found: set[str] = set()
        received = "" if since is None else f" AND received_at >= {_moment(since)}"
        rest = iter(ingest_ids)
        while some := list(islice(rest, IDS_AT_A_TIME)):
            if not all(_INGEST_ID.fullmatch(ingest_id) for ingest_id in some):
                raise ValueError("an ingest_id of another form than ours is not asked for")
            names = ", ".join(f"'{ingest_id}'" for ingest_id in some)
            rows = self.session.select(
                f"SELECT DISTINCT ingest_id FROM {self.database}.RAW.RAW_RECORDS "  # noqa: S608
                f"WHERE ingest_id IN ({names}){received}"
            )
            found.update(ingest_id for (ingest_id,) in rows)
        return found

    def loads(self, since: datetime, now: datetime) -> list[Load]:
        """What became of each file since then, as far back as the history goes; the last of each file."""
        start = max(since, self.history_reaches(now))
        rows = self.session.select(
            "SELECT file_name, status, row_count, row_parsed, error_count, first_error_message, "  # noqa: S608
            "first_error_line_number, "
            "DATE_PART(EPOCH_SECOND, COALESCE(last_load_time, pipe_received_time)) AS ended_at "
            f"FROM {self.history.format(start=_moment(start, 'TIMESTAMP_LTZ'))} ORDER BY ended_at"
        )
        return list({load.key: load for load in map(self._load, rows)}.values())

    @staticmethod
    def history_reaches(now: datetime) -> datetime:
        """As far back as the history is asked for."""
        return now - timedelta(days=HISTORY_DAYS) + _SPARE

    def close(self) -> None:
        """End the session."""
        self.session.close()

    def _load(self, row: Sequence[Any]) -> Load:
        name, status, rows, parsed, errors, error, line, at = row
        key = name if name.startswith(self.prefix) else self.prefix + name.lstrip("/")
        return Load(
            key=key,
            status=status,
            rows=int(rows or 0),
            parsed=None if parsed is None else int(parsed),
            errors=int(errors or 0),
            error=error,
            error_line=None if line is None else int(line),
            at=int(at or 0),
        )


def of_stage(session: Session, names: dict[str, str], prefix: str) -> Warehouse:
    """A stage's, as its loader role. `names`: values of the SQL files' variables."""
    session.execute(f"USE ROLE {names['loader_role']}")
    session.execute(f"USE WAREHOUSE {names['warehouse']}")
    database = names["database"]
    history = (
        f"TABLE({database}.INFORMATION_SCHEMA.COPY_HISTORY("
        f"TABLE_NAME => '{database}.RAW.RAW_RECORDS', START_TIME => {{start}}))"
    )
    return Warehouse(session, database, prefix, history)


def of_local_pipeline(session: Session, prefix: str) -> Warehouse:
    """The embedded one."""
    return Warehouse(session, "SLUICE", prefix, "SLUICE.SNOWPIPE.COPY_HISTORY WHERE last_load_time >= {start}")


def _moment(moment: datetime, kind: str = "TIMESTAMP_TZ") -> str:
    return f"'{timestamp(moment.astimezone(UTC))}'::{kind}"
