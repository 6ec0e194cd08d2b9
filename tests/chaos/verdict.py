"""The account against what was seen: every difference is a breach. Pure.

What is told of a record is folded over all answers that name its ingest_id: once accepted it has to be in RECORDS, once
rejected in the error bucket, whatever else was said; rejected for what the run's replays mend, in both, and marked
replayed. What was only ever `retry`, or got no answer, may be there or not, but at most as often as it was sent, and
never as something else.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.chaos import effects, reconciled
from tests.chaos.account import ACCEPTED, REJECTED, RETRY, Account, Answer, Posting, Record
from tests.chaos.breach import Breach, What
from tests.chaos.replays import REASON, is_mended
from tests.chaos.seen import Seen
from tests.support import varied


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
        yield from self._replayed()
        yield from self._payloads()
        yield from self._strays()
        yield from self._leftovers()
        yield from self._summary()
        yield from self._commands()
        for kind, why in effects.missing(self._seen.effects):
            yield Breach(What.NO_EFFECT, kind, seen=why)

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

    def _replayed(self) -> Iterator[Breach]:
        """Of the rejected records those that the fix is for are in RECORDS, mended, and marked; no other is marked."""
        mended = {ingest_id for ingest_id, lines in self._seen.kept.items() if lines[0].reason == REASON}
        marked = set(self._seen.replayed)
        for ingest_id in sorted(mended):
            if ingest_id not in marked or not self._rows[ingest_id]:
                yield self._breach(What.NOT_REPLAYED, ingest_id, f"; marked: {ingest_id in marked}")
        for ingest_id in sorted(marked - mended):
            yield self._breach(What.NOT_TO_REPLAY, ingest_id)
        for ingest_id, text in self._seen.records:
            if ingest_id in mended and not is_mended(text, ingest_id, self._seen.kept[ingest_id][0].payload):
                yield self._breach(What.CHANGED, ingest_id, "; the row is not what the fix makes of it")

    def _payloads(self) -> Iterator[Breach]:
        """RECORDS has the value that was sent, the landing files and the error bucket the bytes, but for white space
        around a record, which is its array's; a fix has changed what was replayed."""
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
        stored = {
            ingest_id: (payloads[0].strip(), None)
            for ingest_id, payloads in self._seen.landed.items()
            if not (ingest_id in self._seen.replayed and ingest_id in self._seen.kept)
        }
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
        if not self._seen.quiet:
            yield Breach(What.NOT_QUIET, "/pipeline/summary", seen=str(self._seen.summary))

    def _commands(self) -> Iterator[Breach]:
        if self._seen.replay.status:
            yield Breach(What.REPLAY, "sluice replay", seen=str(self._seen.replay))
        accepted = set(self._seen.receipted[0])
        strays = self._seen.landed.keys() - self._told.keys() - set(self._seen.replayed) - accepted
        own = reconciled.Own(len(accepted), len(self._rows), len(strays))
        for why in reconciled.discontents(self._seen.reconciled, own):
            yield Breach(What.RECONCILE, "sluice reconcile", seen=why)

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
