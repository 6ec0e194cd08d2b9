"""What is measured: our gateway and its peers as processes on loopback, started as their users start them."""

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import node
from benchmarks.places import BENCH_PYTHON, SCHEMAS
from tests.support import processes
from tests.support.aws import free_port
from tests.support.transports import UVICORN_OPTIONS

START_SECONDS = 30.0
OURS, FLOOR, TUTORIAL, FASTIFY = "ours", "floor", "tutorial", "fastify"
NAIVE, POWERTOOLS = "naive", "powertools"
TITLES = {
    OURS: "Sluice",
    FLOOR: "FastAPI that only answers",
    TUTORIAL: "FastAPI tutorial",
    FASTIFY: "Fastify",
    NAIVE: "FastAPI + Mangum",
    POWERTOOLS: "Powertools",
}
_OURS = ["-m", "uvicorn", "--factory", "app.main:create_app", "--no-access-log", *UVICORN_OPTIONS]
_PEER = ["-m", "uvicorn", "--no-access-log", "--no-proxy-headers", "--no-server-header"]
_COMMANDS: Mapping[str, Callable[[str, str], list[str]]] = {
    OURS: lambda _, port: [sys.executable, *_OURS, "--port", port],
    FLOOR: lambda python, port: [python, *_PEER, "benchmarks.peers.floor:app", "--port", port],
    TUTORIAL: lambda python, port: [python, *_PEER, "benchmarks.peers.tutorial:app", "--port", port],
    FASTIFY: lambda _, port: [str(node.find_node().node), str(node.FASTIFY / "server.js"), port],
}


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    name: str
    port: int
    pid: int


class DidNotStart(Exception):
    """A process ended, or does not listen."""


def settings(stub_url: str) -> dict[str, str]:
    """The environment of all of them, and Sluice's own settings."""
    return {
        "AWS_ENDPOINT_URL": stub_url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NODE_ENV": "production",
        "SLUICE_STREAM_NAME": "bench",
        "SLUICE_ERROR_BUCKET": "bench-errors",
        "SLUICE_AUTH": "none",
        "SLUICE_SCHEMAS_URI": str(SCHEMAS),
    }


@contextmanager
def running(name: str, stub_url: str, folder: Path, python: Path = BENCH_PYTHON) -> Iterator[Server]:
    """A server for as long as the block lasts. What it prints, receipts among it, goes into a file in `folder`."""
    port = free_port()
    with (folder / f"{name}.log").open("wb") as log:
        process = processes.start(_COMMANDS[name](str(python), str(port)), settings(stub_url), log)
        try:
            _wait_until_up(name, process, port, folder)
            yield Server(name, port, process.pid)
        finally:
            processes.stop(process)


def _wait_until_up(name: str, process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.05)
    raise DidNotStart(f"{name} did not start:\n{(folder / f'{name}.log').read_text(errors='replace')[-3000:]}")
