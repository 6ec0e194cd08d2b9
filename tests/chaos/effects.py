"""Whether the faults of a run did anything: what never happened was not survived. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.schedule import Kind
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule

SHARE = 0.3
RULES: Mapping[Kind, Sequence[Rule]] = {
    Kind.CUT_AFTER: (
        Rule(PUT_RECORDS, Fault.CUT_AFTER, probability=SHARE),
        Rule(PUT_OBJECT, Fault.CUT_AFTER, probability=SHARE),
    ),
    Kind.BUCKET_DENIED: (Rule("s3.*", Fault.DENY),),
    Kind.THROTTLE_ALL: (Rule("kinesis.*", Fault.THROTTLE),),
    # Whole calls, and of the others entries.
    Kind.THROTTLE_SOME: (
        Rule(PUT_RECORDS, Fault.THROTTLE, probability=SHARE / 2),
        Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=SHARE),
    ),
}
"""What the proxy does during a fault. No two are equal, and each has to be met by a call."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What the faults did.

    Attributes:
        begun: the faults.
        hits: how many calls met each rule of the proxy.
        spilled: records that receipts call spilled.
        opened: how often a breaker opened.
        killed: replays that were killed before their end.
    """

    begun: Sequence[Kind] = ()
    hits: Mapping[Rule, int] = field(default_factory=dict)
    spilled: int = 0
    opened: int = 0
    killed: int = 0


def missing(effects: Effects) -> Iterator[tuple[str, str]]:
    """Faults that begun and had not the effect that makes them one, and what that is."""
    for kind in Kind:
        if kind not in effects.begun:
            continue
        for rule in RULES.get(kind, ()):
            if not effects.hits.get(rule):
                yield kind, f"no call met {rule.operation} {rule.fault.value}"
    if Kind.THROTTLE_ALL in effects.begun:
        if not effects.spilled:
            yield Kind.THROTTLE_ALL, "nothing was spilled"
        if not effects.opened:
            yield Kind.THROTTLE_ALL, "no breaker opened"
    if Kind.REPLAY in effects.begun and not effects.killed:
        yield Kind.REPLAY, "every replay ended before it was killed"
