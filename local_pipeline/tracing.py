"""One record's way, put together from what the ledger has seen of it; pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from local_pipeline.ledger import Place, Stage
from local_pipeline.pipeline_models import Answer, ObjectPlace, RowPlace, StreamPlace, Trace

Status = Literal["loaded", "landed", "streamed", "spilled", "rejected", "accepted", "retry"]
FURTHEST_FIRST: tuple[Stage, ...] = ("loaded", "landed", "streamed", "spilled", "rejected", "accepted")


def trace_of(
    ingest_id: str,
    places: Mapping[Stage, Sequence[Place]],
    receipts: Iterable[Mapping[str, Any]],
    *,
    landing_bucket: str,
    error_bucket: str,
) -> Trace | None:
    """The trace of a record; None when nothing is known of it."""
    answers = [answer for receipt in receipts if (answer := _answer(ingest_id, receipt))]
    if not answers and not any(places.values()):
        return None
    return Trace(
        ingest_id=ingest_id,
        status=_status(places),
        answer=answers,
        rejected=_objects(error_bucket, places["rejected"]),
        spilled=_objects(error_bucket, places["spilled"]),
        stream=[_stream(place) for place in places["streamed"]],
        landing=_objects(landing_bucket, places["landed"]),
        rows=[_row(place) for place in places["loaded"]],
    )


def request_and_index(ingest_id: str) -> tuple[str, int] | None:
    """`<request_id>-<index>` taken apart; None when it is not of that form."""
    request_id, _, index = ingest_id.rpartition("-")
    if not request_id.isascii() or not (index.isascii() and index.isdigit()):
        return None
    return request_id, int(index)


def _status(places: Mapping[Stage, Sequence[Place]]) -> Status:
    return next((stage for stage in FURTHEST_FIRST if places[stage]), "retry")


def _answer(ingest_id: str, receipt: Mapping[str, Any]) -> Answer | None:
    told = request_and_index(ingest_id)
    if told is None:
        return None
    outcomes: tuple[Literal["accepted", "rejected", "retry"], ...] = ("accepted", "rejected", "retry")
    for outcome in outcomes:
        if any(first <= told[1] <= last for first, last in receipt[outcome]):
            return Answer(
                request_id=receipt["request_id"],
                received_at=receipt["received_at"],
                source=receipt["source"],
                http_status=receipt["status"],
                status=outcome,
            )
    return None


def _objects(bucket: str, places: Iterable[Place]) -> list[ObjectPlace]:
    return [
        ObjectPlace(bucket=bucket, key=place.source, line=place.line, reason=place.note or None) for place in places
    ]


def _stream(place: Place) -> StreamPlace:
    return StreamPlace(shard_id=place.source, sequence_number=place.note, line=place.line)


def _row(place: Place) -> RowPlace:
    return RowPlace(file_name=place.source, file_row_number=place.line, loaded_at=place.note)
