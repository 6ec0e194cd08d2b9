"""`make fuzz`: every target for its share of the time, each in a process of its own, as many at once as there are
cores."""

import argparse
import os
import re
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.worker import FOLDER, say

TARGETS = ("decoding", "framing", "judging", "scanning", "storing", "draining", "headers", "replaying")
GRACE_SECONDS = 180.0
"""To start, read the corpus and end, on a loaded machine; what takes longer hangs where no signal reaches."""
_EXECUTED = re.compile(r"number_of_executed_units: *(\d+)|: (\d+) inputs,")


def fuzz(name: str, seconds: float, seed: int, *options: str) -> tuple[int, int]:
    """Exit status and the number of inputs of one target."""
    log = FOLDER / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.worker", name, f"--seconds={seconds}", f"--seed={seed}", *options]
    with log.open("wb") as sink:
        try:
            status = subprocess.run(  # noqa: S603
                command, stdout=sink, stderr=subprocess.STDOUT, timeout=seconds + GRACE_SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
    text = log.read_text(errors="replace")
    executed = sum(int(first or second) for first, second in _EXECUTED.findall(text))
    if status == 0:
        say(f"{name}: {executed} inputs, none bad")
    else:
        found = [line for line in text.splitlines() if line.startswith(("FOUND", "again:"))]
        say("\n".join([f"{name}: failed (status {status}; all of it in {log})", *(found or text.splitlines()[-20:])]))
    return status, executed


def main() -> int:
    """0: no input was bad."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="of all targets together")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--input", type=Path, help="try only this file, on the one target named")
    parser.add_argument("--blind", action="store_true", help="without atheris, by mutation alone")
    options = parser.parse_args()
    cores = min(os.cpu_count() or 1, len(options.targets))
    rounds = -(-len(options.targets) // cores)
    more = [*(["--blind"] if options.blind else []), *([f"--input={options.input}"] if options.input else [])]
    say(f"seed {options.seed}, {cores} at once, {options.seconds / rounds:.0f} s each")
    with ThreadPoolExecutor(cores) as pool:
        jobs = [pool.submit(fuzz, name, options.seconds / rounds, options.seed, *more) for name in options.targets]
    outcomes = [job.result() for job in jobs]
    bad = sum(status != 0 for status, _ in outcomes)
    say(f"{sum(executed for _, executed in outcomes)} inputs in all; {bad or 'no'} targets with bad ones")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
