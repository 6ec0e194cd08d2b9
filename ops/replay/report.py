"""What was found and what came of it, counted, and as text. Pure.

Clients' text (sources, payloads, messages about keys) is printed with its control characters escaped.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.validation import ErrorDetail
from ops.replay.selection import NO_SCHEMA
from ops.replay.trial import ACCEPTED, Trial

MAX_SAMPLE_CHARACTERS = 600
MAX_UNREADABLE = 5
NOT_CONFIRMED = "not confirmed by the stream"
BY_ANOTHER_RUN = "replayed by another run meanwhile"
Change = tuple[str, str]
"""Why it was rejected → what came of it: `accepted`, a reason, NOT_CONFIRMED, BY_ANOTHER_RUN."""


@dataclass(slots=True)
class Report:
    """One run. Counts are records unless their name says otherwise.

    Attributes:
        applied: whether the run changes anything.
        objects: error objects looked through.
        replayed_before, tried_before: what is left out: marked replayed; tried in vain under the same rules.
        copies: of records met before in this run: one request, sent again under its Idempotency-Key.
        unreadable: places of lines that are none of ours, the first few; `unreadable_lines` counts them.
    """

    applied: bool
    max_samples: int
    objects: int = 0
    changes: Counter[Change] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    schemas: Counter[str] = field(default_factory=Counter)
    samples: dict[Change, list[Trial]] = field(default_factory=dict)
    replayed_before: int = 0
    tried_before: int = 0
    copies: int = 0
    unreadable: list[str] = field(default_factory=list)
    unreadable_lines: int = 0

    def met(self, trial: Trial) -> None:
        """Count a selected record, and keep it as a sample while there are few like it."""
        self.sources[trial.record.origin.source] += 1
        self.schemas[trial.record.origin.schema or NO_SCHEMA] += 1
        samples = self.samples.setdefault((trial.record.reason, trial.result), [])
        if len(samples) < self.max_samples:
            samples.append(trial)

    def ended(self, trial: Trial, result: str) -> None:
        """Count what came of a record."""
        self.changes[trial.record.reason, result] += 1

    def not_read(self, place: str) -> None:
        """Note a line that is none of ours."""
        self.unreadable_lines += 1
        if len(self.unreadable) < MAX_UNREADABLE:
            self.unreadable.append(place)

    @property
    def selected(self) -> int:
        """Records tried."""
        return self.changes.total()

    def count(self, result: str) -> int:
        """Records that ended so."""
        return sum(count for (_, ended), count in self.changes.items() if ended == result)

    @property
    def incomplete(self) -> int:
        """Records and lines that another run has to see to."""
        return self.count(NOT_CONFIRMED) + self.unreadable_lines

    @property
    def still_rejected(self) -> int:
        """Records that the fix does not help, now or before."""
        good = self.count(ACCEPTED) + self.count(BY_ANOTHER_RUN) + self.count(NOT_CONFIRMED)
        return self.selected - good + self.tried_before


def status_of(report: Report) -> int:
    """The exit status: 1 when something has to be done again, 3 when records stay rejected. A dry run asks only for
    what it could not read."""
    if report.incomplete:
        return 1
    return 3 if report.applied and report.still_rejected else 0


def describe(report: Report, bucket: str) -> Iterator[str]:
    """The report in lines."""
    yield f"{several(report.selected, 'rejected record')} in {several(report.objects, 'object')} of {bucket}"
    yield from _left_out(report)
    if report.selected:
        yield f"  source: {_counts(report.sources)}"
        yield f"  schema: {_counts(report.schemas)}"
        yield "was rejected for → is now" if report.applied else "was rejected for → would be"
        for (before, after), count in sorted(report.changes.items(), key=lambda item: (item[0][0], -item[1])):
            yield f"  {count:>9,}  {printable(before)} → {after}"
    for change, trials in sorted(report.samples.items()):
        for trial in trials:
            yield from _sample(change, trial)
    yield from (f"not an error line of ours: {printable(place)}" for place in report.unreadable)
    if report.selected and not report.applied:
        yield "Nothing was changed. --apply does it."


def printable(text: str) -> str:
    """`text` without anything that a terminal would act on."""
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)


def _left_out(report: Report) -> Iterator[str]:
    for count, why in (
        (report.replayed_before, "replayed before"),
        (report.tried_before, "tried before with this fix, these schemas and this version, in vain"),
        (report.copies, "copies of the same record, of a request sent more than once"),
    ):
        if count:
            yield f"  left out: {count:,} {why}"


def several(count: int, what: str) -> str:
    """A number and its noun."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _counts(counter: Counter[str]) -> str:
    return " · ".join(f"{printable(name)} {count:,}" for name, count in counter.most_common(10))


def _sample(change: Change, trial: Trial) -> Iterator[str]:
    record = trial.record
    yield f"{printable(change[0])} → {change[1]}: {record.ingest_id} of {printable(record.origin.source)}"
    yield f"  - {_payload(record.payload)}"
    if trial.payload != record.payload:
        yield f"  + {_payload(trial.payload)}"
    yield from (f"  ! {line}" for line in _errors(trial.errors))


def _errors(errors: Sequence[ErrorDetail]) -> Iterator[str]:
    for error in errors:
        place = "/".join(map(str, error.loc))
        yield printable(f"/{place}: {error.msg}" if place else error.msg)


def _payload(payload: bytes) -> str:
    text = payload[: 4 * MAX_SAMPLE_CHARACTERS].decode(errors="backslashreplace")
    cut = f"… ({len(payload):,} bytes)" if len(text) > MAX_SAMPLE_CHARACTERS else ""
    return printable(text[:MAX_SAMPLE_CHARACTERS]) + cut
