"""uvicorn started without the options that the README gives: it serves, and says what it does not do."""

import json
from pathlib import Path

import pytest

from tests.support import generators as make
from tests.support.aws import make_aws
from tests.support.contract import assert_answer
from tests.support.transports import UVICORN_OPTIONS, GatewayProcess, post

WARNING = "--http app.http_protocol:Http"


@pytest.mark.parametrize("options", [(), ("--http", "httptools"), ("--http", "h11"), tuple(UVICORN_OPTIONS)])
def test_it_serves_and_warns(endpoint: str, tmp_path: Path, options: tuple[str, ...]) -> None:
    aws = make_aws(endpoint)
    environment = {"SLUICE_AUTH": "none", **aws.environment()}
    gateway = GatewayProcess(environment, tmp_path, options=options)
    try:
        gateway.start()
        assert_answer(post(gateway.client, make.record(1)), 202, accepted=1)
    finally:
        gateway.stop()
    messages = [line["message"] for line in log_lines(gateway.log) if line.get("event") == "log"]
    assert any(WARNING in message for message in messages) == (options in {(), ("--http", "httptools")})


def log_lines(log: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
