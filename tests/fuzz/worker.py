"""One target in a process of its own: bounded in memory and in the time of one input; a bad input is kept as a file."""

import argparse
import hashlib
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module, util
from pathlib import Path
from types import FrameType

MEMORY = 2 * 1024**3
"""Bytes of address space: a body of 8 MiB, decoded, judged and stored, takes a tenth."""
INPUT_SECONDS = 20
"""One input of 16 KiB takes milliseconds, and the reference some tens; the rest is a loaded machine."""
FOLDER = Path(".fuzz")


class TooSlow(Exception):
    """One input took longer than INPUT_SECONDS."""


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _too_slow(_: int, __: FrameType | None) -> None:
    raise TooSlow


def keep(name: str, data: bytes, error: BaseException) -> Path:
    """Save a bad input, and say how to try it again."""
    file = FOLDER / "found" / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    say(f"FOUND by {name}: {type(error).__name__}: {str(error)[:300]}\nagain: make fuzz TARGETS={name} INPUT={file}")
    return file


def guarded(name: str) -> Callable[[bytes], None]:
    """The target, which keeps what it fails on and raises."""
    try_out = import_module("tests.fuzz.targets").try_out

    def one_input(data: bytes) -> None:
        signal.alarm(INPUT_SECONDS)
        try:
            try_out(name, data)
        except BaseException as error:
            signal.alarm(0)
            keep(name, data, error)
            raise
        finally:
            signal.alarm(0)

    return one_input


def inputs(name: str, seed: int) -> Iterator[bytes]:
    """The seeds, and then changes of them and of changes, without end; the same for the same seed."""
    mutation, seeds = import_module("tests.fuzz.mutation"), import_module("tests.fuzz.seeds").seeds(name)
    choose = random.Random(f"{name} {seed}")  # noqa: S311
    pool: list[bytes] = list(seeds)
    yield from seeds
    while True:
        made = mutation.mutate(choose.choice(pool), choose, pool)
        yield made
        if choose.random() < 0.2:  # a walk away from the seeds, but never far
            place = choose.randrange(len(pool) + 50)
            pool[place:place] = [made]
            del pool[len(seeds) * 4 + 50 :]


def by_mutation(name: str, seconds: float, seed: int) -> int:
    """Blind, but everywhere."""
    one_input, end, count = guarded(name), time.monotonic() + seconds, 0
    for data in inputs(name, seed):
        if time.monotonic() > end:
            break
        one_input(data)
        count += 1
    say(f"{name}: {count} inputs, none bad")
    return 0


def by_coverage(name: str, seconds: float, seed: int) -> int:
    """atheris: inputs that reach new code are kept and changed further, over all runs. Does not return."""
    import atheris  # noqa: PLC0415

    with atheris.instrument_imports(include=["app", "ops.replay"], enable_loader_override=False):
        one_input = guarded(name)
    mutation = import_module("tests.fuzz.mutation")
    seeds = import_module("tests.fuzz.seeds").seeds(name)
    corpus = FOLDER / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for data in seeds:
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        choose = random.Random(seed)  # noqa: S311
        if choose.random() < 0.3:
            return bytes(atheris.Mutate(data, max_size))
        return bytes(mutation.mutate(data, choose, seeds)[:max_size])

    options = {
        "max_total_time": int(seconds),
        "seed": seed,
        "timeout": INPUT_SECONDS,
        "rss_limit_mb": MEMORY // 1024**2,
        "max_len": mutation.MAX_BYTES,
        "print_final_stats": 1,
        "verbosity": 0,
        "artifact_prefix": f"{FOLDER}/found/{name}-",
    }
    (FOLDER / "found").mkdir(exist_ok=True)
    arguments = [sys.argv[0], str(corpus), *(f"-{option}={value}" for option, value in options.items())]
    atheris.Setup(arguments, one_input, custom_mutator=change)
    atheris.Fuzz()
    return 0


def main() -> int:
    """Run a target for a time, or one input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=Path)
    parser.add_argument("--blind", action="store_true", help="without atheris")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _too_slow)
    if options.input:
        guarded(options.target)(options.input.read_bytes())
        say(f"{options.target}: {options.input} is not bad")
        return 0
    engine = by_mutation if options.blind or util.find_spec("atheris") is None else by_coverage
    return engine(options.target, options.seconds, options.seed)


if __name__ == "__main__":
    sys.exit(main())
