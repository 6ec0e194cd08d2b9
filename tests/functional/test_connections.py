"""The ways to an endpoint: TLS, proxies and tunnels, and what goes wrong on them."""

import asyncio
import socket
import ssl
from base64 import b64decode
from collections.abc import Awaitable, Callable
from functools import cache

import pytest
import trustme

from app.sinks.connections import endpoint, first_to_answer
from app.sinks.http_calls import CallFailed, Endpoint
from tests.functional.conftest import InLoop
from tests.support.scripted import Script, Scripted, Wire, echo, serving, until_client_leaves

AUTHORITY = trustme.CA()
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"


def of_server(name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


@cache
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def calls_to(
    server: Scripted, proxy: Scripted | None = None, *, scheme: str = "https", seconds: float = 30
) -> Endpoint:
    return endpoint(f"{scheme}://{server.address}", f"http://{proxy.address}" if proxy else None, trusting, seconds)


async def failure(call: Awaitable[object]) -> str:
    with pytest.raises(CallFailed) as failed:
        await call
    return failed.value.code


def leading_to(server: Scripted) -> Script:
    """A proxy that makes tunnels, all to `server`."""

    async def script(wire: Wire) -> None:
        await wire.request()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            await wire.send(ESTABLISHED)
            await asyncio.gather(_pass_on(wire.reader, writer), _pass_on(reader, wire.writer))
        finally:
            writer.close()

    return script


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def test_tls(in_loop: InLoop) -> None:
    async def main() -> None:
        async with serving(echo, of_server()) as server:
            calls = calls_to(server)
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
            calls = calls_to(server)
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


def test_a_proxy_without_tls_is_told_the_whole_url(in_loop: InLoop) -> None:
    async def main() -> None:
        async with serving(echo) as proxy:
            calls = endpoint("http://[::1]:4566/there", f"u%40x:p%C3%A9%FF@{proxy.address}", trusting, 30)
            for _ in range(2):
                assert (await calls.post({"Host": "[::1]:4566"}, b"one")).body == b"one"
            [wire] = proxy.wires
            assert [(request.method, request.target) for request in wire.requests] == [
                ("POST", "http://[::1]:4566/there")
            ] * 2
            for request in wire.requests:
                assert b64decode(request.header("proxy-authorization").removeprefix("Basic ")) == b"u@x:p\xc3\xa9\xff"
            calls.close()
            await proxy.all_ended()

    in_loop(main())


def test_a_tunnel(in_loop: InLoop) -> None:
    async def main() -> None:
        async with serving(echo, of_server()) as server, serving(leading_to(server)) as proxy:
            calls = endpoint(f"https://{server.address}/there", f"http://user:word@{proxy.address}", trusting, 30)
            for body in (b"one", b"two", bytes(1_000_000)):
                assert (await calls.post({"X-N": "1"}, body)).body == body
            [request] = proxy.requests
            assert (request.method, request.target, request.header("host")) == (
                "CONNECT",
                server.address,
                server.address,
            )
            assert b64decode(request.header("proxy-authorization").removeprefix("Basic ")) == b"user:word"
            assert [(r.target, r.header("proxy-authorization")) for r in server.requests] == [("/there", "")] * 3
            assert len(server.wires) == 1
            calls.close()
            await proxy.all_ended()
            await server.all_ended()

    in_loop(main())


def test_a_tunnel_through_a_proxy_that_is_spoken_to_with_tls(in_loop: InLoop) -> None:
    async def main() -> None:
        async with serving(echo, of_server()) as server, serving(leading_to(server), of_server()) as proxy:
            calls = endpoint(f"https://{server.address}", f"https://{proxy.address}", trusting, 30)
            for body in (b"one", b"two"):
                assert (await calls.post({}, body)).body == body
            assert len(proxy.wires) == len(server.wires) == 1
            calls.close()
            await proxy.all_ended()

    in_loop(main())


@pytest.mark.parametrize(
    ("url", "authority"),
    [("https://[::1]", "[::1]:443"), ("https://[2001:db8::1]:8443/", "[2001:db8::1]:8443"), ("https://a.b", "a.b:443")],
)
def test_what_a_tunnel_is_asked_to_lead_to(in_loop: InLoop, url: str, authority: str) -> None:
    async def refuse(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    async def main() -> None:
        async with serving(refuse) as proxy:
            calls = endpoint(url, f"http://{proxy.address}", trusting, 30)
            assert await failure(calls.post({}, b"{}")) == "ProxyRefused"
            [request] = proxy.requests
            assert (request.target, request.header("host")) == (authority, authority)

    in_loop(main())


@pytest.mark.parametrize(
    ("sent", "then", "codes"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", b"", {"ProxyRefused"}),
        (b"", b"", {"ProxyRefused"}),
        (b"HTTP/1.1 200 OK\r\n", b"", {"ProxyRefused"}),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 3000, {"ProxyRefused"}),
        (b"SSH-2.0-x\r\n\r\n", b"", {"ProxyRefused"}),
        (ESTABLISHED + b"220 mail", b"", {"ProxyRefused"}),
        (ESTABLISHED, b"", {"ServerDisconnected", "ConnectionResetError"}),
        (ESTABLISHED, b"220 mail.example.com\r\n" * 1000, {"SSLError", "ProxyRefused"}),
    ],
)
def test_a_proxy_that_makes_no_tunnel(in_loop: InLoop, sent: bytes, then: bytes, codes: set[str]) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(sent)
        if then:
            await wire.flood(then)

    async def main() -> None:
        async with serving(script) as proxy:
            calls = endpoint("https://kinesis.example.com", f"http://{proxy.address}", trusting, 30)
            assert await failure(calls.post({}, b"{}")) in codes
            await proxy.all_ended()

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
            calls = calls_to(server, proxy if is_tunnelled else None)
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
            calls = calls_to(server, server if is_tunnelled else None, seconds=0.02)
            assert await failure(calls.post({}, b"{}")) == "ConnectTimeout"
            await server.all_ended()

    in_loop(main())


@pytest.mark.parametrize("is_tunnelled", [False, True])
def test_a_call_that_is_cancelled_at_any_step_leaves_no_connection(in_loop: InLoop, *, is_tunnelled: bool) -> None:
    async def main() -> None:
        async with serving(echo, of_server()) as server, serving(leading_to(server)) as proxy:
            for steps in range(40):
                calls = calls_to(server, proxy if is_tunnelled else None)
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
