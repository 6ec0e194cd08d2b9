"""The same image on any other container host: the command changes, nothing else."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.image.buildah import Buildah, innermost
from tests.support.aws import Aws, free_port, make_aws
from tests.support.transports import UVICORN_OPTIONS, UvicornClient, post, wait_until_up

COMMAND = ["python3", "-m", "uvicorn", "--factory", "app.main:create_app", *UVICORN_OPTIONS]
STOP_SECONDS = 20


@dataclass(frozen=True)
class Server:
    """The image under uvicorn."""

    client: UvicornClient
    aws: Aws
    process: subprocess.Popen[bytes]
    log: Path


@pytest.fixture
def server(storage: Buildah, image: str, container: str, endpoint: str, tmp_path: Path) -> Iterator[Server]:
    aws, port, log = make_aws(endpoint), free_port(), tmp_path / "uvicorn.log"
    command = [*storage.config(image).entrypoint, *COMMAND, "--host", "127.0.0.1", "--port", str(port)]
    environment = {"SLUICE_AUTH": "none", **aws.environment()}
    with log.open("wb") as sink, storage.running(container, environment, command, sink) as process:
        client = UvicornClient(f"http://127.0.0.1:{port}", process.pid)
        wait_until_up(client, process, log)
        yield Server(client, aws, process, log)


def test_it_serves_records_and_pages_and_ends_when_told(server: Server) -> None:
    answer = post(server.client, b'[{"id":1},{"no":"id"}]')
    assert answer.status == 207, answer.body
    request_id = answer.json()["request_id"]
    assert [line.payload for line in server.aws.lines_of(request_id)] == [b'{"id":1}']
    assert [line["reason"] for line in server.aws.error_lines(request_id)] == ["missing_id"]

    page = server.client.request("GET", "/docs").body.decode()
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert len(assets) >= 3
    assert {asset: server.client.request("GET", asset).status for asset in assets} == dict.fromkeys(assets, 200)
    assert server.client.request("GET", "/openapi.json").status == 200

    served_by = innermost(server.process.pid)
    assert Path(f"/proc/{served_by}/cmdline").read_bytes().split(b"\0")[1:3] == [b"-m", b"uvicorn"]
    assert Path(f"/proc/{served_by}").stat().st_uid == 65534
    os.kill(served_by, signal.SIGTERM)
    server.process.wait(STOP_SECONDS)
    log = server.log.read_text()
    assert "Finished server process" in log
    assert "Traceback" not in log


def test_without_a_runtime_api_a_handler_runs_in_the_base_s_emulator(
    storage: Buildah, image: str, container: str
) -> None:
    config = storage.config(image)
    command = [*storage.run_command(container, {}), *config.entrypoint, *config.command]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout == "the emulator would run /var/runtime/bootstrap for app.lambda_handler.handler\n"
