"""What becomes of the lines of a landing file."""

import json
from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from app.registry import Registry
from ops.reload.main import ReloadError, key_of
from ops.reload.plan import LandingFile, Plan, landing_key_of, make_plan, read_lines, refused_in
from ops.replay.fix import Fix
from ops.replay.fix_file import parse_fix
from ops.replay.records import ERROR_KEY, LOAD_FAILED, read_error_line
from ops.replay.trial import Rules
from ops.warehouse import Load
from tests.support.reconciling import Sent, request

NOW = datetime(2026, 11, 23, 8, 30, 1, 123456, tzinfo=UTC)
KEY = "records/dt=2026-11-23/hr=08/delivery-1.json"
BAD = b'{"id":1,"id":2}'


def plan_of(
    body: bytes,
    error_line: int | None = None,
    loaded: frozenset[str] = frozenset(),
    refused: Collection[tuple[str, bytes]] = (),
) -> Plan:
    load = None if error_line is None else Load(KEY, "Load failed", 0, 3, 1, "Error parsing JSON", error_line, 0)
    file = LandingFile("landing", KEY, body, NOW, load)
    return make_plan(file, list(read_lines(file)), loaded, refused)


def error_lines(plan: Plan) -> dict[str, dict[str, object]]:
    found = {}
    for body in plan.error_objects.values():
        for line in body.splitlines():
            members = json.loads(line)
            found[members["ingest_id"]] = members
    return found


@pytest.fixture
def sent() -> Sent:
    return request(5, NOW, source='caf\u00e9 "7"')


def test_good_lines_land_again_byte_for_byte_and_bad_ones_go_to_the_error_bucket(sent: Sent) -> None:
    good = sent.part(0, 1).lines(b'{"id":"\\u00e9", "n":1.50e3}')
    plan = plan_of(good + sent.part(2).lines(BAD) + b"\n" + sent.part(3, 4).lines(), error_line=5)

    assert plan.landing == good + sent.part(4).lines()
    found = error_lines(plan)
    assert list(found) == [sent.ids[2], sent.ids[3]]
    for members, payload in zip(found.values(), (BAD.decode(), '{"id":1}'), strict=True):
        assert (members["reason"], members["payload"]) == (LOAD_FAILED, payload)
        assert members["source"] == sent.origin.source
        assert members["received_at"] == "2026-11-23T08:30:01.123456Z"
    assert "Error parsing JSON" in json.dumps(found[sent.ids[3]]["errors"])
    assert "stands more than once" in json.dumps(found[sent.ids[2]]["errors"])


def test_the_names_are_the_same_in_each_run_and_others_for_other_lines(sent: Sent) -> None:
    body = sent.lines() + request(1, NOW).lines(BAD)
    first, again = plan_of(body, 1), plan_of(body, 1)
    other = plan_of(body, 1, frozenset(sent.ids[3:]))
    assert (first.landing_key, list(first.error_objects)) == (again.landing_key, list(again.error_objects))
    assert other.landing_key != first.landing_key
    assert all(ERROR_KEY.fullmatch(key) for key in first.error_objects)
    assert first.landing_key.startswith("records/dt=2026-11-23/hr=08/delivery-1-reloaded-")


@pytest.mark.parametrize(
    ("key", "ending"),
    [
        ("r/a.json", ".json"),
        ("r/a.json.gz", ".json.gz"),
        ("r/a", ".json"),
        ("r/a-reloaded-0123456789abcdef.json", ".json"),
    ],
    ids=["plain", "packed", "no extension", "reloaded before"],
)
def test_the_new_name_stands_beside_the_old_one_and_is_one_that_the_pipe_loads(key: str, ending: str) -> None:
    name = landing_key_of(key, [])
    assert name.startswith("r/a-reloaded-")
    assert name.endswith(ending)
    assert name.count("-reloaded-") == 1


def test_what_is_loaded_is_left_alone(sent: Sent) -> None:
    plan = plan_of(sent.lines() + sent.part(0, 4).lines(), 2, frozenset(sent.ids[:4]))
    assert (plan.loaded, plan.copies, plan.landing) == (4, 2, sent.part(4).lines())
    assert plan.error_objects == {}
    assert plan_of(sent.lines(), 2, frozenset(sent.ids)).is_done


def test_what_the_error_bucket_holds_is_done(sent: Sent) -> None:
    """Whichever file it was refused in; other bytes of the same record, from a fix, are another matter."""
    first = plan_of(sent.part(2, 3).lines(), error_line=1)
    [(key, body)] = first.error_objects.items()
    refused = set(refused_in(key, body + b"junk\n"))
    assert refused == {(sent.ids[2], b'{"id":1}')}

    of_first_file = plan_of(sent.lines(), refused=refused)
    assert (of_first_file.refused, of_first_file.landing) == (1, sent.part(0, 1, 3, 4).lines())
    named_again = plan_of(sent.part(2).lines(), 1, refused=refused)
    assert (named_again.is_done, named_again.error_objects) == (True, {})
    mended = plan_of(sent.part(2).lines(b'{"id":2}'), 1, refused=refused)
    assert list(error_lines(mended)) == [sent.ids[2]]


FOREIGN = {
    "no JSON": b"junk \xff",
    "other space": json.dumps(json.loads(request(1, NOW).lines())).encode(),
    "a member more": request(1, NOW).lines().rstrip().replace(b'"payload"', b'"more":1,"payload"'),
    "an id of another form": request(1, NOW).lines().rstrip().replace(b'-0"', b'-x"'),
    "before all time": request(1, NOW)
    .lines()
    .rstrip()
    .replace(b"2026-11-23T08:30:01.123456Z", b"0001-01-01T00:00:00.000000+14:00"),
    "no time": request(1, NOW).lines().rstrip().replace(b"2026-", b"20x6-"),
    "a number as source": request(1, NOW).lines().rstrip().replace(b'"shop"', b"7"),
}


@pytest.mark.parametrize("line", FOREIGN.values(), ids=FOREIGN)
def test_a_line_of_somebody_else_is_kept_whole_under_an_id_of_its_own(line: bytes) -> None:
    plan = plan_of(line + b"\n" + request(1, NOW).lines())
    assert len(plan.good) == 1
    [(key, body)] = plan.error_objects.items()
    record = read_error_line(key, body.rstrip(b"\n"))
    assert (record.payload, record.reason, record.origin.source) == (line, LOAD_FAILED, "unknown")
    assert list(plan_of(line + b"\n").error_objects) == [key]


def test_replay_mends_what_reload_wrote_and_leaves_what_no_fix_has_changed(sent: Sent) -> None:
    [(key, body)] = plan_of(sent.part(3).lines(b'{"id":1,"v":[2]}'), 1).error_objects.items()
    record = read_error_line(key, body.rstrip(b"\n"))
    unchanged = Rules(Fix(), Registry({})).check(record)
    assert (unchanged.line, unchanged.reason) == (None, LOAD_FAILED)
    fix = parse_fix('{"operations":[{"remove":"/v"}]}')
    mended = Rules(fix, Registry({})).check(record)
    assert mended.line is not None
    assert mended.line.data == sent.part(3).lines(b'{"id":1}')


def test_a_file_by_any_of_its_names() -> None:
    for name in (KEY, KEY.removeprefix("records/"), f"s3://landing/{KEY}", "/" + KEY.removeprefix("records/")):
        assert key_of(name, "landing", "records/") == KEY
    for name in (f"s3://other/{KEY}", "s3://landing/delivery-errors/a.json"):
        with pytest.raises(ReloadError, match="no landing file"):
            key_of(name, "landing", "records/")
