"""One child process: started in a session of its own, watched until it is ready, stopped with a limit."""

import asyncio
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import getpid
from pathlib import Path
from typing import IO

from local_pipeline.home import ROOT
from local_pipeline.probes import Probe

LAUNCHER = Path(__file__).with_name("child.py")
POLL_SECONDS = 0.03
LEAST_GRACE_SECONDS = 0.5


class StartError(Exception):
    """A process did not come up; the message is one line, for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Command:
    """How one process is started and when it counts as ready.

    Attributes:
        argv: the executable's absolute path first.
        environment: all of it; nothing is inherited.
        ready: asked again and again until it says yes.
        url: where the process listens, if it does.
        grace_seconds: from SIGTERM to SIGKILL.
        descriptors: open files handed down.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    ready: Probe
    url: str | None = None
    grace_seconds: float = 2.0
    descriptors: Sequence[int] = field(default=())


class Child:
    """A started command."""

    def __init__(self, command: Command, log: Path, process: asyncio.subprocess.Process) -> None:
        self.command = command
        self._log = log
        self._process = process
        self._stopping = False

    @classmethod
    async def start(cls, command: Command, log: Path, *, anew: bool = True) -> "Child":
        """Start `command` with its output in `log`. Ctrl-C at the terminal does not reach it."""
        launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(int(signal.SIGTERM)), str(getpid()))
        with _opened_log(log, anew=anew) as output:
            process = await asyncio.create_subprocess_exec(
                *launcher,
                *command.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(command.environment),
                start_new_session=True,
                pass_fds=command.descriptors,
                cwd=ROOT,
            )
        return cls(command, log, process)

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its session."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Its exit status, once it has ended; negative for a signal."""
        return await self._process.wait()

    async def wait_until_ready(self, seconds: float) -> None:
        """Return when it is ready.

        Raises:
            StartError: that took longer than `seconds`.
        """
        give_up = time.monotonic() + seconds
        while not await self.command.ready():
            if time.monotonic() > give_up:
                raise StartError(f"{self.command.name} was not ready within {seconds:.0f} s (log: {self._log})")
            await asyncio.sleep(POLL_SECONDS)

    async def wait_until_done(self) -> None:
        """Return when it has ended well.

        Raises:
            StartError: it failed.
        """
        if await self.wait() != 0:
            raise StartError(self.last_words())

    def check_alive(self) -> None:
        """Nothing, while it runs or once it has ended well.

        Raises:
            StartError: it failed.
        """
        if self._process.returncode and not self._stopping:
            raise StartError(f"{self.command.name} did not start: {self.last_words()} (log: {self._log})")

    async def stop(self, give_up: float) -> None:
        """End it: SIGTERM, then SIGKILL when its grace is over, or when the clock (time.monotonic) shows `give_up`."""
        self._stopping = True
        if not self.is_alive:
            return
        self._signal(signal.SIGTERM)
        grace = max(LEAST_GRACE_SECONDS, min(self.command.grace_seconds, give_up - time.monotonic()))
        try:
            await asyncio.wait_for(self._process.wait(), grace)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def last_words(self) -> str:
        """The last line of its log that is not blank."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def _signal(self, number: signal.Signals) -> None:
        if self.is_alive:
            self._process.send_signal(number)


def _opened_log(log: Path, *, anew: bool) -> IO[bytes]:
    """A process that is started again in the same run goes on in the same file; the run before it is kept as `.1`."""
    if anew and log.exists():
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")
