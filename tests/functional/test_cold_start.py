"""What a Lambda container does before its first request: it asks nothing, tells nothing, leaves little to be done."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from tests.support.aws import Aws, make_aws, payload_of
from tests.support.processes import ROOT
from tests.support.transports import lambda_event

KEY = "a-key"
HEADERS = {"content-type": "application/json", "x-api-key": KEY}
GOOD, BAD = b'{"id":1,"name":"Ada"}', b'{"v":1}'
OF_NO_USE_IN_LAMBDA = {
    "app.api.models",
    "app.http_protocol",
    "app.openapi",
    "app.sinks.http_calls",
    "boto3",
    "httptools",
    "prometheus_client",
    "pydantic.v1",
    "s3transfer",
    "uvicorn",
    "uvloop",
}
CONTAINER = """
import gc, json, os, sys
events = json.loads(sys.argv[1])
connected = []
sys.addaudithook(lambda event, arguments: event == "socket.connect" and connected.append(str(arguments[1])))

import app.lambda_handler

def state():
    return {"modules": sorted(sys.modules), "connected": len(connected), "collects": gc.isenabled()}

states, statuses = [state()], []
os.write(1, b"started\\n")
for event in events:
    statuses.append(app.lambda_handler.handler(event, None)["statusCode"])
    states.append(state())
with open(sys.argv[2], "w") as report:
    json.dump({"states": states, "statuses": statuses}, report)
"""


@dataclass(frozen=True)
class Life:
    """What was seen of a container: at its start, then after each request."""

    states: list[dict[str, Any]]
    statuses: list[int]
    said_at_start: list[bytes]
    receipts: list[dict[str, Any]]
    log: bytes


@pytest.fixture(scope="module")
def aws_of_container(endpoint: str) -> Aws:
    return make_aws(endpoint)


@pytest.fixture(scope="module")
def life(aws_of_container: Aws, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A container of its own; a key is asked for, and two requests a second are let in."""
    report = tmp_path_factory.mktemp("container") / "report.json"
    events = [lambda_event("POST", "/records", body, HEADERS) for body in (GOOD, BAD)]
    environment = {
        **os.environ,
        **aws_of_container.environment(),
        "SLUICE_API_KEYS": json.dumps({"shop": [sha256(KEY.encode()).hexdigest()]}),
        "SLUICE_RATE_LIMIT_REQUESTS_PER_SECOND": "2",
        "SLUICE_METRICS": "cloudwatch",
    }
    command = [sys.executable, "-c", CONTAINER, json.dumps(events), str(report)]
    done = subprocess.run(command, check=False, capture_output=True, cwd=ROOT, env=environment)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
    at_start, _, later = done.stdout.partition(b"started\n")
    lines = [json.loads(line) for line in later.splitlines()]
    return Life(
        **json.loads(report.read_text()),
        said_at_start=at_start.splitlines(),
        receipts=[line for line in lines if line["event"] == "receipt"],
        log=done.stderr,
    )


def test_a_start_connects_to_the_stream_and_leaves_no_receipt(life: Life) -> None:
    assert [state["connected"] for state in life.states] == [1, 1, 2], (
        "to the stream at the start, to the bucket when it is needed"
    )
    assert (life.said_at_start, life.log) == ([], b"")


def test_a_start_loads_nothing_that_lambda_has_no_use_for(life: Life) -> None:
    modules = life.states[0]["modules"]
    assert {"app.main", "fastapi", "mangum", "botocore.client"} <= set(modules)
    assert OF_NO_USE_IN_LAMBDA.intersection(modules) == set()


def test_the_first_good_and_the_first_bad_record_wait_for_no_import(life: Life) -> None:
    started, *later = (set(state["modules"]) for state in life.states)
    assert [sorted(modules - started) for modules in later] == [[], []]


def test_garbage_is_collected_again_when_requests_come(life: Life) -> None:
    assert [state["collects"] for state in life.states] == [True, True, True]


def test_only_what_came_is_judged_stored_and_told(life: Life, aws_of_container: Aws) -> None:
    assert life.statuses == [202, 422]
    assert [line.payload for line in aws_of_container.lines()] == [GOOD]
    told = [(receipt["source"], receipt["accepted"], receipt["rejected"]) for receipt in life.receipts]
    assert told == [("shop", [[0, 0]], []), ("shop", [], [[0, 0]])]
    kept = aws_of_container.error_lines(life.receipts[1]["request_id"])
    assert [payload_of(line) for line in kept] == [BAD]
