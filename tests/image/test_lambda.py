"""The image as Lambda runs it: its own ENTRYPOINT and CMD, AWS's runtime client, events of each front door."""

import base64
import gzip
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from backports import zstd

from app.envelope import Origin, StreamLines
from tests.image.buildah import Buildah, innermost
from tests.image.events import FRONT_DOORS, MakeEvent
from tests.infra import checks
from tests.support.aws import Aws, make_aws, payload_of
from tests.support.embedded_metrics import points_in, total
from tests.support.generators import MIB, array, ndjson, record, record_of_size
from tests.support.runtime_api import FunctionError, RequestTooLarge, RuntimeApi, runtime_api
from tests.support.transports import Headers, Response, lambda_event

LAMBDA_S_USER = "993"
INIT_SECONDS = 10.0  # "Lambda quotas": the initialisation of a function
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}
ONE, OTHER, BAD = record(1, name="Zoë"), record(2), b'{"v": 1}'
RUBBISH = bytes(range(256))
BROKEN_GZIP = gzip.compress(ONE)[:-9]


@dataclass(frozen=True)
class Function:
    """The function, its AWS and the cost of its start."""

    api: RuntimeApi
    aws: Aws
    cold_start_seconds: float

    def answer(self, event: dict[str, object]) -> Response:
        """What the client of the front door gets."""
        answer = json.loads(self.api.invoke(event))
        headers = {name.lower(): value for name, value in answer.get("headers", {}).items()}
        for name, values in answer.get("multiValueHeaders", {}).items():
            headers[name.lower()] = values[-1]
        body = answer.get("body") or ""
        return Response(
            answer["statusCode"],
            headers,
            base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode(),
        )


@contextmanager
def started(
    storage: Buildah, image: str, container: str, settings: Mapping[str, str], log: Path, *, command: str | None = None
) -> Iterator[tuple[RuntimeApi, int]]:
    """The image's own process, as Lambda starts it; the API that it talks to, and its process id.

    Args:
        command: the function's own (ImageConfig) instead of the image's.
    """
    config = storage.config(image)
    with runtime_api() as api, log.open("wb") as sink:
        environment = {
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "sluice-test-gateway",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/sluice-test-gateway",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            **settings,
        }
        words = [*config.entrypoint, *([command] if command else config.command)]
        with storage.running(container, environment, words, sink, LAMBDA_S_USER) as process:
            try:
                assert api.wait_until_initialised(INIT_SECONDS), log.read_text()[-3000:]
                yield api, innermost(process.pid)
            finally:
                api.close()


@pytest.fixture(scope="module")
def function(
    storage: Buildah, image: str, container: str, endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Function]:
    aws, log = make_aws(endpoint), tmp_path_factory.mktemp("function") / "function.log"
    settings = {"SLUICE_AUTH": "none", "SLUICE_STAGE": "test", "SLUICE_METRICS": "cloudwatch", **aws.environment()}
    with started(storage, image, container, settings, log) as (api, pid):
        assert api.initialised_at
        yield Function(api, aws, api.initialised_at - started_at(pid))


def started_at(pid: int) -> float:
    """When the process began, in seconds since this machine's boot (proc(5), field 22 of stat)."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[19]) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(params=FRONT_DOORS)
def make_event(request: pytest.FixtureRequest) -> MakeEvent:
    """Each of the front doors."""
    return FRONT_DOORS[request.param]


@dataclass(frozen=True)
class Sent:
    """A body, how it is announced, and what must become of it."""

    body: bytes
    headers: Headers
    status: int
    streamed: list[bytes] = field(default_factory=list)
    rejected: list[tuple[bytes, str]] = field(default_factory=list)


SENT = {
    "plain": Sent(ONE, JSON, 202, [ONE]),
    "base64": Sent(ndjson([ONE, OTHER]), NDJSON, 202, [ONE, OTHER]),
    "some bad": Sent(ndjson([ONE, BAD, OTHER]), NDJSON, 207, [ONE, OTHER], [(BAD, "missing_id")]),
    "gzip": Sent(gzip.compress(ndjson([ONE, OTHER])), {**NDJSON, "content-encoding": "gzip"}, 202, [ONE, OTHER]),
    "gzip undone by the front door": Sent(array([ONE]), {**JSON, "content-encoding": "gzip"}, 202, [ONE]),
    "zstd": Sent(zstd.compress(array([ONE, OTHER])), {**JSON, "content-encoding": "zstd"}, 202, [ONE, OTHER]),
    "broken gzip": Sent(
        BROKEN_GZIP, {**JSON, "content-encoding": "gzip"}, 400, [], [(BROKEN_GZIP, "undecodable_body")]
    ),
    "binary rubbish": Sent(RUBBISH, JSON, 400, [], [(RUBBISH, "malformed_json")]),
    "untyped": Sent(ONE, {}, 202, [ONE]),
    "empty": Sent(b"", JSON, 400),
}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_each_event_is_answered_and_stored(function: Function, make_event: MakeEvent, sent: Sent) -> None:
    answer = function.answer(make_event("POST", "/records", sent.body, sent.headers))
    assert answer.status == sent.status, answer.body
    request_id = answer.json()["request_id"]
    assert [line.payload for line in function.aws.lines_of(request_id)] == sent.streamed
    stored = [(payload_of(line), line["reason"]) for line in function.aws.error_lines(request_id)]
    assert stored == sent.rejected


def test_the_largest_body_that_fits_is_taken(function: Function, make_event: MakeEvent) -> None:
    lines = [record_of_size(64 * 1024 - 1)] * 64
    body = ndjson(lines)
    assert len(body) == 4 * MIB
    answer = function.answer(make_event("POST", "/records", body, NDJSON))
    assert answer.status == 202, answer.body
    assert [line.payload for line in function.aws.lines_of(answer.json()["request_id"])] == lines


def test_one_byte_over_the_limit_is_refused(function: Function, make_event: MakeEvent) -> None:
    with function.aws.nothing_stored():
        answer = function.answer(make_event("POST", "/records", ONE + b" " * (4 * MIB + 1 - len(ONE)), NDJSON))
    assert (answer.status, answer.media_type) == (413, "application/problem+json")


def test_what_lambda_refuses_never_arrives_and_the_next_is_served(function: Function, make_event: MakeEvent) -> None:
    with function.aws.nothing_stored(), pytest.raises(RequestTooLarge):
        function.answer(make_event("POST", "/records", bytes(4_720_000), NDJSON))
    assert function.answer(make_event("GET", "/health", b"", {})).status == 200


QUOTES, ACCENTS = '\\"' * 100, "é" * 100
MANY_REJECTED = {
    "without an id": ([BAD] * 10_000, ""),
    "of a wrong schema": ([record(1, customer="", amount="x", currency="x")] * 10_000, "?schema=order/1"),
    "with keys of quotes": ([f'{{"id":1,"{QUOTES}":{{"{QUOTES}":{{"a":1,"a":2}}}}}}'.encode()] * 10_000, ""),
    "with accents in keys": ([f'{{"id":1,"{ACCENTS}":{{"{ACCENTS}":{{"a":1,"a":2}}}}}}'.encode()] * 10_000, ""),
}


@pytest.mark.parametrize(("records", "query"), MANY_REJECTED.values(), ids=MANY_REJECTED)
def test_ten_thousand_rejected_records_fit_into_one_answer(
    function: Function, records: list[bytes], query: str
) -> None:
    body, headers = gzip.compress(array(records)), {**JSON, "content-encoding": "gzip"}
    returned = function.api.invoke(lambda_event("POST", f"/records{query}", body, headers))
    answer = json.loads(returned)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (422, False)
    told = json.loads(answer["body"])
    assert len(told["results"]) == 10_000
    assert len(function.aws.error_lines(told["request_id"])) == 10_000


def test_it_starts_within_the_time_of_initialisation(function: Function, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\ncold start: {function.cold_start_seconds * 1000:.0f} ms from the process's start to its first event")
    assert 0 < function.cold_start_seconds < INIT_SECONDS


def test_without_settings_lambda_is_told_why_it_does_not_start(
    storage: Buildah, image: str, container: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(FunctionError, match="SLUICE_STREAM_NAME") as failure,
        started(storage, image, container, {}, tmp_path / "function.log"),
    ):
        pass
    assert failure.value.kind.endswith("ConfigurationError")


def test_the_same_image_drains_when_that_is_its_command(
    storage: Buildah, image: str, container: str, endpoint: str, tmp_path: Path
) -> None:
    """As drain.yaml's function has it: two runs in one container, the second with nothing to do."""
    [command] = checks.read()["drain"]["Resources"]["Function"]["Properties"]["ImageConfig"]["Command"]
    aws, log = make_aws(endpoint), tmp_path / "drain.log"
    origin = Origin("0199a1f2-6c1e-7c30-9d55-000000000000", datetime.now(UTC), "shop", None, None)
    key = f"spill/dt=2026-11-23/hr=02/{origin.request_id}.0123.ndjson"
    aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=StreamLines(origin).line(0, ONE))
    settings = {"SLUICE_STAGE": "test", **aws.environment()}
    with started(storage, image, container, settings, log, command=command) as (api, _):
        answers = [json.loads(api.invoke({"source": "aws.events"})) for _ in range(2)]
    assert answers == [{"objects": 1, "records": 1}, {"objects": 0, "records": 0}]
    assert [line.payload for line in aws.lines()] == [ONE]
    points = points_in(log.read_bytes().splitlines(keepends=True))
    assert total(points, "RecordsDrained", Stage="test") == 1
    assert len(points) == 4, "two metrics of two runs"
