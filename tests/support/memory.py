"""How much memory another process has used at most (Linux, proc(5))."""

import re
from pathlib import Path

KIB = 1024


def _status(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found, f"no {name} for process {pid}"
    return int(found[1]) * KIB


def resident(pid: int) -> int:
    """Bytes resident now."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """Bytes resident at most since the last `reset_peak`."""
    return _status(pid, "VmHWM")


def reset_peak(pid: int) -> None:
    """Let `peak` count from now: "5" resets the peak resident set size (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
