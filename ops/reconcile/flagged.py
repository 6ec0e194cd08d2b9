"""Files that Snowpipe skipped or loaded in part, and what of them is open. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from app.sinks.error_bucket import REJECTED_AREA
from ops.reconcile.compare import Comparison, Kind
from ops.reconcile.run import LandingFile, Reading
from ops.reconcile.tally import Stage
from ops.reconcile.window import Window, hour_prefix
from ops.warehouse import Load

_FOREIGN = UUID("0a3a7c7e-3a1b-5b62-9a7d-5c8f0f1d2b94")


@dataclass(frozen=True, slots=True)
class Flagged:
    """One file.

    Attributes:
        records: of the window.
        missing: of these, those that are neither in the raw table nor explained.
        foreign: lines that are none of ours and not in the error bucket either.
        settling: whether it is too early to judge.
    """

    load: Load
    records: int
    missing: int
    foreign: int
    settling: bool

    @property
    def is_open(self) -> bool:
        """Whether something of it has still to be seen to."""
        return bool(self.missing or self.foreign) and not self.settling


def foreign_request_id(bucket: str, key: str) -> str:
    """The request_id that `sluice reload` gives to a file's lines that have none."""
    return str(uuid5(_FOREIGN, f"s3://{bucket}/{key}"))


def error_area(bucket: str, key: str, file: LandingFile) -> str:
    """What the keys of the error objects with a file's foreign lines start with."""
    return f"{hour_prefix(f'{REJECTED_AREA}/', file.written)}{foreign_request_id(bucket, key)}."


def find_flagged(
    reading: Reading,
    comparison: Comparison,
    window: Window,
    settled_before: float,
    in_error_bucket: Mapping[str, bool],
) -> Iterator[Flagged]:
    """The files that were not loaded whole, as far as they concern the window.

    Args:
        settled_before: as for `compare`.
        in_error_bucket: whether a file's foreign lines are there, by key.
    """
    failed = {load.key: load for load in reading.loads.values() if not load.is_good}
    records, missing, moving = _records(reading, comparison, failed)
    for key, load in sorted(failed.items()):
        file = reading.files.get(key)
        is_of_window = window.since.timestamp() <= load.at < window.until.timestamp()
        if not records.get(key) and not is_of_window:
            continue
        foreign = 0 if file is None or in_error_bucket.get(key) else file.foreign
        settling = key in moving or (not missing.get(key) and load.at >= settled_before)
        yield Flagged(load, records.get(key, 0), missing.get(key, 0), foreign, settling)


def _records(
    reading: Reading, comparison: Comparison, files: Iterable[str]
) -> tuple[dict[str, int], dict[str, int], set[str]]:
    """How many records of the window each file has, how many of them are missing, and whose missing ones all settle."""
    tally, wanted = reading.tally, frozenset(files)
    numbers = {
        number: place.name
        for number, place in enumerate(tally.places)
        if place.stage is Stage.LANDED and place.name in wanted
    }
    not_loaded = {each.request_id: each for each in comparison.differences if each.kind is Kind.NOT_LOADED}
    records: dict[str, int] = {}
    missing: dict[str, int] = {}
    overdue: set[str] = set()
    for request_id, request in tally.requests.items() if numbers else ():
        for number, indexes in zip(request.places[::2], request.places[1::2], strict=True):
            if key := numbers.get(number):
                records[key] = records.get(key, 0) + indexes.bit_count()
                difference = not_loaded.get(request_id)
                if difference is not None and indexes & difference.indexes:
                    missing[key] = missing.get(key, 0) + (indexes & difference.indexes).bit_count()
                    overdue |= set() if difference.settling else {key}
    return records, missing, missing.keys() - overdue
