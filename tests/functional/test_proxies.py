"""Proxies on the way to an endpoint: what they are told, the tunnels they make, and those they do not."""

from base64 import b64decode

import pytest

from app.sinks.connections import endpoint
from tests.functional.conftest import InLoop
from tests.support.scripted import ESTABLISHED, Wire, echo, failure, leading_to, of_server, serving, trusting


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
