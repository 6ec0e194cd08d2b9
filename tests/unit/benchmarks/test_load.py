"""The load generator, against a server of a few lines: what it counts, and whom a stall is charged to."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from benchmarks.bodies import RECORD_BYTES, Shape
from benchmarks.job import Job, Tally
from benchmarks.load import work

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU time is read from /proc")
STALL = 0.4
STALL_FROM = 30
Answer = Callable[[int], Awaitable[bytes]]


def answer(status: bytes, body: bytes = b'{"accepted":1}') -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def always(_: int) -> bytes:
    return answer(b"202 Accepted")


async def stalled_at_first(number: int) -> bytes:
    await asyncio.sleep(0 if number else STALL)
    return answer(b"202 Accepted")


async def stalled_at_last(number: int) -> bytes:
    await asyncio.sleep(STALL * 2 if number == STALL_FROM else 0)
    return answer(b"202 Accepted")


async def refused_now_and_then(number: int) -> bytes:
    return answer(b"503 Service Unavailable", b"no") if number % 10 == 9 else await always(number)


def run(respond: Answer, **members: object) -> Tally:
    """A job of single records against a server that answers as `respond` says, by the request's number."""

    async def all_of_it() -> Tally:
        served = 0
        clients = set[asyncio.Task[None] | None]()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal served
            clients.add(asyncio.current_task())
            with suppress(ConnectionError):
                while request := await reader.read(64 * 1024):
                    assert request.startswith(b"POST /records ")
                    assert request.endswith(b'"}')
                    number, served = served, served + 1
                    writer.write(await respond(number))
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            settings = {"connections": 1, "seconds": 0.6, **members}
            job = Job(port=port, pid=os.getpid(), stub=os.getpid(), shape=Shape(), **settings)  # type: ignore[arg-type]
            tally = await work(job)
            await asyncio.gather(*(client for client in clients if client))
            return tally

    return asyncio.run(all_of_it())


def test_a_limit_ends_the_round_and_everything_is_answered() -> None:
    tally = run(always, limit=25, connections=4, seconds=20.0, is_check=True)
    assert (tally.sent, tally.answered, tally.told, tally.counted) == (25, 25, 25, 25)
    assert tally.errors == {}
    assert tally.seconds < 20


def test_statuses_that_were_not_expected_are_errors() -> None:
    tally = run(refused_now_and_then, limit=25, seconds=20.0)
    assert (tally.sent, tally.answered) == (25, 23)
    assert tally.errors == {"status 503: no": 2}


def test_a_stall_is_charged_to_all_that_were_due_meanwhile() -> None:
    open_loop = run(stalled_at_first, rate=100.0)
    assert open_loop.milliseconds["max"] > STALL * 1000 * 0.9
    assert open_loop.milliseconds["p50"] > 20, "a third of the requests came after the stall"
    assert open_loop.sent == open_loop.answered > 30


def test_a_stall_at_the_end_is_charged_to_all_that_were_due_before_the_time_was_up() -> None:
    due = run(always, rate=100.0).sent
    open_loop = run(stalled_at_last, rate=100.0)
    assert open_loop.sent == open_loop.answered == due > STALL_FROM + 10
    assert open_loop.milliseconds["max"] > STALL * 2 * 1000 * 0.9
    assert open_loop.milliseconds["p99"] > STALL * 1000
    assert open_loop.counted <= STALL_FROM, "what was answered after the time was up has no part in its CPU time"


def test_an_answer_without_a_length_is_an_error() -> None:
    async def cut_off(_: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\n\r\n"

    tally = run(cut_off)
    assert next(iter(tally.errors)).startswith("unreadable answer")
    assert tally.answered == 0


def test_jobs_and_tallies_survive_their_lines() -> None:
    job = Job(1, 2, 3, Shape("ndjson", 500, RECORD_BYTES, gzip=True), 8, 2.0, rate=10.5)
    assert Job.read(job.line()) == job
    tally = Tally(1, 1, 0, 1, 2.0, 0.1, {"p50": 1.0}, 0.1, 0.2, 0.3, {"status 500: x": 1})
    assert Tally.read(tally.line()) == tally
