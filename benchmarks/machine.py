"""What a run was made on and of."""

import os
import platform
import re
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks import node
from benchmarks.places import ROOT
from benchmarks.processes import busy_seconds
from benchmarks.results import Results

BUSY_SHARE = 0.15
"""Of the cores, taken by others before the start or meanwhile: over it, the figures would be about them."""
_LOOK_SECONDS = 3.0
_MEMORY = r"^MemTotal:\s+(\d+) kB"


def about(command: str) -> dict[str, str]:
    """For the report: short texts by name."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": command,
        "commit": _git("rev-parse", "--short=12", "HEAD") + (" and changes" if _git("status", "--porcelain") else ""),
        "cpu": _found(Path("/proc/cpuinfo"), r"^model name\s*: (.+)$") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(_found(Path('/proc/meminfo'), _MEMORY) or 0) / 1024 / 1024:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "node": node.find_node().version,
        **{name: version(name) for name in ("fastapi", "uvicorn", "boto3", "uvloop")},
        **{name: _locked(name) for name in ("fastify", "@aws-sdk/client-kinesis")},
    }


def load_now() -> tuple[float, float]:
    """The load average of the last minute, and the share of all cores that is busy now."""
    before = busy_seconds()
    time.sleep(_LOOK_SECONDS)
    return os.getloadavg()[0], (busy_seconds() - before) / _LOOK_SECONDS / (os.cpu_count() or 1)


def was_busy(found: Results) -> bool:
    """Whether others took as much while it was counted, in the median round."""
    taken = [sample.figures["other_cores"] for sample in found.samples if "other_cores" in sample.figures]
    return bool(taken) and median(taken) > BUSY_SHARE * (os.cpu_count() or 1)


def _found(path: Path, pattern: str) -> str:
    match = re.search(pattern, path.read_text(), re.MULTILINE)
    return match[1] if match else ""


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def _locked(name: str) -> str:
    return _found(node.FASTIFY / "package-lock.json", rf'"node_modules/{name}": {{\s+"version": "([^"]+)"')
