"""What was found, as text and as JSON. Pure. Clients' text is printed with its control characters escaped."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ops.reconcile.compare import Comparison, Counts, Kind, Scope, Why
from ops.reconcile.details import Lines, details, from_minute, moment
from ops.reconcile.flagged import Flagged
from ops.reconcile.run import Reading
from ops.reconcile.tally import WAY, Stage
from ops.reconcile.window import Window
from ops.replay.report import printable, several

SHOWN_STAGES = (Stage.ACCEPTED, Stage.REJECTED, Stage.WAITING, *WAY)
MEANING: Mapping[Kind, str] = {
    Kind.NOT_STREAMED: "accepted, neither in the stream nor waiting in spill/",
    Kind.LANDING_GONE: "loaded, but its landing file is gone",
    Kind.NOT_IN_STREAM: "landed or loaded, but not in the stream",
    Kind.REJECTED_NOT_KEPT: "answered rejected, but not in the error bucket",
    Kind.REJECTED_YET_LOADED: "in the error bucket and in the raw table, but not marked replayed",
    Kind.NOT_DRAINED: "in spill/ for longer than --drain-within (sluice drain)",
    Kind.NO_RECEIPT: "stored without a receipt, more than gateways that died explain",
}
LACKING: Mapping[Kind, tuple[Stage, str]] = {
    Kind.NOT_LANDED: (Stage.LANDED, "in no landing file"),
    Kind.NOT_LOADED: (Stage.LOADED, "not in the raw table"),
}
SEEN_IN = {Stage.STREAMED: "in the stream", Stage.LANDED: "in a landing file"}
EXPLAINED: Mapping[Why, str] = {
    Why.WAITING: "wait in spill/ (sluice drain)",
    Why.REFUSED: "were refused by Snowflake and are in the error bucket (sluice replay --reason load_failed)",
    Why.REFUSED_AGAIN: "were refused again after a replay: they wait in the error bucket for another fix",
    Why.ELSEWHERE: "are loaded by another attempt of the same request, outside of this window",
    Why.RETRIED: "were stored, but answered retry",
    Why.REPLAYED: "were rejected, and put in by sluice replay",
    Why.NO_RECEIPT: "have no receipt: the process died before its answer, or somebody else put them there",
}
UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"), (timedelta(seconds=1), "s"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run.

    Attributes:
        reload: arguments with which a file of this pipeline is reloaded.
    """

    window: Window
    checked_at: datetime
    reading: Reading
    comparison: Comparison
    flagged: Sequence[Flagged]
    reload: Sequence[str] = ()

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs but what is settling."""
        return not (self.comparison.overdue or self.reading.broken or any(each.is_open for each in self.flagged))


def describe(outcome: Outcome, lines: Lines, most: int, *, every_row: bool = False) -> Iterator[str]:
    """The report in lines.

    Args:
        most: ingest_ids shown of each kind.
        every_row: also minutes and sources without a difference.
    """
    window, found = outcome.window, outcome.comparison
    whose = "all sources" if window.source is None else printable(window.source)
    yield f"Received {moment(window.since)} to {moment(window.until)}, {whose}; distinct ingest_ids"
    yield from (f"  {line}" for line in outcome.reading.left_out)
    yield from _table(outcome, every_row=every_row)
    yield from _explained(found)
    yield from _broken(outcome)
    for kind in Kind:
        if count := found.overdue[kind]:
            yield f"{kind.value}: {count:,} {meaning(kind, outcome.reading.scope)}"
            shown = [each for each in details(outcome.reading, found, most, settling=False) if each.kind is kind]
            for each in shown:
                source = printable(each.source)
                yield f"  {each.ingest_id}  {moment(each.minute)}  {source}  {printable(each.where(lines))}"
            if count > len(shown):
                yield f"  and {count - len(shown):,} more (--ids, --json)"
    yield from _files(outcome)
    yield verdict(outcome)


def meaning(kind: Kind, scope: Scope) -> str:
    """What a kind says, by the stages that were compared."""
    if kind not in LACKING:
        return MEANING[kind]
    stage, lacks = LACKING[kind]
    before = scope.way[: scope.way.index(stage)] if stage in scope.way else ()
    return f"{SEEN_IN[before[-1]] if before else 'accepted'}, {lacks}"


def verdict(outcome: Outcome) -> str:
    """The last line."""
    found, settling = outcome.comparison, outcome.comparison.total.settling
    late = f"; {settling:,} moved less than {span(outcome.window.settle)} ago and are not judged" if settling else ""
    if outcome.is_clean and not outcome.reading.tally.requests:
        return "Clean: nothing was received."
    if outcome.is_clean:
        return f"Clean: {found.total.stages[Stage.ACCEPTED]:,} accepted, nothing is missing{late}."
    files = sum(each.is_open for each in outcome.flagged)
    reasons = [
        f"{what}: {count:,}"
        for what, count in (
            ("records that differ", found.total.overdue),
            ("unreadable receipts", len(outcome.reading.broken)),
            ("files not loaded whole", files),
        )
        if count
    ]
    return f"NOT CLEAN: {', '.join(reasons)}{late}."


def as_json(outcome: Outcome, lines: Lines) -> dict[str, object]:
    """All of it for programs; every ingest_id."""
    window, found = outcome.window, outcome.comparison
    return {
        "clean": outcome.is_clean,
        "window": {
            "from": moment(window.since),
            "to": moment(window.until),
            "source": window.source,
            "settle_seconds": window.settle.total_seconds(),
        },
        "checked_at": outcome.checked_at.isoformat(),
        "left_out": outcome.reading.left_out,
        "total": _counts(found.total),
        "rows": [
            {"minute": moment(from_minute(minute)), "source": source, **_counts(counts)}
            for (minute, source), counts in sorted(found.rows.items())
        ],
        "copies": {stage.name.lower(): count for stage, count in found.copies.items()},
        "explained": {why.value: found.explained[why] for why in Why},
        "overdue": {kind.value: found.overdue[kind] for kind in Kind},
        "settling": {kind.value: found.settling[kind] for kind in Kind},
        "differences": [each.as_json(lines) for each in details(outcome.reading, found)],
        "unreadable_receipts": [
            {"where": each.where, "request_id": each.request_id} for each in outcome.reading.broken
        ],
        "files": [
            {
                "key": each.load.key,
                "status": each.load.status,
                "first_error": each.load.error,
                "first_error_line": each.load.error_line,
                "records": each.records,
                "missing": each.missing,
                "foreign_lines": each.foreign,
                "open": each.is_open,
            }
            for each in outcome.flagged
        ],
    }


def span(time: timedelta) -> str:
    """A span as it is given: 90s, 10m, 2h, 1d."""
    return next((f"{time // unit}{name}" for unit, name in UNITS if time and time % unit == timedelta()), "0s")


def _table(outcome: Outcome, *, every_row: bool) -> Iterator[str]:
    found, scope = outcome.comparison, outcome.reading.scope
    left_out = {stage for stage in WAY if stage not in scope.way}
    left_out |= set() if scope.receipts else {Stage.ACCEPTED, Stage.REJECTED}
    stages = [stage for stage in SHOWN_STAGES if stage not in left_out]
    rows = [
        (moment(from_minute(minute)), printable(source), counts)
        for (minute, source), counts in sorted(found.rows.items())
        if every_row or counts.overdue or counts.settling
    ]
    rows.append(("total", "", found.total))
    width = max(6, *(len(source) for _, source, _ in rows))
    yield f"{'minute':17}  {'source':{width}}  " + "".join(
        f"{name:>11}" for name in (*(stage.name.lower() for stage in stages), "missing", "settling")
    )
    for minute, source, counts in rows:
        numbers = (*(counts.stages[stage] for stage in stages), counts.overdue, counts.settling)
        yield f"{minute:17}  {source:{width}}  " + "".join(f"{number:>11,}" for number in numbers)


def _explained(found: Comparison) -> Iterator[str]:
    yield from (f"  {found.explained[why]:,} {EXPLAINED[why]}" for why in Why if found.explained[why])
    copies = {stage: count for stage, count in found.copies.items() if count > 0}
    if copies:
        counted = ", ".join(f"{stage.name.lower()} {count:,}" for stage, count in copies.items())
        yield f"  copies besides: {counted} (RECORDS shows each ingest_id once)"


def _broken(outcome: Outcome) -> Iterator[str]:
    if broken := outcome.reading.broken:
        yield f"unreadable receipts: {len(broken):,}; what they accepted is not known here"
        yield from (f"  {each.where}{f', request {each.request_id}' if each.request_id else ''}" for each in broken)


def _files(outcome: Outcome) -> Iterator[str]:
    if not outcome.flagged:
        return
    yield "files that Snowpipe did not load whole:"
    for each in outcome.flagged:
        load = each.load
        line = f" line {load.error_line}" if load.error_line else ""
        yield f"  {printable(load.key)}: {load.status},{line} {printable(load.error or 'no error is named')}"
        if load.key not in outcome.reading.files:
            yield "    not read, for it is gone or was not compared: whether what it held is loaded is not told"
            continue
        if not (each.missing or each.foreign):
            yield "    nothing of it is missing"
            continue
        missing = f"{each.missing:,} of its {several(each.records, 'record')} of this window"
        foreign = f", and {several(each.foreign, 'line')} of somebody else's" if each.foreign else ""
        yield f"    not loaded: {missing}{foreign}; the way back:"
        yield f"    {printable(shlex.join(['sluice', 'reload', load.key, *outcome.reload]))}"


def _counts(counts: Counts) -> dict[str, int]:
    stages = {stage.name.lower(): counts.stages[stage] for stage in SHOWN_STAGES}
    return {**stages, "missing": counts.overdue, "settling": counts.settling}
