"""The chaos run's verdict finds every kind of breach, and nothing where all is well."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.chaos.account import REJECTED, RETRY, Account, Answer, Posting, Record
from tests.chaos.breach import What
from tests.chaos.commands import Ran
from tests.chaos.effects import RULES, Effects
from tests.chaos.schedule import Kind
from tests.chaos.seen import Kept, Seen
from tests.chaos.verdict import breaches

KEYED, UNKEYED, BROKEN, RETRIED, STRAY = ("keyed", "unkeyed", "broken", "retried", "stray")
GOOD = [Record(b'{"id":1}'), Record(b' {"id":2.50}')]
BAD = Record(b'{"v":1}', "missing_id")
MIXED = [*GOOD, BAD]
NO_JSON = Record(b'{"id":', "malformed_json")
REJECTION = {2: (REJECTED, "missing_id")}
DONE = Ran(0)
REPLAYED = ("keyed-2", "unkeyed-2")
EFFECTS = Effects(tuple(Kind), {rule: 1 for rules in RULES.values() for rule in rules}, spilled=1, opened=1, killed=1)
UNKNOWN = Record(b'{"id":"unknown"}')


def rows() -> list[tuple[str, str]]:
    both = [(f"{name}-{index}", MIXED[index].payload.decode().strip()) for name in (KEYED, UNKEYED) for index in (0, 1)]
    mended = [(ingest_id, mended_of(ingest_id).decode()) for ingest_id in REPLAYED]
    return [*both, *mended, ("retried-0", '{"id":1}'), ("stray-0", '{"id":"unknown"}')]


def mended_of(ingest_id: str) -> bytes:
    return b'{"v":1,"id":"%b"}' % ingest_id.encode()


def said() -> dict[str, Any]:
    """What reconcile says of it."""
    total = {"accepted": 4, "loaded": 8, "missing": 0, "settling": 0}
    return {"clean": True, "left_out": [], "total": total, "explained": {"no_receipt": 1}}


def kept() -> dict[str, list[Kept]]:
    return {
        "keyed-2": [Kept("missing_id", BAD.payload)] * 2,
        "unkeyed-2": [Kept("missing_id", BAD.payload)],
        "broken-0": [Kept("malformed_json", NO_JSON.payload)],
    }


@dataclass
class World:
    """A run in which all is well: two requests answered, one that is no JSON, one not confirmed, one without an answer;
    the keyed one landed twice; both bad records are
    replayed, the one that is no JSON is not; every fault had an effect."""

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
    replayed: set[str] = field(default_factory=lambda: set(REPLAYED))
    spilled: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=said)
    reconciled: Ran | None = None
    replay: Ran = DONE
    quiet: bool = True
    effects: Effects = EFFECTS

    def __post_init__(self) -> None:
        sent = {"retried-0": GOOD[0], "stray-0": UNKNOWN}
        sent |= {f"{name}-{index}": MIXED[index] for name in (KEYED, UNKEYED) for index in (0, 1)}
        self.landed = {ingest_id: [record.payload] for ingest_id, record in sent.items()}
        self.landed["keyed-0"] *= 2
        self.landed |= {ingest_id: [mended_of(ingest_id)] for ingest_id in REPLAYED}
        self.accepted = {"keyed-0", "keyed-1", "unkeyed-0", "unkeyed-1"}
        self.rejected = {"keyed-2", "unkeyed-2", "broken-0"}
        self.summary = {"accepted": 4, "rejected": 3, "spilled": 0, "streamed": 8, "landed": 8, "loaded": 8}

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
            self.reconciled or Ran(0, json.dumps(self.said)),
            self.replay,
            self.quiet,
            self.effects,
        )
        return {breach.what for breach in breaches(account, seen)}

    def load(self, ingest_id: str, payload: bytes) -> None:
        """A row, and the line of the landing file that it comes from; counted."""
        self.rows.append((ingest_id, payload.decode()))
        self.landed[ingest_id] = [payload]
        self._count(1)

    def unload(self, ingest_id: str) -> None:
        self.rows = [row for row in self.rows if row[0] != ingest_id]
        self.landed.pop(ingest_id)
        self._count(-1)

    def accept(self, ingest_id: str) -> None:
        """In a receipt; counted."""
        self.accepted.add(ingest_id)
        self.summary["accepted"] += 1
        self.said["total"]["accepted"] += 1

    def _count(self, more: int) -> None:
        for stage in ("streamed", "landed", "loaded"):
            self.summary[stage] += more
        self.said["total"]["loaded"] += more


def test_a_run_in_which_all_is_well() -> None:
    assert World().found() == set()


def unanswered_key(world: World) -> None:
    world.keyed.answers.pop()
    world.unload("keyed-1")


def never_reached(world: World) -> None:
    world.lost.lost.clear()
    world.unload("stray-0")
    world.said["explained"]["no_receipt"] = 0


def strange(world: World) -> None:
    world.lost.strange.append("500 Internal Server Error")


def accepted_but_bad(world: World) -> None:
    world.unkeyed.answers = [Answer(202, UNKEYED, 3, 0, {})]
    world.kept.pop("unkeyed-2")
    world.summary["rejected"] -= 1
    world.replayed.remove("unkeyed-2")
    world.accept("unkeyed-2")
    world.unload("unkeyed-2")
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
        world.accept(f"other-{index}")
    world.kept["other-2"] = [Kept("missing_id", BAD.payload)]
    world.rejected.add("other-2")
    world.replayed.add("other-2")
    world.load("other-2", mended_of("other-2"))
    world.summary["rejected"] += 1


def lost(world: World) -> None:
    world.unload("keyed-1")


def twice(world: World) -> None:
    world.rows.append(world.rows[0])


def not_landed(world: World) -> None:
    world.landed.pop("unkeyed-0")
    world.summary["landed"] -= 1


def not_kept(world: World) -> None:
    world.kept.pop("broken-0")
    world.summary["rejected"] -= 1


def rejected_and_loaded(world: World) -> None:
    world.load("broken-0", NO_JSON.payload)


def error_line_gone(world: World) -> None:
    world.kept.pop("unkeyed-2")
    world.summary["rejected"] -= 1


def changed_row(world: World) -> None:
    world.rows[1] = ("keyed-1", '{"id":2.500000000000000000001}')


def changed_file(world: World) -> None:
    world.landed["keyed-0"][1] = b'{"id":1.0}'


def changed_error_line(world: World) -> None:
    world.kept["keyed-2"][1] = Kept("missing_id", b'{"v": 1}')


def changed_reason(world: World) -> None:
    world.kept["keyed-2"][1] = Kept("null_id", BAD.payload)


def mended_otherwise(world: World) -> None:
    world.unload("unkeyed-2")
    world.load("unkeyed-2", b'{"v":1,"id":"mended"}')


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
    world.said["total"]["accepted"] -= 1


def no_receipt_of_a_rejection(world: World) -> None:
    world.rejected.remove("keyed-2")


def otherwise_counted(world: World) -> None:
    world.summary["loaded"] -= 1


def not_reconciled(world: World) -> None:
    world.reconciled = Ran(1, json.dumps(world.said))


def reconciled_without_json(world: World) -> None:
    world.reconciled = Ran(0, "Clean: 4 accepted, nothing is missing.")


def reconciled_without_a_member(world: World) -> None:
    del world.said["explained"]["no_receipt"]


def reconciled_uncleanly(world: World) -> None:
    world.said["clean"] = False


def reconciled_too_early(world: World) -> None:
    world.said["total"]["settling"] = 1


def reconciled_without_a_stage(world: World) -> None:
    world.said["left_out"].append("the stream was not read")


def reconciled_nothing(world: World) -> None:
    world.said["total"] = dict.fromkeys(world.said["total"], 0)


def reconciled_other_receipts(world: World) -> None:
    world.said["total"]["accepted"] -= 1


def reconciled_other_rows(world: World) -> None:
    world.said["total"]["loaded"] += 1


def reconciled_without_receipts(world: World) -> None:
    world.said["explained"]["no_receipt"] = 2


def reconciled_without_a_receipt_that_is_there(world: World) -> None:
    world.accept("stray-0")


def not_marked(world: World) -> None:
    world.replayed.remove("unkeyed-2")


def marked_and_not_loaded(world: World) -> None:
    world.unload("unkeyed-2")


def replayed_twice(world: World) -> None:
    world.rows.append(next(row for row in world.rows if row[0] == "unkeyed-2"))


def never_replayed(world: World) -> None:
    for ingest_id in REPLAYED:
        world.unload(ingest_id)
    world.replayed.clear()


def another_marked(world: World) -> None:
    world.replayed.add("broken-0")


def another_marked_and_loaded(world: World) -> None:
    world.replayed.add("broken-0")
    world.load("broken-0", NO_JSON.payload)


def an_accepted_one_marked(world: World) -> None:
    world.replayed.add("keyed-0")


def replay_failed(world: World) -> None:
    world.replay = Ran(3, "1 record is rejected still")


def not_quiet(world: World) -> None:
    world.quiet = False


def unmet_rule(world: World) -> None:
    _, *others = EFFECTS.hits
    world.effects = replace(EFFECTS, hits=dict.fromkeys(others, 1))


def nothing_spilled(world: World) -> None:
    world.effects = replace(EFFECTS, spilled=0)


def no_breaker_opened(world: World) -> None:
    world.effects = replace(EFFECTS, opened=0)


def no_replay_killed(world: World) -> None:
    world.effects = replace(EFFECTS, killed=0)


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
    error_line_gone: {What.NOT_KEPT, What.NOT_TO_REPLAY},
    changed_row: {What.CHANGED},
    changed_file: {What.CHANGED},
    changed_error_line: {What.CHANGED},
    changed_reason: {What.CHANGED},
    mended_otherwise: {What.CHANGED},
    made_up: {What.MADE_UP},
    made_up_once_more_than_sent: {What.MADE_UP},
    made_up_rejection: {What.MADE_UP},
    spilled: {What.SPILLED},
    skipped: {What.SKIPPED},
    no_receipt: {What.NO_RECEIPT},
    no_receipt_of_a_rejection: {What.NO_RECEIPT},
    otherwise_counted: {What.COUNTS},
    not_reconciled: {What.RECONCILE},
    reconciled_without_json: {What.RECONCILE},
    reconciled_without_a_member: {What.RECONCILE},
    reconciled_uncleanly: {What.RECONCILE},
    reconciled_too_early: {What.RECONCILE},
    reconciled_without_a_stage: {What.RECONCILE},
    reconciled_nothing: {What.RECONCILE},
    reconciled_other_receipts: {What.RECONCILE},
    reconciled_other_rows: {What.RECONCILE},
    reconciled_without_receipts: {What.RECONCILE},
    reconciled_without_a_receipt_that_is_there: {What.RECONCILE},
    not_marked: {What.NOT_REPLAYED, What.LOADED, What.IN_BOTH, What.CHANGED},
    marked_and_not_loaded: {What.NOT_REPLAYED},
    replayed_twice: {What.TWICE},
    never_replayed: {What.NOT_REPLAYED},
    another_marked: {What.NOT_TO_REPLAY},
    another_marked_and_loaded: {What.NOT_TO_REPLAY},
    an_accepted_one_marked: {What.NOT_TO_REPLAY},
    replay_failed: {What.REPLAY},
    not_quiet: {What.NOT_QUIET},
    unmet_rule: {What.NO_EFFECT},
    nothing_spilled: {What.NO_EFFECT},
    no_breaker_opened: {What.NO_EFFECT},
    no_replay_killed: {What.NO_EFFECT},
}


@pytest.mark.parametrize("plant", BREAKS, ids=lambda plant: str(plant.__name__))
def test_a_breach(plant: Callable[[World], None]) -> None:
    world = World()
    plant(world)
    assert world.found() == BREAKS[plant]


def test_every_kind_of_breach_is_planted_here() -> None:
    assert set().union(*BREAKS.values()) == set(What)


def test_a_replayed_record_of_which_no_answer_told_is_its_own_rejection() -> None:
    world = World()
    world.lost.records = [UNKNOWN, BAD]
    world.kept["stray-1"] = [Kept("missing_id", BAD.payload)]
    world.summary["rejected"] += 1
    world.replayed.add("stray-1")
    world.load("stray-1", mended_of("stray-1"))
    assert world.found() == set()


def test_faults_that_did_not_begin_need_no_effect() -> None:
    world = World()
    world.effects = Effects((Kind.KILL_OWN,))
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
