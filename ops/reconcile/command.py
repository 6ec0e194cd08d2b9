"""`sluice reconcile`: its arguments. What it does is imported when it is asked for."""

import argparse
import re
from typing import TYPE_CHECKING

from ops.deploy.command import add_snowflake

if TYPE_CHECKING:
    from argparse import _SubParsersAction

SPAN = re.compile(r"^-\d+[smhd]$")


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "reconcile",
        help="show that nothing is lost: accepted = streamed = landed = loaded",
        description="Compare receipts, stream, landing files and raw table, in distinct ingest_ids, for records "
        "received in a span of whole minutes. docs/reconcile.md says what each difference means.",
        epilog="Exit status: 0 no difference but settling ones, 1 differences, 2 it could not be done.",
    )
    # Else argparse takes the value of `--from -2h` for an option.
    parser._negative_number_matcher = SPAN  # noqa: SLF001
    parser.add_argument("--from", dest="since", default="-1h", metavar="TIME", help="ISO 8601, or -2h (default: -1h)")
    parser.add_argument("--to", dest="until", default="-0s", metavar="TIME", help="likewise (default: now)")
    parser.add_argument(
        "--settle", default="10m", metavar="SPAN", help="what moved less than this ago is no difference yet (10m)"
    )
    parser.add_argument(
        "--drain-within", default="1h", metavar="SPAN", help="what waits in spill/ for longer is a difference (1h)"
    )
    parser.add_argument("--source", help="records of this source only")
    parser.add_argument("--no-stream", action="store_true", help="leave the stream alone: Firehose shares its reading")
    parser.add_argument("--all", action="store_true", help="show every minute and source, not only those that differ")
    parser.add_argument("--ids", type=int, default=20, metavar="N", help="ingest_ids shown of each kind (20)")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON document, every ingest_id")
    parser.add_argument("--stage", help="of this stage (default: the pipeline that runs here)")
    add_snowflake(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The exit status: 0 clean, 1 differences, 2 it could not be done."""
    from ops.reconcile.main import reconcile  # noqa: PLC0415 - no other command needs it

    return reconcile(arguments)
