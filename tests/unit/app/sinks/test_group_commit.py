"""Requests that share calls: each is answered by its own lines, and none is the worse for its neighbours."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sinks.aws import AttemptFailed, failure_of_code
from app.sinks.base import Lines, Outcome
from app.sinks.batching import MAX_CALL_RECORDS, PACKED_BYTES, Packing, Record
from app.sinks.group_commit import REFUSES_WHOLE_CALLS, WATCH_SECONDS, GroupCommit, Put

Answer = TypeVar("Answer")
PATIENCE = 5.0
THROTTLED = "ProvisionedThroughputExceededException"
YES, NO = Outcome.CONFIRMED, Outcome.UNCONFIRMED
Asked = Sequence[Sequence[bytes]]


class Stream:
    """Answers calls by `script(number of the call, lines of each record)`; the failed positions, or an error to raise.

    A call waits until `gate` is open.
    """

    def __init__(self, script: Callable[[int, Asked], Sequence[int] | Exception] = lambda *_: ()) -> None:
        self._script = script
        self.gate = asyncio.Event()
        self.is_asked = asyncio.Event()
        self.gate.set()
        self.calls: list[Asked] = []
        self.at_once = self.most_at_once = 0

    async def send(self, records: Sequence[Record]) -> Mapping[int, str]:
        asked = [record.data().splitlines() for record in records]
        number = len(self.calls)
        self.calls.append(asked)
        self.is_asked.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
            answer = self._script(number, asked)
        finally:
            self.at_once -= 1
        if isinstance(answer, Exception):
            raise answer
        return dict.fromkeys(answer, THROTTLED)

    @property
    def sent(self) -> list[bytes]:
        """Every line, in the order of the calls."""
        return [line for call in self.calls for record in call for line in record]


def lines(name: str, count: int) -> Lines:
    """One in each of four lanes, and again."""
    return lines_of([(f"{name}-{index}\n".encode(), index % 4 << 30) for index in range(count)])


def lines_of(given: Sequence[tuple[bytes, int]]) -> Lines:
    """Of data and keys."""
    return Lines("request", datetime(2026, 11, 23, tzinfo=UTC), [data for data, _ in given], [key for _, key in given])


def run(test: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    return asyncio.run(test())


def commit_to(stream: Stream, calls: int = 1, *, packed: bool = True) -> GroupCommit:
    return GroupCommit(stream.send, calls=calls, packing=Packing(4, packed))


async def put(commit: GroupCommit, given: Lines, seconds: float = PATIENCE) -> Put:
    return await commit.put(given, asyncio.get_running_loop().time() + seconds)


async def put_behind_a_first(stream: Stream, commit: GroupCommit, *given: Lines) -> list[Put]:
    """Put all of `given` while a call is under way that was there before them."""
    stream.gate.clear()
    first = asyncio.create_task(put(commit, lines("first", 1)))
    await stream.is_asked.wait()
    rest = [asyncio.create_task(put(commit, each)) for each in given]
    await asyncio.sleep(0.01)
    stream.gate.set()
    await first
    return await asyncio.gather(*rest)


def test_an_idle_one_sends_at_once() -> None:
    async def alone() -> tuple[Stream, Put]:
        stream = Stream()
        return stream, await put(commit_to(stream), lines("a", 1))

    stream, answer = run(alone)
    assert answer.outcomes == [YES]
    assert stream.calls == [[[b"a-0"]]]


def test_what_comes_while_a_call_is_under_way_shares_the_next() -> None:
    async def many() -> tuple[Stream, list[Put]]:
        stream = Stream()
        return stream, await put_behind_a_first(stream, commit_to(stream), *(lines(f"r{n}", 4) for n in range(20)))

    stream, answers = run(many)
    assert [answer.outcomes for answer in answers] == [[YES] * 4] * 20
    assert len(stream.calls) == 2
    assert Counter(stream.sent) == Counter(
        [b"first-0", *(f"r{n}-{index}".encode() for n in range(20) for index in range(4))]
    )
    assert len(stream.calls[1]) == 4, "one record a lane"


def test_no_more_calls_at_a_time_than_there_are_slots() -> None:
    async def many() -> Stream:
        stream = Stream()
        commit = commit_to(stream, calls=3, packed=False)
        await asyncio.gather(*(put(commit, lines(f"r{n}", 400)) for n in range(20)))
        return stream

    stream = run(many)
    assert stream.most_at_once == 3
    assert all(len(call) <= MAX_CALL_RECORDS for call in stream.calls)
    assert len(set(stream.sent)) == len(stream.sent) == 8_000


@pytest.mark.parametrize("packed", [True, False])
def test_lines_of_a_lane_go_in_order_though_calls_go_side_by_side(packed: bool) -> None:
    async def large() -> Stream:
        stream = Stream()
        padding = b"x" * 2_000
        given = lines_of([(b"%d %b\n" % (index, padding), index % 8 << 29) for index in range(6_000)])
        answer = await put(commit_to(stream, calls=4, packed=packed), given, 60)
        assert set(answer.outcomes) == {YES}
        return stream

    stream = run(large)
    assert len(stream.calls) > 2
    indexes = [int(line.split()[0]) for line in stream.sent]
    for lane in range(4):
        of_lane = [index for index in indexes if index % 8 // 2 == lane]
        assert of_lane == sorted(of_lane)
        assert len(of_lane) == 1_500


def test_a_call_with_a_part_of_a_lane_ends_before_the_rest_leaves() -> None:
    """Else the rest could be written first."""

    async def large() -> tuple[Stream, int]:
        stream = Stream()
        stream.gate.clear()
        given = lines_of([(b"%d %b\n" % (index, b"x" * 20_000), 0) for index in range(400)])
        task = asyncio.create_task(put(commit_to(stream, calls=4), given, 60))
        await asyncio.sleep(0.05)
        waiting = len(stream.calls)
        stream.gate.set()
        await task
        return stream, waiting

    stream, while_the_first_was_under_way = run(large)
    assert while_the_first_was_under_way == 1
    assert len(stream.calls) == 2


def test_a_refused_record_costs_its_own_requests_a_try_and_nobody_else() -> None:
    def refuse_bad(number: int, asked: Asked) -> Sequence[int]:
        return [place for place, record in enumerate(asked) if number < 3 and any(b"bad" in line for line in record)]

    async def two() -> tuple[Stream, list[Put]]:
        stream = Stream(refuse_bad)
        commit = commit_to(stream, packed=False)
        return stream, await put_behind_a_first(stream, commit, lines("good", 4), lines("bad", 4))

    stream, [good, bad] = run(two)
    assert good.outcomes == bad.outcomes == [YES] * 4
    assert good.effort.resent == 0
    assert not good.failures
    assert bad.effort.resent > 0
    assert bad.failures[THROTTLED] >= 4
    assert Counter(stream.sent)[b"good-0"] == 1


keys_and_sizes = st.tuples(st.integers(0, 7), st.sampled_from([0, 0, 40_000, PACKED_BYTES]))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(keys_and_sizes, min_size=1, max_size=12), min_size=1, max_size=4),
    st.integers(0, 2**32),
    st.integers(0, 2),
    st.booleans(),
)
def test_whatever_is_refused_each_line_is_taken_once_and_in_order_if_none_is(
    requests: list[list[tuple[int, int]]], seed: int, bad_calls: int, packed: bool
) -> None:
    taken: list[tuple[int, int]] = []
    chance = random.Random(seed)  # noqa: S311  no secret

    def refuse_some(number: int, asked: Asked) -> Sequence[int]:
        refused = [place for place in range(len(asked)) if number < bad_calls and chance.random() < 0.4]
        for place, record in enumerate(asked):
            if place not in refused:
                taken.extend((int(line.split()[0]), int(line.split()[1])) for line in record)
        return refused

    async def all_at_once() -> list[Put]:
        commit = commit_to(Stream(refuse_some), calls=2, packed=packed)
        given_lines = [
            lines_of([(b"%d %d %b\n" % (n, i, b"x" * size), key << 29) for i, (key, size) in enumerate(request)])
            for n, request in enumerate(requests)
        ]
        return await asyncio.gather(*(put(commit, each, 60) for each in given_lines))

    assert [answer.outcomes for answer in run(all_at_once)] == [[YES] * len(request) for request in requests]
    lane_of = {(n, i): key // 2 for n, request in enumerate(requests) for i, (key, _) in enumerate(request)}
    assert sorted(taken) == sorted(lane_of)
    if not bad_calls:
        in_lanes = [(lane_of[line], line) for line in taken]
        for n, lane in {(line[0], lane) for lane, line in in_lanes}:
            indexes = [line[1] for its_lane, line in in_lanes if (line[0], its_lane) == (n, lane)]
            assert indexes == sorted(indexes)


def test_what_is_never_taken_is_not_confirmed_and_the_rest_of_its_request_is() -> None:
    def refuse_one(_: int, asked: Asked) -> Sequence[int]:
        return [place for place, record in enumerate(asked) if b"a-1" in record]

    async def one() -> Put:
        return await put(commit_to(Stream(refuse_one), packed=False), lines("a", 3), seconds=0.3)

    assert run(one).outcomes == [YES, NO, YES]


@pytest.mark.parametrize("code", sorted(REFUSES_WHOLE_CALLS))
def test_a_call_refused_for_what_one_line_is_harms_only_its_request(code: str) -> None:
    def refuse(_: int, asked: Asked) -> Sequence[int] | Exception:
        poisoned = any(b"bad" in line for record in asked for line in record)
        return failure_of_code(code) if poisoned else ()

    async def three() -> list[Put]:
        stream = Stream(refuse)
        return await put_behind_a_first(stream, commit_to(stream), lines("a", 2), lines("bad", 2), lines("b", 2))

    first, bad, last = run(three)
    assert first.outcomes == last.outcomes == [YES, YES]
    assert bad.outcomes == [NO, NO]
    assert bad.failures[code] == 2


def test_a_failure_that_lasts_ends_all_that_share_the_call_at_once() -> None:
    async def two() -> tuple[Stream, list[Put]]:
        stream = Stream(lambda number, _: AttemptFailed("AccessDeniedException", retryable=False) if number else ())
        return stream, await put_behind_a_first(stream, commit_to(stream), lines("a", 2), lines("b", 2))

    stream, answers = run(two)
    assert [answer.outcomes for answer in answers] == [[NO, NO]] * 2
    assert len(stream.calls) == 2


def test_a_failure_that_passes_is_tried_again() -> None:
    async def two() -> list[Put]:
        stream = Stream(lambda number, _: AttemptFailed("SlowDown", retryable=True) if number in {1, 2} else ())
        return await put_behind_a_first(stream, commit_to(stream), lines("a", 2), lines("b", 2))

    assert [answer.outcomes for answer in run(two)] == [[YES, YES]] * 2


def test_an_error_that_nobody_foresaw_ends_its_call_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def two() -> list[Put]:
        stream = Stream(lambda number, _: ValueError("payload") if number == 1 else ())
        commit = commit_to(stream)
        [failed] = await put_behind_a_first(stream, commit, lines("a", 1))
        return [failed, await put(commit, lines("b", 1))]

    failed, later = run(two)
    assert (failed.outcomes, later.outcomes) == ([NO], [YES])
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_who_waits_for_a_slot_too_long_is_told_so_and_is_not_sent_any_more() -> None:
    async def late() -> tuple[Stream, Put, Put]:
        stream = Stream()
        commit = commit_to(stream)
        stream.gate.clear()
        first = asyncio.create_task(put(commit, lines("first", 1)))
        await stream.is_asked.wait()
        late = await put(commit, lines("late", 1), seconds=0.1)
        stream.gate.set()
        last = await put(commit, lines("last", 1))
        await first
        await commit.close()
        return stream, late, last

    stream, late_put, last = run(late)
    assert (late_put.outcomes, last.outcomes) == ([NO], [YES])
    assert b"late-0" not in stream.sent


def test_a_request_that_is_given_up_takes_nothing_with_it() -> None:
    async def cancelled() -> tuple[Stream, Put]:
        stream = Stream()
        commit = commit_to(stream)
        stream.gate.clear()
        gone = asyncio.create_task(put(commit, lines("gone", 1)))
        await stream.is_asked.wait()
        neighbour = asyncio.create_task(put(commit, lines("neighbour", 1)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        stream.gate.set()
        return stream, await neighbour

    _, neighbour = run(cancelled)
    assert neighbour.outcomes == [YES]


def test_nothing_to_put_makes_no_call() -> None:
    async def nothing() -> tuple[Stream, Put]:
        stream = Stream()
        return stream, await put(commit_to(stream), lines("none", 0))

    stream, answer = run(nothing)
    assert (answer.outcomes, stream.calls) == ([], [])


def test_closing_waits_for_calls_under_way() -> None:
    async def close() -> Put:
        stream = Stream()
        commit = commit_to(stream)
        stream.gate.clear()
        task = asyncio.create_task(put(commit, lines("a", 1)))
        await stream.is_asked.wait()
        asyncio.get_running_loop().call_later(0.05, stream.gate.set)
        await commit.close()
        return await task

    assert run(close).outcomes == [YES]


def test_closing_waits_for_what_is_to_be_sent_again() -> None:
    async def close() -> tuple[Put, int]:
        stream = Stream(lambda number, _: AttemptFailed("SlowDown", retryable=True) if number < 3 else ())
        commit = commit_to(stream)
        task = asyncio.create_task(put(commit, lines("a", 1)))
        await stream.is_asked.wait()
        await commit.close()
        calls = len(stream.calls)
        return await task, calls

    answer, calls = run(close)
    assert answer.outcomes == [YES]
    assert calls == 4


def test_a_call_that_nobody_waits_for_gives_its_slot_back() -> None:
    async def hang() -> Put:
        stream = Stream()
        commit = commit_to(stream)
        stream.gate.clear()
        await put(commit, lines("late", 1), seconds=0.1)
        task = asyncio.create_task(put(commit, lines("next", 1)))
        stream.is_asked.clear()
        await stream.is_asked.wait()
        stream.gate.set()
        return await task

    assert run(hang).outcomes == [YES]


def test_a_call_that_is_given_up_before_it_begins_gives_its_slot_back() -> None:
    async def test() -> list[list[Outcome]]:
        commit = commit_to(Stream())
        first = await put(commit, lines("first", 1))  # the watch is set now
        late = asyncio.create_task(put(commit, lines("late", 1), 1.2 * WATCH_SECONDS))
        await asyncio.sleep(0)
        time.sleep(1.5 * WATCH_SECONDS)  # noqa: ASYNC251  a busy turn: the call is made and given up in the next one
        await late
        return [first.outcomes, (await put(commit, lines("second", 1))).outcomes]

    assert run(test) == [[YES], [YES]]
