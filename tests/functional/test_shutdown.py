"""SIGTERM under uvicorn: what is in flight is finished and answered, and nothing answered is missing."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.functional.conftest import StartGateway
from tests.support import generators as make
from tests.support import prometheus
from tests.support.contract import assert_answer
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_RECORDS, Fault, Rule
from tests.support.local_pipeline import eventually
from tests.support.transports import Response, UvicornClient, post

IN_FLIGHT = 6
BATCH = 20
ENDED = {0, -signal.SIGTERM}
"""uvicorn, when all is done, lets the signal have its way; as the first process of a container, which it does not end,
it returns 0."""


@pytest.fixture
def proxy(endpoint: str) -> Iterator[ProxyThread]:
    with running_proxy(endpoint) as running:
        yield running


def test_what_is_in_flight_is_finished(start_gateway: StartGateway, proxy: ProxyThread) -> None:
    settings = {"SLUICE_DELIVERY_TIMEOUT_SECONDS": "20", "SLUICE_BODY_TIMEOUT_SECONDS": "3"}
    gateway = start_gateway("uvicorn", through=proxy.url, **settings)
    client = gateway.client
    assert isinstance(client, UvicornClient)
    assert client.process
    assert_answer(post(client, make.record(0)), 202, accepted=1)
    before = len(gateway.aws.lines())
    proxy.set_rules([Rule(PUT_RECORDS, Fault.DELAY, seconds=60)])  # calls are given up and made again until it ends
    address = ("127.0.0.1", urlsplit(client.url).port or 0)
    half = make.ndjson([make.record(number) for number in range(3)])
    with (
        socket.create_connection(address, timeout=30) as half_sent,
        socket.create_connection(address, timeout=30) as idle,
        ThreadPoolExecutor(IN_FLIGHT) as threads,
    ):
        head = b"POST /records HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n"
        half_sent.sendall(head % len(half) + half[:-10])
        body = make.ndjson([make.record(number) for number in range(BATCH)])
        running = [threads.submit(post, client, body, media="ndjson") for _ in range(IN_FLIGHT)]
        eventually(lambda: at_work(client), lambda count: count == IN_FLIGHT, 20, pause=0.02)
        os.kill(client.pid, signal.SIGTERM)
        assert idle.recv(1) == b"", "a connection without a request is closed"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        assert not any(each.done() for each in running)
        proxy.set_rules([])
        answers = [each.result() for each in running]
        received = b""
        with suppress(ConnectionResetError):
            while chunk := half_sent.recv(65536):
                received += chunk
    assert client.process.wait(30) in ENDED
    assert received == b"" or received.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 5")), received[:100]
    for answer in answers:
        assert_answer(answer, 202, accepted=BATCH)
        lines = gateway.aws.lines_of(answer.json()["request_id"])
        assert {line.index for line in lines} == set(range(BATCH))
    assert {line.request_id for line in gateway.aws.lines()[before:]} == {
        answer.json()["request_id"] for answer in answers
    }, "nothing of the half-sent body"
    statuses = [receipt["status"] for receipt in gateway.receipts("")]
    assert sorted(statuses) == [202] * (1 + IN_FLIGHT) + [408]


def at_work(client: UvicornClient) -> float:
    [now] = [each.value for each in prometheus.samples(client) if each.name == "sluice_requests_in_flight"]
    return now


def test_nothing_answered_is_missing_when_it_ends_under_load(start_gateway: StartGateway) -> None:
    """Clients that go on sending over connections of their own while it ends."""
    gateway = start_gateway("uvicorn")
    client = gateway.client
    assert isinstance(client, UvicornClient)
    assert client.process
    enough = threading.Event()

    def go_on(number: int) -> list[Response]:
        answers = []
        while True:
            try:
                answers.append(post(client, make.record(number)))
            except (ConnectionError, OSError):
                return answers
            if len(answers) == 5:
                enough.set()

    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        running = [threads.submit(go_on, number) for number in range(IN_FLIGHT)]
        assert enough.wait(30)
        os.kill(client.pid, signal.SIGTERM)
        answers = [answer for each in running for answer in each.result()]
    assert client.process.wait(30) in ENDED
    for answer in answers:
        assert_answer(answer, 202, accepted=1)
    stored = {line.request_id for line in gateway.aws.lines()}
    answered = {answer.json()["request_id"] for answer in answers}
    assert answered <= stored
    assert {receipt["request_id"] for receipt in gateway.receipts("")} == stored
