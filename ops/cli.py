"""The `sluice` command. Each command is a module with `register(commands)`, light to import."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from ops import drain, keys, pipe, trace, up
from ops.cost import command as cost
from ops.deploy import command as deploy
from ops.reconcile import command as reconcile
from ops.reload import command as reload
from ops.replay import command as replay

COMMANDS = (up, trace, reconcile, reload, replay, drain, cost, keys, deploy, pipe)
INTERRUPTED = 128 + signal.SIGINT
NOBODY_READS = 128 + signal.SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status, as a shell has it after Ctrl-C and after a closed pipe."""
    parser = argparse.ArgumentParser(prog="sluice", description="Operate Sluice, here and in AWS.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(commands)
    parsed = parser.parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except KeyboardInterrupt:
        sys.stderr.write("\nsluice: interrupted; run it again\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Else Python complains when it flushes at its end: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    return status


if __name__ == "__main__":
    raise SystemExit(main())
