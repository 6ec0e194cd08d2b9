"""`sluice replay`: its arguments. What it does is imported when it is asked for."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "replay",
        help="mend rejected records and put them in",
        description="Mend rejected records and put them in, each with its own ingest_id. Without --apply it only shows "
        "what would come of it. docs/replay.md describes the fix.",
    )
    _add_selection(parser.add_argument_group("which records (all conditions together; repeat one for several values)"))
    _add_change(parser.add_argument_group("what to do"))
    where = parser.add_argument_group("where (default: the pipeline that runs here)")
    where.add_argument("--stage", help="the stream and the error bucket of this stage")
    where.add_argument("--stream", help="a stream, with --bucket")
    where.add_argument("--bucket", help="an error bucket, with --stream")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The exit status: 0 all is done, 1 something has to be done again, 3 records stay rejected."""
    from ops.replay.main import replay  # noqa: PLC0415 - no other command needs it

    return replay(arguments)


def _add_selection(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--from", dest="since", type=_moment, metavar="TIME", help="received then or later (ISO 8601)")
    group.add_argument("--to", dest="until", type=_moment, metavar="TIME", help="received before")
    group.add_argument("--reason", dest="reasons", action="append", default=[], help="such as missing_id")
    group.add_argument("--source", dest="sources", action="append", default=[])
    group.add_argument(
        "--of-schema",
        dest="of_schemas",
        action="append",
        default=[],
        metavar="NAME[/VERSION]",
        help="as recorded; - is none",
    )
    group.add_argument("--ingest-id", dest="ingest_ids", action="append", default=[], metavar="ID")


def _add_change(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--fix", type=Path, metavar="FILE", help="operations on each payload, YAML or JSON")
    schema = group.add_mutually_exclusive_group()
    schema.add_argument(
        "--schema", metavar="NAME[/VERSION]", help="what all records have to obey, instead of what each asked for"
    )
    schema.add_argument("--no-schema", action="store_true", help="no schema, whatever a record asked for")
    group.add_argument("--schemas", metavar="DIR", help="the registry (default: schemas/ of this project)")
    group.add_argument("--samples", type=int, default=2, metavar="N", help="records shown of each kind (2)")
    group.add_argument("--apply", action="store_true", help="put in what is good now, and mark what was tried")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a time such as 2026-11-23T08:00Z, not {text!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
