"""`sluice pipe --stage STAGE status|roll-out`: how the pipe is, and a changed COPY into effect."""

import argparse
from typing import TYPE_CHECKING

from ops.deploy.command import add_common

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("pipe", help="how a stage's pipe is; roll a changed COPY out")
    add_common(parser)
    parser.add_argument("what", choices=("status", "roll-out"), help="look, or make the pipe what its file says")
    parser.add_argument("--yes", action="store_true", help="roll out without asking")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The exit status: 1 when it cannot be done, or the user says no."""
    from ops.deploy.main import pipe  # noqa: PLC0415 - no other command needs it

    return pipe(arguments)
