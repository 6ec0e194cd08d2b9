"""What only stands on the wire: offers of an upgrade, and refusals that leave while the client still sends."""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.functional.conftest import Gateway
from tests.support.transports import UvicornClient

SMUGGLED = b'POST /records HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{"id":"smuggled"}'
BIG = 6 * 1024 * 1024


def talk(client: UvicornClient, *segments: bytes) -> bytes:
    """Send `segments` apart, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", urlsplit(client.url).port or 0), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for segment in segments:
            connection.sendall(segment)
            time.sleep(0.05)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize("offer", ["h2c", "websocket"])
@pytest.mark.parametrize("apart", [False, True])
def test_an_offered_upgrade_does_not_cost_the_body(
    gateway: Gateway, uvicorn: UvicornClient, offer: str, apart: bool
) -> None:
    before = len(gateway.aws.lines())
    body = json.dumps({"id": 1, "note": SMUGGLED.decode()}).encode()
    head = (
        f"POST /records HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {offer}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    last = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = talk(uvicorn, *([head, body] if apart else [head + body]), last)
    assert answers.startswith(b"HTTP/1.1 202 ")
    assert answers.count(b"HTTP/1.1 ") == 2
    new = gateway.aws.lines()[before:]
    assert [line.payload for line in gateway.aws.lines() if line in new] == [body]


@pytest.mark.parametrize(
    ("path", "media", "status"), [("/records", "text/plain", 415), ("/nope", "application/json", 404)]
)
def test_a_refusal_reaches_a_client_that_sends_on(uvicorn: UvicornClient, path: str, media: str, status: int) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Type: {media}\r\nContent-Length: {BIG}\r\n\r\n"
    ).encode()
    answer = talk(uvicorn, head, *[b"a" * (BIG // 8)] * 8)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in answer
