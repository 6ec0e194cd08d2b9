"""A command of `sluice`, run to its end."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.support.processes import ROOT


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended, and what it printed."""

    status: int
    output: str = ""
    errors: str = ""

    def __str__(self) -> str:
        return f"exit status {self.status}: {self.errors}{self.output}"


def finish(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> Ran:
    """Run it; one that takes longer than `seconds` raises TimeoutExpired."""
    done = subprocess.run(  # noqa: S603
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
