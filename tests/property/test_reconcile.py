"""The comparison by sets of bits against a model that takes every record by itself, as a person would."""

from collections import Counter
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.reconcile.compare import Kind, Scope, Why, compare
from ops.reconcile.details import details
from ops.reconcile.lines import Portion
from ops.reconcile.run import Reading
from ops.reconcile.tally import WAY, Place, Stage, Tally

REQUESTS, RECORDS, NOW, SETTLED = 3, 4, 10_000, 9_000
SOURCES = ("shop", "till")
Seen = Mapping[tuple[int, int], frozenset[Stage]]
"""By request and index."""

records = st.tuples(st.integers(0, REQUESTS - 1), st.integers(0, RECORDS - 1))
seen = st.dictionaries(records, st.frozensets(st.sampled_from(Stage), min_size=1), max_size=REQUESTS * RECORDS)
scopes = st.builds(
    Scope,
    way=st.sets(st.sampled_from(WAY), min_size=1).map(lambda some: tuple(stage for stage in WAY if stage in some)),
    receipts=st.booleans(),
    errors=st.booleans(),
)
moved = st.lists(st.integers(8_000, NOW), min_size=REQUESTS, max_size=REQUESTS)


BEGUN = {Stage.ACCEPTED, Stage.WAITING, Stage.REPLAYED, *WAY}


def is_waiting(stages: frozenset[Stage]) -> bool:
    return Stage.WAITING in stages and not stages & {Stage.STREAMED, Stage.LANDED}


def excuses(stages: frozenset[Stage]) -> list[Why]:
    """Why one record need not be at the end of the way; the first counts."""
    found = []
    if is_waiting(stages) and Stage.STALE not in stages:
        found.append(Why.WAITING)
    if Stage.REFUSED in stages and Stage.REPLAYED not in stages:
        found.append(Why.REFUSED)
    if Stage.REFUSED_AGAIN in stages:
        found.append(Why.REFUSED_AGAIN)
    if Stage.ELSEWHERE in stages:
        found.append(Why.ELSEWHERE)
    return found


def lacking(stages: frozenset[Stage], scope: Scope) -> Kind:
    """By the stage behind the last one that has it."""
    follows = scope.way[0]
    for stage, following in zip(scope.way, scope.way[1:], strict=False):
        if stage in stages:
            follows = following
    return {Stage.STREAMED: Kind.NOT_STREAMED, Stage.LANDED: Kind.NOT_LANDED, Stage.LOADED: Kind.NOT_LOADED}[follows]


def faults(stages: frozenset[Stage], scope: Scope) -> set[Kind]:
    """What is wrong with one record."""
    found = set()
    end = scope.way[-1]
    if end in stages:
        if Stage.STREAMED in scope.way and Stage.STREAMED not in stages:
            found.add(Kind.NOT_IN_STREAM)
        if Stage.LANDED in scope.way and Stage.LANDED not in stages:
            found.add(Kind.LANDING_GONE)
    elif stages & BEGUN and not excuses(stages):
        found.add(Kind.NOT_DRAINED if is_waiting(stages) else lacking(stages, scope))
    if scope.errors and scope.receipts:
        if Stage.REJECTED in stages and Stage.KEPT not in stages:
            found.add(Kind.REJECTED_NOT_KEPT)
        by_another_attempt = Stage.ACCEPTED in stages and Stage.REFUSED not in stages
        if {Stage.KEPT, Stage.LOADED} <= stages and Stage.REPLAYED not in stages and not by_another_attempt:
            found.add(Kind.REJECTED_YET_LOADED)
    return found


def reasons(stages: frozenset[Stage], scope: Scope) -> set[Why]:
    """What explains one record."""
    found: set[Why] = set()
    if not stages & BEGUN:
        return found
    if scope.way[-1] not in stages:
        found.update(excuses(stages)[:1])
    if scope.receipts and Stage.ACCEPTED not in stages:
        if Stage.REPLAYED in stages:
            found.add(Why.REPLAYED)
        elif Stage.RETRY in stages:
            found.add(Why.RETRIED)
        elif Stage.REJECTED not in stages:
            found.add(Why.NO_RECEIPT)
    return found


def tally_of(seen: Seen, moved: list[int]) -> Tally:
    """Each record noted by itself, so that entries are made of many parts."""
    tally = Tally()
    numbers = {stage: tally.place(Place(stage, stage.name)) for stage in WAY}
    for (request, index), stages in seen.items():
        for stage in sorted(stages):
            portion = Portion(f"request-{request}", 60 * request, SOURCES[request % 2], 1 << index, 1)
            tally.add(stage, portion, numbers.get(stage), moved[request])
    return tally


@settings(max_examples=300)
@given(seen=seen, scope=scopes, moved=moved)
def test_as_if_each_record_were_looked_at_by_itself(seen: Seen, scope: Scope, moved: list[int]) -> None:
    tally = tally_of(seen, moved)

    found = compare(tally, scope, SETTLED)

    expected: Counter[tuple[str, Kind, bool]] = Counter(
        (f"request-{request}-{index}", kind, moved[request] >= SETTLED)
        for (request, index), stages in seen.items()
        for kind in faults(stages, scope)
    )
    told = list(details(Reading(tally, scope, []), found))
    assert Counter((each.ingest_id, each.kind, each.settling) for each in told) == expected
    assert found.overdue == Counter(kind for _, kind, settling in expected if not settling)
    assert found.settling == Counter(kind for _, kind, settling in expected if settling)
    assert found.total.overdue == len({name for name, _, settling in expected if not settling})
    assert found.explained == Counter(why for stages in seen.values() for why in reasons(stages, scope))
    for stage in Stage:
        assert found.total.stages[stage] == sum(stage in stages for stages in seen.values())
        assert sum(row.stages[stage] for row in found.rows.values()) == found.total.stages[stage]
    for each in told:
        request, index = map(int, each.ingest_id.removeprefix("request-").split("-"))
        on_the_way = [stage for stage in WAY if stage in seen[request, index]]
        if each.kind is not Kind.REJECTED_YET_LOADED:
            assert (each.place.stage if each.place else None) == (on_the_way[-1] if on_the_way else None)
