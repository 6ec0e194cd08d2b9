"""A pipeline of one's own: `sluice up`, the entry of `make run`, in a new state directory; what its processes use."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import cpu_seconds
from local_pipeline.home import ROOT, Home
from tests.support.memory import resident

READY_SECONDS = 90.0
STOP_SECONDS = 60.0
SENDER = "sender"
MIB = 1024 * 1024


class PipelineError(Exception):
    """The pipeline did not come up, or a command of it failed; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Running:
    """A pipeline that serves."""

    home: Home
    environment: Mapping[str, str]

    def url(self, name: str) -> str:
        """Where one of its processes listens."""
        return self.home.running()[name].url or ""

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time of every process so far, and of this one, by name."""
        pids = {name: process.pid for name, process in self.home.running().items()}
        return {name: cpu_seconds(pid) for name, pid in {**pids, SENDER: os.getpid()}.items()}

    def memory_mib(self) -> dict[str, float]:
        """Resident memory of every process now."""
        return {name: resident(process.pid) / MIB for name, process in self.home.running().items()}

    def reconcile(self) -> tuple[int, dict[str, Any]]:
        """`sluice reconcile` over all that was received: its exit status and its report."""
        arguments = ["reconcile", "--from", "-6h", "--settle", "0s", "--json"]
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "ops.cli", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if not ended.stdout:
            raise PipelineError(f"sluice reconcile: {ended.stderr.strip() or ended.returncode}")
        report: dict[str, Any] = json.loads(ended.stdout)
        return ended.returncode, report


@contextmanager
def running() -> Iterator[Running]:
    """Start one, on ports that are free; end it and remove its state.

    Raises:
        PipelineError: it did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as directory:
        home = Home(Path(directory) / "home")
        environment = {**os.environ, "SLUICE_HOME": str(home.path)}
        printed = Path(directory) / "printed"
        with printed.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", "up", "--port", "0"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _wait_until_ready(process, printed)
            yield Running(home, environment)
        finally:
            _end(process)


def _wait_until_ready(process: "subprocess.Popen[bytes]", printed: Path) -> None:
    give_up = time.monotonic() + READY_SECONDS
    while "Sluice is serving." not in printed.read_text():
        if process.poll() is not None or time.monotonic() > give_up:
            raise PipelineError(f"the pipeline did not come up: {printed.read_text().strip()}")
        time.sleep(0.1)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
