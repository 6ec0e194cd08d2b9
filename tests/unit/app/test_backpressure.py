"""The gateway in process, with clients that send piece by piece: what it holds, refuses and gives up."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from app.gateway import Gateway, Sinks
from app.in_flight import RECORD_BYTES
from app.main import create_app
from app.settings import AuthMode, Settings
from app.sinks.base import Lines, Outcome
from app.sinks.memory import MemorySink
from tests.support.asgi import Exchange

RECORD = b'{"id":1}'
BODY_LIMIT = 1_000
DECODED_LIMIT = 2_000
BYTES = 10_000
REQUESTS = 3
RECORDS = 10
LARGEST = BODY_LIMIT + DECODED_LIMIT + RECORDS * RECORD_BYTES


class GatedSink(MemorySink):
    """Stores when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.waiting = 0

    async def put(self, lines: Lines, deadline: float) -> Sequence[Outcome]:
        self.waiting += 1
        await self.gate.wait()
        return await super().put(lines, deadline)


class Chunk(bytes):
    """Bytes that tell when they are forgotten."""

    forgotten = 0

    def __del__(self) -> None:
        Chunk.forgotten += 1


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  the app knows of no event
        await asyncio.sleep(0)


class Running:
    """The app, its stream, and its receipts."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.stream = GatedSink()
        self._file = folder / "receipts"
        limits: dict[str, Any] = {
            "max_body_bytes": BODY_LIMIT,
            "max_decoded_bytes": DECODED_LIMIT,
            "max_records": RECORDS,
            "max_requests_in_flight": REQUESTS,
            "max_bytes_in_flight": BYTES,
            **settings,
        }
        self.app: FastAPI = create_app(
            Settings(
                stream_name="s",
                error_bucket="errors",
                auth=AuthMode.NONE,
                receipt_file=str(self._file),
                **limits,
            ),
            Sinks(self.stream, MemorySink()),
        )
        self.gateway: Gateway = self.app.state.gateway
        self.in_flight = self.gateway.in_flight
        self.gateway.receipts.open()

    def send(self, body: bytes, *, more: bool = False, **headers: str) -> Exchange:
        exchange = Exchange(self.app, {name.replace("_", "-"): value for name, value in headers.items()})
        exchange.say(body, more=more)
        return exchange

    async def until_waiting(self, count: int) -> None:
        await until(lambda: self.stream.waiting >= count)

    def receipts(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self._file.read_bytes().splitlines()]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Run a test's steps in a loop, then see that nothing is held and everybody has a receipt."""

    def run(steps: Callable[[Running], Awaitable[int]], **settings: Any) -> None:
        async def main() -> None:
            running = Running(tmp_path, **settings)
            try:
                async with asyncio.timeout(20):
                    posted = await steps(running)
                assert (running.in_flight.requests, running.in_flight.held_bytes) == (0, 0)
                assert len(running.receipts()) == posted
            finally:
                running.gateway.receipts.close()

        asyncio.run(main())

    return run


async def assert_refused(exchange: Exchange, status: int, reason: str) -> None:
    assert await exchange.status() == status
    problem = exchange.json()
    assert (problem["status"], problem["reason"]) == (status, reason)
    assert "results" not in problem
    assert exchange.headers()["content-type"] == "application/problem+json"
    assert exchange.headers().get("retry-after") == ("1" if status == 503 else None)


def test_one_request_more_than_may_be_at_work(run: Callable[..., None]) -> None:
    async def steps(running: Running) -> int:
        at_work = [running.send(RECORD) for _ in range(REQUESTS)]
        await running.until_waiting(REQUESTS)
        assert running.in_flight.requests == REQUESTS
        await assert_refused(running.send(RECORD), 503, "overloaded")
        running.stream.gate.set()
        assert [await each.status() for each in at_work] == [202] * REQUESTS
        await asyncio.gather(*(each.task for each in at_work))
        again = running.send(RECORD)
        assert await again.status() == 202
        await again.task
        assert len(running.stream.lines) == REQUESTS + 1
        refused = [each for each in running.receipts() if each["status"] == 503]
        assert [(each["reason"], each["records"]) for each in refused] == [("overloaded", 0)]
        assert running.gateway.counters
        assert running.gateway.counters.requests[503] == 1
        return REQUESTS + 2

    run(steps)


def test_slow_senders_take_nobody_s_place(run: Callable[..., None]) -> None:
    async def steps(running: Running) -> int:
        running.stream.gate.set()
        slow = [running.send(RECORD[:4], more=True) for _ in range(REQUESTS * 10)]
        await asyncio.gather(*(each.asked.wait() for each in slow))
        quick = running.send(RECORD)
        assert await quick.status() == 202
        await quick.task
        assert (running.in_flight.requests, running.in_flight.held_bytes) == (0, 4 * len(slow))
        for each in slow:
            each.say(RECORD[4:])
            assert await each.status() == 202
            await each.task
        return len(slow) + 1

    run(steps)


def test_a_refusal_leaves_while_the_client_sends(run: Callable[..., None]) -> None:
    async def steps(running: Running) -> int:
        at_work = [running.send(RECORD) for _ in range(REQUESTS)]
        await running.until_waiting(REQUESTS)
        sending = Exchange(running.app, {"Content-Length": "900"})
        await assert_refused(sending, 503, "overloaded")
        assert not sending.task.done()
        sending.say(b" " * 900)
        running.stream.gate.set()
        await asyncio.gather(*(each.task for each in [*at_work, sending]))
        return REQUESTS + 1

    run(steps)


def test_bytes_that_would_not_fit_are_refused_as_announced(run: Callable[..., None]) -> None:
    async def steps(running: Running) -> int:
        running.stream.gate.set()
        big = [running.send(b" " * 1_000, more=True) for _ in range(9)]
        await until(lambda: running.in_flight.held_bytes == 9_000)
        announced = Exchange(running.app, {"Content-Length": "1000"})
        last = running.send(b" " * 500, more=True)
        await until(lambda: running.in_flight.held_bytes == 9_500)
        too_much = Exchange(running.app, {"Content-Length": "501"})
        await assert_refused(too_much, 503, "overloaded")
        assert not announced.answered.is_set(), "it would have fitted when it was announced"
        last.say(b" " * 500, more=True)
        await until(lambda: running.in_flight.held_bytes == 10_000)
        announced.say(b" ", more=True)
        await assert_refused(announced, 503, "overloaded")
        for each in [*big, last, too_much, announced]:
            each.say(b"")
        await asyncio.gather(*(each.task for each in [*big, last, too_much, announced]))
        return 12

    run(steps)


def test_decoded_bytes_count_too(run: Callable[..., None]) -> None:
    packed = gzip.compress(RECORD + b" " * (DECODED_LIMIT - len(RECORD)))

    async def steps(running: Running) -> int:
        first = running.send(packed, Content_Encoding="gzip")
        await running.until_waiting(1)
        assert running.in_flight.held_bytes == len(packed) + DECODED_LIMIT + RECORD_BYTES
        await assert_refused(running.send(packed, Content_Encoding="gzip"), 503, "overloaded")
        running.stream.gate.set()
        await first.task
        assert len(running.stream.lines) == 1
        return 2

    run(steps, max_bytes_in_flight=BODY_LIMIT + DECODED_LIMIT + RECORD_BYTES, max_records=1)


def test_records_count_besides_their_bytes(run: Callable[..., None]) -> None:
    async def steps(running: Running) -> int:
        body = b"[" + b",".join([RECORD] * RECORDS) + b"]"
        first = running.send(body)
        await running.until_waiting(1)
        assert running.in_flight.held_bytes == 2 * len(body) + RECORDS * RECORD_BYTES
        await assert_refused(running.send(body), 503, "overloaded")
        running.stream.gate.set()
        await first.task
        return 2

    run(steps, max_bytes_in_flight=LARGEST)


@pytest.mark.parametrize("senders", [5, 60])
def test_never_more_bytes_than_may_be(run: Callable[..., None], senders: int) -> None:
    """Large bodies in parallel, piece by piece, some of them compressed: the count at every step, and the answers."""

    async def steps(running: Running) -> int:
        running.stream.gate.set()
        seen: list[int] = []
        packed = gzip.compress(RECORD + b" " * (DECODED_LIMIT - len(RECORD)))
        plain = RECORD + b" " * (BODY_LIMIT - len(RECORD))

        async def post(number: int) -> int:
            body, headers = (packed, {"Content-Encoding": "gzip"}) if number % 3 == 0 else (plain, {})
            exchange = Exchange(running.app, headers)
            for start in range(0, len(body), 100):
                await asyncio.sleep(0)
                exchange.say(body[start : start + 100], more=True)
                seen.append(running.in_flight.held_bytes)
            exchange.say(b"")
            status = await exchange.status()
            seen.append(running.in_flight.held_bytes)
            await exchange.task
            return status

        statuses = await asyncio.gather(*(post(number) for number in range(senders)))
        assert max(seen) <= BYTES
        assert max(seen) > BYTES / 4
        assert set(statuses) == ({202} if senders == 5 else {202, 503})
        assert len(running.stream.lines) == statuses.count(202)
        return senders

    run(steps, max_requests_in_flight=1_000)


def test_what_came_of_a_refused_body_is_forgotten_while_the_client_sends_on(run: Callable[..., None]) -> None:
    async def steps(running: Running) -> int:
        running.stream.gate.set()
        before = Chunk.forgotten
        sending = running.send(Chunk(b" " * 600), more=True)
        sending.say(Chunk(b" " * 600), more=True)
        await assert_refused(sending, 413, "content_too_large")
        await until(lambda: running.in_flight.held_bytes == 0)
        assert not sending.task.done()
        assert Chunk.forgotten == before + 2
        sending.say(b"")
        await sending.task
        return 1

    run(steps)


def test_a_body_that_does_not_come(run: Callable[..., None]) -> None:
    async def steps(running: Running) -> int:
        running.stream.gate.set()
        slow = running.send(RECORD[:4], more=True)
        await assert_refused(slow, 408, "body_timeout")
        assert slow.headers()["connection"] == "close"
        await slow.task
        assert running.stream.lines == []
        [receipt] = running.receipts()
        assert (receipt["status"], receipt["reason"]) == (408, "body_timeout")
        return 1

    run(steps, body_timeout_seconds=0.05)


@pytest.mark.parametrize("body", [RECORD, b"[" + b",".join([RECORD] * RECORDS) + b"]"])
def test_a_request_that_could_not_be_stored_in_time(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    async def steps(running: Running) -> int:
        running.stream.gate.set()
        monkeypatch.setattr(Settings, "seconds_before_storing", property(lambda _: -1.0))
        late = running.send(body)
        await assert_refused(late, 503, "overloaded")
        await late.task
        assert running.stream.waiting == 0
        return 1

    run(steps)
