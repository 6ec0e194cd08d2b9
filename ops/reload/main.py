"""One `sluice reload` from its arguments to its exit status.

First the error objects, then the landing file, each only where there is none yet. A run that was killed is run again,
and one that is done changes nothing: the same lines have the same name each time, and what is loaded is left out.
"""

import argparse
import gzip
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from ops.deploy.errors import DeployError
from ops.objects import Objects
from ops.places import PlacesError
from ops.reload.plan import (
    FileLine,
    LandingFile,
    Plan,
    error_area_of,
    make_plan,
    missing_lines,
    read_lines,
    refused_in,
)
from ops.replay.report import printable
from ops.stores import THREADS, Stores, open_stores

JUST_WRITTEN = timedelta(minutes=10)


class ReloadError(Exception):
    """It cannot be done; the message is one line for the user."""


def reload(arguments: argparse.Namespace) -> int:
    """Read, plan, do it if it is asked for; print what was done."""
    try:
        stores = open_stores(arguments.stage, arguments.connection, dict(arguments.overrides))
        with closing(stores.warehouse):
            file = _find(stores, arguments.file)
            lines = list(read_lines(file))
            loaded = _loaded(stores, lines)
            plan = make_plan(file, lines, loaded, _refused(stores, missing_lines(lines, loaded)))
        for line in describe(stores, file, plan, max(0, arguments.lines)):
            print(line)
        if plan.is_done or not arguments.apply:
            if not plan.is_done:
                print("Nothing was changed. --apply does it.")
            return 0
        for line in _apply(stores, plan):
            print(line)
    except (ReloadError, PlacesError, DeployError, ClientError, BotoCoreError, OSError, ValueError) as error:
        sys.stderr.write(f"sluice: {printable(' '.join(str(error).split()))}\n")
        return 1
    return 0


def key_of(name: str, bucket: str, prefix: str) -> str:
    """The key of a landing file by any of its names.

    Raises:
        ReloadError: it is in another bucket, or not below the landing prefix.
    """
    key = name
    if name.startswith("s3://"):
        of, _, key = name.removeprefix("s3://").partition("/")
        if of != bucket or not key.startswith(prefix):
            raise ReloadError(f"{name} is no landing file of this pipeline; they are below s3://{bucket}/{prefix}")
    return key if key.startswith(prefix) else prefix + key.lstrip("/")


def describe(stores: Stores, file: LandingFile, plan: Plan, most: int) -> Iterator[str]:
    """What is, and what is to be done."""
    yield f"s3://{file.bucket}/{printable(file.key)}: {_said(file)}"
    copies = f", {plan.copies:,} stand in it more than once" if plan.copies else ""
    yield f"  {plan.loaded:,} records are in the raw table{copies}"
    if plan.refused:
        yield f"  {plan.refused:,} are in the error bucket as load_failed (sluice replay --reason load_failed)"
    if plan.is_done:
        yield "Nothing is to be done."
        return
    if plan.good:
        yield f"  {len(plan.good):,} land again as s3://{file.bucket}/{printable(plan.landing_key)}"
    if plan.bad:
        yield f"  {len(plan.bad):,} go to the error bucket, s3://{stores.errors.bucket}/, as load_failed:"
        yield from map(_bad, plan.bad[:most])
        if len(plan.bad) > most:
            yield f"    and {len(plan.bad) - most:,} more (--lines)"


def _bad(line: FileLine) -> str:
    why = "; ".join(error.msg for error in line.why)
    return printable(f"    line {line.number}  {line.ingest_id} of {line.origin.source}: {why}")


def _said(file: LandingFile) -> str:
    load = file.load
    if load is not None:
        line = f", line {load.error_line}" if load.error_line else ""
        return f"{load.status}{line}{f': {printable(load.error)}' if load.error else ''}"
    if datetime.now(UTC) - file.written < JUST_WRITTEN:
        return "COPY_HISTORY does not know it yet; Snowpipe may be about to load it"
    return "COPY_HISTORY does not know it"


def _find(stores: Stores, name: str) -> LandingFile:
    key = key_of(name, stores.landing.bucket, stores.landing_prefix)
    stored = stores.landing.stored(key)
    body = None if stored is None else stores.landing.read(key)
    if stored is None or body is None:
        raise ReloadError(
            f"there is no s3://{stores.landing.bucket}/{key}; as long as the stream keeps its records they are there"
        )
    loads = {load.key: load for load in stores.warehouse.loads(stored.modified, datetime.now(UTC))}
    return LandingFile(stores.landing.bucket, key, body, stored.modified, loads.get(key))


def _loaded(stores: Stores, lines: list[FileLine]) -> frozenset[str]:
    """Those of the lines that are in the raw table."""
    if not lines:
        return frozenset()
    since = min(line.origin.received_at for line in lines)
    return frozenset(stores.warehouse.among({line.ingest_id for line in lines}, since))


def _refused(stores: Stores, missing: list[FileLine]) -> set[tuple[str, bytes]]:
    """What the error bucket holds of these lines, whichever file it was refused in."""
    areas = sorted({error_area_of(line) for line in missing})
    with ThreadPoolExecutor(THREADS, thread_name_prefix="reload") as threads:
        return {each for found in threads.map(partial(_refused_below, stores.errors), areas) for each in found}


def _refused_below(errors: Objects, area: str) -> list[tuple[str, bytes]]:
    return [each for stored in errors.listed(area) for each in refused_in(stored.key, errors.read(stored.key) or b"")]


def _apply(stores: Stores, plan: Plan) -> Iterator[str]:
    for key, body in plan.error_objects.items():
        there = "" if stores.errors.write_once(key, body) else " (was there)"
        yield f"wrote s3://{stores.errors.bucket}/{key}{there}"
    if not plan.good:
        return
    key = plan.landing_key
    body = gzip.compress(plan.landing, mtime=0) if key.endswith(".gz") else plan.landing
    if stores.landing.write_once(key, body, "application/octet-stream"):
        yield f"wrote s3://{stores.landing.bucket}/{key}; Snowpipe loads it"
    else:
        yield f"an earlier run wrote s3://{stores.landing.bucket}/{key}; if Snowpipe skipped it too, reload that one"
