"""Read what the pipeline has done so far into the ledger, from where the last reading ended."""

import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from local_pipeline.ledger import Ledger, Sighting, Stage

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

INGEST_ID = re.compile(rb'\{"ingest_id":"([^"\\]+)"')
# A Kinesis record is at most 1 MiB by default, and the engine answers with whole records whatever their bytes.
STREAM_RECORDS_PER_CALL = 200
RECEIPTS_CURSOR = "receipts"
TABLE_CURSOR = "raw table"
RAW_TABLE = "RAW_RECORDS"


@dataclass(frozen=True, slots=True)
class LoadedRow:
    """One row of the raw table. `loaded_at` sorts as text."""

    ingest_id: str
    file_name: str
    file_row_number: int
    loaded_at: str


LoadedSince = Callable[[str | None], Sequence[LoadedRow]]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the reader reads.

    Attributes:
        loaded_since: the raw table's rows with `loaded_at` no earlier than the argument (None: all), oldest first.
    """

    receipts: Path
    kinesis: "KinesisClient"
    stream_name: str
    s3: "S3Client"
    landing_bucket: str
    landing_prefix: str
    error_bucket: str
    loaded_since: LoadedSince


class LedgerReader:
    """Carries sightings from the sources to the ledger; blocking, so call it from a thread, one at a time."""

    def __init__(self, ledger: Ledger, sources: Sources) -> None:
        self._ledger = ledger
        self._sources = sources

    def refresh(self) -> None:
        """Read on. The end of the way is read first, so that no stage shows a record that the one before it lacks."""
        with self._ledger.batch():
            self._read_table()
            self._read_objects("landed", self._sources.landing_bucket, self._sources.landing_prefix)
        with self._ledger.batch():
            self._read_objects("rejected", self._sources.error_bucket, "rejected/")
            self._read_objects("spilled", self._sources.error_bucket, "spill/")
        with self._ledger.batch():
            self._read_receipts()
            self._read_stream()

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
            lines.extend(orjson.loads(line) for line in self._lines(self._sources.error_bucket, key))
        return lines[:limit]

    def receipt(self, request_id: str, offset: int) -> dict[str, Any] | None:
        """The receipt that starts at byte `offset`; None when it is not that request's."""
        if not self._sources.receipts.exists():
            return None
        with self._sources.receipts.open("rb") as file:
            file.seek(offset)
            line = file.readline()
        receipt: dict[str, Any] = orjson.loads(line) if line.endswith(b"\n") else {}
        return receipt if receipt.get("request_id") == request_id else None

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
                self._ledger.add("accepted", f"{offset}", _accepted(line), cursor=(RECEIPTS_CURSOR, f"{end}"))
                offset = end

    def _read_stream(self) -> None:
        for shard in self._sources.kinesis.list_shards(StreamName=self._sources.stream_name)["Shards"]:
            self._read_shard(shard["ShardId"])

    def _read_shard(self, shard: str) -> None:
        cursor_name = f"{self._sources.stream_name}/{shard}"
        iterator = self._shard_iterator(shard, self._ledger.cursor(cursor_name))
        while True:
            answer = self._sources.kinesis.get_records(ShardIterator=iterator, Limit=STREAM_RECORDS_PER_CALL)
            for record in answer["Records"]:
                sequence_number = record["SequenceNumber"]
                source = f"{shard}/{sequence_number}"
                sightings = _lines_seen(record["Data"].split(b"\n"))
                self._ledger.add("streamed", source, sightings, cursor=(cursor_name, sequence_number))
            if not answer["Records"] and not answer.get("MillisBehindLatest"):
                return
            iterator = answer["NextShardIterator"]

    def _shard_iterator(self, shard: str, position: str | None) -> str:
        stream = self._sources.stream_name
        if position is None:
            answer = self._sources.kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            answer = self._sources.kinesis.get_shard_iterator(
                StreamName=stream,
                ShardId=shard,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=position,
            )
        return answer["ShardIterator"]

    def _read_objects(self, stage: Stage, bucket: str, prefix: str) -> None:
        known = self._ledger.sources(stage)
        for key in self._keys(bucket, prefix):
            if key not in known:
                self._ledger.add(stage, key, _lines_seen(self._lines(bucket, key), notes=stage == "rejected"))

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        for page in self._sources.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (listed["Key"] for listed in page.get("Contents", ()))

    def _lines(self, bucket: str, key: str) -> list[bytes]:
        body = self._sources.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return (gzip.decompress(body) if key.endswith(".gz") else body).split(b"\n")

    def _read_table(self) -> None:
        position = self._ledger.cursor(TABLE_CURSOR)
        rows = self._sources.loaded_since(position)
        if rows:
            sightings = [Sighting(row.ingest_id, row.file_row_number, _load_note(row)) for row in rows]
            self._ledger.add("loaded", RAW_TABLE, sightings, cursor=(TABLE_CURSOR, rows[-1].loaded_at))


def _accepted(line: bytes) -> Iterator[Sighting]:
    receipt = orjson.loads(line)
    for first, last in receipt["accepted"]:
        for index in range(first, last + 1):
            yield Sighting(f"{receipt['request_id']}-{index}", index)


def _lines_seen(lines: Sequence[bytes], *, notes: bool = False) -> Iterator[Sighting]:
    """A line without an ingest_id is nobody's record; a planted one must not stop the counting."""
    for number, line in enumerate(lines, start=1):
        found = INGEST_ID.match(line)
        if found:
            yield Sighting(found.group(1).decode(), number, orjson.loads(line)["reason"] if notes else None)


def _load_note(row: LoadedRow) -> str:
    return f"{row.loaded_at} {row.file_name}"
