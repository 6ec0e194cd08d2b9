"""A whole local pipeline for a test: `sluice up` in a process of its own, with a home of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.support.processes import ROOT, clean_environment

READY_SECONDS = 60.0
STOP_SECONDS = 40.0
T = TypeVar("T")


@dataclass
class LocalPipeline:
    """A running `sluice up`.

    Attributes:
        home: its SLUICE_HOME.
        output: the file that it prints into.
    """

    home: Path
    output: Path
    process: "subprocess.Popen[bytes]"
    arguments: Sequence[str]

    @property
    def url(self) -> str:
        """The gateway's address."""
        return str(self.processes()["gateway"]["url"])

    @property
    def engine_url(self) -> str:
        """The embedded AWS engine's address."""
        return str(self.processes()["engine"]["url"])

    @property
    def api_url(self) -> str:
        """The HTTP API in front of the Lambda handler."""
        return f"{self.engine_url}/_aws/execute-api/{self.deployed()['api_id']}/$default"

    def processes(self) -> dict[str, dict[str, Any]]:
        """What run.json says: pid and url by name."""
        found: dict[str, dict[str, Any]] = json.loads((self.home / "run.json").read_text())["processes"]
        return found

    def pid(self, name: str) -> int:
        """The process id of one of its processes now."""
        return int(self.processes()[name]["pid"])

    def deployed(self) -> dict[str, str]:
        """Names of the stream, the buckets, the API."""
        found: dict[str, str] = json.loads((self.home / "deployed.json").read_text())
        return found

    def kill(self, name: str) -> int:
        """`kill -9` one of its processes; the pid that it had."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def get(self, path: str, seconds: float = 60) -> Any:
        """The JSON that the gateway answers, within `seconds`."""
        answer = httpx.get(f"{self.url}{path}", timeout=seconds)
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        return answer.json()

    def post(self, body: bytes, content_type: str = "application/json", **headers: str) -> httpx.Response:
        """POST /records."""
        return httpx.post(
            f"{self.url}/records", content=body, headers={"Content-Type": content_type, **headers}, timeout=60
        )

    def summary(self, seconds: float = 60) -> dict[str, int]:
        """The counts of every stage, within `seconds`."""
        counts: dict[str, int] = self.get("/pipeline/summary", seconds)
        return counts

    def rows(self, limit: int = 1000, ingest_id: str | None = None) -> list[dict[str, Any]]:
        """Rows of the raw table."""
        only = f"&ingest_id={ingest_id}" if ingest_id else ""
        found: list[dict[str, Any]] = self.get(f"/pipeline/rows?limit={limit}{only}")["rows"]
        return found

    def wait_until_loaded(self, count: int, seconds: float = 30) -> dict[str, int]:
        """The counts, once `count` distinct records are in the raw table."""
        return eventually(self.summary, lambda counts: counts["loaded"] >= count, seconds)

    def reset(self) -> None:
        """Empty everything behind the gateway."""
        httpx.post(f"{self.url}/pipeline/reset", timeout=60).raise_for_status()

    def wait_until_ready(self) -> None:
        """Return when it serves."""
        eventually(self._is_ready, bool, READY_SECONDS)

    def interrupt(self) -> int:
        """Ctrl-C, and wait; the exit status of `sluice up`."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def printed(self) -> str:
        """What `sluice up` has printed."""
        return self.output.read_text()

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"sluice up ended: {self.printed()}"
        return "Sluice is serving." in self.printed()


def start(home: Path, *arguments: str, port: int = 0, environment: Mapping[str, str] | None = None) -> LocalPipeline:
    """Start `sluice up` without waiting for it. `arguments` such as `--templates DIR` and `--sql DIR`."""
    home.mkdir(parents=True, exist_ok=True)
    output = home.with_name(f"{home.name}.out")
    command = [sys.executable, "-m", "ops.cli", "up", "--port", str(port), *arguments]
    with output.open("wb") as printed:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=ROOT,
            env=clean_environment({"SLUICE_HOME": str(home), **(environment or {})}),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
    return LocalPipeline(home, output, process, command)


@contextmanager
def running(
    home: Path, *arguments: str, port: int = 0, environment: Mapping[str, str] | None = None
) -> Iterator[LocalPipeline]:
    """A pipeline that serves; afterwards it is interrupted, and none of its processes may remain."""
    pipeline = start(home, *arguments, port=port, environment=environment)
    try:
        pipeline.wait_until_ready()
        yield pipeline
    finally:
        if pipeline.process.poll() is None:
            pipeline.interrupt()
        left = processes_of(home)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert not left, f"processes outlived the pipeline: {left}; {pipeline.printed()}"


def processes_of(home: Path) -> list[int]:
    """The processes whose environment or command names `home`; Linux only, elsewhere none are found."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            about = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(home).encode() in about and state != "Z" and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def eventually(look: Callable[[], T], enough: Callable[[T], bool], seconds: float, pause: float = 0.1) -> T:
    """What `look` returns once it is enough; an AssertionError with the last of it when it is not in time."""
    give_up = time.monotonic() + seconds
    while not enough(found := look()):
        assert time.monotonic() < give_up, f"not within {seconds} s; last seen: {found!r}"
        time.sleep(pause)
    return found
