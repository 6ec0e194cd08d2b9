"""What `Http` makes of bytes: bodies of requests that offer an upgrade, heads that it refuses, and whose turn it is."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from app.http_protocol import MAX_HEAD_BYTES, Http
from tests.unit.app.test_http_protocol import GET, OFFER, POST, Streams, close, with_server

ECHO = POST + b"Content-Length: 5\r\n\r\nfirst"
OFFERED = POST + OFFER + b"Content-Length: 6\r\n\r\nsecond"
END = b"Connection: close\r\n"
REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 30\r\n"
    b"connection: close\r\n\r\nInvalid HTTP request received."
)
CHUNKED = POST + OFFER + b"Transfer-Encoding: chunked\r\n\r\n5\r\nthird\r\n0\r\n\r\n"
LAST = POST + END + b"Content-Length: 4\r\n\r\nlast"


def talk(*segments: bytes) -> bytes:
    """All that the server answers to segments sent apart, until it closes."""
    received = b""

    async def steps(connect: Callable[[], Awaitable[Streams]], _: ServerState) -> None:
        nonlocal received
        reader, writer = await connect()
        for segment in segments:
            writer.write(segment)
            await asyncio.sleep(0.002)
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65536):
                received += chunk
        await close(writer)

    with_server(steps)
    return received


def bodies(received: bytes) -> Sequence[bytes]:
    """The bodies of answers that have all status 200 and a body without a line's end."""
    parts = received.split(b"HTTP/1.1 ")
    assert parts[0] == b""
    assert all(part.startswith(b"200 ") for part in parts[1:])
    return [part.partition(b"\r\n\r\n")[2] for part in parts[1:]]


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([ECHO, OFFERED, LAST], [b"first", b"second", b"last"]),
        ([OFFERED, ECHO, OFFERED, LAST], [b"second", b"first", b"second", b"last"]),
        ([CHUNKED, LAST], [b"third", b"last"]),
        ([ECHO, ECHO, LAST], [b"first", b"first", b"last"]),
    ],
)
def test_one_after_the_other(requests: Sequence[bytes], expected: Sequence[bytes]) -> None:
    assert bodies(talk(*requests)) == expected


@given(cuts=st.lists(st.integers(1, len(OFFERED + LAST) - 1), max_size=6, unique=True).map(sorted))
def test_an_offer_in_any_pieces(cuts: list[int]) -> None:
    """The second request is there only when the first is answered, whatever the pieces."""
    whole = OFFERED + LAST
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert list(accumulate(map(len, pieces)))[-1] == len(whole)
    assert bodies(talk(*pieces)) == [b"second", b"last"]


def test_answers_come_in_their_turn() -> None:
    assert bodies(talk(ECHO + ECHO + LAST)) == [b"first", b"first", b"last"]


@pytest.mark.parametrize("broken", [b"NO HTTP\r\n\r\n", POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"])
def test_what_is_broken_behind_a_request_does_not_answer_for_it(broken: bytes) -> None:
    slow = GET.replace(b"/ ", b"/slow ", 1) + b"\r\n"
    assert bodies(talk(slow + broken)) == [b"hello"]
    assert bodies(talk(slow + ECHO + broken)) == [b"hello"]


def test_an_offer_behind_a_request_ends_the_connection_after_its_answer() -> None:
    slow = GET.replace(b"/ ", b"/slow ", 1) + b"\r\n"
    assert bodies(talk(slow + OFFERED)) == [b"hello"]
    assert bodies(talk(slow, OFFERED)) == [b"hello"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        GET + b"X : y\r\n\r\n",
        GET + b"X: y\r\n z\r\n\r\n",
        GET + b"X: y\x00\r\n\r\n",
        POST + b"Content-Length: +5\r\n\r\nfirst",
        POST + b"Content-Length: 5, 5\r\n\r\nfirst",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nfirst",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nfirst\r\n0\r\n\r\n",
        GET + b"X: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
        GET + b"X: " + b"y" * MAX_HEAD_BYTES,
        GET + b"X: y\r\n" * (MAX_HEAD_BYTES // 6) + b"\r\n",
    ],
)
def test_a_head_that_is_refused(head: bytes) -> None:
    half = len(head) // 2
    for segments in ([head], [head[:half], head[half:]], [head + ECHO]):
        received = talk(*segments)
        assert received.startswith(b"HTTP/1.1 400 "), received[:200]
        assert received.count(b"HTTP/1.1 ") == 1


def test_heads_of_usual_size_and_old_ones_are_taken() -> None:
    assert bodies(talk(GET + END + b"X: " + b"y" * (MAX_HEAD_BYTES - 200) + b"\r\n\r\n")) == [b"hello"]
    assert bodies(talk(b"GET / HTTP/1.0\r\n\r\n")) == [b"hello"]
    assert bodies(talk(ECHO.replace(b"first", b"f" * 5) + b"\r\n" + LAST)) == [b"fffff", b"last"]


def test_a_trailer_is_no_header() -> None:
    chunked = POST.replace(b"/echo", b"/names") + END + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
    assert bodies(talk(chunked + b"X-Api-Key: k\r\n\r\n")) == [b"host,connection,transfer-encoding"]


def test_a_trailer_that_does_not_end_is_refused() -> None:
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
    received = talk(chunked, *[b"X: " + b"y" * 4_000 + b"\r\n"] * 6)
    assert received.startswith(b"HTTP/1.1 400 ")


def test_many_requests_in_one_read_and_a_head_that_goes_on_behind_them() -> None:
    count = 3 * MAX_HEAD_BYTES // len(ECHO)
    assert bodies(talk(ECHO * count + LAST[:30], LAST[30:])) == [*[b"first"] * count, b"last"]


def test_a_head_behind_a_request_has_the_same_limit() -> None:
    more = [b"y" * 10_000] * 2
    assert bodies(talk(ECHO + GET + b"X: ", *more)[: -len(REFUSAL)]) == [b"first"]


def test_the_target_counts_too() -> None:
    assert talk(b"GET /" + b"y" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_head_that_waits_behind_answers_is_waited_for() -> None:
    slow = GET.replace(b"/ ", b"/slow ", 1) + b"\r\n"
    assert bodies(talk(slow, slow + LAST[:20], LAST[20:])) == [b"hello", b"hello", b"last"]


def test_an_empty_line_before_an_offer_is_skipped() -> None:
    assert bodies(talk(b"\r\n" + OFFERED, LAST)) == [b"second", b"last"]


def test_an_answer_is_one_packet() -> None:
    chunks: list[bytes] = []

    async def steps(connect: Callable[[], Awaitable[Streams]], _: ServerState) -> None:
        reader, writer = await connect()
        for _turn in range(3):
            writer.write(GET + b"\r\n")
            chunks.append(await reader.read(65536))
        await close(writer)

    with_server(steps)
    assert [chunk.endswith(b"\r\n\r\nhello") for chunk in chunks] == [True] * 3


class Recorded(asyncio.Transport):
    """What is written before it is closed; all of it is read at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...


def test_what_h11_refuses_does_not_overtake_an_answer() -> None:
    """The offer comes in the turn of the loop in which the answer before it was written."""

    async def main() -> bytes:
        async def app(_: Scope, __: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"hello"})
            protocol.data_received(b"GET / HTTP/1.1\r\n" + OFFER + b"\r\n")

        config = Config(app, http=Http, lifespan="off", log_level="critical")
        config.load()
        protocol, transport = Http(config, ServerState(), {}), Recorded()
        protocol.connection_made(transport)
        protocol.data_received(GET + b"\r\n")
        await asyncio.sleep(0.05)
        return transport.written

    answers = asyncio.run(main()).split(b"HTTP/1.1 ")
    assert [answer[:3] for answer in answers[1:]] == [b"200", b"400"]
