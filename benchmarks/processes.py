"""CPU time and memory of processes, from /proc. Linux only: elsewhere `make bench` says so and ends."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def busy_seconds() -> float:
    """CPU seconds of everything on this machine since it was started (proc(5), /proc/stat)."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = _cpu_line()
    return (user + nice + system + irq + softirq + steal) / TICKS


def _cpu_line() -> list[int]:
    with Path("/proc/stat").open() as lines:
        return [int(word) for word in lines.readline().split()[1:9]]
