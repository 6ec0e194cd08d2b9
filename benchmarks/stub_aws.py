"""Kinesis and S3 as far as gateways that write to them need: everything is taken at once, and only counted.

    python -m benchmarks.stub_aws [LATENCY_MS]

Made to cost little beside what is measured: entries are found by their `"Data"`, their bytes counted by the length of
their base64, and what is in them is looked at only while it inspects. Unlike AWS: no TLS, no network, no signature is
checked, no name known, nothing kept, throttled or refused.
"""

import asyncio
import json
import re
import sys
from base64 import b64decode
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from math import ceil
from typing import cast

import uvloop

PUT_UNIT_BYTES = 25_000
"""A provisioned PUT payload unit (Kinesis pricing: "in 25KB payload chunks")."""
COUNTS, RESET, INSPECT = b"/stub/counts", b"/stub/reset", b"/stub/inspect"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")
_TARGET = re.compile(rb"\r\nx-amz-target: *kinesis_20131202\.(\w+)")
_DATA = b'"Data"'
_PLACE = (
    b'{"SequenceNumber":"49650000000000000000000000000000000000000000000000000000","ShardId":"shardId-000000000000"}'
)
_SUMMARY = b'{"StreamDescriptionSummary":{"StreamName":"bench","StreamStatus":"ACTIVE","OpenShardCount":1}}'
_JSON = b"Content-Type: application/x-amz-json-1.1\r\n"


@dataclass
class Counts:
    """What was taken since the last reset.

    Attributes:
        entries: Kinesis records.
        data_bytes: what the entries hold, decoded; how records are shared out among entries does not change it.
        records: of inspected calls: lines that end with a newline; an entry without one is a record.
        units: of inspected calls: provisioned PUT payload units.
        object_lines: of S3 objects.
        unknown: requests that were neither.
    """

    calls: int = 0
    entries: int = 0
    data_bytes: int = 0
    records: int = 0
    units: int = 0
    objects: int = 0
    object_lines: int = 0
    unknown: int = 0


class Stub:
    """What all connections share."""

    def __init__(self, latency: float = 0.0) -> None:
        self.counts = Counts()
        self.inspecting = False
        self.latency = latency

    def put(self, operation: bytes, body: "Body") -> bytes:
        """The answer to a call of PutRecord or PutRecords."""
        call = body.whole()
        sizes = _data_sizes(call)
        self.counts.calls += 1
        self.counts.entries += len(sizes)
        self.counts.data_bytes += sum(sizes)
        if self.inspecting:
            for data in _data_of(json.loads(call)):
                self.counts.records += data.count(b"\n") or 1
                self.counts.units += ceil((len(data) or 1) / PUT_UNIT_BYTES)
        return answer(_PLACE, _JSON) if operation == b"putrecord" else _all_taken(len(sizes))

    def control(self, path: bytes) -> bytes:
        """The benchmark's own calls."""
        if path in (RESET, INSPECT):
            self.counts, self.inspecting = Counts(), path == INSPECT
        return answer(json.dumps(asdict(self.counts)).encode(), _JSON)


class Body:
    """A request's body as it comes in."""

    def __init__(self, length: int) -> None:
        self.left = length
        self._pieces: list[bytes] = []

    def take(self, piece: bytes) -> None:
        """Keep a piece."""
        self.left -= len(piece)
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """All of it, once nothing is left."""
        return b"".join(self._pieces)


class Connection(asyncio.Protocol):
    """HTTP/1.1 with lengths, connections kept, `Expect: 100-continue`. No chunks: no SDK sends any here."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._head = b""
        self._answer: Callable[[Body], bytes]
        self._body = Body(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        self._write = cast("asyncio.WriteTransport", transport).write  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer what is whole."""
        while data:
            if self._body.left:
                piece, data = data[: self._body.left], data[self._body.left :]
                self._body.take(piece)
            else:
                head, end, data = (self._head + data).partition(b"\r\n\r\n")
                if not end:
                    self._head = head
                    return
                self._head = b""
                self._begin(head, data)
            if not self._body.left:
                self._finish(self._answer(self._body))

    def _begin(self, head: bytes, rest: bytes) -> None:
        lower = head.lower()
        length = _LENGTH.search(lower)
        self._body = Body(int(length[1]) if length else 0)
        self._answer = self._answer_of(head.split(b" ", 2), lower)
        if self._body.left and not rest and b"\r\nexpect:" in lower:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer_of(self, words: list[bytes], head: bytes) -> Callable[[Body], bytes]:
        method, path = words[0], words[1].partition(b"?")[0]
        target = _TARGET.search(head)
        operation = target[1] if target else b""
        if operation in (b"putrecord", b"putrecords"):
            return lambda body: self._stub.put(operation, body)
        if operation == b"describestreamsummary":
            return lambda _: answer(_SUMMARY, _JSON)
        if path in (COUNTS, RESET, INSPECT):
            return lambda _: self._stub.control(path)
        if method == b"PUT":
            return self._keep
        if method == b"HEAD":
            return lambda _: answer(b"", b"")
        return self._refuse

    def _keep(self, body: Body) -> bytes:
        self._stub.counts.objects += 1
        self._stub.counts.object_lines += body.whole().count(b"\n")
        return answer(b"", b'ETag: "0"\r\n')

    def _refuse(self, _: Body) -> bytes:
        self._stub.counts.unknown += 1
        return answer(b'{"__type":"UnknownOperationException"}', _JSON, b"400 Bad Request")

    def _finish(self, whole: bytes) -> None:
        if self._stub.latency:
            asyncio.get_running_loop().call_later(self._stub.latency, self._write, whole)
        else:
            self._write(whole)


def answer(body: bytes, headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer; `headers` end with a line break each."""
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


@cache
def _all_taken(entries: int) -> bytes:
    return answer(b'{"FailedRecordCount":0,"Records":[' + b",".join([_PLACE] * entries) + b"]}", _JSON)


def _data_sizes(call: bytes) -> list[int]:
    """Bytes of each entry's data, by the length of its base64."""
    sizes, at = [], call.find(_DATA)
    while at >= 0:
        start = call.index(b'"', at + len(_DATA)) + 1
        end = call.index(b'"', start)
        sizes.append((end - start) // 4 * 3 - call.count(b"=", end - 2, end))
        at = call.find(_DATA, end)
    return sizes


def _data_of(call: dict[str, object]) -> list[bytes]:
    records = call.get("Records", [call])
    return [b64decode(entry["Data"]) for entry in records] if isinstance(records, list) else []


async def serve(stub: Stub) -> None:
    """On a free loopback port, which is printed, until killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(Stub(float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0)))
