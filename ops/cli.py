"""The `sluice` command. Each command is a module with `register(commands)`, light to import."""

import argparse
from collections.abc import Sequence

from ops import pipe, trace, up
from ops.deploy import command as deploy

COMMANDS = (up, trace, deploy, pipe)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    parser = argparse.ArgumentParser(prog="sluice", description="Operate Sluice, here and in AWS.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(commands)
    parsed = parser.parse_args(arguments)
    status: int = parsed.run(parsed)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
