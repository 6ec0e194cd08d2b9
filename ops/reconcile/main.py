"""One `sluice reconcile` from its arguments to its exit status."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from app.envelope import timestamp
from ops.deploy.errors import DeployError
from ops.places import PlacesError
from ops.reconcile.compare import Comparison, compare
from ops.reconcile.details import Detail, Lines, details
from ops.reconcile.flagged import error_area, find_flagged
from ops.reconcile.lines import positions
from ops.reconcile.receipts import LogGroup, ReceiptFile
from ops.reconcile.report import Outcome, as_json, describe
from ops.reconcile.run import Reader, Reading, Sources
from ops.reconcile.stream import Stream, in_half
from ops.reconcile.tally import SOME_SOURCES, Stage
from ops.reconcile.window import Window, make_window, parse_moment, parse_span
from ops.replay.report import printable, several
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
    except (
        ReconcileError, PlacesError, DeployError, ClientError, BotoCoreError, OSError, ValueError, OverflowError,
    ) as error:  # fmt: skip
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
        if since > now:
            raise ReconcileError(
                f"--from ({timestamp(since.astimezone(UTC))}) is in the future: nothing was received yet"
            )
        settle, drain_within = parse_span(arguments.settle), parse_span(arguments.drain_within)
        return make_window(since, until, settle, arguments.source, drain_within)
    except (ValueError, OverflowError) as error:
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
        _check_there_is_something(reading, comparison, window)
        flagged = list(find_flagged(reading, comparison, window, settled_before, _reloaded(stores, reading)))
        progress.say("lines")
        most = None if arguments.json else max(0, arguments.ids)
        lines = _lines(stores, details(reading, comparison, most))
    if window.since == stores.reset_at:
        reading.left_out.append("what was received before the pipeline's reset is forgotten: the window begins there")
    outcome = Outcome(window, now, reading, comparison, flagged, reload=_reload(arguments))
    return outcome, lines


def _check_there_is_something(reading: Reading, comparison: Comparison, window: Window) -> None:
    """What would look clean because it was looked for in the wrong place."""
    if reading.scope.receipts and not reading.receipts and comparison.unexplained:
        raise ReconcileError(
            f"no receipts were found in {reading.receipts_in}, though {several(comparison.unexplained, 'record')} of "
            "this window are stored: without receipts nothing can be said to be whole"
        )
    others = reading.tally.others
    if window.source is not None and others and not reading.tally.requests:
        names = ", ".join(sorted(others)) + (", …" if len(others) == SOME_SOURCES else "")
        raise ReconcileError(f"nothing of source {window.source} in this window; there are {names}")


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


def _reload(arguments: argparse.Namespace) -> Sequence[str]:
    """The arguments with which files of the same pipeline are reloaded."""
    words: list[str] = []
    if arguments.stage:
        words += ["--stage", arguments.stage]
    if arguments.connection:
        words += ["--connection", arguments.connection]
    for name, value in arguments.overrides:
        words += ["--set", f"{name}={value}"]
    return words


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
