"""A seed is a plan: the same one again, all kinds of things in it, and bodies that deserve what they are said to."""

import gzip
from collections import Counter

import pytest

from app.content import Framing
from app.envelope import Origin, StreamLines
from app.framing import split
from app.validation import Rejected, judge
from tests.chaos.bodies import body_of
from tests.chaos.schedule import LAST_FAULT, Form, Kind, Way, make_plan
from tests.support.rejected import FIRST

RECORDS = 20_000
SEEDS = range(3)


def test_the_same_seed_gives_the_same_plan() -> None:
    assert make_plan(7, RECORDS) == make_plan(7, RECORDS)
    assert make_plan(7, RECORDS) != make_plan(8, RECORDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_has_all_kinds_of_requests_and_faults(seed: int) -> None:
    plan = make_plan(seed, RECORDS)
    requests = {step.number: step for step in plan.steps}.values()
    assert {request.form for request in requests} == set(Form)
    assert {request.way for request in requests} == set(Way)
    assert Counter(fault.kind for fault in plan.faults) == dict.fromkeys(Kind, 1)
    assert [fault.at for fault in plan.faults] == sorted(fault.at for fault in plan.faults)
    assert all(0 < fault.at <= LAST_FAULT for fault in plan.faults)
    numbers = [number for each in requests for number in range(each.first, each.first + each.records)]
    assert sorted(numbers) == list(range(len(numbers)))
    assert len(numbers) >= RECORDS


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_several_times_has_a_key(seed: int) -> None:
    plan = make_plan(seed, RECORDS)
    times = Counter(step.number for step in plan.steps)
    repeated = [step for step in plan.steps if times[step.number] > 1 or step.copies > 1 or step.again]
    assert len(repeated) > 10
    assert all(step.keyed for step in repeated)


def test_more_records_have_more_faults() -> None:
    assert len(make_plan(1, 200_000).faults) == 3 * len(Kind)
    assert len(make_plan(1, RECORDS, faults=5).faults) == 5


def test_no_two_records_are_alike() -> None:
    requests = {step.number: step for step in make_plan(1, RECORDS).steps}.values()
    payloads = Counter(record.payload.strip() for request in requests for record in body_of(request).records)
    assert max(payloads.values()) == 1, "a record that were taken for another would not be seen"


def test_a_body_deserves_what_it_is_said_to() -> None:
    """By the gateway's own code, but for what schemas say."""
    origin = Origin("0" * 36, FIRST, "anonymous", None, None)
    judged = Counter[str]()
    for request in make_plan(1, RECORDS).steps:
        body = body_of(request)
        if not body.is_whole:
            continue
        content = gzip.decompress(body.content) if body.headers else body.content
        framing = Framing.NDJSON if body.media == "ndjson" else Framing.JSON
        assert [raw.strip() for raw in split(content, framing, 1_000)] == [
            each.payload.strip() for each in body.records
        ]
        if request.form in {Form.UNKNOWN_SCHEMA, Form.ORDERS}:
            continue
        for record in body.records:
            verdict = judge(record.payload, StreamLines(origin).room(0), None)
            assert (verdict.reason if isinstance(verdict, Rejected) else None) == record.reason
            judged[record.reason or ""] += 1
    assert len(judged) == 9, "good ones, and eight reasons"
