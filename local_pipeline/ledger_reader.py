"""Read what the pipeline has done so far into the ledger, from where the last reading ended."""

import gzip
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from local_pipeline.ledger import Ledger, Sighting, Stage
from local_pipeline.stream_tail import StreamTail
from local_pipeline.warehouse import LoadedRow, iso

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

INGEST_ID = re.compile(rb'\{"ingest_id":"([^"\\]+)"')
RECEIPTS_CURSOR = "receipts"
TABLE_CURSOR = "raw table"
REJECTED_PREFIX = "rejected/"
SPILL_PREFIX = "spill/"
REPLAYED_PREFIX = "replayed/"
logger = logging.getLogger(__name__)


class RawTable(Protocol):
    """The raw table, as far as the ledger needs it."""

    def loaded_since(self, since: str | None) -> Sequence[LoadedRow]:
        """The rows loaded at `since` (ISO 8601) or later, all if it is None; oldest first."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the reader reads."""

    receipts: Path
    kinesis: "KinesisClient"
    stream_name: str
    s3: "S3Client"
    landing_bucket: str
    landing_prefix: str
    error_bucket: str
    table: RawTable

    def kept(self) -> Sequence[tuple[str, str]]:
        """Bucket and prefix of all objects that hold records, or what became of them."""
        return (
            (self.landing_bucket, self.landing_prefix),
            (self.error_bucket, REJECTED_PREFIX),
            (self.error_bucket, SPILL_PREFIX),
            (self.error_bucket, REPLAYED_PREFIX),
        )


class LedgerReader:
    """Carries sightings from the sources to the ledger; blocking, so call it from a thread, one at a time."""

    def __init__(self, ledger: Ledger, sources: Sources) -> None:
        self._ledger = ledger
        self._sources = sources
        self._tail = StreamTail(sources.kinesis, sources.stream_name)

    def refresh(self) -> None:
        """Read on. The end of the way is read first, so that no stage shows a record that the one before it lacks."""
        with self._ledger.batch():
            self._read_table()
            self._read_objects("landed", self._sources.landing_bucket, self._sources.landing_prefix)
        with self._ledger.batch():
            self._read_objects("rejected", self._sources.error_bucket, REJECTED_PREFIX)
            self._read_spilled()
        with self._ledger.batch():
            self._read_stream()
            self._read_receipts()

    def start_over(self) -> None:
        """Forget everything, and pass over what the stream holds by now; the caller has emptied the other sources."""
        with self._ledger.batch():
            self._read_stream()
        self._ledger.forget(cursors=(RECEIPTS_CURSOR, TABLE_CURSOR))

    def rejected_lines(self, limit: int) -> list[dict[str, Any]]:
        """The newest `limit` lines of the error bucket, newest object first."""
        lines: list[dict[str, Any]] = []
        for key in self._ledger.newest_sources("rejected"):
            if len(lines) >= limit:
                break
            lines.extend(orjson.loads(line) for line in self._lines(self._sources.error_bucket, key) if line)
        return lines[:limit]

    def receipts(self, request_id: str) -> list[dict[str, Any]]:
        """A request's receipts, oldest first: one for each time it was answered."""
        offsets = [int(name.partition("@")[2]) for name in self._ledger.sources_starting("accepted", f"{request_id}@")]
        found: list[dict[str, Any]] = []
        if offsets:
            with self._sources.receipts.open("rb") as file:
                for offset in offsets:
                    file.seek(offset)
                    found.append(orjson.loads(file.readline()))
        return found

    def _read_receipts(self) -> None:
        path = self._sources.receipts
        if not path.exists():
            return
        offset = int(self._ledger.cursor(RECEIPTS_CURSOR) or 0)
        with path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):  # still being written
                    return
                end = offset + len(line)
                try:
                    request_id, accepted = _accepted(line)
                except (ValueError, KeyError, TypeError) as error:
                    logger.warning("receipts, byte %d: no receipt (%s), skipped", offset, type(error).__name__)
                    self._ledger.move(RECEIPTS_CURSOR, f"{end}")
                else:
                    source = f"{request_id}@{offset}"
                    self._ledger.add("accepted", source, accepted, cursor=(RECEIPTS_CURSOR, f"{end}"))
                offset = end

    def _read_stream(self) -> None:
        stream = self._sources.stream_name
        for shard, records in self._tail.read(lambda shard: self._ledger.cursor(f"{stream}/{shard}")):
            sightings = (
                Sighting(seen.ingest_id, seen.line, record["SequenceNumber"])
                for record in records
                for seen in _lines_seen(record["Data"].split(b"\n"))
            )
            self._ledger.add("streamed", shard, sightings, cursor=(f"{stream}/{shard}", records[-1]["SequenceNumber"]))

    def _read_objects(self, stage: Stage, bucket: str, prefix: str) -> None:
        known = self._ledger.sources(stage)
        for key in self._keys(bucket, prefix):
            if key not in known:
                self._ledger.add(stage, key, _lines_seen(self._lines(bucket, key), notes=stage == "rejected"))

    def _read_spilled(self) -> None:
        """What waits now: the drain removes objects, even between the listing and the reading."""
        bucket, known = self._sources.error_bucket, self._ledger.sources("spilled")
        there = set(self._keys(bucket, SPILL_PREFIX))
        self._ledger.remove("spilled", known - there)
        for key in sorted(there - known):
            try:
                lines = self._lines(bucket, key)
            except self._sources.s3.exceptions.NoSuchKey:
                continue
            self._ledger.add("spilled", key, _lines_seen(lines))

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        for page in self._sources.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (listed["Key"] for listed in page.get("Contents", ()))

    def _lines(self, bucket: str, key: str) -> list[bytes]:
        body = self._sources.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return (gzip.decompress(body) if key.endswith(".gz") else body).split(b"\n")

    def _read_table(self) -> None:
        """All rows of a file have its `loaded_at`, no two files have the same, and a file's rows come at once."""
        seen = self._ledger.cursor(TABLE_CURSOR)
        rows = self._sources.table.loaded_since(seen and _next_microsecond(seen))
        for file_name, of_file in groupby(rows, attrgetter("file_name")):
            loaded = list(of_file)
            sightings = (Sighting(row.ingest_id, row.file_row_number, row.loaded_at) for row in loaded)
            self._ledger.add("loaded", file_name, sightings, cursor=(TABLE_CURSOR, loaded[-1].loaded_at))


def _accepted(line: bytes) -> tuple[str, list[Sighting]]:
    """The request_id of a receipt, and what it says is accepted."""
    receipt = orjson.loads(line)
    request_id = str(receipt["request_id"])
    indexes = (index for first, last in receipt["accepted"] for index in range(first, last + 1))
    return request_id, [Sighting(f"{request_id}-{index}", index) for index in indexes]


def _lines_seen(lines: Sequence[bytes], *, notes: bool = False) -> Iterator[Sighting]:
    """A line without an ingest_id is nobody's record; a planted one must not stop the counting."""
    for number, line in enumerate(lines, start=1):
        found = INGEST_ID.match(line)
        if found:
            yield Sighting(found.group(1).decode(), number, orjson.loads(line)["reason"] if notes else "")


def _next_microsecond(moment: str) -> str:
    return iso(datetime.fromisoformat(moment) + timedelta(microseconds=1))
