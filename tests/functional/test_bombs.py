"""Small requests that would become large: refused with 413 in little time and less than 64 MiB of memory."""

import sys
import time
from collections.abc import Callable
from functools import cache

import pytest
from backports import zstd

from tests.functional.conftest import Gateway, StartGateway
from tests.support import generators as make
from tests.support import memory
from tests.support.contract import assert_answer, assert_problem
from tests.support.transports import Response, UvicornClient, post

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

MAX_RECEIVED = 4 * make.MIB
MAX_GROWTH = 64 * make.MIB
MAX_SECONDS = 10.0
MAX_SECONDS_OF_ONE_REQUEST = 2.0


@cache
def gzip_of_several_gib() -> bytes:
    return make.gzip_bomb(MAX_RECEIVED)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zstd, one frame of 10 GiB": ("zstd", lambda: make.zstd_bomb(10 * make.GIB)),
    "zstd, one frame of 100 GiB": ("zstd", lambda: make.zstd_bomb(100 * make.GIB)),
    "zstd, frames of 1 MiB": ("zstd", lambda: make.zstd_bomb(make.MIB) * 4_000),
    "zstd, 10 GiB of one line": ("zstd", lambda: make.zstd_bomb(10 * make.GIB, block=b"[")),
    "zstd, 10 GiB of newlines": ("zstd", lambda: make.zstd_bomb(10 * make.GIB, block=b"\n")),
    "zstd, a window of 128 MiB": ("zstd", lambda: make.zstd_bomb(make.GIB, window_log=27)),
    "zstd, a window of 2 GiB": ("zstd", lambda: make.zstd_bomb(make.GIB, window_log=31)),
    "zstd, the largest window there is": ("zstd", lambda: make.zstd_bomb(make.GIB, window_log=41)),
    "gzip, members of 64 MiB, 4 GiB": ("gzip", gzip_of_several_gib),
    "gzip, members of 1 MiB": ("gzip", lambda: make.gzip_bomb(MAX_RECEIVED, make.MIB)),
}
GREEDY = {
    "4 million numbers, a line each": b"1\n" * (MAX_RECEIVED // 2),
    "2 million numbers in an array": b"[" + b"1," * (MAX_RECEIVED // 2 - 1) + b"1]",
    "1 million empty objects": b"[" + b"{}," * (MAX_RECEIVED // 3 - 1) + b"{}]",
}


@pytest.fixture(scope="module")
def warm(start_gateway: StartGateway) -> Gateway:
    """A gateway of its own that has served an ordinary request of each kind before memory is looked at."""
    gateway = start_gateway("uvicorn")
    assert isinstance(gateway.client, UvicornClient)
    gateway.client.timeout = MAX_SECONDS
    body = make.ndjson([make.record(number) for number in range(2_000)])
    assert_answer(post(gateway.client, body, media="ndjson"), 202, accepted=2_000)
    assert_answer(
        post(gateway.client, zstd.compress(body), {"Content-Encoding": "zstd"}, media="ndjson"), 202, accepted=2_000
    )
    packed = make.many_members([body])
    assert_answer(post(gateway.client, packed, {"Content-Encoding": "gzip"}, media="ndjson"), 202, accepted=2_000)
    return gateway


def small(gateway: Gateway, send: Callable[[UvicornClient], Response]) -> Response:
    """The answer to what `send` sends, which costs neither much memory nor much time."""
    client = gateway.client
    assert isinstance(client, UvicornClient)
    memory.reset_peak(client.pid)
    before, started = memory.resident(client.pid), time.monotonic()
    response = send(client)
    assert time.monotonic() - started < MAX_SECONDS
    growth = memory.peak(client.pid) - before
    assert growth < MAX_GROWTH, f"grew by {growth / make.MIB:.0f} MiB"
    return response


@pytest.mark.parametrize("chunked", [False, True], ids=["Content-Length", "chunked"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb(warm: Gateway, name: str, chunked: bool) -> None:
    encoding, bomb = BOMBS[name]
    body = bomb()
    assert len(body) <= MAX_RECEIVED
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": encoding}

    def send(client: UvicornClient) -> Response:
        if chunked:
            return client.request_chunked("POST", "/records", make.pieces(body), headers)
        return client.request("POST", "/records", body, headers)

    with warm.aws.nothing_stored():
        assert_problem(small(warm, send), 413)


@pytest.mark.parametrize("name", GREEDY)
def test_more_records_than_memory_should_hold(warm: Gateway, name: str) -> None:
    body = GREEDY[name]
    media = "json" if body[:1] == b"[" else "ndjson"
    with warm.aws.nothing_stored():
        assert_problem(small(warm, lambda client: post(client, body, media=media)), 413)


@pytest.mark.parametrize("line", [b"\n", b" \n", b"\r\n"])
def test_eight_mebibytes_of_blank_lines(warm: Gateway, line: bytes) -> None:
    """A few kilobytes that must not keep the gateway from its other clients for long."""
    body = zstd.compress(make.record(1) + line * (8 * make.MIB // len(line) - make.KIB))
    started = time.monotonic()
    response = small(warm, lambda client: post(client, body, {"Content-Encoding": "zstd"}, media="ndjson"))
    assert time.monotonic() - started < MAX_SECONDS_OF_ONE_REQUEST
    assert_answer(response, 202, accepted=1)


@pytest.mark.parametrize("window_log", [27, 31])
def test_a_huge_window_for_a_small_record(warm: Gateway, window_log: int) -> None:
    """The frame promises little and asks for much: whatever the answer, the memory is not given."""
    body = make.zstd_bomb(1_000, window_log=window_log, block=b" ")
    response = small(warm, lambda client: post(client, body, {"Content-Encoding": "zstd"}, media="ndjson"))
    assert response.status in {400, 413}


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_hundreds_of_thousands_of_empty_members(warm: Gateway, encoding: str) -> None:
    one = make.many_members([b""]) if encoding == "gzip" else make.many_frames([b""])
    body = one * (MAX_RECEIVED // len(one))
    response = small(warm, lambda client: post(client, body, {"Content-Encoding": encoding}, media="ndjson"))
    assert response.status in {400, 413}


@pytest.mark.parametrize("media", ["json", "ndjson"])
def test_eight_mebibytes_of_depth(warm: Gateway, media: str) -> None:
    body = zstd.compress(make.nested(4 * make.MIB))
    response = small(warm, lambda client: post(client, body, {"Content-Encoding": "zstd"}, media=media))
    assert_answer(response, 422, accepted=0, rejected=[(0, "too_deep")])


@pytest.mark.parametrize("waits", [False, True], ids=["sends at once", "waits for 100 Continue"])
def test_a_large_announcement_is_refused_before_the_body_comes(warm: Gateway, waits: bool) -> None:
    length = 100 * make.GIB if not waits else MAX_RECEIVED + 1
    headers = {"Content-Type": "application/json", "Content-Length": str(length)}
    expect = {"Expect": "100-continue"} if waits else {}
    assert_problem(small(warm, lambda client: client.request("POST", "/records", b"", headers | expect)), 413)


def test_a_chunked_body_without_end_is_refused_on_the_way(warm: Gateway) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    pieces = (bytes(make.MIB) for _ in range(200))
    assert_problem(small(warm, lambda client: client.request_chunked("POST", "/records", pieces, headers)), 413)
