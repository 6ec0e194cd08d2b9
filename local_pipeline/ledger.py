"""The ledger: where every record has been seen, counted in distinct ingest_ids.

Six stages, each told by what is really there: `accepted` by the receipts, `rejected` and `spilled` by the error
bucket's objects, `streamed` by the stream, `landed` by the landing files, `loaded` by the raw table. A sighting is
(stage, ingest_id, source, line): the source is a receipt, an object's key, a shard, or a loaded
file. Sightings are only ever added, so no count falls when the stream forgets; but for `spilled`, which tells what
waits now.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import orjson

Stage = Literal["accepted", "rejected", "spilled", "streamed", "landed", "loaded"]
STAGES: tuple[Stage, ...] = get_args(Stage)

SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    source INTEGER PRIMARY KEY,
    stage INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (stage, name)
);
CREATE TABLE IF NOT EXISTS sightings (
    stage INTEGER NOT NULL,
    ingest_id TEXT NOT NULL,
    source INTEGER NOT NULL,
    line INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (stage, ingest_id, source, line, note)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One line that holds a record.

    Attributes:
        line: its place in the source, from 1; the index in the request for `accepted`.
        note: the reason of a rejection, the sequence number in a shard, the time of a load; else empty.
    """

    ingest_id: str
    line: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A sighting as it is read back, with the name of its source."""

    source: str
    line: int
    note: str


class Ledger:
    """The ledger's database. One thread at a time; another process may read it meanwhile (WAL)."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        # What a crash takes is absorbed again from the sources.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(SCHEMA)
        self._counts: dict[Stage, int] = {}

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All that is added inside is kept together, or not at all."""
        try:
            with self._database:
                yield
        except BaseException:
            self._counts.clear()
            raise

    def add(
        self, stage: Stage, source: str, sightings: Iterable[Sighting], *, cursor: tuple[str, str] | None = None
    ) -> None:
        """Note what one source holds, and how far reading has come; inside `batch`. Known sightings change nothing."""
        number = STAGES.index(stage)
        self._database.execute("INSERT OR IGNORE INTO sources (stage, name) VALUES (?, ?)", (number, source))
        (source_id,) = self._database.execute(
            "SELECT source FROM sources WHERE stage = ? AND name = ?", (number, source)
        ).fetchone()
        rows = [(number, each.ingest_id, source_id, each.line, each.note) for each in sightings]
        if stage in self._counts:
            self._counts[stage] += self._unseen(number, {ingest_id for _, ingest_id, *_ in rows})
        self._database.executemany("INSERT OR IGNORE INTO sightings VALUES (?, ?, ?, ?, ?)", rows)
        if cursor is not None:
            self.move(*cursor)

    def remove(self, stage: Stage, sources: Iterable[str]) -> None:
        """Forget what was seen in these sources; inside `batch`."""
        number = STAGES.index(stage)
        for name in sources:
            self._database.execute(
                "DELETE FROM sightings WHERE stage = ? AND source IN (SELECT source FROM sources "
                "WHERE stage = ? AND name = ?)",
                (number, number, name),
            )
            self._database.execute("DELETE FROM sources WHERE stage = ? AND name = ?", (number, name))
            self._counts.pop(stage, None)

    def move(self, cursor: str, position: str) -> None:
        """Note how far reading has come; inside `batch`."""
        self._database.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (cursor, position))

    def cursor(self, name: str) -> str | None:
        """How far reading has come, as `add` put it."""
        row = self._database.execute("SELECT position FROM cursors WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def sources(self, stage: Stage) -> set[str]:
        """The names of the sources that a stage has been read from."""
        rows = self._database.execute("SELECT name FROM sources WHERE stage = ?", (STAGES.index(stage),))
        return {name for (name,) in rows}

    def counts(self) -> dict[Stage, int]:
        """Distinct ingest_ids per stage."""
        for stage in STAGES:
            if stage not in self._counts:
                self._counts[stage] = self._count(stage)
        return dict(self._counts)

    def places(self, ingest_id: str) -> dict[Stage, list[Place]]:
        """Where a record has been seen; every stage is a key."""
        return {stage: self._places(stage, ingest_id) for stage in STAGES}

    def sources_starting(self, stage: Stage, beginning: str) -> list[str]:
        """The names of a stage's sources that start with `beginning`, ASCII, as they were first seen."""
        query = "SELECT name FROM sources WHERE stage = ? AND name >= ? AND name < ? ORDER BY source"
        rows = self._database.execute(query, (STAGES.index(stage), beginning, beginning + "\x7f"))
        return [name for (name,) in rows]

    def newest_sources(self, stage: Stage) -> Iterator[str]:
        """The names of a stage's sources, the last seen first."""
        query = "SELECT name FROM sources WHERE stage = ? ORDER BY source DESC"
        return (name for (name,) in self._database.execute(query, (STAGES.index(stage),)).fetchall())

    def forget(self, cursors: Iterable[str] = ()) -> None:
        """Forget every sighting, and the named cursors; the others stay where they are."""
        with self._database:
            self._database.execute("DELETE FROM sightings")
            self._database.execute("DELETE FROM sources")
            self._database.executemany("DELETE FROM cursors WHERE name = ?", ((name,) for name in cursors))
        self._counts.clear()

    def _unseen(self, number: int, ingest_ids: set[str]) -> int:
        """How many of them this stage has no sighting of. What is counted once is counted on, not anew."""
        (seen,) = self._database.execute(
            "SELECT COUNT(*) FROM json_each(?) WHERE EXISTS "
            "(SELECT 1 FROM sightings WHERE stage = ? AND ingest_id = json_each.value)",
            (orjson.dumps(list(ingest_ids)).decode(), number),
        ).fetchone()
        return len(ingest_ids) - int(seen)

    def _count(self, stage: Stage) -> int:
        (count,) = self._database.execute(
            "SELECT COUNT(*) FROM (SELECT DISTINCT ingest_id FROM sightings WHERE stage = ?)", (STAGES.index(stage),)
        ).fetchone()
        return int(count)

    def _places(self, stage: Stage, ingest_id: str) -> list[Place]:
        rows = self._database.execute(
            "SELECT sources.name, line, note FROM sightings JOIN sources USING (source) "
            "WHERE sightings.stage = ? AND ingest_id = ? ORDER BY source, line",
            (STAGES.index(stage), ingest_id),
        )
        return [Place(*row) for row in rows]
