"""`sluice replay` as the run uses it: one fix over the rejected records of one reason, which all of them need."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.commands import Ran, finish
from tests.support import varied
from tests.support.processes import ROOT, clean_environment

REASON = "missing_id"
FIX = '{"operations": [{"set": "/id", "from": "ingest_id", "overwrite": false}]}'
"""Helps every record of REASON that the run sends, and would help some others."""
REPLAY_SECONDS = 300.0


class Replays:
    """Runs of the command, applied.

    Args:
        environment: AWS's; its endpoint may be a proxy that fails calls.
        deployed: names of the stream and the error bucket.
        folder: for the fix.
    """

    def __init__(self, environment: Mapping[str, str], deployed: Mapping[str, str], folder: Path) -> None:
        fix = folder / "fix.json"
        fix.write_text(FIX, encoding="utf-8")
        where = ["--stream", deployed["stream_name"], "--bucket", deployed["error_bucket"]]
        what = ["--reason", REASON, "--fix", str(fix), "--samples", "0", "--apply"]
        self._command = [sys.executable, "-m", "ops.cli", "replay", *where, *what]
        self._environment = clean_environment(environment)

    def start(self) -> "subprocess.Popen[bytes]":
        """A run, to be killed."""
        return subprocess.Popen(  # noqa: S603
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def finish(self) -> Ran:
        """A run to its end, which sees to all that is left."""
        return finish(self._command, self._environment, REPLAY_SECONDS)


def is_mended(text: str | bytes, ingest_id: str, sent: bytes) -> bool:
    """Whether `text` is what FIX makes of `sent`."""
    return bool(varied.value(text) == {**varied.value(sent), "id": ingest_id})
