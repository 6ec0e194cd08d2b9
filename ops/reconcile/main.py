"""One `sluice reconcile` from its arguments to its exit status."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ops.deploy.errors import DeployError
from ops.places import PlacesError
from ops.reconcile.compare import compare
from ops.reconcile.details import Detail, Lines, details
from ops.reconcile.flagged import error_area, find_flagged
from ops.reconcile.lines import positions
from ops.reconcile.receipts import LogGroup, ReceiptFile
from ops.reconcile.report import Outcome, as_json, describe
from ops.reconcile.run import Reader, Reading, Sources
from ops.reconcile.stream import Stream, in_half
from ops.reconcile.tally import Stage
from ops.reconcile.window import Window, make_window, parse_moment, parse_span
from ops.replay.report import printable
from ops.stores import CONFIG, THREADS, Stores, open_stores

CLEAN, DIFFERENT, FAILED = 0, 1, 2
MOST_OBJECTS = 200
"""That are read again for the line a record stands on."""


class ReconcileError(Exception):
    """It cannot be done; the message is one line for the user."""


def reconcile(arguments: argparse.Namespace) -> int:
    """Read, compare, print."""
    now = datetime.now(UTC)
    try:
        window = _window(arguments, now)
        stores = open_stores(arguments.stage, arguments.connection, dict(arguments.overrides))
        with closing(stores.warehouse):
            outcome, lines = _look(stores, window, now, arguments)
    except (ReconcileError, PlacesError, DeployError, ClientError, BotoCoreError, OSError) as error:
        sys.stderr.write(f"sluice: {printable(' '.join(str(error).split()))}\n")
        return FAILED
    if arguments.json:
        print(json.dumps(as_json(outcome, lines), indent=2))
    else:
        for line in describe(outcome, lines, max(0, arguments.ids), every_row=arguments.all):
            print(line)
    return CLEAN if outcome.is_clean else DIFFERENT


def _window(arguments: argparse.Namespace, now: datetime) -> Window:
    try:
        since, until = parse_moment(arguments.since, now), parse_moment(arguments.until, now)
        return make_window(since, until, parse_span(arguments.settle), arguments.source)
    except ValueError as error:
        raise ReconcileError(str(error)) from None


def _look(stores: Stores, window: Window, now: datetime, arguments: argparse.Namespace) -> tuple[Outcome, Lines]:
    progress = Progress()
    if stores.reset_at is not None and window.since < stores.reset_at:
        window = replace(window, since=stores.reset_at)
    with closing(progress), ThreadPoolExecutor(THREADS, thread_name_prefix="reconcile") as threads:
        reading = Reader(
            _sources(stores, with_stream=not arguments.no_stream), window, now, threads, progress.say
        ).read()
        scope = reading.scope
        if scope.receipts + len(scope.way) < 2:
            raise ReconcileError("there are no two stages that reach back to --from: nothing can be compared")
        settled_before = (now - window.settle).timestamp()
        comparison = compare(reading.tally, scope, settled_before)
        flagged = list(find_flagged(reading, comparison, window, settled_before, _reloaded(stores, reading)))
        progress.say("lines")
        most = None if arguments.json else max(0, arguments.ids)
        lines = _lines(stores, details(reading, comparison, most))
    if window.since == stores.reset_at:
        reading.left_out.append("what was received before the pipeline's reset is forgotten: the window begins there")
    outcome = Outcome(window, now, reading, comparison, flagged, reload=_reload(arguments))
    return outcome, lines


def _sources(stores: Stores, *, with_stream: bool) -> Sources:
    places = stores.places
    stream = None
    if with_stream:
        kinesis = places.session.client("kinesis", endpoint_url=places.endpoint, config=CONFIG)
        stream = Stream(kinesis, places.stream, _at_once if stores.stage is None else in_half)
    return Sources(
        receipts=ReceiptFile(stores.receipts)
        if isinstance(stores.receipts, Path)
        else LogGroup(places.session.client("logs", config=CONFIG), stores.receipts),
        stream=stream,
        errors=stores.errors,
        landing=stores.landing,
        landing_prefix=stores.landing_prefix,
        warehouse=stores.warehouse,
    )


def _at_once(_size: int) -> None:
    """The local engine has no limit to share."""


def _reloaded(stores: Stores, reading: Reading) -> dict[str, bool]:
    """Whether the lines of a failed file that are none of ours are in the error bucket."""
    failed = [load.key for load in reading.loads.values() if not load.is_good]
    return {
        key: any(stores.errors.listed(error_area(stores.landing.bucket, key, file)))
        for key in failed
        if (file := reading.files.get(key)) and file.foreign
    }


def _lines(stores: Stores, differing: Iterable[Detail]) -> Lines:
    places = {each.place for each in differing if each.place is not None}
    lines: dict[str, dict[str, int]] = {}
    in_objects = sorted(place for place in places if place.stage in {Stage.LANDED, Stage.KEPT})
    for place in in_objects[:MOST_OBJECTS]:
        objects = stores.landing if place.stage is Stage.LANDED else stores.errors
        lines[place.name] = dict(positions(objects.read(place.name) or b""))
    return lines


def _reload(arguments: argparse.Namespace) -> str:
    """The command that reloads a file of the same pipeline."""
    words = ["sluice", "reload", "{file}"]
    if arguments.stage:
        words += ["--stage", shlex.quote(arguments.stage)]
    if arguments.connection:
        words += ["--connection", shlex.quote(arguments.connection)]
    for name, value in arguments.overrides:
        words += ["--set", shlex.quote(f"{name}={value}")]
    return " ".join(words)


class Progress:
    """What is read now, on one line of a terminal; nothing where there is none."""

    def __init__(self) -> None:
        self._write: Callable[[str], object] | None = sys.stderr.write if sys.stderr.isatty() else None

    def say(self, what: str) -> None:
        """Put it in the place of what was read before."""
        if self._write is not None:
            self._write(f"\r\x1b[Kreading {what}")
            sys.stderr.flush()

    def close(self) -> None:
        """Clear the line."""
        if self._write is not None:
            self._write("\r\x1b[K")
            sys.stderr.flush()
