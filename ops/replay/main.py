"""One `sluice replay` from its arguments to its exit status."""

import argparse
import asyncio
import sys
from collections.abc import Callable

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.exceptions import ConfigurationError, SchemaNotFound
from app.registry import Registry
from app.sinks.aws import PATIENT_CALL_SECONDS, client_config
from app.sinks.batching import DEFAULT_LANES, Packing
from app.sinks.kinesis import KinesisSink
from app.sinks.stream_in_threads import StreamInThreads
from ops.places import PROJECT, Places, PlacesError, find_places
from ops.replay.bucket import Bucket
from ops.replay.errors import ReplayError
from ops.replay.fix import Fix
from ops.replay.fix_file import read_fix
from ops.replay.report import Report, describe, printable, status_of
from ops.replay.run import THREADS, Run
from ops.replay.selection import Selection
from ops.replay.trial import Rules

INTERRUPTED = 130
CONNECTIONS = 4


def replay(arguments: argparse.Namespace) -> int:
    """Run, and print the report, of what was done until then if it ends early."""
    report = Report(arguments.apply, max(arguments.samples, 0))
    try:
        rules = _rules(arguments)
        places = find_places(arguments.stream, arguments.bucket, arguments.stage)
    except (ReplayError, PlacesError) as error:
        return _failed(str(error))
    status = None
    try:
        asyncio.run(_go(places, _selection(arguments), rules, report))
    except KeyboardInterrupt:
        status = INTERRUPTED
    except (ReplayError, ClientError, BotoCoreError) as error:
        status = _failed(" ".join(str(error).split()))
    for line in describe(report, f"s3://{places.bucket}/"):
        print(line)
    if status is not None:
        _tell("this run did not come to its end; the same command goes on")
        return status
    return status_of(report)


async def _go(places: Places, selection: Selection, rules: Rules, report: Report) -> None:
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=THREADS,
        retries={"mode": "standard", "total_max_attempts": 5},
    )
    s3 = places.session.client("s3", endpoint_url=places.endpoint, config=config)
    stream = _stream(places) if report.applied else None
    if stream is not None:
        await stream.open()
    try:
        await Run(Bucket(s3, places.bucket), selection, rules, report, stream, _progress(report)).go()
    finally:
        if stream is not None:
            await stream.close()


def _stream(places: Places) -> KinesisSink:
    config = client_config(places.session.region_name, CONNECTIONS, patient=True)
    packing = Packing(places.lanes or DEFAULT_LANES)
    stream = StreamInThreads(
        lambda: places.session.client("kinesis", endpoint_url=places.endpoint, config=config),
        places.stream,
        CONNECTIONS,
        packing.lanes,
        PATIENT_CALL_SECONDS,
    )
    return KinesisSink(stream, calls=1, packing=packing)


def _rules(arguments: argparse.Namespace) -> Rules:
    try:
        registry = Registry.load(arguments.schemas or str(PROJECT / "schemas"))
        if arguments.schema:
            registry.get(arguments.schema)
    except ConfigurationError as error:
        raise ReplayError(str(error).replace("SLUICE_SCHEMAS_URI", "--schemas")) from None
    except SchemaNotFound as error:
        raise ReplayError(f"--schema {arguments.schema}: {error.detail}") from None
    schema = [] if arguments.no_schema else [arguments.schema] if arguments.schema else None
    return Rules(read_fix(arguments.fix) if arguments.fix else Fix(), registry, schema)


def _selection(arguments: argparse.Namespace) -> Selection:
    return Selection(
        arguments.since,
        arguments.until,
        *map(frozenset, (arguments.reasons, arguments.sources, arguments.of_schemas, arguments.ingest_ids)),
    )


def _progress(report: Report) -> Callable[[int, int], None]:
    if not sys.stderr.isatty():
        return lambda _done, _all: None

    def show(done: int, in_all: int) -> None:
        end = "\n" if done == in_all else ""
        sys.stderr.write(f"\r{done:,} of {in_all:,} objects, {report.selected:,} records{end}")
        sys.stderr.flush()

    return show


def _failed(message: str) -> int:
    _tell(message)
    return 1


def _tell(message: str) -> None:
    sys.stderr.write(f"sluice: {printable(message)}\n")
