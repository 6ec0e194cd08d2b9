"""Gateways under test: the real app in processes of their own, an AWS of the session's own behind them."""

import asyncio
import gc
import hashlib
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.support.aws import Aws, make_aws, moto_endpoint
from tests.support.transports import Client, LambdaClient, UvicornClient, lambda_gateway, uvicorn_gateway

TRANSPORTS = ["uvicorn", "lambda"]
KEYS = {
    "shop": "key-of-the-shop-0123456789",
    "shops": "key-of-the-shops-0123456789",
    "till": "key-of-the-till-0123456789",
}
ORDER_1 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"id": {"type": "string"}, "amount": {"type": "number", "minimum": 0}},
    "required": ["id", "amount"],
}
ORDER_2 = {**ORDER_1, "required": ["id", "amount", "currency"]}


@dataclass(frozen=True)
class Gateway:
    """A running gateway: the way in, what lies behind it, and its receipts."""

    client: Client
    aws: Aws
    receipt_file: Path

    def receipts(self, request_id: str) -> list[dict[str, Any]]:
        """The receipt lines of one request, or of all with an empty id."""
        lines = self.receipt_file.read_text().splitlines() if self.receipt_file.exists() else []
        return [line for line in map(json.loads, lines) if request_id in {"", line["request_id"]}]


StartGateway = Callable[..., Gateway]
InLoop = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def in_loop(request: pytest.FixtureRequest) -> InLoop:
    """Run a coroutine in a loop of each kind; what the loop would only have logged fails the test."""

    def run(main: Coroutine[Any, Any, None]) -> None:
        complaints: list[dict[str, Any]] = []
        gc.freeze()  # only what the test itself makes is looked through
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.get_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
            runner.run(main)
            gc.collect()
        gc.unfreeze()
        assert complaints == []

    return run


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with moto_endpoint() as url:
        yield url


@pytest.fixture(scope="session")
def schemas_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one schema in two versions."""
    folder = tmp_path_factory.mktemp("schemas")
    (folder / "order").mkdir()
    (folder / "order" / "1.json").write_text(json.dumps(ORDER_1))
    (folder / "order" / "2.json").write_text(json.dumps(ORDER_2))
    return folder


@pytest.fixture(scope="session")
def start_gateway(
    endpoint: str, schemas_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartGateway]:
    """Start a gateway with a stream and a bucket of its own, until the session ends."""
    clients: list[UvicornClient | LambdaClient] = []
    with ExitStack() as running:

        def start(transport: str, *, through: str | None = None, **settings: str) -> Gateway:
            folder, aws = tmp_path_factory.mktemp(transport), make_aws(endpoint)
            environment = {
                "SLUICE_AUTH": "none",
                "SLUICE_SCHEMAS_URI": str(schemas_folder),
                "SLUICE_RECEIPT_FILE": str(folder / "receipts.ndjson"),
                **aws.environment(through),
                **settings,
            }
            client: UvicornClient | LambdaClient
            if transport == "uvicorn":
                client = running.enter_context(uvicorn_gateway(environment, folder))
            else:
                client = running.enter_context(lambda_gateway(environment, folder))
            clients.append(client)
            return Gateway(client, aws, folder / "receipts.ndjson")

        yield start
        for client in clients:  # all at once; each is waited for when the block ends
            if client.process:
                client.process.terminate()


@pytest.fixture(scope="session", params=TRANSPORTS)
def gateway(request: pytest.FixtureRequest, start_gateway: StartGateway) -> Gateway:
    """The gateway without authentication, by each way in."""
    return start_gateway(request.param)


@pytest.fixture(scope="session", params=TRANSPORTS)
def keyed_gateway(request: pytest.FixtureRequest, start_gateway: StartGateway) -> Gateway:
    """The gateway that asks for a key."""
    hashes = {source: [hashlib.sha256(key.encode()).hexdigest()] for source, key in KEYS.items()}
    return start_gateway(request.param, SLUICE_AUTH="keys", SLUICE_API_KEYS=json.dumps(hashes))


@pytest.fixture
def uvicorn(gateway: Gateway) -> UvicornClient:
    """The way in, for what only HTTP on the wire has; skipped elsewhere."""
    if not isinstance(gateway.client, UvicornClient):
        pytest.skip("only under uvicorn")
    return gateway.client


@pytest.fixture
def front_door(gateway: Gateway) -> LambdaClient:
    """The way in, for what only Lambda's front doors do; skipped elsewhere."""
    if not isinstance(gateway.client, LambdaClient):
        pytest.skip("only in Lambda")
    return gateway.client
