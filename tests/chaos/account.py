"""What was sent, and what each answer said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ACCEPTED, REJECTED, RETRY = "accepted", "rejected", "retry"


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        payload: as it was sent.
        reason: what it deserves to be rejected for; None if it deserves to be loaded.
    """

    payload: bytes
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is a receipt.

    Attributes:
        accepted, rejected: its counts.
        told: status and reason by index, of the records that it names.
    """

    status: int
    request_id: str
    accepted: int
    rejected: int
    told: Mapping[int, tuple[str, str]]

    def status_of(self, index: int) -> str:
        """What it says of a record."""
        return self.told[index][0] if index in self.told else ACCEPTED


@dataclass(slots=True)
class Posting:
    """A request, sent once or, with a key, several times.

    Attributes:
        number: of the planned request that it comes from.
        is_whole: whether its body can be taken apart.
        answers: the receipts that came back. Without a key there is at most one.
        lost: why tries ended without one; their outcome is unknown.
        strange: answers that are neither.
    """

    number: int
    key: str | None
    records: Sequence[Record]
    is_whole: bool = True
    answers: list[Answer] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether an answer left nothing to retry."""
        return any(all(status != RETRY for status, _ in answer.told.values()) for answer in self.answers)


@dataclass(slots=True)
class Account:
    """All that was sent. Postings are added and changed by many threads, each by one operation of a list."""

    postings: list[Posting] = field(default_factory=list)

    def open(self, posting: Posting) -> Posting:
        """Note a request before it is sent."""
        self.postings.append(posting)
        return posting
