"""`python -m local_pipeline.rehearsal`: in a temporary home, or in the one that is named and then kept."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_pipeline.engine import EngineError
from local_pipeline.home import Home
from local_pipeline.processes import StartError
from local_pipeline.rehearsal.processes import Processes
from local_pipeline.rehearsal.rehearsal import DRAIN, GATEWAY, Rehearsal, RehearsalError
from ops.deploy.steps import CAUSES, one_line
from ops.parameters import read_parameters
from ops.stacks import TEMPLATES

DEV = TEMPLATES / "parameters" / "dev.yaml"


async def rehearse(home: Home, parameters: Mapping[str, str]) -> None:
    """Everything below `home`, and no process afterwards."""
    home.make()
    processes = Processes(home, asyncio.get_running_loop(), (GATEWAY, DRAIN))
    try:
        await processes.begin()
        await asyncio.to_thread(lambda: Rehearsal(processes, parameters, say).run())
    finally:
        await processes.end()


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 when the rehearsal failed, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m local_pipeline.rehearsal", description=__doc__)
    parser.add_argument("--home", type=Path, help="directory for state and logs, kept (default: a temporary one)")
    parser.add_argument("--parameters", type=Path, metavar="FILE", default=DEV, help="parameter file (default: dev's)")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="sluice-rehearsal-") as temporary:
            home = Home((options.home or Path(temporary)).resolve())
            asyncio.run(rehearse(home, read_parameters(options.parameters)))
    except (RehearsalError, EngineError, StartError, *CAUSES) as error:
        say(f"sluice: the rehearsal failed: {one_line(error)}")
        return 1
    except KeyboardInterrupt:
        say("sluice: interrupted; run it again")
        return 130
    say(f"Rehearsed in {time.monotonic() - began:.0f} s; nothing is left.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
