"""`sluice up`: the whole pipeline on this machine, until Ctrl-C."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction


LAST_PORT = 65535


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("up", help="run the whole pipeline on this machine, until Ctrl-C")
    parser.add_argument("--port", default="8000", help="the gateway's port on 127.0.0.1 (8000); 0 takes a free one")
    parser.add_argument(
        "--templates", type=Path, metavar="DIR", help="CloudFormation templates instead of the shipped ones"
    )
    parser.add_argument("--sql", type=Path, metavar="DIR", help="Snowflake files instead of the shipped ones")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal; the exit status."""
    if not re.fullmatch("[0-9]{1,5}", arguments.port) or int(arguments.port) > LAST_PORT:
        sys.stderr.write(f"sluice: the port is a number from 0 to {LAST_PORT}, not {arguments.port!r}\n")
        return 1
    from local_pipeline.plan import ShippedFiles  # noqa: PLC0415 - no other command needs these
    from local_pipeline.supervisor import up  # noqa: PLC0415

    given = {name: path.resolve() for name in ("templates", "sql") if (path := getattr(arguments, name))}
    return up(int(arguments.port), ShippedFiles(**given))
