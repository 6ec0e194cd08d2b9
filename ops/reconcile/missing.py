"""What to look for further, after a first reading. Pure."""

from collections.abc import Iterator

from ops.reconcile.compare import Scope
from ops.reconcile.lines import indexes_of
from ops.reconcile.tally import Request, Stage, Tally

REPEATABLE = "5"
"""A request with an Idempotency-Key has a UUIDv5 (app.request_identity): only such a one can have several attempts."""


def lacks_in_stream(tally: Tally) -> bool:
    """Whether something is missing in the stream that may have come there late."""
    return any(
        _seen(request, Stage.ACCEPTED, Stage.REPLAYED, Stage.LANDED, Stage.LOADED)
        & ~(request.seen[Stage.STREAMED] | _waiting(request))
        for request in tally.requests.values()
    )


def lacks_in_landing(tally: Tally, scope: Scope) -> bool:
    """Whether something is in neither a landing file nor the raw table that may have come there late."""
    before = Stage.STREAMED if Stage.STREAMED in scope.way else Stage.ACCEPTED
    return any(
        _seen(request, before, Stage.REPLAYED) & ~(_seen(request, Stage.LANDED, Stage.LOADED) | _waiting(request))
        for request in tally.requests.values()
    )


def files_of_rows(tally: Tally) -> set[str]:
    """The landing files that rows name whose records were found in no file."""
    names = set()
    for request in tally.requests.values():
        lost = request.seen[Stage.LOADED] & ~request.seen[Stage.LANDED]
        if not lost:
            continue
        for number, indexes in zip(request.places[::2], request.places[1::2], strict=True):
            place = tally.places[number]
            if place.stage is Stage.LOADED and lost & indexes:
                names.add(place.name)
    return names


def of_other_attempts(tally: Tally) -> Iterator[str]:
    """Ingest_ids that are not in the raw table by an attempt of the window, but may be by another one."""
    for request_id, request in tally.requests.items():
        if request_id[14] == REPEATABLE:
            begun = _seen(request, Stage.ACCEPTED, Stage.REPLAYED, Stage.STREAMED, Stage.LANDED)
            for index in indexes_of(begun & ~request.seen[Stage.LOADED]):
                yield f"{request_id}-{index}"


def _waiting(request: Request) -> int:
    """Those in spill/ and, as far as is known, not on their way from there."""
    return request.seen[Stage.WAITING] & ~_seen(request, Stage.STALE, Stage.STREAMED)


def _seen(request: Request, *stages: Stage) -> int:
    together = 0
    for stage in stages:
        together |= request.seen[stage]
    return together
