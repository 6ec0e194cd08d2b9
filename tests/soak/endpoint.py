"""Kinesis and S3 as far as a gateway needs them, cheap: everything is taken, and only counted.

Differs from the real services in all else: no signature is checked, no name known, nothing kept.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache

from tests.support.http_wire import MAX_HEAD_BYTES, Answer, Request, read_request, write_answer

JSON = [("Content-Type", "application/x-amz-json-1.1")]
ENTRY = (
    b'{"SequenceNumber":"49650000000000000000000000000000000000000000000000000000","ShardId":"shardId-000000000000"}'
)


class Endpoint:
    """What was taken.

    Attributes:
        streamed: lines of PutRecords calls.
        kept: lines of S3 objects.
    """

    def __init__(self) -> None:
        self.streamed = 0
        self.kept = 0
        self.url = ""
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Endpoint"]:
        """Serve on a free loopback port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for connection in list(self._connections):
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while request := await read_request(reader, writer):
                    await write_answer(writer, self._answer(request), request.method)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    def _answer(self, request: Request) -> Answer:
        target = request.header("x-amz-target")
        if target.endswith(".PutRecords"):
            packed = [b64decode(entry["Data"]) for entry in json.loads(request.body)["Records"]]
            self.streamed += sum(data.count(b"\n") for data in packed)
            return taken(len(packed))
        if request.method == "PUT":
            self.kept += request.body.count(b"\n")
            return Answer(200, "OK", [("ETag", '"0"')], b"")
        return Answer(400, "Bad Request", JSON, b'{"__type":"UnknownOperationException"}')


@cache
def taken(entries: int) -> Answer:
    """The answer to a PutRecords call that took all of its entries."""
    return Answer(200, "OK", JSON, b'{"FailedRecordCount":0,"Records":[' + b",".join([ENTRY] * entries) + b"]}")
