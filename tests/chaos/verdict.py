"""The account against what was seen: every difference is a breach. Pure.

What is told of a record is folded over all answers that name its ingest_id: once accepted it has to be in RECORDS, once
rejected in the error bucket, whatever else was said. What was only ever `retry`, or got no answer, may be there or not,
but at most as often as it was sent, and never as something else.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.chaos.account import ACCEPTED, REJECTED, RETRY, Account, Answer, Posting, Record
from tests.chaos.seen import Seen
from tests.support import varied


class What(StrEnum):
    """Kinds of breach."""

    UNANSWERED = "never answered"
    STRANGE = "an answer that is no receipt"
    MISJUDGED = "judged otherwise than it deserves"
    MISCOUNTED = "an answer that does not add up"
    OTHER_IDS = "one key, several request_ids"
    LOST = "accepted, not in RECORDS"
    TWICE = "more than once in RECORDS"
    NOT_LANDED = "in RECORDS, in no landing file"
    NOT_KEPT = "rejected, not in the error bucket"
    LOADED = "rejected, and in RECORDS"
    IN_BOTH = "in RECORDS and in the error bucket, not marked replayed"
    CHANGED = "other than it was sent"
    MADE_UP = "nobody sent it"
    SPILLED = "still spilled"
    SKIPPED = "a file that the pipe did not load"
    NO_RECEIPT = "answered, without a receipt"
    COUNTS = "/pipeline/summary counts otherwise"
    RECONCILE = "sluice reconcile is not content"


@dataclass(frozen=True, slots=True)
class Breach:
    """One difference.

    Attributes:
        about: an ingest_id where it is about a record.
        told: what answers said.
        seen: where it is.
    """

    what: What
    about: str
    told: str = ""
    seen: str = ""


@dataclass(slots=True)
class Told:
    """What answers said of one ingest_id, in the order of the answers."""

    record: Record
    said: list[tuple[str, str]] = field(default_factory=list)

    @property
    def statuses(self) -> set[str]:
        return {status for status, _ in self.said}

    def __str__(self) -> str:
        counted = Counter(f"{status} ({reason})" if reason else status for status, reason in self.said)
        return ", ".join(f"{count} x {text}" for text, count in counted.items())


def breaches(account: Account, seen: Seen) -> list[Breach]:
    """All of them; none if the promises were kept."""
    return list(_Verdict(account, seen).breaches())


def told_of(account: Account) -> dict[str, Told]:
    """What was said, by ingest_id."""
    told: dict[str, Told] = {}
    for posting in account.postings:
        for answer in posting.answers:
            for index, record in enumerate(posting.records):
                each = told.setdefault(f"{answer.request_id}-{index}", Told(record))
                each.said.append(answer.told.get(index, (ACCEPTED, "")))
    return told


class _Verdict:
    def __init__(self, account: Account, seen: Seen) -> None:
        self._account = account
        self._seen = seen
        self._told = told_of(account)
        self._rows = Counter(ingest_id for ingest_id, _ in seen.records)

    def breaches(self) -> Iterator[Breach]:
        for posting in self._account.postings:
            yield from _answers(posting)
        for ingest_id, told in self._told.items():
            yield from self._of_one_told(ingest_id, told)
        yield from self._rows_of_records()
        yield from self._payloads()
        yield from self._strays()
        yield from self._leftovers()
        yield from self._summary()

    def _breach(self, what: What, ingest_id: str, more: str = "") -> Breach:
        told = self._told.get(ingest_id)
        places = {
            "RECORDS": self._rows[ingest_id],
            "landing files": len(self._seen.landed.get(ingest_id, ())),
            "error bucket": len(self._seen.kept.get(ingest_id, ())),
        }
        where = ", ".join(f"{count} x {place}" for place, count in places.items() if count) or "nowhere"
        return Breach(what, ingest_id, str(told) if told else "", f"{where}{more}")

    def _of_one_told(self, ingest_id: str, told: Told) -> Iterator[Breach]:
        deserved = {(ACCEPTED, "") if told.record.reason is None else (REJECTED, told.record.reason)}
        if {said for said in told.said if said[0] != RETRY} - deserved:
            yield self._breach(What.MISJUDGED, ingest_id, f"; deserves {deserved}")
        accepted, rejected = self._seen.receipted
        if ACCEPTED in told.statuses:
            if not self._rows[ingest_id]:
                yield self._breach(What.LOST, ingest_id)
            if ingest_id not in accepted:
                yield self._breach(What.NO_RECEIPT, ingest_id)
        if REJECTED in told.statuses:
            if ingest_id not in self._seen.kept:
                yield self._breach(What.NOT_KEPT, ingest_id)
            if self._rows[ingest_id] and ingest_id not in self._seen.replayed:
                yield self._breach(What.LOADED, ingest_id)
            if ingest_id not in rejected:
                yield self._breach(What.NO_RECEIPT, ingest_id)

    def _rows_of_records(self) -> Iterator[Breach]:
        for ingest_id, count in self._rows.items():
            if count > 1:
                yield self._breach(What.TWICE, ingest_id)
            if ingest_id in self._seen.kept and ingest_id not in self._seen.replayed:
                yield self._breach(What.IN_BOTH, ingest_id)
            if ingest_id not in self._seen.landed:
                yield self._breach(What.NOT_LANDED, ingest_id)

    def _payloads(self) -> Iterator[Breach]:
        """RECORDS has the value that was sent, the landing files and the error bucket the bytes, but for white space
        around a record, which is its array's; a fix may have changed what was replayed."""
        as_sent = self._told.keys() - set(self._seen.replayed)
        for ingest_id, text in self._seen.records:
            if ingest_id in as_sent and not _is_equal(text, self._told[ingest_id].record.payload):
                yield self._breach(What.CHANGED, ingest_id, "; the row differs")
        for ingest_id in as_sent & self._seen.landed.keys():
            sent = self._told[ingest_id].record.payload.strip()
            if any(payload.strip() != sent for payload in self._seen.landed[ingest_id]):
                yield self._breach(What.CHANGED, ingest_id, "; a landing file differs")
        for ingest_id in self._told.keys() & self._seen.kept.keys():
            record = self._told[ingest_id].record
            lines = {(line.reason, line.payload.strip()) for line in self._seen.kept[ingest_id]}
            if lines != {(record.reason, record.payload.strip())}:
                yield self._breach(What.CHANGED, ingest_id, "; the error bucket differs")

    def _strays(self) -> Iterator[Breach]:
        """Ids that no answer named: each has to be of a request whose outcome is unknown, one for each time."""
        allowed = Counter(
            (record.payload.strip(), record.reason)
            for posting in self._account.postings
            if posting.lost and not (posting.key and posting.answers)
            for record in posting.records
        )
        stored = {ingest_id: (payloads[0].strip(), None) for ingest_id, payloads in self._seen.landed.items()}
        kept = {ingest_id: (lines[0].payload.strip(), lines[0].reason) for ingest_id, lines in self._seen.kept.items()}
        strays: Counter[tuple[bytes, str | None]] = Counter()
        for ingest_id, what in [*stored.items(), *kept.items()]:
            if ingest_id in self._told:
                continue
            strays[what] += 1
            if strays[what] > allowed[what]:
                yield self._breach(What.MADE_UP, ingest_id)

    def _leftovers(self) -> Iterator[Breach]:
        for key in self._seen.spilled:
            yield Breach(What.SPILLED, key)
        for name, message in self._seen.skipped:
            yield Breach(What.SKIPPED, name, seen=message)
        if self._seen.reconciled.status:
            said = f"exit status {self._seen.reconciled.status}: {self._seen.reconciled.output}"
            yield Breach(What.RECONCILE, "sluice reconcile", seen=said)

    def _summary(self) -> Iterator[Breach]:
        in_records = len(self._rows)
        own = {
            "accepted": len(self._seen.receipted[0]),
            "rejected": len(self._seen.kept),
            "spilled": len(self._seen.spilled),
            "streamed": in_records,
            "landed": len(self._seen.landed),
            "loaded": in_records,
        }
        for stage, count in own.items():
            if self._seen.summary[stage] != count:
                yield Breach(What.COUNTS, stage, seen=f"{self._seen.summary[stage]}, the stores hold {count}")


def _answers(posting: Posting) -> Iterator[Breach]:
    name = f"request {posting.number}"
    for text in posting.strange:
        yield Breach(What.STRANGE, name, told=text)
    if posting.key and not posting.is_settled:
        yield Breach(
            What.UNANSWERED, name, told=f"key {posting.key}: {len(posting.answers)} answers, lost {posting.lost}"
        )
    if not posting.key and not (posting.answers or posting.lost or posting.strange):
        yield Breach(What.UNANSWERED, name)
    if len(ids := {answer.request_id for answer in posting.answers}) > 1:
        yield Breach(What.OTHER_IDS, name, told=", ".join(sorted(ids)))
    for answer in posting.answers:
        if not _adds_up(answer, posting):
            counts = Counter(status for status, _ in answer.told.values())
            said = f"{answer.status}, {answer.accepted} accepted, {answer.rejected} rejected, results {dict(counts)}"
            yield Breach(What.MISCOUNTED, answer.request_id, told=f"{said}, of {len(posting.records)} records")


def _adds_up(answer: Answer, posting: Posting) -> bool:
    statuses = Counter(answer.status_of(index) for index in range(len(posting.records)))
    counts = (answer.accepted, answer.rejected) == (statuses[ACCEPTED], statuses[REJECTED])
    return (
        counts
        and answer.told.keys() <= set(range(len(posting.records)))
        and answer.status == _status(statuses, posting)
    )


def _status(statuses: Counter[str], posting: Posting) -> int:
    """The status that the contract gives."""
    if statuses[RETRY]:
        return 503
    if not posting.is_whole:
        return 400
    if not statuses[ACCEPTED]:
        return 422
    return 207 if statuses[REJECTED] else 202


def _is_equal(text: str, payload: bytes) -> bool:
    return text.encode() == payload.strip() or varied.value(text) == varied.value(payload)


def accepted_ids(told: dict[str, Told]) -> Sequence[str]:
    """The ids that an answer called accepted."""
    return [ingest_id for ingest_id, each in told.items() if ACCEPTED in each.statuses]
