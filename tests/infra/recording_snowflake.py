"""A Snowflake for the `snow` command line: it writes down each statement and runs those that the embedded one knows."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fakesnow.instance import FakeSnow

from local_pipeline.warehouse import is_skipped

ANSWER = {
    "queryId": "00000000-0000-0000-0000-000000000000",
    "rowtype": [
        {"name": "status", "type": "text", "nullable": True, "length": 100, "precision": None, "scale": None},
    ],
    "rowset": [["done"]],
    "total": 1,
    "returned": 1,
    "parameters": [],
    "queryResultFormat": "json",
}


@dataclass
class RecordingSnowflake:
    """Where it listens, what it was asked, and the database in memory that it ran that on."""

    port: int
    database: Any
    asked: list[str] = field(default_factory=list)

    def run(self, statement: str) -> None:
        """Write it down; run it, if it is known."""
        self.asked.append(statement)
        if not is_skipped(statement):
            self.database.cursor().execute(statement)


@contextmanager
def recording_snowflake() -> Iterator[RecordingSnowflake]:
    """Listening on 127.0.0.1."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        recording = RecordingSnowflake(server.server_address[1], FakeSnow().connect())
        server.recording = recording  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield recording
        finally:
            server.shutdown()
            thread.join()
            recording.database.close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = json.loads(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body or b"{}")
        data: dict[str, object] = {}
        if "/login-request" in self.path:
            data = {"token": "t", "masterToken": "m", "parameters": [], "sessionInfo": {}, "serverVersion": "9.0.0"}
        elif "/query-request" in self.path:
            self.server.recording.run(request["sqlText"])  # type: ignore[attr-defined]
            data = ANSWER
        answer = json.dumps({"data": data, "success": True, "code": None, "message": None}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
