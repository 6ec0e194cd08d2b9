"""Connections with TLS, made straight or through a tunnel: whom they trust, and when they are given up."""

import asyncio
import socket
import ssl
from collections.abc import Callable

import pytest

from app.sinks.connections import endpoint, first_to_answer
from tests.functional.conftest import InLoop
from tests.support.scripted import (
    ESTABLISHED,
    Script,
    Wire,
    calls_with_tls_to,
    echo,
    failure,
    leading_to,
    of_server,
    serving,
    trusting,
    until_client_leaves,
)


def test_tls(in_loop: InLoop) -> None:
    async def main() -> None:
        async with serving(echo, of_server()) as server:
            calls = calls_with_tls_to(server)
            for body in (b"one", b"two", bytes(1_000_000)):
                assert (await calls.post({}, body)).body == body
            assert len(server.wires) == 1
            calls.close()
            await server.all_ended()

    in_loop(main())


def test_an_answer_that_ends_with_a_connection_with_tls(in_loop: InLoop) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\nwhole")

    async def main() -> None:
        async with serving(script, of_server()) as server:
            calls = calls_with_tls_to(server)
            for _ in range(2):
                assert (await calls.post({}, b"{}")).body == b"whole"
            assert len(server.wires) == 2

    in_loop(main())


@pytest.mark.parametrize("is_tunnelled", [False, True])
@pytest.mark.parametrize(
    ("name", "trust"), [("127.0.0.1", ssl.create_default_context), ("kinesis.example.com", trusting)]
)
def test_a_certificate_that_does_not_hold(
    in_loop: InLoop, name: str, trust: Callable[[], ssl.SSLContext], *, is_tunnelled: bool
) -> None:
    async def main() -> None:
        async with serving(echo, of_server(name)) as server, serving(leading_to(server)) as proxy:
            over = f"http://{proxy.address}" if is_tunnelled else None
            calls = endpoint(f"https://{server.address}", over, trust, 30)
            assert await failure(calls.post({}, b"secret")) == "SSLCertVerificationError"
            assert server.requests == []
            await proxy.all_ended()
            assert len(proxy.wires) == is_tunnelled

    in_loop(main())


@pytest.mark.parametrize("is_tunnelled", [False, True])
@pytest.mark.parametrize("then_ends", [False, True])
def test_a_server_that_speaks_before_it_is_asked(in_loop: InLoop, *, is_tunnelled: bool, then_ends: bool) -> None:
    async def script(wire: Wire) -> None:
        await wire.send(b"junk")
        if not then_ends:
            await until_client_leaves(wire)

    async def main() -> None:
        async with serving(script, of_server()) as server, serving(leading_to(server)) as proxy:
            calls = calls_with_tls_to(server, proxy if is_tunnelled else None)
            await failure(calls.post({}, b"{}"))
            await server.all_ended()
            await proxy.all_ended()

    in_loop(main())


async def say_nothing(wire: Wire) -> None:
    await until_client_leaves(wire)


async def say_nothing_inside(wire: Wire) -> None:
    await wire.request()
    await wire.send(ESTABLISHED)
    await until_client_leaves(wire)


@pytest.mark.parametrize(
    ("script", "is_tunnelled"), [(say_nothing, False), (say_nothing, True), (say_nothing_inside, True)]
)
def test_a_connection_that_takes_too_long_is_given_up(in_loop: InLoop, script: Script, *, is_tunnelled: bool) -> None:
    async def main() -> None:
        async with serving(script) as server:
            calls = calls_with_tls_to(server, server if is_tunnelled else None, seconds=0.02)
            assert await failure(calls.post({}, b"{}")) == "ConnectTimeout"
            await server.all_ended()

    in_loop(main())


@pytest.mark.parametrize("is_tunnelled", [False, True])
def test_a_call_that_is_cancelled_at_any_step_leaves_no_connection(in_loop: InLoop, *, is_tunnelled: bool) -> None:
    async def main() -> None:
        async with serving(echo, of_server()) as server, serving(leading_to(server)) as proxy:
            for steps in range(40):
                calls = calls_with_tls_to(server, proxy if is_tunnelled else None)
                task = asyncio.create_task(calls.post({}, b"{}"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                [answer] = await asyncio.gather(task, return_exceptions=True)
                if not isinstance(answer, BaseException):
                    calls.close()
                await server.all_ended()
                await proxy.all_ended()

    in_loop(main())


@pytest.mark.parametrize(
    ("url", "proxy", "code"),
    [
        ("https://kinesis.example.com", "socks5://127.0.0.1:9", "InvalidURL"),
        ("http://kinesis.example.com", "socks5://127.0.0.1:9", "InvalidURL"),
        ("http://kinesis.example.com", "http://127.0.0.1:ninety", "InvalidURL"),
        ("https://kinesis.example.com:70000", "http://127.0.0.1:9", "InvalidURL"),
        ("http://kinesis..example.com", None, "UnicodeError"),
        ("http://127.0.0.1:9", None, "ConnectionRefusedError"),
    ],
)
def test_where_nothing_can_be(in_loop: InLoop, url: str, proxy: str | None, code: str) -> None:
    async def main() -> None:
        assert await failure(endpoint(url, proxy, trusting, 30).post({}, b"{}")) == code

    in_loop(main())


@pytest.mark.parametrize("is_tunnelled", [False, True])
def test_certificates_to_trust_that_cannot_be_read(in_loop: InLoop, *, is_tunnelled: bool) -> None:
    async def main() -> None:
        async with serving(say_nothing_inside) as server:
            proxy = f"http://{server.address}" if is_tunnelled else None
            calls = endpoint(
                f"https://{server.address}", proxy, lambda: ssl.create_default_context(cafile="/nowhere"), 30
            )
            assert await failure(calls.post({}, b"{}")) == "FileNotFoundError"
            await server.all_ended()

    in_loop(main())


def test_an_address_that_says_nothing_leaves_time_for_the_next(in_loop: InLoop) -> None:
    def to(port: int) -> tuple[object, ...]:
        return (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))

    async def main() -> None:
        with socket.socket() as full, socket.socket() as queued, socket.socket() as refusing:
            refusing.bind(("127.0.0.1", 0))
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            queued.connect(full.getsockname())  # all that it takes: Linux lets a further one wait
            async with serving(echo) as server:
                silent, refused = to(full.getsockname()[1]), to(refusing.getsockname()[1])
                with await first_to_answer([refused, silent, to(server.port)], 0.9) as connected:
                    assert connected.getpeername() == ("127.0.0.1", server.port)
                with pytest.raises(TimeoutError):
                    await first_to_answer([refused, silent], 0.02)
                with pytest.raises(ConnectionRefusedError):
                    await first_to_answer([refused], 30)

    in_loop(main())
