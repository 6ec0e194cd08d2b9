"""What the stores of the pipeline hold, read from the stores themselves, and when nothing moves in them any more."""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tests.chaos.commands import Ran, finish
from tests.chaos.effects import Effects
from tests.support.aws import payload_of
from tests.support.local_pipeline import LocalPipeline
from tests.support.processes import clean_environment
from tests.support.stores import Stores

RECONCILE_SECONDS = 600.0
SUMMARY_SECONDS = 300.0  # the first one reads all that there is
LOOK_SECONDS = 1.0
STUCK_SECONDS = 90.0  # what waits for another try anywhere waits for ten seconds
BREAKER_OPEN = b"its breaker is open"
HISTORY = "SELECT FILE_NAME, FIRST_ERROR_MESSAGE FROM SLUICE.SNOWPIPE.COPY_HISTORY WHERE ERROR_COUNT > 0"


@dataclass(frozen=True, slots=True)
class Kept:
    """A line of the error bucket."""

    reason: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """The end of a run.

    Attributes:
        records: the view RECORDS, ingest_id and payload as JSON text.
        landed: payloads by ingest_id, one for each line of a landing file.
        kept: lines of the error bucket by ingest_id.
        replayed: ingest_ids that the error bucket marks replayed.
        spilled: keys of what still waits for the stream.
        skipped: files that the pipe did not load, and why.
        receipted: ingest_ids that receipts call accepted, and rejected.
        summary: /pipeline/summary.
        replay: the last one, without faults.
        quiet: whether the pipeline came to rest before this was seen.
    """

    records: Sequence[tuple[str, str]]
    landed: Mapping[str, Sequence[bytes]]
    kept: Mapping[str, Sequence[Kept]]
    replayed: Collection[str]
    spilled: Sequence[str]
    skipped: Sequence[tuple[str, str]]
    receipted: tuple[Collection[str], Collection[str]]
    summary: Mapping[str, int]
    reconciled: Ran
    replay: Ran
    quiet: bool
    effects: Effects


def look(stores: Stores, reconciled: Ran, replay: Ran, effects: Effects, *, quiet: bool) -> Seen:
    """Read everything; of `effects` the receipts know the spilled records."""
    accepted, rejected, spilled = _receipted(stores.pipeline.home / "receipts.ndjson")
    landed: dict[str, list[bytes]] = defaultdict(list)
    for line in stores.landing_lines():
        landed[line.ingest_id].append(line.payload)
    kept: dict[str, list[Kept]] = defaultdict(list)
    for found in stores.error_objects():
        for kept_line in found.lines:
            kept[kept_line["ingest_id"]].append(Kept(kept_line["reason"], payload_of(kept_line)))
    marks = [mark for found in stores.error_objects(area="replayed/") for mark in found.lines]
    return Seen(
        records=[(name, text) for name, text in stores.select("SELECT ingest_id, payload::VARCHAR FROM RECORDS")],
        landed=landed,
        kept=kept,
        replayed={mark["ingest_id"] for mark in marks if mark["outcome"] == "replayed"},
        spilled=stores.spilled_keys(),
        skipped=[(name, str(message)) for name, message in stores.select(HISTORY)],
        receipted=(accepted, rejected),
        summary=stores.pipeline.summary(SUMMARY_SECONDS),
        reconciled=reconciled,
        replay=replay,
        quiet=quiet,
        effects=replace(effects, spilled=len(spilled)),
    )


def _receipted(path: Path) -> tuple[set[str], set[str], set[str]]:
    accepted: set[str] = set()
    rejected: set[str] = set()
    spilled: set[str] = set()
    with path.open("rb") as file:
        for line in file:
            receipt = json.loads(line)
            for member, ids in (("accepted", accepted), ("rejected", rejected), ("spilled", spilled)):
                ranges = receipt[member]
                ids |= {f"{receipt['request_id']}-{n}" for first, last in ranges for n in range(first, last + 1)}
    return accepted, rejected, spilled


def wait_until_quiet(stores: Stores, at_least: int, seconds: float, say: Callable[[str], None]) -> bool:
    """Whether, within `seconds`, nothing is spilled, the stream is loaded to its end, and that is `at_least` records.

    Twice in a row, for a record may be between two places. Nothing that changes for STUCK_SECONDS will do so later.
    """
    give_up = time.monotonic() + seconds
    quiet, changed = 0, time.monotonic()
    last: dict[str, int] = {}
    while time.monotonic() < min(give_up, changed + STUCK_SECONDS):
        counts = stores.pipeline.summary(SUMMARY_SECONDS)
        if counts != last:
            say(str(counts))
            last, changed = counts, time.monotonic()
        ends = counts["streamed"] == counts["landed"] == counts["loaded"] >= at_least
        quiet = quiet + 1 if ends and not counts["spilled"] and not stores.spilled_keys() else 0
        if quiet == 2:
            return True
        time.sleep(LOOK_SECONDS)
    return False


def reconcile(pipeline: LocalPipeline, began: datetime, ended: datetime) -> Ran:
    """Run `sluice reconcile` over the run."""
    command = [sys.executable, "-m", "ops.cli", "reconcile", "--json", "--settle", "0s"]
    return finish(
        [*command, "--from", began.isoformat(), "--to", ended.isoformat()],
        clean_environment({"SLUICE_HOME": str(pipeline.home)}),
        RECONCILE_SECONDS,
    )


def breakers_opened(log: Path) -> int:
    """How often a gateway that logs there, all the processes that it has been, stopped asking the stream."""
    with log.open("rb") as file:
        return sum(BREAKER_OPEN in line for line in file)
