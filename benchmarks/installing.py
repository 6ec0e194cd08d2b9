"""Commands that install what the gateway is measured against."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TOLD = 2_000


class NotInstalled(Exception):
    """Something is missing and could not be had; the message is for the person at the terminal."""


def do(
    what: str, command: Sequence[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> None:
    """Run it to its end.

    Raises:
        NotInstalled: it failed, or is not there; with the end of what it printed.
    """
    try:
        ended = subprocess.run(  # noqa: S603
            command, cwd=cwd, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise NotInstalled(f"{what}: {error}") from error
    if ended.returncode:
        printed = (ended.stderr.strip() or ended.stdout.strip())[-TOLD:]
        raise NotInstalled(f"{what} ended with {ended.returncode}\n{printed}")
