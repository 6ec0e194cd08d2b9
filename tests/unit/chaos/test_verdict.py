"""The chaos run's verdict finds every kind of breach, and nothing where all is well."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.chaos.account import REJECTED, RETRY, Account, Answer, Posting, Record
from tests.chaos.seen import Kept, Reconciled, Seen
from tests.chaos.verdict import What, breaches

KEYED, UNKEYED, BROKEN, RETRIED, STRAY = ("keyed", "unkeyed", "broken", "retried", "stray")
GOOD = [Record(b'{"id":1}'), Record(b' {"id":2.50}')]
BAD = Record(b'{"v":1}', "missing_id")
MIXED = [*GOOD, BAD]
NO_JSON = Record(b'{"id":', "malformed_json")
REJECTION = {2: (REJECTED, "missing_id")}
CONTENT = Reconciled(0, "")
UNKNOWN = Record(b'{"id":"unknown"}')


def rows() -> list[tuple[str, str]]:
    both = [(f"{name}-{index}", MIXED[index].payload.decode().strip()) for name in (KEYED, UNKEYED) for index in (0, 1)]
    return [*both, ("retried-0", '{"id":1}'), ("stray-0", '{"id":"unknown"}')]


def kept() -> dict[str, list[Kept]]:
    return {
        "keyed-2": [Kept("missing_id", BAD.payload)] * 2,
        "unkeyed-2": [Kept("missing_id", BAD.payload)],
        "broken-0": [Kept("malformed_json", NO_JSON.payload)],
    }


@dataclass
class World:
    """A run in which all is well: two requests answered, one that is no JSON, one not confirmed, one without an answer;
    the keyed one landed twice."""

    keyed: Posting = field(
        default_factory=lambda: Posting(
            1,
            "key",
            MIXED,
            answers=[
                Answer(503, KEYED, 1, 1, {1: (RETRY, "stream_unavailable"), **REJECTION}),
                Answer(207, KEYED, 2, 1, REJECTION),
            ],
        )
    )
    unkeyed: Posting = field(
        default_factory=lambda: Posting(2, None, MIXED, answers=[Answer(207, UNKEYED, 2, 1, REJECTION)])
    )
    broken: Posting = field(
        default_factory=lambda: Posting(
            3, None, [NO_JSON], False, [Answer(400, BROKEN, 0, 1, {0: (REJECTED, "malformed_json")})]
        )
    )
    retried: Posting = field(
        default_factory=lambda: Posting(
            4, None, GOOD, answers=[Answer(503, RETRIED, 0, 0, dict.fromkeys((0, 1), (RETRY, "stream_unavailable")))]
        )
    )
    lost: Posting = field(default_factory=lambda: Posting(5, None, [UNKNOWN], lost=["RemoteDisconnected"]))
    rows: list[tuple[str, str]] = field(default_factory=rows)
    landed: dict[str, list[bytes]] = field(default_factory=dict)
    kept: dict[str, list[Kept]] = field(default_factory=kept)
    replayed: set[str] = field(default_factory=set)
    spilled: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    reconciled: Reconciled = CONTENT

    def __post_init__(self) -> None:
        sent = {"retried-0": GOOD[0], "stray-0": UNKNOWN}
        sent |= {f"{name}-{index}": MIXED[index] for name in (KEYED, UNKEYED) for index in (0, 1)}
        self.landed = {ingest_id: [record.payload] for ingest_id, record in sent.items()}
        self.landed["keyed-0"] *= 2
        self.accepted = {"keyed-0", "keyed-1", "unkeyed-0", "unkeyed-1"}
        self.rejected = {"keyed-2", "unkeyed-2", "broken-0"}
        self.summary = {"accepted": 4, "rejected": 3, "spilled": 0, "streamed": 6, "landed": 6, "loaded": 6}

    def found(self) -> set[What]:
        account = Account([self.keyed, self.unkeyed, self.broken, self.retried, self.lost])
        seen = Seen(
            self.rows,
            self.landed,
            self.kept,
            self.replayed,
            self.spilled,
            self.skipped,
            (self.accepted, self.rejected),
            self.summary,
            self.reconciled,
        )
        return {breach.what for breach in breaches(account, seen)}

    def load(self, ingest_id: str, payload: bytes) -> None:
        """A row, and the line of the landing file that it comes from; counted."""
        self.rows.append((ingest_id, payload.decode()))
        self.landed[ingest_id] = [payload]
        for stage in ("streamed", "landed", "loaded"):
            self.summary[stage] += 1

    def unload(self, ingest_id: str) -> None:
        self.rows = [row for row in self.rows if row[0] != ingest_id]
        self.landed.pop(ingest_id)
        for stage in ("streamed", "landed", "loaded"):
            self.summary[stage] -= 1


def test_a_run_in_which_all_is_well() -> None:
    assert World().found() == set()


def unanswered_key(world: World) -> None:
    world.keyed.answers.pop()
    world.unload("keyed-1")


def never_reached(world: World) -> None:
    world.lost.lost.clear()
    world.unload("stray-0")


def strange(world: World) -> None:
    world.lost.strange.append("500 Internal Server Error")


def accepted_but_bad(world: World) -> None:
    world.unkeyed.answers = [Answer(202, UNKEYED, 3, 0, {})]
    world.kept.pop("unkeyed-2")
    world.summary["rejected"] -= 1
    world.accepted.add("unkeyed-2")
    world.summary["accepted"] += 1
    world.load("unkeyed-2", BAD.payload)


def rejected_for_another_reason(world: World) -> None:
    world.unkeyed.answers = [Answer(207, UNKEYED, 2, 1, {2: (REJECTED, "null_id")})]


def wrong_counts(world: World) -> None:
    world.unkeyed.answers = [replace(world.unkeyed.answers[0], accepted=3)]


def wrong_status(world: World) -> None:
    world.unkeyed.answers = [replace(world.unkeyed.answers[0], status=202)]


def a_result_too_many(world: World) -> None:
    world.unkeyed.answers = [replace(world.unkeyed.answers[0], told={**REJECTION, 3: (REJECTED, "missing_id")})]


def two_ids_for_a_key(world: World) -> None:
    world.keyed.answers.append(Answer(207, "other", 2, 1, REJECTION))
    for index in (0, 1):
        world.load(f"other-{index}", MIXED[index].payload)
        world.accepted.add(f"other-{index}")
    world.summary["accepted"] += 2
    world.kept["other-2"] = [Kept("missing_id", BAD.payload)]
    world.rejected.add("other-2")
    world.summary["rejected"] += 1


def lost(world: World) -> None:
    world.unload("keyed-1")


def twice(world: World) -> None:
    world.rows.append(world.rows[0])


def not_landed(world: World) -> None:
    world.landed.pop("unkeyed-0")
    world.summary["landed"] -= 1


def not_kept(world: World) -> None:
    world.kept.pop("unkeyed-2")
    world.summary["rejected"] -= 1


def rejected_and_loaded(world: World) -> None:
    world.load("unkeyed-2", BAD.payload)


def changed_row(world: World) -> None:
    world.rows[1] = ("keyed-1", '{"id":2.500000000000000000001}')


def changed_file(world: World) -> None:
    world.landed["keyed-0"][1] = b'{"id":1.0}'


def changed_error_line(world: World) -> None:
    world.kept["keyed-2"][1] = Kept("missing_id", b'{"v": 1}')


def changed_reason(world: World) -> None:
    world.kept["keyed-2"][1] = Kept("null_id", BAD.payload)


def made_up(world: World) -> None:
    world.load("made-up-0", b'{"id":1}')


def made_up_once_more_than_sent(world: World) -> None:
    world.load("stray-1", UNKNOWN.payload)


def made_up_rejection(world: World) -> None:
    world.kept["made-up-0"] = [Kept("malformed_json", UNKNOWN.payload)]
    world.summary["rejected"] += 1


def spilled(world: World) -> None:
    world.spilled.append("spill/dt=2026-11-23/hr=02/x.ndjson")
    world.summary["spilled"] += 1


def skipped(world: World) -> None:
    world.skipped.append(("x.json", "Error parsing JSON"))


def no_receipt(world: World) -> None:
    world.accepted.remove("keyed-0")
    world.summary["accepted"] -= 1


def no_receipt_of_a_rejection(world: World) -> None:
    world.rejected.remove("keyed-2")


def otherwise_counted(world: World) -> None:
    world.summary["loaded"] -= 1


def not_reconciled(world: World) -> None:
    world.reconciled = Reconciled(1, "3 records are missing")


BREAKS: dict[Callable[[World], None], set[What]] = {
    unanswered_key: {What.UNANSWERED},
    never_reached: {What.UNANSWERED},
    strange: {What.STRANGE},
    accepted_but_bad: {What.MISJUDGED},
    rejected_for_another_reason: {What.MISJUDGED},
    wrong_counts: {What.MISCOUNTED},
    wrong_status: {What.MISCOUNTED},
    a_result_too_many: {What.MISCOUNTED},
    two_ids_for_a_key: {What.OTHER_IDS},
    lost: {What.LOST},
    twice: {What.TWICE},
    not_landed: {What.NOT_LANDED},
    not_kept: {What.NOT_KEPT},
    rejected_and_loaded: {What.LOADED, What.IN_BOTH},
    changed_row: {What.CHANGED},
    changed_file: {What.CHANGED},
    changed_error_line: {What.CHANGED},
    changed_reason: {What.CHANGED},
    made_up: {What.MADE_UP},
    made_up_once_more_than_sent: {What.MADE_UP},
    made_up_rejection: {What.MADE_UP},
    spilled: {What.SPILLED},
    skipped: {What.SKIPPED},
    no_receipt: {What.NO_RECEIPT},
    no_receipt_of_a_rejection: {What.NO_RECEIPT},
    otherwise_counted: {What.COUNTS},
    not_reconciled: {What.RECONCILE},
}


@pytest.mark.parametrize("plant", BREAKS, ids=lambda plant: str(plant.__name__))
def test_a_breach(plant: Callable[[World], None]) -> None:
    world = World()
    plant(world)
    assert world.found() == BREAKS[plant]


def test_every_kind_of_breach_is_planted_here() -> None:
    assert set().union(*BREAKS.values()) == set(What)


def test_a_record_that_is_marked_replayed_may_be_in_both() -> None:
    world = World()
    world.load("unkeyed-2", b'{"v":1,"id":"mended"}')
    world.replayed.add("unkeyed-2")
    assert world.found() == set()


def test_numbers_are_compared_to_their_last_digit_and_not_by_their_spelling() -> None:
    world = World()
    world.rows[1] = ("keyed-1", '{ "id": 2.5 }')
    assert world.found() == set()


def test_white_space_around_a_record_is_not_its_own() -> None:
    world = World()
    world.landed["keyed-1"] = [b'{"id":2.50}']
    world.kept["keyed-2"] = [Kept("missing_id", b'{"v":1} ')]
    assert world.found() == set()
