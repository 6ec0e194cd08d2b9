"""Where one local pipeline keeps its state, and who holds it."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
LEFTOVERS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """One process of the pipeline, as run.json tells it. `url` is None for a process without a port."""

    pid: int
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """The state directory, `.sluice/` in the project or SLUICE_HOME."""

    path: Path

    @classmethod
    def from_environment(cls) -> Self:
        """SLUICE_HOME, or `.sluice` beside the project's own files."""
        return cls(Path(os.environ.get("SLUICE_HOME") or ROOT / ".sluice").resolve())

    @property
    def lock(self) -> Path:
        """Held by the supervisor and by every process it started."""
        return self.path / "lock"

    @property
    def run_file(self) -> Path:
        """Which processes run, for `sluice trace`, tests and people."""
        return self.path / "run.json"

    @property
    def deployed(self) -> Path:
        """What the stacks in the engine made (`local_pipeline.provision`)."""
        return self.path / "deployed.json"

    @property
    def receipts(self) -> Path:
        """One JSON line a request, appended by the gateway and the Lambda host."""
        return self.path / "receipts.ndjson"

    @property
    def ledger(self) -> Path:
        """The ledger's database: counts, and where every record is."""
        return self.path / "ledger.db"

    @property
    def reset(self) -> Path:
        """The reset's generation, an integer."""
        return self.path / "reset"

    def reset_done(self, name: str) -> Path:
        """The newest generation that process `name` has carried out."""
        return self.path / f"reset.{name}.done"

    def wanted_reset(self) -> int:
        """The generation of the last reset that was asked for, 0 before the first."""
        return _generation(self.reset)

    def done_reset(self, name: str) -> int:
        """The generation that process `name` has carried out, 0 before the first."""
        return _generation(self.reset_done(name))

    def ask_for_reset(self) -> int:
        """Ask for another reset; its generation."""
        generation = self.wanted_reset() + 1
        write_atomically(self.reset, f"{generation}\n")
        return generation

    def reset_is_done(self, name: str, generation: int) -> None:
        """Tell that process `name` has carried out a reset."""
        write_atomically(self.reset_done(name), f"{generation}\n")

    def log(self, name: str) -> Path:
        """The output of process `name` since it was started."""
        return self.path / "logs" / f"{name}.log"

    @property
    def temporary(self) -> Path:
        """For the temporary files of the processes: what one of them leaves behind goes with the home."""
        return self.path / "tmp"

    def make(self) -> None:
        """Create the directories."""
        (self.path / "logs").mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)

    def write_running(self, processes: Mapping[str, Running]) -> None:
        """Replace run.json."""
        text = json.dumps({"processes": {name: asdict(process) for name, process in processes.items()}}, indent=2)
        write_atomically(self.run_file, text + "\n")

    def running(self) -> dict[str, Running]:
        """What run.json says; empty when there is none."""
        try:
            document = json.loads(self.run_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {name: Running(process["pid"], process.get("url")) for name, process in document["processes"].items()}

    def no_longer_running(self) -> None:
        """Take run.json away."""
        self.run_file.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` as a whole: a reader, or a process that starts after a kill, sees the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _generation(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0


class HomeError(Exception):
    """The home cannot be had; the message is one line, for the person at the terminal."""


class HomeTakenError(HomeError):
    """Another pipeline runs in this home."""


class HomeLock:
    """The lock of a home. Children inherit the descriptor: the home is free when the last of them is gone."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.descriptor = -1

    def acquire(self) -> None:
        """Take the lock, waiting a moment for processes that a killed supervisor left behind.

        Raises:
            HomeTakenError: a pipeline runs here; the message names its process.
            HomeError: the directory cannot be made or written to.
        """
        try:
            self._home.make()
            self.descriptor = os.open(self._home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise HomeError(
                f"cannot keep the state in {self._home.path} ({error.strerror}); choose another directory: SLUICE_HOME"
            ) from None
        give_up = time.monotonic() + LEFTOVERS_SECONDS
        while not self._try():
            holder = self._holder()
            if is_alive(holder) or time.monotonic() > give_up:
                self.release()
                whose = f"pid {holder}" if is_alive(holder) else f"what is left of pid {holder}"
                raise HomeTakenError(f"{whose} already runs a pipeline in {self._home.path}")
            time.sleep(0.05)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the lock go; processes that inherited it hold it on."""
        os.close(self.descriptor)
        self.descriptor = -1

    def _try(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder(self) -> int:
        written = os.pread(self.descriptor, 20, 0)
        return int(written) if written.isdigit() else 0


def is_alive(pid: int) -> bool:
    """Whether a process has this id."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
