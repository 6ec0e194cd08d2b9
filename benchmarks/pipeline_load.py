"""Sends records at a rate, whether answers come or not, and notes when each came."""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp

SINGLE_SHARE = 0.01
"""Of the records, those that come alone in a POST of their own."""
HEADROOM = 1.01
"""Sent by so much faster than asked: the rate is counted until the last answer, and must not miss for its sake."""
CONNECTIONS = 64
"""Requests under way at a time; one that is due while all are taken waits, and the rate that is reached says so."""
ANSWER_SECONDS = 60.0
ACCEPTED = 202
FIRST_ID = 20_000_000
NDJSON, JSON = "application/x-ndjson", "application/json"


@dataclass(frozen=True, slots=True)
class Due:
    """A request and when it is to be sent, in seconds from the beginning; `first` is its first record's number."""

    at: float
    first: int
    records: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request. Times are seconds since the epoch.

    Attributes:
        accepted: records that it calls accepted; all of them or none.
        request_id: empty for a request that was not accepted whole.
    """

    due: Due
    sent_at: float
    answered_at: float
    accepted: int
    request_id: str
    problem: str = ""


def plan(rate: float, seconds: float, batch: int) -> list[Due]:
    """The requests of a run, by time: NDJSON batches, and between them the records that come alone."""
    total = round(rate * seconds)
    singles = round(total * SINGLE_SHARE)
    span = seconds / HEADROOM
    requests = [Due(number * span / singles, number, 1) for number in range(singles)]
    starts = range(singles, total, batch)
    for number, first in enumerate(starts):
        requests.append(Due(number * span / len(starts), first, min(batch, total - first)))
    return sorted(requests, key=lambda due: due.at)


def record(number: int) -> bytes:
    """A record of 288 to 300 bytes. Every one is different, and compresses no better than such events do."""
    noise = hashlib.blake2b(number.to_bytes(8), digest_size=32).hexdigest()
    text = (
        f'{{"id":{FIRST_ID + number},"type":"page_view","customer":"{noise[:12]}","session":"{noise[12:36]}",'
        f'"url":"https://shop.example.com/products/{noise[36:44]}?ref=newsletter",'
        f'"amount":{number % 100_000 / 100:.2f},'
        f'"currency":"EUR","device":{{"os":"android","model":"{noise[44:52]}"}},"tags":["new","mobile"],'
        f'"at":"2026-11-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"}}'
    )
    return text.encode()


def body(due: Due) -> bytes:
    """The body of a request."""
    return b"\n".join(record(number) for number in range(due.first, due.first + due.records))


async def send(url: str, requests: list[Due]) -> list[Answer]:
    """Send each when it is due; the answers in the order in which they came."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(url, timeout=timeout, connector=connector) as session:
        sender = Sender(session)
        async with asyncio.TaskGroup() as under_way:
            began = time.monotonic()
            for due in requests:
                content = body(due)
                await asyncio.sleep(max(0.0, began + due.at - time.monotonic()))
                await sender.free.acquire()
                under_way.create_task(sender.post(due, content))
    return sender.answers


@dataclass
class Sender:
    """Requests under way, and the answers so far."""

    session: aiohttp.ClientSession
    answers: list[Answer] = field(default_factory=list)
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))

    async def post(self, due: Due, content: bytes) -> None:
        """One request; its answer, or what came instead, is noted."""
        sent_at = time.time()
        accepted, request_id, problem = 0, "", ""
        headers = {"Content-Type": JSON if due.records == 1 else NDJSON}
        try:
            async with self.session.post("/records", data=content, headers=headers) as response:
                members = await response.json(content_type=None)
            if response.status == ACCEPTED and members["accepted"] == due.records:
                accepted, request_id = due.records, members["request_id"]
            else:
                problem = f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            problem = type(error).__name__
        finally:
            self.free.release()
        self.answers.append(Answer(due, sent_at, time.time(), accepted, request_id, problem))


def ingest_ids(answers: list[Answer]) -> Iterator[tuple[str, float]]:
    """Of every accepted record, with the time of its answer."""
    for answer in answers:
        for index in range(answer.accepted):
            yield f"{answer.request_id}-{index}", answer.answered_at
