"""`sluice drain`: spilled records back into the stream, now."""

import argparse
import sys
from typing import TYPE_CHECKING

from ops.places import Places, PlacesError, find_places

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Iterator

    from app.draining import DrainReport

MOST_SHOWN = 20


def register(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("drain", help="put spilled records back into the stream")
    parser.add_argument("--stage", help="of this stage, found by its storage stack")
    parser.add_argument("--bucket", help="the error bucket, with --stream; default: the pipeline that runs here")
    parser.add_argument("--stream", help="the stream, with --bucket")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long at the most (600)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Drain once; exit status 1 when something is left."""
    import asyncio  # noqa: PLC0415 - no other command needs these

    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        places = find_places(arguments.stream, arguments.bucket, arguments.stage)
        report = asyncio.run(_drain(places, arguments.seconds))
    except (PlacesError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"sluice: {error}\n")
        return 1
    for line in describe(report):
        print(line)
    return 0 if report.is_clean else 1


def describe(report: "DrainReport") -> "Iterator[str]":
    """What was done, and what is left and why."""
    yield f"drained: {report.records} records of {report.objects} objects"
    for why, keys in (("left as they are, for they hold no stream lines", report.malformed), ("kept", report.kept)):
        if keys:
            yield f"{why}: {len(keys)} objects"
            yield from (f"  {key}" for key in keys[:MOST_SHOWN])
    if report.stopped:
        yield f"stopped before the end: {report.stopped}"


async def _drain(places: Places, seconds: float) -> "DrainReport":
    from app.drain import Drain  # noqa: PLC0415
    from app.sinks.batching import DEFAULT_LANES, Packing  # noqa: PLC0415

    drain = Drain(
        places.session,
        places.stream,
        places.bucket,
        endpoint=places.endpoint,
        packing=Packing(places.lanes or DEFAULT_LANES),
    )
    await drain.open()
    try:
        return await drain.once(seconds)
    finally:
        await drain.close()
