"""`sluice reload FILE`: its arguments. What it does is imported when it is asked for."""

import argparse
from typing import TYPE_CHECKING

from ops.deploy.command import add_snowflake

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "reload",
        help="bring in what a landing file holds and the raw table does not",
        description="Take a landing file apart that Snowpipe skipped, loaded in part or never saw. Lines that would "
        "not load go to the error bucket, the others land again under a new name; all keep their ingest_ids. Without "
        "--apply it only shows what would come of it. docs/reconcile.md says when.",
    )
    parser.add_argument("file", metavar="FILE", help="its key, s3:// URL, or name as COPY_HISTORY has it")
    parser.add_argument("--apply", action="store_true", help="do it")
    parser.add_argument("--lines", type=int, default=20, metavar="N", help="bad lines shown (20)")
    parser.add_argument("--stage", help="of this stage (default: the pipeline that runs here)")
    add_snowflake(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The exit status: 0 done, or it was a dry run; 1 it could not be done."""
    from ops.reload.main import reload  # noqa: PLC0415 - no other command needs it

    return reload(arguments)
