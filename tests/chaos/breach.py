"""What can be wrong at the end of a run."""

from dataclasses import dataclass
from enum import StrEnum


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
    NOT_REPLAYED = "rejected and mended, but not replayed"
    NOT_TO_REPLAY = "marked replayed, but no rejected record that was to be"
    REPLAY = "the last sluice replay is not content"
    RECONCILE = "sluice reconcile is not content, or compares something else"
    NOT_QUIET = "the pipeline did not come to rest"
    NO_EFFECT = "a fault without effect"


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
