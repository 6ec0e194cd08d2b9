"""Clients that send slowly, never end a head, or send very many headers: others are answered, they are refused."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.functional.conftest import Gateway, StartGateway
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem
from tests.support.transports import Response, UvicornClient, post

SLOW = 300
OTHERS = 30
BODY = make.record(1)
HEAD = b"POST /records HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.fixture(scope="module")
def hasty(start_gateway: StartGateway) -> Gateway:
    """A gateway that does not wait long for a body, and may have few requests at work."""
    return start_gateway("uvicorn", SLUICE_BODY_TIMEOUT_SECONDS="0.5", SLUICE_MAX_REQUESTS_IN_FLIGHT="8")


@pytest.fixture(scope="module")
def patient(start_gateway: StartGateway) -> Gateway:
    """A gateway that waits for a body as long as it may, with few requests at work."""
    settings = {"SLUICE_BODY_TIMEOUT_SECONDS": "600", "SLUICE_REQUEST_TIMEOUT_SECONDS": "900"}
    return start_gateway("uvicorn", SLUICE_MAX_REQUESTS_IN_FLIGHT="8", **settings)


@contextmanager
def connections(gateway: Gateway, count: int) -> Iterator[list[socket.socket]]:
    """Open connections to the gateway, closed when the block ends."""
    assert isinstance(gateway.client, UvicornClient)
    address = ("127.0.0.1", urlsplit(gateway.client.url).port or 0)
    with ExitStack() as opened:
        yield [opened.enter_context(socket.create_connection(address, timeout=20)) for _ in range(count)]


def read_to_the_end(connection: socket.socket) -> bytes:
    """All that comes until the server closes; a reset is an end too."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def problem_in(received: bytes) -> Response:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Response(int(first.split(" ")[1]), headers, body)


def test_slow_clients_do_not_stop_others(patient: Gateway) -> None:
    with connections(patient, SLOW) as bodies, connections(patient, SLOW) as heads:
        for connection in bodies:
            connection.sendall(HEAD + BODY[:5])
        for connection in heads:
            connection.sendall(HEAD[:20])
        answers = [post(patient.client, make.record(number)) for number in range(OTHERS)]
        for answer in answers:
            assert_answer(answer, 202, accepted=1)
        assert patient.client.request("GET", "/health").status == 200
        for connection in bodies[:10]:
            connection.sendall(BODY[5:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 202 ")


def test_a_body_that_does_not_come_is_given_up(hasty: Gateway) -> None:
    with hasty.aws.nothing_stored(), connections(hasty, 3) as slow:
        for connection in slow:
            connection.sendall(HEAD + BODY[:5])
        for connection in slow:
            response = problem_in(read_to_the_end(connection))
            problem = assert_problem(response, 408, "body_timeout")
            assert response.headers["connection"] == "close"
            [receipt] = hasty.receipts(problem["request_id"])
            assert (receipt["status"], receipt["reason"], receipt["records"]) == (408, "body_timeout", 0)


def test_a_refused_body_that_does_not_come_is_given_up(hasty: Gateway) -> None:
    with connections(hasty, 1) as [connection]:
        connection.sendall(HEAD.replace(b"application/json", b"text/plain") + BODY[:5])
        assert_problem(problem_in(read_to_the_end(connection)), 415)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"".join(b"X-%d: y\r\n" % number for number in range(200_000)), id="200,000 headers"),
        pytest.param(b"X-Long: " + b"y" * 2_000_000 + b"\r\n", id="a header of 2 MB"),
        pytest.param(b"X-Long: " + b"y" * 2_000_000, id="a header that does not end"),
        pytest.param(b"".join(b"Authorization: Bearer %d\r\n" % number for number in range(400)), id="400 keys"),
        pytest.param(b"".join(b"Content-Type: a/b%d\r\n" % number for number in range(400)), id="400 types"),
        pytest.param(b"".join(b"X-%d: y\r\n" % number for number in range(1_000)), id="1,000 headers"),
    ],
)
def test_very_many_headers(hasty: Gateway, head: bytes) -> None:
    """Each is taken or refused with 4xx, or its connection is closed."""
    with connections(hasty, 6) as greedy:
        with ThreadPoolExecutor(6) as threads:
            found = list(threads.map(lambda connection: send_head(connection, head), greedy))
        assert_answer(post(hasty.client, BODY), 202, accepted=1)
    for received in found:
        assert received == b"" or received[:10] in {b"HTTP/1.1 2", b"HTTP/1.1 4"}, received[:200]


def send_head(connection: socket.socket, headers: bytes) -> bytes:
    """What a client with these headers gets to read; the server may close while it sends."""
    message = b"POST /records HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"Content-Length: 8\r\n\r\n"
    try:
        connection.sendall(message + b'{"id":1}')
    except (ConnectionResetError, BrokenPipeError):
        return b""
    return read_to_the_end(connection)
