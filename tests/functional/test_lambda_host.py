"""A request through the engine's HTTP API: event, Lambda host, handler, answer; and Lambda's limits."""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from local_pipeline.lambda_host import MAX_REQUEST_BYTES
from ops.stacks import deploy
from tests.support.aws import free_port
from tests.support.engine import IMAGE, RunningEngine, eventually, running_engine
from tests.support.processes import start, stop

FUNCTION = "sluice-api-gateway"
STACKS = ("storage", "gateway")
ECHO = """
    import json, os, time

    NUMBER = 0

    def handler(event, context):
        global NUMBER
        NUMBER += 1
        began = time.monotonic()
        path = event["rawPath"]
        if path == "/raise":
            raise LookupError("no such thing")
        if path == "/large":
            return {"statusCode": 200, "body": "x" * 6_300_000}
        if path == "/quiet":
            return {"statusCode": 204}
        if path == "/slow":
            time.sleep(0.3)
        seen = {
            "number": NUMBER,
            "began": began,
            "ended": time.monotonic(),
            "event": event,
            "environment": {k: v for k, v in os.environ.items() if k.startswith("SLUICE_")},
            "function": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            "request_id": context.aws_request_id,
            "remaining": context.get_remaining_time_in_millis(),
            "memory": context.memory_limit_in_mb,
        }
        return {"statusCode": 202, "headers": {"content-type": "application/json"}, "body": json.dumps(seen)}
"""


@dataclass
class Deployed:
    """A deployed gateway stack; its function's events go to `host_url`."""

    engine: RunningEngine
    outputs: dict[str, str]
    host_port: int
    folder: Path

    @property
    def url(self) -> str:
        return self.engine.engine.api_url(self.outputs["ApiId"])


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder, port = tmp_path_factory.mktemp("api"), free_port()
    with running_engine(folder, {FUNCTION: f"http://127.0.0.1:{port}/"}) as engine:
        outputs = deploy(engine.cloudformation, "api", {"ImageUri": IMAGE, "AuthMode": "none"}, STACKS)
        assert outputs["FunctionName"] == FUNCTION
        yield Deployed(engine, outputs, port, folder)


@pytest.fixture
def host(deployed: Deployed, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Start the Lambda host with a handler; at most one at a time."""
    started = []

    def begin(handler: str, *settings: str) -> None:
        command = [sys.executable, "-m", "local_pipeline.lambda_host", "--port", str(deployed.host_port)]
        command += ["--function", FUNCTION, "--handler", handler]
        for setting in settings:
            command += ["--set", setting]
        environment = deployed.engine.engine.client_environment | {
            "PYTHONPATH": str(tmp_path),
            "SLUICE_STREAM_NAME": "from-the-parent",
            "SLUICE_MAX_RECORDS": "7",
        }
        with (tmp_path / "host.log").open("wb") as log:
            started.append(start(command, environment, log))
        eventually(lambda: answers(deployed.host_port))

    yield begin
    for process in started:
        stop(process)


@pytest.fixture
def echo(host: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(dedent(ECHO))
    host("echo.handler", "SLUICE_ONLY_HERE=yes")


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.usefixtures("echo")
def test_the_environment_is_the_deployed_function_s(deployed: Deployed) -> None:
    seen = httpx.get(f"{deployed.url}/x").json()
    assert seen["environment"] == {
        "SLUICE_STREAM_NAME": deployed.outputs["StreamName"],
        "SLUICE_ERROR_BUCKET": deployed.outputs["ErrorBucketName"],
        "SLUICE_AUTH": "none",
        "SLUICE_API_KEYS_SECRET_ARN": deployed.outputs["ApiKeysSecretArn"],
        "SLUICE_STREAM_LANES": "8",
        "SLUICE_REQUEST_TIMEOUT_SECONDS": "29",
        "SLUICE_METRICS": "cloudwatch",
        "SLUICE_STAGE": "api",
        "SLUICE_ONLY_HERE": "yes",
    }
    assert seen["function"] == FUNCTION


@pytest.mark.usefixtures("echo")
def test_events_are_payload_2_0_and_the_context_is_whole(deployed: Deployed) -> None:
    answer = httpx.post(f"{deployed.url}/records?schema=order/1", json={"id": 1}, headers={"x-api-key": "k"})
    assert answer.status_code == 202
    seen = answer.json()
    event = seen["event"]
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/records", "schema=order/1")
    assert (json.loads(event["body"]), event["isBase64Encoded"]) == ({"id": 1}, False)
    assert event["headers"]["x-api-key"] == "k"
    assert 25_000 < seen["remaining"] <= 29_000
    assert len(seen["request_id"]) == 36
    assert seen["memory"] == "1024"


@pytest.mark.usefixtures("echo")
def test_ndjson_comes_as_base64(deployed: Deployed) -> None:
    body, headers = b'{"id":1}\n', {"content-type": "application/x-ndjson"}
    event = httpx.post(f"{deployed.url}/records", content=body, headers=headers).json()["event"]
    assert (event["isBase64Encoded"], event["body"]) == (True, "eyJpZCI6MX0K")


@pytest.mark.usefixtures("echo")
def test_one_container_serves_one_request_at_a_time(deployed: Deployed) -> None:
    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(lambda path: httpx.get(f"{deployed.url}{path}", timeout=20).json(), ["/slow"] * 4))
    assert sorted(answer["number"] for answer in seen) == [1, 2, 3, 4], "one container"
    spans = sorted((answer["began"], answer["ended"]) for answer in seen)
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), "one after the other"


@pytest.mark.usefixtures("echo")
def test_an_exception_is_a_function_error_and_the_container_goes_on(deployed: Deployed) -> None:
    answer = httpx.get(f"{deployed.url}/raise")
    assert answer.status_code == 502
    assert "LookupError" in answer.text
    assert httpx.get(f"{deployed.url}/x").status_code == 202


@pytest.mark.usefixtures("echo")
def test_lambda_s_six_megabytes_hold_both_ways(deployed: Deployed) -> None:
    headers = {"content-type": "application/x-ndjson"}
    fits = httpx.post(f"{deployed.url}/quiet", content=b"x" * 4_600_000, headers=headers, timeout=30)
    assert fits.status_code == 204
    too_large = httpx.post(
        f"{deployed.url}/x", content=b"x" * (MAX_REQUEST_BYTES * 3 // 4), headers=headers, timeout=30
    )
    assert too_large.status_code == 413
    answer = httpx.get(f"{deployed.url}/large", timeout=30)
    assert answer.status_code == 502
    assert "Function.ResponseSizeTooLarge" in answer.text


def test_the_gateway_answers_through_the_http_api(deployed: Deployed, host: Callable[..., None]) -> None:
    host("app.lambda_handler.handler", f"SLUICE_RECEIPT_FILE={deployed.folder / 'receipts.ndjson'}")
    assert httpx.get(f"{deployed.url}/health").status_code == 200
    assert httpx.get(f"{deployed.url}/ready").status_code == 200
    answer = httpx.post(f"{deployed.url}/records", json=[{"id": 1}, {"no": "id"}])
    assert answer.status_code == 207
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 1)
    objects = deployed.engine.s3.list_objects_v2(Bucket=deployed.outputs["ErrorBucketName"], Prefix="rejected/")
    assert objects["KeyCount"] == 1
