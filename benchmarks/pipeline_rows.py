"""When rows became visible: the raw table itself is asked, again and again, which files have rows in it."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event, Thread

from local_pipeline.warehouse import RAW_TABLE, Connection, connect

LOOK_SECONDS = 0.5
STATEMENT_SECONDS = 120
BEFORE_ALL = "1970-01-01T00:00:00Z"


@dataclass
class Watch:
    """A thread that notes, for each landing file, when its rows were first seen (seconds since the epoch).

    `loaded_at` would not do: it is when the file's scan started, before its rows can be read. What is noted is when the
    table's answer had come, so it is late by up to the pause between two looks, never early.
    """

    url: str
    seen: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    _enough: Event = field(default_factory=Event)
    _thread: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def wait(self, rows: int, seconds: float) -> bool:
        """Whether so many rows are there, once they are or nothing more came for `seconds`."""
        last, changed = -1, time.monotonic()
        while self.rows < rows and time.monotonic() - changed < seconds:
            if self.rows != last:
                last, changed = self.rows, time.monotonic()
            time.sleep(0.1)
        return self.rows >= rows

    def stop(self) -> None:
        """Look no more."""
        self._enough.set()
        self._thread.join()

    def _look(self) -> None:
        since = BEFORE_ALL
        with closing(connect(self.url, STATEMENT_SECONDS)) as connection:
            while not self._enough.is_set():
                files = _files_since(connection, since)
                now = time.time()
                for name, moment, rows in files:
                    self.seen.setdefault(name, now)
                    self.rows += rows
                    since = max(since, moment)
                self._enough.wait(LOOK_SECONDS)


def _files_since(connection: Connection, since: str) -> Sequence[tuple[str, str, int]]:
    """Name, `loaded_at` and number of rows of the files loaded later than `since`; a file's rows come at once."""
    cursor = connection.cursor()
    cursor.execute(
        f"SELECT file_name, loaded_at, COUNT(*) FROM {RAW_TABLE} "  # noqa: S608 - a constant
        "WHERE loaded_at > CAST(? AS TIMESTAMP_LTZ) GROUP BY file_name, loaded_at",
        (since,),
    )
    return [(name, moment.isoformat(), int(rows)) for name, moment, rows in cursor.fetchall()]


def all_rows(url: str) -> tuple[int, Mapping[str, str]]:
    """How many rows there are, and for each ingest_id the file that it came in first."""
    with closing(connect(url, STATEMENT_SECONDS)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT ingest_id, file_name FROM {RAW_TABLE} ORDER BY loaded_at DESC")  # noqa: S608
        rows = cursor.fetchall()
    return len(rows), dict(rows)
