"""Child processes of a test: started with a clean environment, ended by their own handle, their output kept."""

import contextlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 10.0


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment less AWS's and Sluice's variables: no developer's account is ever used."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SLUICE_"))}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **nowhere, "PYTHONUNBUFFERED": "1", **extra}


def start(
    command: list[str], environment: Mapping[str, str], log: IO[bytes], *, piped: bool = False
) -> subprocess.Popen[bytes]:
    """Start `command` in the root of the repository. With `piped`, standard input and output are pipes."""
    pipe = subprocess.PIPE if piped else None
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=ROOT,
        env=clean_environment(environment),
        stdin=pipe or subprocess.DEVNULL,
        stdout=pipe or log,
        stderr=log,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End `process` politely, then not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
    for stream in (process.stdin, process.stdout):
        if stream:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
