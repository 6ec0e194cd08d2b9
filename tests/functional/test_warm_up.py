"""What a Lambda container's start does with its Kinesis client: the first call then finds a connection."""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.session import get_session

from app.sinks.aws import client_config
from app.warm_up import practise
from tests.functional.conftest import InLoop
from tests.support.aws import free_port
from tests.support.scripted import AUTHORITY, Wire, of_server, serving, until_client_leaves, whole

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

TAKEN = b'{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"shardId-000000000000"}]}'
STREAM = "records"


def client_of(url: str, *, verify: str | None = None, config: Config | None = None) -> "KinesisClient":
    made: Any = get_session().create_client(
        "kinesis",
        endpoint_url=url,
        verify=verify,
        config=client_config("eu-west-1", 2).merge(config or Config()),
        aws_access_key_id="key",
        aws_secret_access_key="not a secret",
    )
    client: KinesisClient = made
    return client


def put(client: "KinesisClient") -> Any:
    return client.put_records(StreamName=STREAM, Records=[{"Data": b"{}", "PartitionKey": "0"}])


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return path


async def take(wire: Wire) -> None:
    while await wire.request():
        await wire.send(whole(TAKEN, "Content-Type: application/x-amz-json-1.1"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_first_call_finds_a_connection(in_loop: InLoop, scheme: str, authority: Path) -> None:
    async def main() -> None:
        async with serving(take, of_server() if scheme == "https" else None) as server:
            client = client_of(f"{scheme}://{server.address}", verify=str(authority))
            await asyncio.to_thread(practise, client, STREAM)
            for calls in (1, 2):
                answer = await asyncio.to_thread(put, client)
                assert answer["Records"][0]["SequenceNumber"] == "1"
                assert [len(wire.requests) for wire in server.wires] == [calls], "practising sends nothing"
            client.close()

    in_loop(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_its_server_has_closed_is_not_used(in_loop: InLoop, scheme: str, authority: Path) -> None:
    ended = asyncio.Event()

    async def script(wire: Wire) -> None:
        if ended.is_set():
            await take(wire)
        ended.set()

    async def main() -> None:
        async with serving(script, of_server() if scheme == "https" else None) as server:
            client = client_of(f"{scheme}://{server.address}", verify=str(authority))
            await asyncio.to_thread(practise, client, STREAM)
            await ended.wait()
            await server.wires[0].ended.wait()
            await asyncio.sleep(0.1)  # until the client's side has been told
            await asyncio.to_thread(put, client)
            assert [len(wire.requests) for wire in server.wires] == [0, 1]
            client.close()

    in_loop(main())


def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "app.warm_up"):
        practise(client_of(f"http://127.0.0.1:{free_port()}"), STREAM)
    assert [record.getMessage() for record in caplog.records] == ["practising a call to the stream failed"]


def test_a_server_that_does_not_answer_is_not_waited_for(in_loop: InLoop, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving(until_client_leaves) as server:
            client = client_of(f"https://{server.address}", config=Config(connect_timeout=0.1))
            await asyncio.to_thread(practise, client, STREAM)
            client.close()
            assert len(caplog.records) == 1

    in_loop(main())


def test_no_tunnel_is_made_ahead(in_loop: InLoop, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving(until_client_leaves) as proxy:
            config = Config(proxies={"https": f"http://{proxy.address}"})
            client = client_of("https://kinesis.eu-west-1.amazonaws.com", config=config)
            await asyncio.to_thread(practise, client, STREAM)
            client.close()
            assert (proxy.wires, caplog.records) == ([], [])

    in_loop(main())
