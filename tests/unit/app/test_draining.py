"""The drain over an area and a stream of memory."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from app.drain import report_line
from app.draining import (
    FAILURES_TO_STOP,
    LARGE_BYTES,
    MAX_OBJECT_BYTES,
    DrainReport,
    Spilled,
    Stopped,
    drain_once,
    read_lines,
)
from app.envelope import Origin, StreamLines, line_keys
from app.sinks.aws import AttemptFailed
from app.sinks.base import Lines, Outcome
from app.sinks.memory import MemorySink
from tests.support.embedded_metrics import points_of

MORNING = datetime(2026, 11, 23, 2, 17, tzinfo=UTC)
RECORDS = [
    b'{"id":"a","v":1}',
    b'{"id":1.0}',
    '{"id":{"b":[1,null],"a":"é"},"payload":",\\"payload\\":"}'.encode(),
    b'{"x":12345678901234567890.10,"id":-0.0}',
]
IDS: list[object] = ["a", 1, {"a": "é", "b": [1, None]}, 0]


def key_of(number: int) -> str:
    return f"spill/dt=2026-11-23/hr=02/request-{number}.0123456789abcdef.ndjson"


def body_of(number: int, records: Sequence[bytes] = RECORDS) -> bytes:
    lines = StreamLines(Origin(f"request-{number}", MORNING, "shop", "order/1", "application/json"))
    return b"".join(lines.line(index, record) for index, record in enumerate(records))


@dataclass
class Area:
    """A spill area in memory; `fails` decides which of its calls fail."""

    bodies: dict[str, bytes]
    fails: Callable[[str, str], bool] = lambda *_: False
    sizes: dict[str, int] = field(default_factory=dict)
    on_remove: Callable[[str], None] = lambda _: None
    pause: float = 0.0

    async def objects(self, deadline: float) -> AsyncGenerator[Spilled, None]:  # noqa: ARG002  the protocol's
        self._check("list", "")
        for key in sorted(self.bodies):
            size = self.sizes.get(key, len(self.bodies.get(key, b"")))
            yield Spilled(key, size, self.since(key))

    @staticmethod
    def since(key: str) -> datetime:
        """When the object came."""
        return MORNING + timedelta(minutes=int(key.partition("request-")[2].partition(".")[0]))

    async def read(self, key: str, deadline: float) -> bytes | None:  # noqa: ARG002  the protocol's
        self._check("read", key)
        await asyncio.sleep(self.pause)
        return self.bodies.get(key)

    async def remove(self, key: str, deadline: float) -> None:  # noqa: ARG002  the protocol's
        self._check("remove", key)
        self.on_remove(key)
        self.bodies.pop(key, None)

    def _check(self, call: str, key: str) -> None:
        if self.fails(call, key):
            raise AttemptFailed("AccessDenied", retryable=False)


class Shaky(MemorySink):
    """Takes the first line of the first object only, until it is mended."""

    mended = False

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        outcomes = list(await super().put(lines, deadline))
        if self.mended or lines.request_id != "request-0":
            return outcomes
        is_first = lines.data[0] == body_of(0, RECORDS[:1])
        return [Outcome.CONFIRMED if is_first else Outcome.UNCONFIRMED, *[Outcome.UNCONFIRMED] * (len(outcomes) - 1)]


class Slow(MemorySink):
    """Takes one line of a put."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[bytes] = []
        self.in_work: Counter[str] = Counter()
        self.beside_each_other: set[frozenset[str]] = set()

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        self.in_work[lines.request_id] += 1
        self.beside_each_other.add(frozenset(+self.in_work))
        await asyncio.sleep(0)
        await super().put(lines, deadline)
        self.in_work[lines.request_id] -= 1
        self.taken.append(lines.data[0])
        return [Outcome.CONFIRMED, *[Outcome.UNCONFIRMED] * (len(lines) - 1)]


def area_of(count: int) -> Area:
    return Area({key_of(number): body_of(number) for number in range(count)})


def drain(area: Area, stream: MemorySink, seconds: float = 5.0) -> DrainReport:
    async def run() -> DrainReport:
        return await drain_once(area, stream, asyncio.get_running_loop().time() + seconds)

    return asyncio.run(run())


def sent(stream: MemorySink) -> Counter[bytes]:
    return Counter(line.data for line in stream.lines)


def lines_in(area: Area) -> Counter[bytes]:
    return Counter(line for body in area.bodies.values() for line in body.splitlines(keepends=True))


def test_an_empty_area_is_drained() -> None:
    report = drain(Area({}), MemorySink())
    assert report == DrainReport()
    assert report.is_clean


def test_every_line_goes_as_it_is_and_the_objects_go() -> None:
    area, stream = area_of(20), MemorySink()
    wanted = lines_in(area)
    report = drain(area, stream)
    assert sent(stream) == wanted
    assert area.bodies == {}
    assert report == DrainReport(objects=20, records=20 * len(RECORDS))


def test_the_oldest_go_first() -> None:
    stream = MemorySink()
    drain(area_of(9), stream)
    assert [put.request_id for put in stream.puts] == [f"request-{number}" for number in range(9)]


def test_the_keys_are_those_that_the_gateway_gave() -> None:
    lines = read_lines(key_of(7), body_of(7))
    assert (lines.request_id, lines.received_at) == ("request-7", MORNING)
    assert lines.keys == line_keys("shop", IDS)


def test_an_object_that_went_in_part_stays_whole_and_goes_next_time() -> None:
    area, stream = area_of(1), Shaky()
    wanted = lines_in(area)
    report = drain(area, stream)
    assert (report.objects, report.kept, report.stopped) == (0, [key_of(0)], None)
    assert (report.is_clean, report.oldest) == (False, MORNING)
    assert lines_in(area) == wanted
    stream.mended = True
    assert drain(area, stream).is_clean
    assert area.bodies == {}
    assert sent(stream).keys() == wanted.keys()


def test_a_slow_stream_is_asked_for_the_rest_as_long_as_it_takes_some() -> None:
    area, stream = area_of(6), Slow()
    wanted = lines_in(area)
    report = drain(area, stream)
    assert (report.objects, report.is_clean, area.bodies) == (6, True, {})
    assert Counter(stream.taken) == wanted, "what was taken is not put again"


def test_large_objects_go_one_after_the_other() -> None:
    area, stream = area_of(8), Slow()
    large = {f"request-{number}" for number in range(0, 8, 2)}
    area.sizes = {key_of(number): LARGE_BYTES + 1 for number in range(0, 8, 2)}
    assert drain(area, stream).objects == 8
    assert max(len(beside & large) for beside in stream.beside_each_other) == 1
    assert max(map(len, stream.beside_each_other)) > 1


def test_one_object_that_the_stream_does_not_take_holds_up_no_other() -> None:
    area, stream = area_of(10), Shaky()
    report = drain(area, stream)
    assert (report.objects, len(report.kept), report.stopped) == (9, 1, None)


def test_a_stream_that_takes_nothing_ends_the_drain() -> None:
    area, stream = area_of(50), MemorySink()
    stream.up = False
    wanted = lines_in(area)
    report = drain(area, stream)
    assert (report.objects, report.stopped) == (0, Stopped.STREAM)
    assert FAILURES_TO_STOP <= len(report.kept) < 10
    assert report.oldest == MORNING
    assert lines_in(area) == wanted


def test_killed_between_putting_and_removing_the_lines_are_there_twice_and_none_is_lost() -> None:
    area, stream = area_of(3), MemorySink()
    wanted = lines_in(area)

    def killed(_: str) -> None:
        raise KeyboardInterrupt

    area.on_remove = killed
    with pytest.raises(KeyboardInterrupt):
        drain(area, stream)
    assert lines_in(area) == wanted
    area.on_remove = lambda _: None
    assert drain(area, stream).is_clean
    assert sent(stream).keys() == wanted.keys()
    assert max(sent(stream).values()) == 2


def test_two_drains_at_once_lose_nothing_and_leave_nothing() -> None:
    area, stream = area_of(30), MemorySink()
    wanted = lines_in(area)

    async def both() -> list[DrainReport]:
        deadline = asyncio.get_running_loop().time() + 5
        return await asyncio.gather(*(drain_once(area, stream, deadline) for _ in range(2)))

    assert all(report.is_clean for report in asyncio.run(both()))
    assert area.bodies == {}
    assert sent(stream).keys() == wanted.keys()


LINE = body_of(0, RECORDS[:1])
MALFORMED = {
    "empty": b"",
    "cut": body_of(0)[:-5],
    "no newline": LINE[:-1],
    "an empty line": LINE + b"\n" + LINE,
    "an error line": b'{"ingest_id":"r-1","source":"shop","reason":"missing_id","payload":"{}"}\n',
    "no payload": b'{"ingest_id":"r-1","source":"shop"}\n',
    "no source": LINE.replace(b'"source":"shop",', b""),
    "a source that is none": LINE.replace(b'"source":"shop"', b'"source":7'),
    "no id": LINE.replace(b'{"id":"a"', b'{"ix":"a"'),
    "no time": LINE.replace(b"2026-11-23T", b"yesterday "),
    "a line that the stream would refuse": LINE.replace(b'"v":1', b'"v":"%b"' % (b"x" * 1_100_000)),
    "text": b"hello\n",
    "not UTF-8": b"\xff\xfe\n",
    "an array": b"[" + LINE,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_an_object_of_something_else_is_left_alone_and_told(body: bytes) -> None:
    area, stream = area_of(3), MemorySink()
    area.bodies[key_of(1)] = body
    report = drain(area, stream)
    assert (report.objects, report.malformed, report.kept) == (2, [key_of(1)], [])
    assert not report.is_clean
    assert area.bodies == {key_of(1): body}
    assert all(put.request_id != "request-1" for put in stream.puts)


def test_an_object_that_is_too_large_is_not_even_read() -> None:
    area = area_of(1)
    area.sizes[key_of(0)] = MAX_OBJECT_BYTES + 1
    area.fails = lambda call, _: call == "read"
    assert drain(area, MemorySink()).malformed == [key_of(0)]


def test_an_object_that_cannot_be_read_holds_up_no_other() -> None:
    area = area_of(6)
    area.fails = lambda call, key: (call, key) == ("read", key_of(2))
    report = drain(area, MemorySink())
    assert (report.objects, report.kept, report.stopped) == (5, [key_of(2)], None)


@pytest.mark.parametrize("call", ["list", "read", "remove"])
def test_a_bucket_that_fails_ends_the_drain(call: str) -> None:
    area, stream = area_of(50), MemorySink()
    area.fails = lambda called, _: called == call
    report = drain(area, stream)
    assert (report.objects, report.stopped) == (0, Stopped.BUCKET)
    assert len(stream.puts) <= 4, "what cannot be removed is not put again and again"
    assert len(area.bodies) == 50


def test_without_time_nothing_is_begun() -> None:
    area, stream = area_of(3), MemorySink()
    report = drain(area, stream, seconds=-1)
    assert report == DrainReport(kept=[key_of(0)], stopped=Stopped.TIME, oldest=MORNING)
    assert stream.puts == []


def test_a_drain_that_does_not_come_to_the_end_tells_since_when_the_rest_waits() -> None:
    area = area_of(10)
    area.pause = 0.1
    report = drain(area, MemorySink(), seconds=0.12)
    assert report.stopped is Stopped.TIME
    assert area.bodies
    assert report.oldest == area.since(min(area.bodies))


def test_the_line_about_a_drain_is_short_however_much_is_left() -> None:
    report = DrainReport(malformed=[key_of(0)] * 100_000, kept=[key_of(1)] * 100_000)
    line = report_line(report, MORNING.timestamp(), "dev")
    assert len(line) < 2_000
    assert {"malformed": 100_000, "kept": 100_000}.items() <= json.loads(line).items()


def test_time_that_ends_with_the_area_stops_nothing() -> None:
    assert drain(Area({}), MemorySink(), seconds=-1).is_clean


@pytest.mark.parametrize(
    ("report", "age"),
    [
        (DrainReport(), 0),
        (DrainReport(stopped=Stopped.TIME, oldest=MORNING), 90),
        (DrainReport(malformed=["spill/a"], oldest=MORNING), 90),
        (DrainReport(stopped=Stopped.BUCKET, oldest=MORNING + timedelta(hours=1)), 0),
        (DrainReport(stopped=Stopped.BUCKET), None),
        (DrainReport(stopped=Stopped.TIME), None),
    ],
)
def test_an_age_that_is_not_known_is_not_told(report: DrainReport, age: float | None) -> None:
    line = report_line(report, MORNING.timestamp() + 90, "dev")
    points = {point.name: point.value for point in points_of(line)}
    assert points == {"RecordsDrained": 0} | ({} if age is None else {"SpillAgeSeconds": age})
