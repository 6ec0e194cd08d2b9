"""What differs between the stages, record by record, and what explains it. Pure.

A record that was seen anywhere has to be at the end of the way: stream, landing file, raw table, as far as these are
read. One that is not there is told by the first stage that lacks it, or explained. One that is there has to be in the
stages before it too.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from ops.reconcile.tally import WAY, Request, Stage, Tally

T = TypeVar("T")
Row = tuple[int, str]
"""A minute since the epoch, and a source."""


class Kind(StrEnum):
    """What is wrong with a record."""

    NOT_STREAMED = "not_streamed"
    NOT_LANDED = "not_landed"
    NOT_LOADED = "not_loaded"
    LANDING_GONE = "landing_gone"
    NOT_IN_STREAM = "not_in_stream"
    REJECTED_NOT_KEPT = "rejected_not_kept"
    REJECTED_YET_LOADED = "rejected_yet_loaded"
    NOT_DRAINED = "not_drained"
    NO_RECEIPT = "no_receipt"


class Why(StrEnum):
    """What explains a record that is not where it would be, or has no receipt that says `accepted`."""

    WAITING = "waiting"
    REFUSED = "refused"
    REFUSED_AGAIN = "refused_again"
    ELSEWHERE = "elsewhere"
    RETRIED = "retried"
    REPLAYED = "replayed"
    NO_RECEIPT = "no_receipt"


UNEXPLAINED_SHARE, UNEXPLAINED = 0.05, 20
"""Of the window's records, more than either may not be without a receipt. A gateway that is killed leaves some: `make
chaos`, which kills it again and again, 0.5 to 1 %."""
_LACKS = {Stage.STREAMED: Kind.NOT_STREAMED, Stage.LANDED: Kind.NOT_LANDED, Stage.LOADED: Kind.NOT_LOADED}
_GONE = {Stage.STREAMED: Kind.NOT_IN_STREAM, Stage.LANDED: Kind.LANDING_GONE}


@dataclass(frozen=True, slots=True)
class Scope:
    """What was read.

    Attributes:
        way: stages of the way, in order, that reach back to the window's beginning.
        receipts, errors: whether those do.
    """

    way: Sequence[Stage] = WAY
    receipts: bool = True
    errors: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """Records of one request with the same fault. `indexes` is a set of bits."""

    kind: Kind
    request_id: str
    indexes: int
    settling: bool


@dataclass(slots=True)
class Counts:
    """Distinct ingest_ids of a minute and source."""

    stages: list[int] = field(default_factory=lambda: [0] * len(Stage))
    overdue: int = 0
    settling: int = 0


@dataclass(slots=True)
class Comparison:
    """All of a window. Counts are distinct ingest_ids; one with two faults counts in each kind.

    Attributes:
        copies: by stage of the way, lines beyond one for each ingest_id.
        unexplained: records without a receipt or anything that explains it, those settling left out.
    """

    rows: dict[Row, Counts] = field(default_factory=dict)
    total: Counts = field(default_factory=Counts)
    differences: list[Difference] = field(default_factory=list)
    overdue: Counter[Kind] = field(default_factory=Counter)
    settling: Counter[Kind] = field(default_factory=Counter)
    explained: Counter[Why] = field(default_factory=Counter)
    copies: dict[Stage, int] = field(default_factory=dict)
    unexplained: int = 0


def compare(tally: Tally, scope: Scope, settled_before: float) -> Comparison:
    """Compare the stages of every request.

    Args:
        settled_before: seconds since the epoch; what moved later may still be on its way.
    """
    found = Comparison()
    begun = 0
    for request in tally.requests.values() if scope.receipts else ():
        begun += _begun(request.seen).bit_count()
        if request.moved < settled_before:
            found.unexplained += _without_receipt(request.seen).bit_count()
    too_many = found.unexplained > max(UNEXPLAINED, UNEXPLAINED_SHARE * begun)
    for request_id, request in tally.requests.items():
        settling = request.moved >= settled_before
        row = found.rows.setdefault((request.minute, request.source), Counts())
        faulty = 0
        of_request = list(differences(request.seen, scope))
        if too_many:
            of_request += _nonzero([(Kind.NO_RECEIPT, _without_receipt(request.seen))])
        for kind, indexes in of_request:
            found.differences.append(Difference(kind, request_id, indexes, settling))
            (found.settling if settling else found.overdue)[kind] += indexes.bit_count()
            faulty |= indexes
        for why, indexes in explanations(request.seen, scope):
            found.explained[why] += indexes.bit_count()
        for counts in (row, found.total):
            _count(counts, request, faulty.bit_count(), settling=settling)
    found.copies = {stage: tally.lines[stage] - found.total.stages[stage] for stage in scope.way}
    return found


def differences(seen: Sequence[int], scope: Scope) -> Iterator[tuple[Kind, int]]:
    """The faults of a request's records."""
    if scope.way:
        yield from _nonzero(_missing(seen, scope.way))
        yield from _nonzero((_GONE[stage], seen[scope.way[-1]] & ~seen[stage]) for stage in scope.way[:-1])
    if scope.errors and scope.receipts:
        yield from _nonzero(_wrongly_rejected(seen))


def explanations(seen: Sequence[int], scope: Scope) -> Iterator[tuple[Why, int]]:
    """What explains the records of a request that need it; each has one."""
    if scope.way:
        missing = _begun(seen) & ~seen[scope.way[-1]]
        for why, indexes in _excuses(seen):
            yield from _nonzero([(why, missing & indexes)])
            missing &= ~indexes
    if scope.receipts:
        unknown = _begun(seen) & ~seen[Stage.ACCEPTED]
        yield from _nonzero([(Why.REPLAYED, unknown & seen[Stage.REPLAYED])])
        yield from _nonzero([(Why.RETRIED, unknown & ~seen[Stage.REPLAYED] & seen[Stage.RETRY])])
        yield from _nonzero([(Why.NO_RECEIPT, _without_receipt(seen))])


def _begun(seen: Sequence[int]) -> int:
    """The records that set out on the way."""
    begun = seen[Stage.ACCEPTED] | seen[Stage.WAITING] | seen[Stage.REPLAYED]
    for stage in WAY:
        begun |= seen[stage]
    return begun


def _without_receipt(seen: Sequence[int]) -> int:
    """Those of which no receipt says anything, and no mark either."""
    said = seen[Stage.ACCEPTED] | seen[Stage.REJECTED] | seen[Stage.RETRY] | seen[Stage.REPLAYED]
    return _begun(seen) & ~said


def _waiting(seen: Sequence[int]) -> int:
    """Those in spill/ and nowhere further: a copy there excuses nothing of what has been streamed."""
    return seen[Stage.WAITING] & ~(seen[Stage.STREAMED] | seen[Stage.LANDED])


def _excuses(seen: Sequence[int]) -> Iterator[tuple[Why, int]]:
    """What explains that a record is not at the end of the way."""
    yield Why.WAITING, _waiting(seen) & ~seen[Stage.STALE]
    yield Why.REFUSED, seen[Stage.REFUSED] & ~seen[Stage.REPLAYED]
    yield Why.REFUSED_AGAIN, seen[Stage.REFUSED_AGAIN]
    yield Why.ELSEWHERE, seen[Stage.ELSEWHERE]


def _missing(seen: Sequence[int], way: Sequence[Stage]) -> Iterator[tuple[Kind, int]]:
    """Those that are not at the end of the way, by the stage behind the last one that has them."""
    missing = _begun(seen) & ~seen[way[-1]]
    for _, indexes in _excuses(seen):
        missing &= ~indexes
    waiting = _waiting(seen)
    yield Kind.NOT_DRAINED, missing & waiting
    missing &= ~waiting
    for stage, following in zip(reversed(way[:-1]), reversed(way[1:]), strict=True):
        yield _LACKS[following], missing & seen[stage]
        missing &= ~seen[stage]
    yield _LACKS[way[0]], missing


def _wrongly_rejected(seen: Sequence[int]) -> Iterator[tuple[Kind, int]]:
    yield Kind.REJECTED_NOT_KEPT, seen[Stage.REJECTED] & ~seen[Stage.KEPT]
    # One attempt of a request can be rejected and another accepted, when a schema changed in between.
    accepted_once = seen[Stage.ACCEPTED] & ~seen[Stage.REFUSED]
    both = seen[Stage.KEPT] & seen[Stage.LOADED]
    yield Kind.REJECTED_YET_LOADED, both & ~seen[Stage.REPLAYED] & ~accepted_once


def _nonzero(found: Iterable[tuple[T, int]]) -> Iterator[tuple[T, int]]:
    return ((what, indexes) for what, indexes in found if indexes)


def _count(counts: Counts, request: Request, faulty: int, *, settling: bool) -> None:
    for stage in Stage:
        counts.stages[stage] += request.seen[stage].bit_count()
    if settling:
        counts.settling += faulty
    else:
        counts.overdue += faulty
