"""What a Lambda container's start does with its Kinesis client: the first call then finds a connection."""

import asyncio
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, ReadTimeoutError, SSLError
from botocore.session import get_session

from app import warm_up
from app.sinks.aws import client_config
from app.sinks.boto_connection import open_connection
from app.warm_up import practise
from tests.functional.conftest import InLoop
from tests.support.aws import free_port
from tests.support.scripted import AUTHORITY, Script, Wire, of_server, serving, until_client_leaves, whole

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

TAKEN = b'{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"shardId-000000000000"}]}'
STREAM = "records"
NOT_OPENED = "a connection to the stream could not be opened ahead"


def client_of(url: str | None, *, verify: str | None = None, config: Config | None = None) -> "KinesisClient":
    made: Any = get_session().create_client(
        "kinesis",
        endpoint_url=url,
        verify=verify,
        config=client_config("eu-west-1", 2).merge(config or Config()),
        aws_access_key_id="key",
        aws_secret_access_key="not a secret",
        aws_account_id="123456789012",
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
    practise(client_of(f"http://127.0.0.1:{free_port()}"), STREAM)
    assert [record.getMessage() for record in caplog.records] == [NOT_OPENED]


@pytest.mark.parametrize(
    ("script", "tls", "verify"),
    [(take, None, "/no/such/bundle.pem"), (take, of_server(), None), (until_client_leaves, None, None)],
    ids=["no certificates", "a certificate that does not hold", "a handshake without an answer"],
)
def test_a_connection_that_could_not_be_opened_is_not_used(
    in_loop: InLoop, caplog: pytest.LogCaptureFixture, script: Script, tls: ssl.SSLContext | None, verify: str | None
) -> None:
    async def main() -> None:
        async with serving(script, tls) as server:
            fresh, practised = (
                client_of(f"https://{server.address}", verify=verify, config=Config(connect_timeout=0.1))
                for _ in range(2)
            )
            await asyncio.to_thread(practise, practised, STREAM)
            assert [record.getMessage() for record in caplog.records] == [NOT_OPENED]
            for client in (fresh, practised):
                with pytest.raises(BotoCoreError) as failed:
                    await asyncio.to_thread(put, client)
                assert failed.type in {SSLError, ConnectTimeoutError, ReadTimeoutError}
                client.close()
        assert server.requests == [], "nothing in the clear"

    in_loop(main())


def test_a_start_goes_on_without_a_connection_that_takes_long(
    in_loop: InLoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serving(until_client_leaves) as server:
            url = f"https://{server.address}"
            client = client_of(url)
            await asyncio.to_thread(open_connection, client, url, 0)
            assert caplog.records == [], "it has not failed yet"
            client.close()
        [opening] = [thread for thread in threading.enumerate() if thread.name == "opening"]
        await asyncio.to_thread(opening.join)

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


def test_the_connection_goes_where_calls_go(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(warm_up, "open_connection", lambda _, url, __: opened.append(url))
    practise(client_of(None, config=Config(account_id_endpoint_mode="required")), STREAM)
    assert opened == ["https://123456789012.data-kinesis.eu-west-1.amazonaws.com/"]
