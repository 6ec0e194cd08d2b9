"""`make api-fuzz`: rounds of generated requests, each with a seed of its own, until enough are sent."""

import argparse
import secrets
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.api_fuzz.run import PASSES, Effort, Outcome, Pass, gateway, run

EXAMPLES = 600
"""Generated requests a round and operation: a fresh process of schemathesis stays small, and so does its output."""


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def one_round(kind: Pass, examples: int, seed: int) -> Outcome:
    """A gateway of its own, and requests to it."""
    with tempfile.TemporaryDirectory() as folder, gateway(kind, Path(folder)) as client:
        return run(kind, client, Path(folder), Effort(examples, seed))


def main() -> int:
    """0: enough requests were sent and nothing was found; 1: something was found."""
    parser = argparse.ArgumentParser(prog="make api-fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many at least")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31), help="of the first round")
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=list(PASSES))
    options = parser.parse_args()
    sent: Counter[str] = Counter()
    seed, failed = options.seed, 0
    while sent.total() < options.requests:
        for name in options.passes:
            outcome = one_round(PASSES[name], min(EXAMPLES, options.requests), seed)
            sent.update(outcome.sent)
            say(f"{name}, seed {seed}: {outcome.requests} requests, {_by_status(outcome.sent)}")
            if outcome.status != 0:
                failed += 1
                say(outcome.report)
                say(f"again: make api-fuzz REQUESTS=1 PASSES={name} SEED={seed}")
        if not outcome.requests:
            break
        seed += 1
    say(f"{sent.total()} requests in all, {_by_status(sent)}; {failed or 'no'} rounds with failures")
    return 1 if failed or sent.total() < options.requests else 0


def _by_status(sent: dict[str, int]) -> str:
    statuses: Counter[str] = Counter()
    for name, count in sent.items():
        statuses[name.rpartition(" ")[2]] += count
    return ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))


if __name__ == "__main__":
    sys.exit(main())
