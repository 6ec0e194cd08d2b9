"""Timed rounds of the benchmark notice a gateway that loses a part of what it takes, though its check was good."""

import base64
import http.client
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.bench import Bench, InvalidRun, bench
from benchmarks.bodies import Shape
from benchmarks.job import Job
from benchmarks.results import Results
from benchmarks.subjects import Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU time is read from /proc")
ENVELOPE = b'{"received_at":"2026-11-23T08:00:00Z","source":"a source","payload":%b}\n'
PART, CASE = "single", "a case"


class Fake(ThreadingHTTPServer):
    """Puts each request's good lines as one Kinesis record, its bad ones as an object; or loses some of either."""

    daemon_threads = True

    def __init__(self, stub_port: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stub_port = stub_port
        self.asked = 0
        self.loses_a_tenth = self.loses_errors = False


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Fake

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"])).splitlines()
        good = [line for place, line in enumerate(lines) if place % 100 != 7]
        self.server.asked += 1
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.stub_port)) as stub:
            if not (self.server.loses_a_tenth and self.server.asked % 10 == 0):
                data = base64.b64encode(b"".join(ENVELOPE % line for line in good)).decode()
                body = json.dumps({"Data": data, "PartitionKey": "key"})
                stub.request("POST", "/", body, {"X-Amz-Target": "Kinesis_20131202.PutRecord"})
                stub.getresponse().read()
            if len(good) < len(lines) and not self.server.loses_errors:
                stub.request("PUT", "/errors/key", b"an error\n" * (len(lines) - len(good)))
                stub.getresponse().read()
        answer = json.dumps({"accepted": len(good)}).encode()
        self.send_response(207 if len(good) < len(lines) else 202)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Print nothing."""


@contextmanager
def fake(running: Bench, shape: Shape) -> Iterator[tuple[Fake, Server, Job]]:
    """A gateway whose check was good, and a job for it."""
    with Fake(int(running.stub_url.rpartition(":")[2])) as gateway:
        thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            server = Server("fake", gateway.server_port, os.getpid())
            job = running.job(server, shape=shape, connections=2, seconds=0.2, limit=40, status=shape.status)
            running.check(PART, CASE, server, job)
            yield gateway, server, job
        finally:
            gateway.shutdown()
            thread.join()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Bench]:
    with bench(Results({}), tmp_path, python=Path(sys.executable)) as found:
        yield found


@pytest.mark.parametrize("shape", [Shape(), Shape("ndjson", 5)], ids=["one record", "batch"])
def test_a_tenth_that_is_lost_makes_the_run_invalid(running: Bench, shape: Shape) -> None:
    with fake(running, shape) as (gateway, server, job):
        running.measure(PART, CASE, server, job)
        gateway.loses_a_tenth = True
        with pytest.raises(InvalidRun, match="the stub has"):
            running.measure(PART, CASE, server, job)
    assert len(running.found.samples) == 1


def test_error_objects_that_are_lost_make_the_run_invalid(running: Bench) -> None:
    with fake(running, Shape("ndjson", 100, has_bad=True)) as (gateway, server, job):
        running.measure(PART, CASE, server, job)
        gateway.loses_errors = True
        with pytest.raises(InvalidRun, match="'object_lines': 0"):
            running.measure(PART, CASE, server, job)
