"""`sluice pipe --stage STAGE status|roll-out`: how the pipe is, and a changed COPY into effect."""

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

from ops.deploy.command import add_common

if TYPE_CHECKING:
    from argparse import _SubParsersAction


LEAST_HOURS, MOST_HOURS = 1, 144
"""Less could cost records (ops.snowflake_pipe.MARGIN); REFRESH reaches 7 days back, and a roll-out takes its time."""


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("pipe", help="how a stage's pipe is; roll a changed COPY out")
    add_common(parser)
    parser.add_argument("what", choices=("status", "roll-out"), help="look, or make the pipe what its file says")
    parser.add_argument("--yes", action="store_true", help="roll out without asking")
    parser.add_argument(
        "--margin",
        type=_margin,
        metavar="HOURS",
        help="how long before the roll-out what is refreshed begins (default 1); more if messages wait or it is behind",
    )
    parser.add_argument(
        "--forget-failures",
        action="store_true",
        help="roll out although the record of skipped files goes with the pipe",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The exit status: 1 when it cannot be done, or the user says no."""
    from ops.deploy.main import pipe  # noqa: PLC0415 - no other command needs it

    return pipe(arguments)


def _margin(text: str) -> timedelta:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not LEAST_HOURS <= hours <= MOST_HOURS:
        raise argparse.ArgumentTypeError(f"{LEAST_HOURS} to {MOST_HOURS} hours, not {text!r}")
    return timedelta(hours=hours)
