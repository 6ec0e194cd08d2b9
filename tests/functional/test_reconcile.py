"""Reading a window from CloudWatch Logs, Kinesis and S3, and what is found with one thing out of place."""

import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ops.reconcile.compare import Kind, Scope, Why
from ops.reconcile.flagged import error_area, find_flagged
from ops.reconcile.report import Outcome, describe, meaning
from ops.reconcile.tally import WAY, Stage
from ops.reconcile.window import Window
from tests.support.reconciling import Checked, Sent, World, request, window_of

MINUTE = timedelta(minutes=1)
CLOCK_OF_S3 = 1.1
"""Seconds after which an object is newer: LastModified has whole ones."""
WAYS = (WAY, WAY[1:], (WAY[0], WAY[2]), WAY[2:])


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def world(endpoint: str) -> World:
    return World.make(endpoint)


@pytest.fixture
def window(now: datetime) -> Window:
    """The last ten minutes; nothing settles."""
    return window_of(now - 10 * MINUTE, now)


def outcome(checked: Checked, window: Window, now: datetime) -> Outcome:
    flagged = list(find_flagged(checked.reading, checked.comparison, window, now.timestamp() + 60, {}))
    return Outcome(window, now, checked.reading, checked.comparison, flagged)


def test_all_is_where_it_should_be(world: World, now: datetime, window: Window) -> None:
    world.go(request(1, now - MINUTE))
    world.go(request(5_000, now - 2 * MINUTE, source='caf\u00e9 "7"'))
    rejected = request(3, now - MINUTE)
    world.answer(rejected, [], rejected.indexes)
    world.keep(rejected)

    checked = world.check(window)

    assert (checked.missing(), checked.explained) == ({}, {})
    counts = {source: row.stages[Stage.ACCEPTED :] for (_, source), row in checked.comparison.rows.items()}
    assert counts['caf\u00e9 "7"'][Stage.LOADED] == 5_000
    assert checked.comparison.total.stages[Stage.STREAMED] == 5_001
    assert outcome(checked, window, now).is_clean


def without_stream(world: World, sent: Sent) -> None:
    world.answer(sent)


def without_file(world: World, sent: Sent) -> None:
    world.answer(sent)
    world.stream(sent)


def without_row(world: World, sent: Sent) -> None:
    world.answer(sent)
    world.stream(sent)
    world.land(sent)


def file_deleted(world: World, sent: Sent) -> None:
    world.answer(sent)
    world.stream(sent)
    world.load(sent, "records/dt=2026-01-01/hr=00/gone.json")


def never_streamed(world: World, sent: Sent) -> None:
    world.answer(sent)
    world.load(sent, world.land(sent))


def rejected_nowhere(world: World, sent: Sent) -> None:
    world.answer(sent, [], sent.indexes)


def rejected_and_loaded(world: World, sent: Sent) -> None:
    world.answer(sent, [], sent.indexes)
    world.keep(sent)
    world.stream(sent)
    world.load(sent, world.land(sent))


BREAKS: dict[Callable[[World, Sent], None], tuple[Kind, Stage | None]] = {
    without_stream: (Kind.NOT_STREAMED, None),
    without_file: (Kind.NOT_LANDED, Stage.STREAMED),
    without_row: (Kind.NOT_LOADED, Stage.LANDED),
    file_deleted: (Kind.LANDING_GONE, Stage.LOADED),
    never_streamed: (Kind.NOT_IN_STREAM, Stage.LOADED),
    rejected_nowhere: (Kind.REJECTED_NOT_KEPT, None),
    rejected_and_loaded: (Kind.REJECTED_YET_LOADED, Stage.KEPT),
}


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.__name__)
def test_each_break_is_found_with_its_ids_and_where_they_were_last_seen(
    world: World, now: datetime, window: Window, fault: Callable[[World, Sent], None]
) -> None:
    kind, last_seen = BREAKS[fault]
    world.go(request(20, now - MINUTE))
    lost = request(3, now - MINUTE)
    fault(world, lost)

    checked = world.check(window)

    assert checked.missing() == {kind: lost.ids}
    place = checked.detail(lost.ids[1]).place
    assert (None if place is None else place.stage) == last_seen
    assert not outcome(checked, window, now).is_clean


def test_some_records_of_a_request_and_of_a_file(world: World, now: datetime, window: Window) -> None:
    sent, other = request(10, now - MINUTE), request(2, now - 2 * MINUTE, source="till")
    world.answer(sent)
    world.answer(other)
    world.stream(sent, other)
    first = world.land(sent.part(0, 1, 2, 3), other.part(0))
    second = world.land(sent.part(4, 5, 6), other.part(1))
    world.load(sent.part(0, 1, 2, 3), first)
    world.load(other.part(0), first)
    world.load(sent.part(4, 6), second)

    checked = world.check(window)

    assert checked.missing() == {
        Kind.NOT_LANDED: [sent.ids[n] for n in (7, 8, 9)],
        Kind.NOT_LOADED: sorted([sent.ids[5], other.ids[1]], key=lambda each: each == sent.ids[5]),
    }
    assert checked.detail(sent.ids[5]).where({second: {sent.ids[5]: 2}}).startswith(f"{second} line 2 ")
    only_till = world.check(window_of(window.since, window.until, source="till"))
    assert only_till.missing() == {Kind.NOT_LOADED: [other.ids[1]]}


def test_what_explains_a_record(world: World, now: datetime, window: Window) -> None:
    spilled, refused, retried, unanswered, replayed = (request(n, now - MINUTE) for n in (1, 2, 3, 4, 5))
    world.answer(spilled)
    world.spill(spilled)
    world.answer(refused)
    world.stream(refused)
    world.land(refused)
    world.keep(refused, load_failed=True)
    world.answer(retried, [], retry=retried.indexes)
    for stored in (retried, unanswered, replayed):
        world.stream(stored)
        world.load(stored, world.land(stored))
    world.answer(replayed, [], replayed.indexes)
    world.mark(world.keep(replayed), replayed)

    checked = world.check(window)

    assert checked.missing() == {}
    assert checked.explained == {
        Why.WAITING: 1, Why.REFUSED: 2, Why.RETRIED: 3, Why.NO_RECEIPT: 4, Why.REPLAYED: 5,
    }  # fmt: skip


def test_refused_and_then_replayed(world: World, now: datetime, window: Window) -> None:
    sent = request(2, now - MINUTE)
    world.answer(sent)
    world.stream(sent)
    world.land(sent)
    kept = world.keep(sent, load_failed=True)
    world.load(sent, world.land(sent))
    unmarked = world.check(window)
    world.mark(kept, sent)

    assert unmarked.missing() == {Kind.REJECTED_YET_LOADED: sent.ids}
    assert world.check(window).missing() == {}


def test_marked_replayed_and_nowhere(world: World, now: datetime, window: Window) -> None:
    """Rejected by the gateway, or refused by Snowflake: the mark is a promise as the receipt is one."""
    rejected, refused = request(2, now - MINUTE), request(3, now - MINUTE)
    world.answer(rejected, [], rejected.indexes)
    world.mark(world.keep(rejected), rejected)
    world.answer(refused)
    world.stream(refused)
    world.land(refused)
    world.mark(world.keep(refused, load_failed=True), refused, b"{no mark\n")

    checked = world.check(window)

    lost = {Kind.NOT_STREAMED: sorted(rejected.ids), Kind.NOT_LOADED: sorted(refused.ids)}
    assert {kind: sorted(ids) for kind, ids in checked.missing().items()} == lost
    assert checked.explained == {Why.REPLAYED: 2}
    assert checked.reading.left_out == ["1 lines below replayed/ are no marks"]


def test_replayed_long_after_it_was_rejected_is_looked_for_until_now(world: World, now: datetime) -> None:
    received = now - timedelta(hours=3)
    sent = request(2, received)
    world.answer(sent, [], sent.indexes)
    world.mark(world.keep(sent), sent)
    for _ in range(60):
        world.stream(request(1, now))
    world.stream(sent)
    world.land(sent, hour=now)
    checked = world.check(window_of(received - MINUTE, received + MINUTE))
    assert checked.missing() == {Kind.NOT_LOADED: sent.ids}


def test_refused_again_after_a_replay_waits_in_the_error_bucket(world: World, now: datetime, window: Window) -> None:
    sent = request(2, now - MINUTE)
    world.answer(sent)
    world.stream(sent)
    world.land(sent)
    world.mark(world.keep(sent, load_failed=True), sent)
    time.sleep(CLOCK_OF_S3)
    world.keep(sent.part(1), load_failed=True)

    checked = world.check(window)

    assert checked.missing() == {Kind.NOT_LOADED: [sent.ids[0]]}
    assert checked.explained == {Why.REFUSED_AGAIN: 1}


def test_what_waits_for_long_and_what_was_drained_is_not_excused(world: World, now: datetime) -> None:
    window = window_of(now - 10 * MINUTE, now)
    waiting, drained = request(1, now - MINUTE), request(2, now - MINUTE)
    for sent in (waiting, drained):
        world.answer(sent)
        world.spill(sent)
    world.stream(drained)

    young = world.check(window)
    later = world.check(window, now=now + timedelta(hours=2))

    assert (young.missing(), young.explained) == ({Kind.NOT_LANDED: drained.ids}, {Why.WAITING: 1})
    assert later.missing() == {Kind.NOT_LANDED: drained.ids, Kind.NOT_DRAINED: waiting.ids}


@pytest.mark.parametrize(("count", "whole", "is_told"), [(21, 398, True), (20, 0, False), (21, 399, False)])
def test_more_records_without_a_receipt_than_gateways_leave_that_die(
    world: World, now: datetime, window: Window, count: int, whole: int, *, is_told: bool
) -> None:
    sent = request(count, now - MINUTE)
    if whole:
        world.go(request(whole, now - MINUTE))
    world.stream(sent)
    world.load(sent, world.land(sent))
    checked = world.check(window)
    assert checked.missing() == ({Kind.NO_RECEIPT: sorted(sent.ids, key=sent.ids.index)} if is_told else {})
    assert checked.explained == {Why.NO_RECEIPT: count}


BAD_LINES = {
    "a second too many": (b":01.000000Z", b":61.000000Z"),
    "an escape that is none": (b'"shop"', rb'"\q"'),
    "no UTF-8": (b'"shop"', b'"\xff"'),
}


@pytest.mark.parametrize(("what", "by"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_line_that_is_almost_ours_is_somebody_elses(world: World, now: datetime, what: bytes, by: bytes) -> None:
    received = now.replace(second=1, microsecond=0) - 2 * MINUTE
    good, bad = request(1, received), request(1, received)
    body = bad.lines().replace(what, by)
    assert body != bad.lines()
    world.aws.kinesis.put_record(StreamName=world.aws.stream, Data=body, PartitionKey="x")
    world.answer(good)
    world.stream(good)
    key = world.land(body=good.lines() + body)
    world.load(good, key)
    checked = world.check(window_of(received - MINUTE, received + MINUTE))
    assert checked.missing() == {}
    assert list(checked.reading.tally.requests) == [good.origin.request_id]
    assert checked.reading.files[key].foreign == 1


def test_what_is_said_of_a_record_names_only_stages_that_were_compared() -> None:
    said = {way: (meaning(Kind.NOT_LANDED, Scope(way)), meaning(Kind.NOT_LOADED, Scope(way))) for way in WAYS}
    assert said == {
        WAYS[0]: ("in the stream, in no landing file", "in a landing file, not in the raw table"),
        WAYS[1]: ("accepted, in no landing file", "in a landing file, not in the raw table"),
        WAYS[2]: ("accepted, in no landing file", "in the stream, not in the raw table"),
        WAYS[3]: ("accepted, in no landing file", "accepted, not in the raw table"),
    }


def test_a_request_sent_again(world: World, now: datetime) -> None:
    """Each attempt has lines of its own, and each is looked at by its own received_at."""
    edge = (now - 5 * MINUTE).replace(second=0, microsecond=0)
    first = request(4, edge - timedelta(seconds=2), repeatable=True)
    second = first.again(timedelta(seconds=4))
    before, behind = window_of(edge - 5 * MINUTE, edge), window_of(edge, edge + 2 * MINUTE)
    both = window_of(edge - 5 * MINUTE, edge + 2 * MINUTE)
    # The first attempt stored two of them and said retry for three; of one it lost the file.
    world.answer(first, [0], retry=[1, 2, 3])
    world.stream(first.part(0, 1))
    world.load(first.part(1), world.land(first.part(1)))
    assert world.check(before).missing() == {Kind.NOT_LANDED: [first.ids[0]]}

    world.answer(second)
    world.stream(second)
    world.load(second, world.land(second))

    checks = {name: world.check(window) for name, window in (("before", before), ("behind", behind), ("both", both))}
    assert [check.missing() for check in checks.values()] == [{}, {}, {}]
    assert checks["before"].explained == {Why.ELSEWHERE: 1, Why.RETRIED: 1}
    assert checks["behind"].explained == checks["both"].explained == {}
    [row] = checks["both"].comparison.rows.values()
    assert (row.stages[Stage.ACCEPTED], row.stages[Stage.STREAMED], row.stages[Stage.LOADED]) == (4, 4, 4)
    assert checks["both"].comparison.copies == {Stage.STREAMED: 2, Stage.LANDED: 1, Stage.LOADED: 1}


def test_rejected_by_one_attempt_and_accepted_by_the_next(world: World, now: datetime, window: Window) -> None:
    first = request(1, now - 2 * MINUTE, repeatable=True)
    world.answer(first, [], [0])
    world.keep(first)
    world.go(first.again(MINUTE))
    assert world.check(window).missing() == {}


def test_a_record_belongs_to_its_own_minute_and_to_no_other_window(world: World, now: datetime) -> None:
    minute = now.replace(second=0, microsecond=0) - 2 * MINUTE
    last, next_ = request(1, minute - timedelta(microseconds=1)), request(1, minute)
    world.go(last)
    world.go(next_)
    checked = world.check(window_of(minute, minute + MINUTE))
    assert list(checked.reading.tally.requests) == [next_.origin.request_id]


def test_a_gateway_whose_clock_is_ahead(world: World, now: datetime) -> None:
    """By less than a minute: its records arrive before they are received."""
    minute = now.replace(second=0, microsecond=0) + MINUTE
    sent = request(2, minute)
    world.go(sent)
    assert world.check(window_of(minute, minute + MINUTE), now=minute + MINUTE).missing() == {}


def test_what_moves_still_settles(world: World, now: datetime) -> None:
    """By when it last moved: an old record that was drained a moment ago is on its way again."""
    settle = timedelta(minutes=10)
    old = window_of(now - timedelta(hours=1), now - 30 * MINUTE, settle)
    drained, lost = request(2, now - 40 * MINUTE), request(1, now - 40 * MINUTE)
    world.answer(drained)
    world.stream(drained)
    world.answer(lost)

    checked = world.check(old)

    assert checked.missing() == {Kind.NOT_STREAMED: lost.ids}
    assert checked.missing(settling=True) == {Kind.NOT_LANDED: drained.ids}
    assert (checked.comparison.total.overdue, checked.comparison.total.settling) == (1, 2)


def test_what_landed_late_is_looked_for_until_now(world: World, now: datetime) -> None:
    received = now - timedelta(hours=5)
    window = window_of(received - MINUTE, received + MINUTE)
    late, named = request(2, received), request(1, received)
    world.answer(late)
    world.stream(late)
    key = world.land(late, hour=now, packed=True)
    world.go(named, hour=now - timedelta(hours=2))
    world.load(late, key)

    checked = world.check(window)

    assert checked.missing() == {}
    world.landing.s3.delete_object(Bucket=world.landing.bucket, Key=key)
    assert world.check(window).missing() == {Kind.LANDING_GONE: late.ids}
    world.session.rows.clear()
    assert world.check(window).missing() == {Kind.NOT_LANDED: late.ids, Kind.NOT_LOADED: named.ids}


def test_a_file_of_the_hour_before_has_records_of_this_one(world: World, now: datetime) -> None:
    """It stands under the hour in which its oldest record arrived."""
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    sent, alone = request(2, hour + timedelta(seconds=1)), request(1, hour + timedelta(seconds=1))
    world.go(sent, hour=hour - MINUTE)
    world.answer(alone)
    world.stream(alone)
    world.land(alone, hour=hour - MINUTE)
    checked = world.check(window_of(hour, hour + MINUTE))
    assert checked.missing() == {Kind.NOT_LOADED: alone.ids}


def test_receipts_that_are_cut_are_told(world: World, now: datetime, window: Window) -> None:
    whole, cut = request(1, now - MINUTE), request(2, now - MINUTE)
    world.go(whole)
    world.answer(cut)
    events = world.log.filter_log_events(logGroupName=world.group)["events"]
    [line] = [event["message"] for event in events if cut.origin.request_id in event["message"]]
    world.log.delete_log_group(logGroupName=world.group)
    world.log.create_log_group(logGroupName=world.group)
    world.log.create_log_stream(logGroupName=world.group, logStreamName="gateway")
    world.answer(whole)
    world.log_line(line[:-30], now - MINUTE)
    world.log_line(line[-30:], now - MINUTE)
    world.log_line('START RequestId: 1 "receipt"', now - MINUTE)
    world.log_line(line[:-30], now - timedelta(hours=2))

    checked = world.check(window)

    assert [each.request_id for each in checked.reading.broken] == [cut.origin.request_id]
    found = outcome(checked, window, now)
    assert not found.is_clean
    assert "unreadable receipts: 1" in describe_all(found)


def describe_all(found: Outcome) -> str:
    return "\n".join(describe(found, {}, 20))


def test_a_stage_that_does_not_reach_back_is_left_out_and_said(world: World, now: datetime) -> None:
    received = now - timedelta(days=20)
    window = window_of(received - MINUTE, received + MINUTE)
    sent, lost = request(3, received), request(1, received)
    world.load(sent, "records/dt=2026-01-01/hr=00/a.json")
    world.log.put_retention_policy(logGroupName=world.group, retentionInDays=7)
    rules = [
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "records/"}, "Expiration": {"Days": 10}},
        {"ID": "b", "Status": "Enabled", "Filter": {"Prefix": "other/"}, "Expiration": {"Days": 1}},
    ]
    world.aws.s3.put_bucket_lifecycle_configuration(
        Bucket=world.landing.bucket,
        LifecycleConfiguration={"Rules": rules},  # type: ignore[typeddict-item]
    )
    world.answer(lost)

    checked = world.check(window)

    assert checked.reading.scope.way == (Stage.LOADED,)
    assert not checked.reading.scope.receipts
    assert checked.reading.scope.errors
    said = "\n".join(checked.reading.left_out)
    for part in ("stream keeps for 24 hours", "files for 10 days", "receipts is kept for 7 days", "COPY_HISTORY"):
        assert part in said
    assert (checked.missing(), checked.explained) == ({}, {})


def test_the_stream_is_left_alone_when_asked(world: World, now: datetime, window: Window) -> None:
    sent, lost = request(1, now - MINUTE), request(1, now - MINUTE)
    world.answer(sent)
    world.load(sent, world.land(sent))
    world.answer(lost)
    checked = world.check(window, with_stream=False)
    assert checked.missing() == {Kind.NOT_LANDED: lost.ids}
    assert "--no-stream" in checked.reading.left_out[0]


def test_files_that_were_skipped(world: World, now: datetime, window: Window) -> None:
    sent = request(3, now - MINUTE)
    world.answer(sent)
    world.stream(sent)
    key = world.land(body=sent.lines() + b"junk\n\n")
    world.skip(key, 4)
    other = world.land(body=b"{}\n")
    world.skip(other, 1)

    checked = world.check(window)

    found = outcome(checked, window, now)
    assert checked.missing() == {Kind.NOT_LOADED: sent.ids}
    assert {each.load.key: (each.records, each.missing, each.foreign, each.is_open) for each in found.flagged} == {
        key: (3, 3, 1, True),
        other: (0, 0, 1, True),
    }
    assert f"sluice reload {key}" in describe_all(found)
    odd = world.land(body=sent.lines(), name="a {b} 'c'; d")
    world.skip(odd, 1)
    world.skip("records/dt=2026-01-01/hr=00/gone.json", 1)
    told = describe_all(outcome(world.check(window), window, now))
    assert f"sluice reload {shlex.quote(odd)}" in told
    assert "not read, for it is gone" in told
    assert "Load failed" in checked.detail(sent.ids[0]).where({})
    areas = [error_area(world.landing.bucket, each, checked.reading.files[each]) for each in (key, other)]
    assert len(set(areas)) == 2


def test_more_shards_and_calls_than_one(world: World, now: datetime, window: Window) -> None:
    sent = [request(1, now - MINUTE) for _ in range(60)]
    for each in sent:
        world.stream(each)
    checked = world.check(window)
    assert checked.comparison.total.stages[Stage.STREAMED] == 60
    assert len({place.name for place in checked.reading.tally.places}) == len(world.aws.shards) == 2
    assert sum(world.paced) > 0, "a pause between calls, as long as their bytes ask for"


def test_of_the_stream_no_more_is_read_than_is_needed(world: World, now: datetime) -> None:
    """As far as the window's records should be; on until now only while something is missing."""
    received = now - timedelta(hours=2)
    sent = request(1, received)
    for _ in range(100):
        world.stream(request(1, now))
    world.stream(sent)

    quiet = world.check(window_of(received - 3 * MINUTE, received - 2 * MINUTE))
    assert (world.paced, quiet.missing()) == ([], {})

    world.answer(sent)
    world.load(sent, world.land(sent, hour=received))
    late = world.check(window_of(received - MINUTE, received + MINUTE))
    assert late.missing() == {}
    assert len(world.paced) >= 5
