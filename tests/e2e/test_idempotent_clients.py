"""Clients that repeat themselves: each request three times at once with one key, and again after a kill of the gateway.

Whatever is repeated, and whatever was lost on the way: one request has the same ids each time, and a record is in
RECORDS once.
"""

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Barrier

import pytest

from tests.support import generators as make
from tests.support import varied
from tests.support.aws import payload_of
from tests.support.contract import assert_answer
from tests.support.fault_proxy import ProxyThread
from tests.support.faults import PUT_RECORDS, Fault, Rule
from tests.support.local_pipeline import LocalPipeline, eventually
from tests.support.second_gateway import behind_proxy
from tests.support.stores import Stores
from tests.support.transports import GatewayProcess, Response, post
from tests.support.webhooks import secret, signed

pytestmark = pytest.mark.e2e
KEY = "key-of-the-shop-0123456789"
CREDENTIALS = json.dumps({"shop": [sha256(KEY.encode()).hexdigest(), secret("shop")]})
TIMES, REQUESTS, LINES = 3, 12, 60
KILLED = range(4, 8)  # requests under way when the gateway is killed
DELAY_SECONDS = 3.0
LATER_SECONDS = 120  # between a webhook and its repetition, by its timestamp; five minutes are allowed


Started = tuple[GatewayProcess, ProxyThread]


@dataclass
class Repeated:
    """A request that is sent again and again."""

    number: int
    body: bytes
    headers: dict[str, str]
    media: str
    records: list[bytes]
    reasons: dict[int, str] = field(default_factory=dict)
    answers: list[Response] = field(default_factory=list)

    def send(self, gateway: GatewayProcess) -> None:
        """Once; an answer that does not come is nothing to learn from."""
        with suppress(OSError, http.client.HTTPException):
            self.answers.append(post(gateway.client, self.body, self.headers, media=self.media))

    def request_id(self) -> str:
        """The one that every answer names; each says the same of every record."""
        accepted = len(self.records) - len(self.reasons)
        status = 207 if self.reasons else 202
        ids = {
            assert_answer(answer, status, accepted=accepted, rejected=self.reasons.items())["request_id"]
            for answer in self.answers
        }
        assert len(ids) == 1, ids
        return str(ids.pop())


@pytest.fixture(scope="module")
def started(pipeline: LocalPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A gateway that asks for keys and knows a secret, and that can be killed."""
    settings = {"SLUICE_AUTH": "keys", "SLUICE_API_KEYS": CREDENTIALS}
    with behind_proxy(pipeline, tmp_path_factory.mktemp("gateway"), settings) as started:
        yield started


def keyed(number: int) -> Repeated:
    """A batch, every third with two bad lines."""
    bad = {7: varied.bad(number), LINES - 1: varied.bad(number + 1)} if number % 3 == 0 else {}
    records = [bad[index][0] if index in bad else varied.good(number * LINES + index) for index in range(LINES)]
    headers = {"Idempotency-Key": f"again-{number}", "X-Api-Key": KEY}
    reasons = {index: reason for index, (_, reason) in bad.items()}
    return Repeated(number, make.ndjson(records), headers, "ndjson", records, reasons)


def at_once(gateway: GatewayProcess, requests: list[Repeated]) -> None:
    """Each TIMES in parallel."""
    everyone = [request for request in requests for _ in range(TIMES)]
    start = Barrier(len(everyone))

    def send(request: Repeated) -> None:
        start.wait()
        request.send(gateway)

    with ThreadPoolExecutor(len(everyone)) as threads:
        list(threads.map(send, everyone))


def at_once_while_it_is_killed(started: Started, requests: list[Repeated]) -> None:
    """As `at_once`; the gateway is killed as soon as one is answered, and started again.

    By then others wait for the stream, which takes their records when who sent them is dead.
    """
    gateway, proxy = started
    proxy.set_rules([Rule(PUT_RECORDS, Fault.DELAY, times=len(requests), seconds=DELAY_SECONDS)])
    with ThreadPoolExecutor(1) as thread:
        sending = thread.submit(at_once, gateway, requests)
        eventually(lambda: any(request.answers for request in requests), bool, DELAY_SECONDS, pause=0.001)
        gateway.kill()
        sending.result()
    gateway.start()


def test_three_times_at_once_and_again_after_a_kill(pipeline: LocalPipeline, started: Started) -> None:
    stores, gateway = Stores(pipeline), started[0]
    requests = [keyed(number) for number in range(REQUESTS)]
    for request in requests:
        if request.number not in KILLED:
            at_once(gateway, [request])
            assert len(request.answers) == TIMES
    struck = [requests[number] for number in KILLED]
    at_once_while_it_is_killed(started, struck)
    assert sum(len(request.answers) for request in struck) < len(struck) * TIMES, "those that waited got no answer"
    for request in requests:  # whoever was answered too: the gateway's memory is gone, and with it nothing
        at_once(gateway, [request])

    by_id = {request.request_id(): request for request in requests}
    assert len(by_id) == REQUESTS
    good = {
        f"{request_id}-{index}": record
        for request_id, request in by_id.items()
        for index, record in enumerate(request.records)
        if index not in request.reasons
    }
    stores.wait_for_rows(good)
    wait_for_the_tail(stores, gateway)
    assert stores.ids_in("RECORDS", list(by_id)) == dict.fromkeys(good, 1)
    copies = stores.ids_in("RAW_RECORDS", list(by_id))
    assert copies.keys() == good.keys()
    assert min(copies.values()) >= TIMES, "nobody remembers a key: the view is what makes one of them"
    for request_id, request in by_id.items():
        kept = [line for found in stores.error_objects(request_id) for line in found.lines]
        wanted = {
            (f"{request_id}-{index}", reason, request.records[index]) for index, reason in request.reasons.items()
        }
        assert {(line["ingest_id"], line["reason"], payload_of(line)) for line in kept} == wanted


def test_a_webhook_again_in_its_time(pipeline: LocalPipeline, started: Started) -> None:
    stores, gateway = Stores(pipeline), started[0]
    body = make.array([make.record(1), make.record(2)])
    webhooks = [
        Repeated(number, body, signed(body, secret("shop"), webhook_id=f"msg_{number}"), "json", [b"", b""])
        for number in range(2)
    ]
    at_once(gateway, webhooks)
    gateway.kill()
    gateway.start()
    for webhook in webhooks:
        webhook.send(gateway)  # captured, and played again
        old = signed(body, secret("shop"), webhook_id=f"msg_{webhook.number}", age=LATER_SECONDS)
        webhook.headers = old  # its sender tries again, with another timestamp
        webhook.send(gateway)
        assert len(webhook.answers) == TIMES + 2

    request_ids = [webhook.request_id() for webhook in webhooks]
    assert len(set(request_ids)) == len(webhooks)
    wanted = [f"{request_id}-{index}" for request_id in request_ids for index in (0, 1)]
    stores.wait_for_rows(wanted)
    wait_for_the_tail(stores, gateway)
    assert stores.ids_in("RECORDS", request_ids) == dict.fromkeys(wanted, 1)
    assert Counter(stores.ids_in("RAW_RECORDS", request_ids)) == dict.fromkeys(wanted, TIMES + 2)


def wait_for_the_tail(stores: Stores, gateway: GatewayProcess) -> None:
    """Rows in each shard after all that was sent before: whatever had come twice is there by now."""
    sentinel = post(
        gateway.client, make.ndjson([make.record(n) for n in range(16)]), {"X-Api-Key": KEY}, media="ndjson"
    )
    stores.wait_for_rows([f"{assert_answer(sentinel, 202, accepted=16)['request_id']}-{n}" for n in range(16)])
