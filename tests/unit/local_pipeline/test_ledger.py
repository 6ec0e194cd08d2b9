"""The ledger counts what is really there, once, and never counts less than before, but for what waits."""

import contextlib
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from local_pipeline.ledger import STAGES, Ledger, Sighting
from local_pipeline.ledger_reader import LedgerReader, Sources
from local_pipeline.tracing import request_and_index, trace_of
from local_pipeline.warehouse import LoadedRow
from tests.support.aws import Aws, make_aws, moto_endpoint

ONE = "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77"
TWO = "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c78"
LANDING = "records/dt=2026-11-23/hr=02/"
REJECTED = "rejected/dt=2026-11-23/hr=02/"


@dataclass
class Table:
    """A raw table in memory."""

    loaded: list[LoadedRow] = field(default_factory=list)

    def loaded_since(self, since: str | None) -> Sequence[LoadedRow]:
        return [row for row in self.loaded if since is None or row.loaded_at >= since]


@dataclass
class World:
    """The sources, a ledger, and short ways to put something into the former."""

    sources: Sources
    table: Table
    ledger: Ledger

    def stream(self, *ids: str) -> None:
        data = b"".join(stream_line(ingest_id) for ingest_id in ids)
        self.sources.kinesis.put_record(StreamName=self.sources.stream_name, Data=data, PartitionKey="one")

    def put(self, key: str, *lines: bytes) -> None:
        self.sources.s3.put_object(Bucket=self.sources.landing_bucket, Key=key, Body=b"".join(lines))

    def answer(self, request_id: str, accepted: list[list[int]], **members: object) -> bytes:
        receipt = {
            "event": "receipt",
            "request_id": request_id,
            "received_at": "2026-11-23T02:17:14.123456Z",
            "source": "anonymous",
            "status": 202,
            "accepted": accepted,
            "rejected": [],
            "retry": [],
        }
        line = json.dumps(receipt | members).encode() + b"\n"
        with self.sources.receipts.open("ab") as file:
            file.write(line)
        return line

    def counts(self) -> dict[str, int]:
        LedgerReader(self.ledger, self.sources).refresh()
        return {stage: count for stage, count in self.ledger.counts().items() if count}


def stream_line(ingest_id: str) -> bytes:
    return b'{"ingest_id":"%b","received_at":"","source":"a","schema":null,"payload":{"id":1}}\n' % ingest_id.encode()


def error_line(ingest_id: str, reason: str) -> bytes:
    return json.dumps({"ingest_id": ingest_id, "reason": reason}, separators=(",", ":")).encode() + b"\n"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_endpoint() as url:
        yield url


@pytest.fixture
def world(endpoint: str, tmp_path: Path) -> Iterator[World]:
    aws: Aws = make_aws(endpoint)
    table = Table()
    sources = Sources(
        receipts=tmp_path / "receipts.ndjson",
        kinesis=aws.kinesis,
        stream_name=aws.stream,
        s3=aws.s3,
        landing_bucket=aws.bucket,
        landing_prefix="records/",
        error_bucket=aws.bucket,
        table=table,
    )
    world = World(sources, table, Ledger(tmp_path / "ledger.db"))
    yield world
    world.ledger.close()


def test_every_stage_counts_what_is_there(world: World) -> None:
    world.answer(ONE, [[0, 4], [6, 6]])
    world.stream(f"{ONE}-0", f"{ONE}-1")
    world.stream(f"{ONE}-2")
    world.put(f"{LANDING}a.json", stream_line(f"{ONE}-0"), stream_line(f"{ONE}-1"))
    world.put(f"{REJECTED}{ONE}.x.ndjson", error_line(f"{ONE}-5", "missing_id"))
    world.put(f"spill/dt=2026-11-23/hr=02/{ONE}.y.ndjson", stream_line(f"{ONE}-6"))
    world.table.loaded.append(LoadedRow(f"{ONE}-0", f"{LANDING}a.json", 1, "2026-11-23T02:17:20.000000Z"))

    assert world.counts() == {"accepted": 6, "rejected": 1, "spilled": 1, "streamed": 3, "landed": 2, "loaded": 1}


def test_what_was_drained_is_spilled_no_longer(world: World) -> None:
    world.answer(ONE, [[0, 1]], spilled=[[0, 1]])
    key = f"spill/dt=2026-11-23/hr=02/{ONE}.y.ndjson"
    world.put(key, stream_line(f"{ONE}-0"), stream_line(f"{ONE}-1"))
    assert world.counts() == {"accepted": 2, "spilled": 2}
    world.stream(f"{ONE}-0", f"{ONE}-1")
    world.sources.s3.delete_object(Bucket=world.sources.error_bucket, Key=key)
    assert world.counts() == {"accepted": 2, "streamed": 2}
    assert world.ledger.places(f"{ONE}-0")["spilled"] == []
    world.put(key, stream_line(f"{ONE}-0"))
    assert world.counts() == {"accepted": 2, "streamed": 2, "spilled": 1}


class Vanishing:
    """An S3 client whose objects are gone when they are asked for."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **arguments: str) -> Any:
        self._s3.delete_object(**arguments)
        return self._s3.get_object(**arguments)


def test_a_spilled_object_that_goes_while_it_is_read_is_none(world: World) -> None:
    world.put(f"spill/dt=2026-11-23/hr=02/{ONE}.y.ndjson", stream_line(f"{ONE}-0"))
    vanishing: Any = Vanishing(world.sources.s3)
    sources = replace(world.sources, s3=vanishing)
    LedgerReader(world.ledger, sources).refresh()
    assert world.ledger.counts()["spilled"] == 0


def test_a_record_that_is_somewhere_twice_counts_once(world: World) -> None:
    world.answer(ONE, [[0, 0]])
    world.answer(ONE, [[0, 0]])  # the same request again, with its Idempotency-Key
    world.stream(f"{ONE}-0")
    world.stream(f"{ONE}-0")
    for name in ("a", "b"):
        world.put(f"{LANDING}{name}.json", stream_line(f"{ONE}-0"))
    world.table.loaded = [
        LoadedRow(f"{ONE}-0", f"{LANDING}{name}.json", 1, f"2026-11-23T02:17:20.00000{second}Z")
        for second, name in enumerate("ab")
    ]

    assert world.counts() == {"accepted": 1, "streamed": 1, "landed": 1, "loaded": 1}
    assert [len(places) for places in world.ledger.places(f"{ONE}-0").values()] == [2, 0, 0, 2, 2, 2]


def test_reading_goes_on_where_it_ended(world: World) -> None:
    world.answer(ONE, [[0, 1]])
    world.stream(f"{ONE}-0")
    world.table.loaded.append(LoadedRow(f"{ONE}-0", f"{LANDING}a.json", 1, "2026-11-23T02:17:20.000000Z"))
    assert world.counts() == {"accepted": 2, "streamed": 1, "loaded": 1}

    world.answer(TWO, [[0, 0]])
    world.stream(f"{ONE}-1", f"{TWO}-0")
    world.table.loaded.append(LoadedRow(f"{ONE}-1", f"{LANDING}b.json", 1, "2026-11-23T02:17:20.000001Z"))
    assert world.counts() == {"accepted": 3, "streamed": 3, "loaded": 2}


def test_a_receipt_that_is_still_being_written_waits(world: World) -> None:
    whole = world.answer(ONE, [[0, 0]])
    world.sources.receipts.write_bytes(whole[:-1])
    assert world.counts() == {}

    world.sources.receipts.write_bytes(whole)
    assert world.counts() == {"accepted": 1}


@pytest.mark.parametrize("broken", [b"\x00\x00\n", b'{"request_id":"a"}\n', b"[]\n", b"\n", b'{"request_id":"a","acc'])
def test_a_broken_receipt_is_skipped_and_told_once(
    world: World, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    world.answer(ONE, [[0, 0]])
    with world.sources.receipts.open("ab") as file:
        file.write(broken)  # the last one: a process was killed in it, and another wrote on
    world.answer(ONE, [[1, 1]])
    world.answer(TWO, [[0, 0]])

    read = world.counts()
    assert read == world.counts() == {"accepted": 3 if broken.endswith(b"\n") else 2}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "request_id" not in caplog.text


def test_no_count_falls_when_a_source_forgets(world: World, tmp_path: Path) -> None:
    world.stream(f"{ONE}-0")
    world.put(f"{LANDING}a.json", stream_line(f"{ONE}-0"))
    before = world.counts()

    world.sources.s3.delete_object(Bucket=world.sources.landing_bucket, Key=f"{LANDING}a.json")
    world.ledger.close()
    world.ledger = Ledger(tmp_path / "ledger.db")

    assert world.counts() == before == {"streamed": 1, "landed": 1}


def test_counting_on_is_as_counting_anew(tmp_path: Path) -> None:
    """Whatever is added, added again, removed or taken back, by a ledger that was asked before."""
    choose = random.Random(5)  # noqa: S311
    ledger = Ledger(tmp_path / "ledger.db")
    seen = set()
    for number in range(200):
        stage = choose.choice(STAGES)
        ids = [f"{choose.choice((ONE, TWO))}-{choose.randrange(60)}" for _ in range(choose.randrange(12))]
        sightings = [Sighting(ingest_id, line, choose.choice("ab")) for line, ingest_id in enumerate(ids)]
        with contextlib.suppress(ZeroDivisionError), ledger.batch():
            ledger.add(stage, f"source {number % 20}", sightings)
            if number % 7 == 3:
                ledger.remove(stage, [f"source {choose.randrange(20)}"])
            if number % 11 == 5:
                raise ZeroDivisionError
        anew = Ledger(tmp_path / "ledger.db")
        assert ledger.counts() == anew.counts()
        anew.close()
        seen.add(tuple(ledger.counts().values()))
    ledger.close()
    assert len(seen) > 50


def test_a_compressed_file_counts_and_a_planted_line_does_not(world: World) -> None:
    lines = stream_line(f"{ONE}-0") + b'{"planted": true}\n'
    world.put(f"{LANDING}a.json.gz", gzip.compress(lines))

    assert world.counts() == {"landed": 1}


def test_starting_over_passes_over_what_the_stream_holds(world: World) -> None:
    world.answer(ONE, [[0, 0]])
    world.stream(f"{ONE}-0")
    assert world.counts()
    world.stream(f"{ONE}-1")
    world.sources.receipts.write_bytes(b"")

    LedgerReader(world.ledger, world.sources).start_over()
    assert world.counts() == {}

    world.stream(f"{TWO}-0")
    world.answer(TWO, [[0, 0]])
    assert world.counts() == {"accepted": 1, "streamed": 1}


def test_rejected_lines_come_newest_first(world: World) -> None:
    for number, request_id in enumerate((ONE, TWO)):
        lines = [error_line(f"{request_id}-{index}", "null_id") for index in range(2)]
        world.put(f"{REJECTED}{request_id}.{number}.ndjson", *lines)
        world.counts()
    found = LedgerReader(world.ledger, world.sources).rejected_lines(3)

    assert [line["ingest_id"] for line in found] == [f"{TWO}-0", f"{TWO}-1", f"{ONE}-0"]


@pytest.mark.parametrize(
    ("index", "status", "answered"), [(0, "loaded", "accepted"), (1, "rejected", "rejected"), (2, "retry", "retry")]
)
def test_a_trace_tells_answer_and_places(world: World, index: int, status: str, answered: str) -> None:
    world.answer(ONE, [[0, 0]], rejected=[[1, 1]], retry=[[2, 2]], status=503)
    world.stream(f"{ONE}-0")
    world.put(f"{REJECTED}{ONE}.x.ndjson", error_line(f"{ONE}-1", "too_deep"))
    world.table.loaded.append(LoadedRow(f"{ONE}-0", f"{LANDING}a.json", 7, "2026-11-23T02:17:20.000000Z"))
    world.counts()

    reader = LedgerReader(world.ledger, world.sources)
    places = world.ledger.places(f"{ONE}-{index}")
    trace = trace_of(f"{ONE}-{index}", places, reader.receipts(ONE), landing_bucket="landing", error_bucket="errors")

    assert trace is not None
    assert (trace.status, [answer.status for answer in trace.answer]) == (status, [answered])
    assert [row.file_row_number for row in trace.rows] == ([7] if index == 0 else [])
    assert [place.reason for place in trace.rejected] == (["too_deep"] if index == 1 else [])
    assert len(trace.stream) == (1 if index == 0 else 0)


@pytest.mark.parametrize("ingest_id", [f"{ONE}-3", f"{TWO}-0", "nonsense", "%-0", ""])
def test_nothing_is_told_of_an_unknown_record(world: World, ingest_id: str) -> None:
    world.answer(ONE, [[0, 2]])
    world.counts()
    told = request_and_index(ingest_id)
    receipts = LedgerReader(world.ledger, world.sources).receipts(told[0]) if told else []
    places = world.ledger.places(ingest_id)

    assert trace_of(ingest_id, places, receipts, landing_bucket="landing", error_bucket="errors") is None
