"""The load generator, a process of its own: a job a line on standard input, a tally a line on standard output.

    python -m benchmarks.load

Closed loop: each connection sends its next request when it has the answer to the last. Open loop: requests are due at
random times of a given rate (Poisson), whether answers come or not; latency counts from when a request was due, so a
gateway that stalls is charged for all that had to wait (no coordinated omission), also for those that are sent or
answered only after the time is up.
"""

import asyncio
import gc
import json
import random
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from functools import lru_cache
from itertools import cycle
from typing import cast

import uvloop

from benchmarks.bodies import ring
from benchmarks.figures import percentile
from benchmarks.job import Job, Tally
from benchmarks.processes import busy_seconds, cpu_seconds
from benchmarks.timer import Timer
from benchmarks.wire import AnswerReader, BadAnswer

ANSWER_SECONDS = 30.0
FEWEST = 10
"""Answers that are counted, though the time is up."""
SEED = 1
clock = time.monotonic
prepared = lru_cache(4)(ring)


class Connection(asyncio.Protocol):
    """A client: one request at a time."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._reader = AnswerReader()
        self.due = 0.0
        self.is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's are no subclass

    def send(self, request: bytes, due: float) -> None:
        """Send what was due then."""
        self.due, self.is_waiting = due, True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Hand on an answer that is whole."""
        try:
            answer = self._reader.feed(data)
        except BadAnswer as error:
            self._load.lost(self, f"unreadable answer: {error}")
            return self.transport.abort()
        if answer:
            self.is_waiting = False
            self._load.answered(self, *answer)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that closes a connection while it is used is an error."""
        self._load.lost(self, f"connection lost: {exc!r}")


class Load:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._requests = cycle(prepared(job.shape))
        self._free: deque[Connection] = deque()
        self._late: deque[float] = deque()
        self._latencies: list[float] = []
        self._errors: Counter[str] = Counter()
        self._is_counting = False
        self._counting_since = float("inf")
        self._is_over = False
        self._sent = self._waiting = self._good = self._told = self._counted = 0
        self._all_done = asyncio.Event()

    async def run(self) -> Tally:
        """Connect, send, count, wait for the last answers."""
        job, loop = self._job, asyncio.get_running_loop()
        clients = [Connection(self) for _ in range(job.connections)]
        for client in clients:
            await loop.create_connection(lambda client=client: client, "127.0.0.1", job.port)  # type: ignore[misc]
        timer, schedule = Timer(), self._schedule() if job.rate else deque()
        self._free.extend(clients)
        if job.rate:
            loop.add_reader(timer.fd, self._arrive, timer, schedule)
            timer.set(0)
        else:
            for client in clients:
                self._send(client, clock())
        await self._wait(job.warm_up)
        before = self._clocks()
        self._is_counting, self._counting_since = True, before[0]
        await self._wait(job.seconds)
        while self._counted < FEWEST and clock() - before[0] < ANSWER_SECONDS and not self._all_done.is_set():
            await self._wait(0.1)
        self._is_counting = False
        seconds, cpu, stub, own, busy = (after - start for start, after in zip(before, self._clocks(), strict=True))
        self._arrive(timer, schedule)
        loop.remove_reader(timer.fd)
        timer.close()
        await self._finish(clients)
        return Tally(
            self._sent,
            self._good,
            self._told,
            self._counted,
            seconds,
            cpu,
            self._milliseconds(),
            own / seconds,
            stub / seconds,
            max(0.0, busy - cpu - stub - own) / seconds,
            dict(self._errors),
        )

    def answered(self, client: Connection, status: int, body: bytes) -> None:
        """Count an answer, and let the connection be used again."""
        self._counted += self._is_counting
        if client.due >= self._counting_since if self._job.rate else self._is_counting:
            self._latencies.append(clock() - client.due)
        if status == self._job.status:
            self._good += 1
            if self._job.is_check:
                self._told += json.loads(body).get("accepted", 0)
        else:
            self._errors[f"status {status}: {body[:200].decode(errors='replace')}"] += 1
        self._waiting -= 1
        if self._late:
            self._send(client, self._late.popleft())
        elif self._is_over or (self._job.limit and self._sent >= self._job.limit):
            if not self._waiting:
                self._all_done.set()
        elif not self._job.rate:
            self._send(client, clock())
        else:
            self._free.append(client)

    def lost(self, client: Connection, why: str) -> None:
        """Count a connection that broke while it was needed."""
        if client.is_waiting or not self._is_over:
            self._errors[why] += 1
            self._all_done.set()

    def _send(self, client: Connection, due: float) -> None:
        self._sent += 1
        self._waiting += 1
        client.send(next(self._requests), due)

    def _schedule(self) -> "deque[float]":
        """When requests are due, from now until the time is up."""
        gaps, due = random.Random(SEED), clock()
        end = due + self._job.warm_up + self._job.seconds
        found: deque[float] = deque()
        while (due := due + gaps.expovariate(self._job.rate)) < end:
            found.append(due)
        return found

    def _arrive(self, timer: Timer, schedule: "deque[float]") -> None:
        while schedule and schedule[0] <= clock():
            due = schedule.popleft()
            if self._free:
                self._send(self._free.popleft(), due)
            else:
                self._late.append(due)
        timer.set(schedule[0] - clock() if schedule else ANSWER_SECONDS)

    def _clocks(self) -> tuple[float, ...]:
        job = self._job
        return clock(), cpu_seconds(job.pid), cpu_seconds(job.stub), time.process_time(), busy_seconds()

    async def _wait(self, seconds: float) -> None:
        """Until the time is up, or everything was sent and answered."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all_done.wait()

    async def _finish(self, clients: list[Connection]) -> None:
        self._is_over = True
        if self._waiting and not self._errors:
            await self._wait(ANSWER_SECONDS)
        if self._waiting and not self._errors:
            self._errors["no answer"] += self._waiting + len(self._late)
        for client in clients:
            client.transport.abort()

    def _milliseconds(self) -> dict[str, float]:
        if not self._latencies:
            return {}
        ordered = sorted(self._latencies)
        shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
        return {name: percentile(ordered, share) * 1000 for name, share in shares.items()}


async def work(job: Job) -> Tally:
    """Do one job; a gateway that is not there is an error of it."""
    try:
        return await Load(job).run()
    except OSError as error:
        return Tally(0, 0, 0, 0, 0.0, 0.0, {}, 0.0, 0.0, 0.0, {f"not there: {error}": 1})


def main() -> None:
    """Do jobs until standard input ends."""
    gc.disable()
    for line in sys.stdin:
        job = Job.read(line)
        tally = uvloop.run(work(job))
        gc.collect()
        sys.stdout.write(tally.line())
        sys.stdout.flush()


if __name__ == "__main__":
    main()
