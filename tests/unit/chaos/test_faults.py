"""What the chaos run tells Snowpipe is what S3 would, and each kind of fault is something that can be done."""

from local_pipeline.snowpipe.notifications import parse
from tests.chaos.effects import RULES
from tests.chaos.faults import VICTIMS, event_of
from tests.chaos.schedule import SECONDS, Kind

KEYS = ["records/dt=2026-11-23/hr=08/a b+c.json", "records/\u00fc.json.gz"]


def test_a_copied_notification_reads_as_the_real_one() -> None:
    told = parse(event_of("landing", KEYS))
    assert [(each.bucket, each.key) for each in told] == [("landing", key) for key in KEYS]


def test_every_kind_of_fault_is_known_and_those_that_last_end() -> None:
    moments = {Kind.NOTIFY_AGAIN, *VICTIMS}
    assert {*RULES, *moments, Kind.KILL_OWN, Kind.SECOND_DRAIN, Kind.REPLAY} == set(Kind)
    assert set(Kind) - moments == SECONDS.keys()


def test_each_rule_of_the_proxy_is_counted_by_itself() -> None:
    rules = [rule for of_kind in RULES.values() for rule in of_kind]
    assert len(set(rules)) == len(rules)
