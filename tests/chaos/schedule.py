"""What a run will do, all of it from its seed. Pure: the same seed and size give the same plan.

When things happen is said in shares of the records sent, so that a slow machine sees the same faults as a fast one.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from tests.support import varied

T = TypeVar("T")
MOST_LINES = 1_000
FEWEST_LINES = 50  # at the most, so that a small load has many requests too
MOST_LINES_OF_API = 200  # one container, one request at a time
ROUND = 75_000  # records for each of which every kind of fault comes once
LAST_FAULT = 0.93  # of the records


class Way(StrEnum):
    """Where a request goes."""

    OWN = "own"  # a gateway of the harness, behind the proxy
    PIPELINE = "pipeline"  # the pipeline's own gateway, the one that drains
    API = "api"  # HTTP API and Lambda handler


class Form(StrEnum):
    """What a request's body is."""

    SINGLE = "single"
    ARRAY = "array"
    NDJSON = "ndjson"
    GZIP = "gzip"
    ORDERS = "orders"  # judged by a schema, some against it
    UNKNOWN_SCHEMA = "unknown schema"
    OVERSIZED = "oversized"  # one record that no stream takes among good ones
    BROKEN = "broken"  # application/json that is none
    BROKEN_GZIP = "broken gzip"


WAYS = {Way.OWN: 80, Way.PIPELINE: 12, Way.API: 8}
FORMS = {
    Form.SINGLE: 300,
    Form.ARRAY: 200,
    Form.NDJSON: 280,
    Form.GZIP: 140,
    Form.ORDERS: 40,
    Form.UNKNOWN_SCHEMA: 10,
    Form.OVERSIZED: 4,
    Form.BROKEN: 16,
    Form.BROKEN_GZIP: 10,
}
MOST_RECORDS = {Form.ARRAY: 100, Form.NDJSON: MOST_LINES, Form.GZIP: MOST_LINES, Form.ORDERS: 50}
ONE_RECORD = {Form.SINGLE, Form.BROKEN, Form.BROKEN_GZIP}
FIRST_BAD = {Form.NDJSON: 0, Form.GZIP: 0, Form.ARRAY: 4, Form.SINGLE: 6}
"""Which of `varied.BAD` a form can hold, from here on: one that is no JSON spoils an array, and one that is an array is
a batch by itself."""


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request, and how its client sends it.

    Attributes:
        first: number of its first record; no two records of a plan have the same.
        bad: number of the bad record by index, in place of the good one.
        keyed: whether it carries an Idempotency-Key.
        copies: how often it is sent at once; more than once only with a key.
        again: how often it is sent once more though it was answered; only with a key.
    """

    number: int
    way: Way
    form: Form
    first: int
    records: int
    bad: dict[int, int]
    keyed: bool
    copies: int
    again: int


class Kind(StrEnum):
    """A fault."""

    THROTTLE_SOME = "30% of the stream throttled"
    THROTTLE_ALL = "the stream throttled"
    CUT_AFTER = "connections cut after the write"
    BUCKET_DENIED = "error bucket denied"
    KILL_OWN = "kill -9 of the gateway behind the proxy"
    KILL_GATEWAY = "kill -9 of the pipeline's gateway"
    KILL_LAMBDA = "kill -9 of the Lambda host"
    KILL_FIREHOSE = "kill -9 of Firehose"
    KILL_SNOWPIPE = "kill -9 of Snowpipe"
    NOTIFY_AGAIN = "notifications again, out of order"
    SECOND_DRAIN = "a second drain, killed"
    REPLAY = "a replay of rejected records, killed"


SECONDS = {
    Kind.THROTTLE_SOME: (3.0, 10.0),
    Kind.THROTTLE_ALL: (3.0, 8.0),
    Kind.CUT_AFTER: (2.0, 6.0),
    Kind.BUCKET_DENIED: (2.0, 6.0),
    Kind.KILL_OWN: (0.0, 2.0),  # until it is started again
    Kind.SECOND_DRAIN: (1.0, 4.0),  # until it is killed
    Kind.REPLAY: (1.0, 4.0),  # likewise
}


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault.

    Attributes:
        at: the share of the records that has been sent by then.
        seconds: how long it lasts; 0 for what happens in a moment.
        seed: for what it does at random itself.
    """

    kind: Kind
    at: float
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    Attributes:
        steps: the requests in the order in which they are sent; one that comes again, with its key, is sent again late.
        faults: by `at`.
    """

    seed: int
    steps: Sequence[PlannedRequest]
    faults: Sequence[PlannedFault]


def make_plan(seed: int, records: int, faults: int | None = None) -> Plan:
    """A plan for at least `records` records, and as many `faults` (as its size asks for unless said).

    Every kind comes as often as every other, give or take one.
    """
    chance = random.Random(seed)  # noqa: S311
    requests = list(_requests(chance, records))
    return Plan(seed, _with_late_ones(chance, requests), _faults(chance, _usual(records) if faults is None else faults))


def _usual(records: int) -> int:
    return max(1, round(records / ROUND)) * len(Kind)


def _requests(chance: random.Random, records: int) -> Iterator[PlannedRequest]:
    number = first = 0
    most_lines = max(FEWEST_LINES, min(MOST_LINES, records // 100))
    while first < records:
        way = _one_of(chance, WAYS)
        form = _one_of(chance, FORMS)
        if form is Form.OVERSIZED:
            way = Way.OWN
        count = _count(chance, form, MOST_LINES_OF_API if way is Way.API else most_lines)
        keyed = chance.random() < 0.6
        yield PlannedRequest(
            number=number,
            way=way,
            form=form,
            first=first,
            records=count,
            bad=_bad(chance, form, first, count),
            keyed=keyed,
            copies=chance.choices((1, 2, 3), (90, 6, 4))[0] if keyed else 1,
            again=chance.choices((0, 1, 2), (90, 8, 2))[0] if keyed else 0,
        )
        number += 1
        first += count


def _one_of(chance: random.Random, weights: dict[T, int]) -> T:
    return chance.choices(list(weights), list(weights.values()))[0]


def _count(chance: random.Random, form: Form, most_lines: int) -> int:
    if form in ONE_RECORD:
        return 1
    most = min(MOST_RECORDS.get(form, 20), most_lines)
    return int(2.0 * (most / 2) ** chance.random())  # as many of 2 to 20 as of 20 to 200


def _bad(chance: random.Random, form: Form, first: int, count: int) -> dict[int, int]:
    """The bad ones' numbers are their own records', moved on to a kind that the form can hold."""
    if form in {Form.UNKNOWN_SCHEMA, Form.BROKEN, Form.BROKEN_GZIP}:
        return {}
    if form is Form.OVERSIZED:
        return {chance.randrange(count): first}
    share = chance.choices((0.0, 0.04, 1.0), (70, 28, 2))[0]
    if form is Form.SINGLE:
        share = 0.1
    indexes = [index for index in range(count) if chance.random() < share]
    return {index: _bad_number(chance, form, first + index) for index in indexes}


def _bad_number(chance: random.Random, form: Form, number: int) -> int:
    kinds = len(varied.BAD)
    return number * kinds + chance.randrange(FIRST_BAD.get(form, 0), kinds)


def _with_late_ones(chance: random.Random, requests: Sequence[PlannedRequest]) -> list[PlannedRequest]:
    """Some keyed ones a second time, 10 to 200 requests later."""
    late = [request for request in requests if request.keyed and chance.random() < 0.05]
    moments = {request.number: request.number + chance.randint(10, 200) for request in late}
    order = [(request.number, 0, request) for request in requests]
    order += [(moments[request.number], 1, request) for request in late]
    return [request for _, _, request in sorted(order, key=lambda each: each[:2])]


def _faults(chance: random.Random, count: int) -> list[PlannedFault]:
    kinds: list[Kind] = []
    while len(kinds) < count:
        kinds += chance.sample(list(Kind), len(Kind))
    return sorted(
        (
            PlannedFault(
                kind,
                at=chance.uniform(0.02, LAST_FAULT),
                seconds=chance.uniform(*SECONDS.get(kind, (0.0, 0.0))),
                seed=chance.randrange(2**32),
            )
            for kind in kinds[:count]
        ),
        key=lambda fault: fault.at,
    )
