"""What the stub counts, by requests as botocore and the SDK for JavaScript write them."""

import asyncio
import base64
import json
from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.stub_aws import PUT_UNIT_BYTES, Connection, Counts, Stub


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)


def client(stub: Stub) -> tuple[Connection, Wire]:
    connection, wire = Connection(stub), Wire()
    connection.connection_made(wire)
    return connection, wire


def call(operation: str, members: dict[str, Any], *, spaced: bool = True) -> bytes:
    body = json.dumps(members, separators=None if spaced else (",", ":")).encode()
    head = f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def entry(data: bytes) -> dict[str, str]:
    return {"Data": base64.b64encode(data).decode(), "PartitionKey": "k"}


LINES = [b'{"a":1}\n{"a":2}\n', b'{"a":3}\n', b"x" * PUT_UNIT_BYTES + b"\n"]
PUT = call("PutRecords", {"Records": [entry(data) for data in LINES], "StreamName": "s"})


@pytest.mark.parametrize("spaced", [True, False])
def test_entries_are_counted_and_answered_one_by_one(spaced: bool) -> None:
    stub = Stub()
    connection, wire = client(stub)
    request = call("PutRecords", {"Records": [entry(data) for data in LINES]}, spaced=spaced)
    connection.data_received(request)
    head, _, answer = wire.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    told = json.loads(answer)
    assert (told["FailedRecordCount"], len(told["Records"])) == (0, 3)
    assert (stub.counts.calls, stub.counts.entries, stub.counts.records) == (1, 3, 0)
    assert stub.counts.data_bytes == sum(map(len, LINES))


@pytest.mark.parametrize("size", range(7))
def test_bytes_are_counted_whatever_base64_pads(size: int) -> None:
    stub = Stub()
    client(stub)[0].data_received(call("PutRecord", {**entry(b"x" * size), "StreamName": "s"}))
    assert (stub.counts.entries, stub.counts.data_bytes) == (1, size)


def test_requests_cut_anywhere_count_the_same() -> None:
    small = call("PutRecords", {"Records": [entry(data) for data in LINES[:2]]})
    for cut in range(1, len(small)):
        stub = Stub()
        connection, wire = client(stub)
        connection.data_received(small[:cut])
        connection.data_received(small[cut:] + small[:cut])
        connection.data_received(small[cut:])
        assert (stub.counts.calls, stub.counts.entries) == (2, 4), cut
        assert wire.written.count(b"HTTP/1.1 200 OK") == 2


def test_it_looks_into_records_only_when_asked() -> None:
    stub = Stub()
    connection, wire = client(stub)
    connection.data_received(b"GET /stub/inspect HTTP/1.1\r\nHost: x\r\n\r\n")
    connection.data_received(PUT)
    connection.data_received(call("PutRecord", {**entry(b'{"a":4}'), "StreamName": "s"}))
    wire.written = b""
    connection.data_received(b"GET /stub/counts HTTP/1.1\r\nHost: x\r\n\r\n")
    counts = json.loads(wire.written.partition(b"\r\n\r\n")[2])
    assert counts == asdict(stub.counts)
    assert (counts["calls"], counts["entries"], counts["records"], counts["units"]) == (2, 4, 5, 5)
    connection.data_received(b"GET /stub/reset HTTP/1.1\r\nHost: x\r\n\r\n")
    assert stub.counts == Counts()
    connection.data_received(PUT)
    assert (stub.counts.entries, stub.counts.records) == (3, 0)


def test_an_object_waits_for_the_word_to_go_on() -> None:
    stub = Stub()
    connection, wire = client(stub)
    connection.data_received(b"PUT /b/k HTTP/1.1\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n")
    assert wire.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.data_received(b"one\n")
    connection.data_received(b"two\n")
    assert b"HTTP/1.1 200 OK\r\nETag:" in wire.written
    assert (stub.counts.objects, stub.counts.object_lines) == (1, 2)


def test_what_it_does_not_know_is_refused_and_counted() -> None:
    stub = Stub()
    connection, wire = client(stub)
    connection.data_received(call("SplitShard", {}))
    assert wire.written.startswith(b"HTTP/1.1 400 Bad Request")
    assert stub.counts.unknown == 1


def test_the_stream_is_there() -> None:
    connection, wire = client(Stub())
    connection.data_received(call("DescribeStreamSummary", {"StreamName": "s"}))
    summary = json.loads(wire.written.partition(b"\r\n\r\n")[2])["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == "ACTIVE"
