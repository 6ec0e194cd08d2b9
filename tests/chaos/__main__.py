"""`python -m tests.chaos`: exit status 0 when every promise was kept, 1 on any breach."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import report
from tests.chaos.run import run
from tests.chaos.schedule import make_plan

MOST_SHOWN = 20  # breaches of a kind


def main() -> int:
    """One run; its home directory is kept when it finds a breach."""
    options = _parser().parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="sluice-chaos-"))
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    say(f"home {folder / 'home'}")
    found = run(make_plan(seed, options.records, options.faults), folder / "home", say).breaches
    for line in report.breach_lines(found, MOST_SHOWN):
        print(line)
    if found:
        (folder / "breaches.txt").write_text("\n".join(report.breach_lines(found, len(found))))
        print(f"chaos: {len(found)} breaches with seed {seed}; what is left to look at: {folder}")
        return 1
    shutil.rmtree(folder)
    print(f"chaos: seed {seed} is clean after {time.monotonic() - began:.0f} s")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same seed gives the same load and faults (default: random)")
    parser.add_argument("--records", type=int, default=200_000, help="at least so many (200,000)")
    parser.add_argument("--faults", type=int, help="how many (default: as the number of records asks for)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
