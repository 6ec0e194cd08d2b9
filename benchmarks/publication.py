"""What becomes of a run's figures. Pure."""

from enum import Enum, auto

from benchmarks.plan import FULL, Plan


class Publication(Enum):
    """Each run's figures are kept in a file of their own; beyond that:

    Attributes:
        NOTHING: no more than that.
        REPORT: they become docs/benchmarks.md and its picture.
        ALL: they become the README's table too, and the last results, from which `--readme` makes it again.
    """

    NOTHING = auto()
    REPORT = auto()
    ALL = auto()


def publication(plan: Plan, *, parts: bool, latency_ms: float, any_load: bool, write: bool) -> Publication:
    """All of a full run as it is by default; by `write` also when the machine was not asked to be quiet.

    By `write` the report alone is made of any other run that has all parts; it says how it was made.
    """
    if parts:
        return Publication.NOTHING
    if plan == FULL and not latency_ms and (write or not any_load):
        return Publication.ALL
    return Publication.REPORT if write else Publication.NOTHING
