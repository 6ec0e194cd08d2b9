"""The ways into the gateway behind one face: uvicorn on loopback, and the Lambda handler fed payload-2.0 events.

The Lambda way differs from AWS: no API Gateway stands in front (so none of its own limits, answers or header changes),
one process is one container that never freezes, and a body that API Gateway would hand over as text is given as base64
when it is not UTF-8 (what the real one does with it is unknown).
"""

import base64
import contextlib
import gzip
import http.client
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from tests.support import processes
from tests.support.aws import free_port

START_SECONDS = 20.0
UVICORN_OPTIONS = [
    "--http",
    "app.http_protocol:Http",
    "--no-proxy-headers",
    "--no-server-header",
    "--timeout-keep-alive",
    "75",
    "--timeout-graceful-shutdown",
    "30",
]
"""As the README and the Dockerfile say."""
TEXT_TYPES = ("application/json", "application/xml", "application/javascript", "text/")

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip()


class Client(Protocol):
    """What a test needs of a way in. `path` may hold a query."""

    name: str

    def request(self, method: str, path: str, body: bytes = b"", headers: Headers | None = None) -> Response: ...


def post(
    client: Client, body: bytes, headers: Headers | None = None, *, media: str | None = "json", query: str = ""
) -> Response:
    """POST /records. `media` is a short name, a whole media type, or None for no Content-Type at all."""
    short = {"json": "application/json", "ndjson": "application/x-ndjson"}
    typed = {} if media is None else {"Content-Type": short.get(media, media)}
    return client.request("POST", "/records" + query, body, {**typed, **(headers or {})})


@dataclass
class UvicornClient:
    """One connection a request, so that tests share nothing."""

    url: str
    pid: int
    name: str = "uvicorn"
    timeout: float = 30.0
    process: subprocess.Popen[bytes] | None = None

    def request(self, method: str, path: str, body: bytes = b"", headers: Headers | None = None) -> Response:
        length = {"Content-Length": str(len(body))} if body or method == "POST" else {}
        return self._send(method, path, [body], {**length, **(headers or {})})

    def request_chunked(self, method: str, path: str, pieces: Iterable[bytes], headers: Headers) -> Response:
        """Send `pieces` with Transfer-Encoding: chunked, that is without telling the length first."""
        framed = (b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
        return self._send(method, path, framed, {**headers, "Transfer-Encoding": "chunked"})

    def _send(self, method: str, path: str, pieces: Iterable[bytes], headers: Headers) -> Response:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=self.timeout)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders()
            # A server may answer before it has read everything: what counts then is the answer.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    connection.send(piece)
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


def lambda_event(method: str, path: str, body: bytes, headers: Headers) -> dict[str, Any]:
    """The payload-2.0 event that an HTTP API makes of a request (AWS, "Working with AWS Lambda proxy integrations")."""
    raw_path, _, query = path.partition("?")
    names = {name.lower(): value for name, value in headers.items()}
    media = names.get("content-type", "")
    is_text = media.startswith(TEXT_TYPES) and "content-encoding" not in names and _is_utf8(body)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": {"host": "api.test", "content-length": str(len(body)), **names},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.test",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "sluice-tests",
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:02:17:14 +0000",
            "timeEpoch": 1795400234000,
        },
        "isBase64Encoded": bool(body) and not is_text,
    }
    if body:
        event["body"] = body.decode() if is_text else base64.b64encode(body).decode()
    return event


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass
class LambdaClient:
    """Events to, and answers from, a process that holds the handler as one container does."""

    process: subprocess.Popen[bytes]
    name: str = "lambda"

    def request(self, method: str, path: str, body: bytes = b"", headers: Headers | None = None) -> Response:
        return self.invoke(lambda_event(method, path, body, headers or {}))

    def request_decoded_by_the_front_door(self, path: str, body: bytes, headers: Headers) -> Response:
        """As `request`, but gzip is undone first while the header stays, as some front doors do."""
        return self.invoke(lambda_event("POST", path, gzip.decompress(body), headers))

    def invoke(self, event: dict[str, Any]) -> Response:
        answer = invoke(self.process, event)
        body = answer.get("body") or ""
        return Response(
            answer["statusCode"],
            {name.lower(): value for name, value in (answer.get("headers") or {}).items()},
            base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode(),
        )


def invoke(container: "subprocess.Popen[bytes]", event: dict[str, Any]) -> dict[str, Any]:
    """What the handler in a container's process answers to an event; `errorType` and `errorMessage` if it raised."""
    assert container.stdin
    assert container.stdout
    container.stdin.write(json.dumps(event).encode() + b"\n")
    container.stdin.flush()
    line = container.stdout.readline()
    assert line, "the handler's process has ended: see its log"
    answer: dict[str, Any] = json.loads(line)
    return answer


@dataclass
class DrainClient:
    """Runs of the drain's function in one container.

    Attributes:
        log: what it prints.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def run(self) -> dict[str, Any]:
        """One run, as the schedule begins it."""
        return invoke(self.process, {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})


def wait_until_up(client: Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """Poll /health; an AssertionError with the end of the log when the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ConnectionError, OSError):
            if client.request("GET", "/health").status == http.HTTPStatus.OK:
                return
        time.sleep(0.05)
    raise AssertionError(f"the gateway did not come up:\n{log.read_text()[-3000:]}")


@dataclass
class GatewayProcess:
    """The app as a user starts it: its own process, uvicorn, one loopback port that it keeps when it is started again.

    Logs go to `folder`.
    """

    environment: Mapping[str, str]
    folder: Path
    factory: str = "app.main:create_app"
    options: Sequence[str] = tuple(UVICORN_OPTIONS)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """What all the processes that it has been logged."""
        return self.folder / "uvicorn.log"

    @property
    def client(self) -> UvicornClient:
        """The way in."""
        pid = self.process.pid if self.process else 0
        return UvicornClient(f"http://127.0.0.1:{self.port}", pid, process=self.process)

    def start(self) -> None:
        """Start it; returns when it serves."""
        command = [sys.executable, "-m", "uvicorn", "--factory", self.factory, "--host", "127.0.0.1"]
        with self.log.open("ab") as sink:
            command += ["--port", str(self.port), *self.options, "--log-level", "warning"]
            self.process = processes.start(command, self.environment, sink)
        wait_until_up(self.client, self.process, self.log)

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process
        self.process.kill()
        self.process.wait(processes.STOP_SECONDS)

    def stop(self) -> None:
        """End it politely, if it runs."""
        if self.process:
            processes.stop(self.process)


@contextmanager
def uvicorn_gateway(
    environment: Mapping[str, str], folder: Path, factory: str = "app.main:create_app"
) -> Iterator[UvicornClient]:
    """A `GatewayProcess` that runs as long as the block."""
    gateway = GatewayProcess(environment, folder, factory)
    try:
        gateway.start()
        yield gateway.client
    finally:
        gateway.stop()


@contextmanager
def lambda_gateway(
    environment: Mapping[str, str], folder: Path, container: Sequence[str] = ("tests.support.lambda_container",)
) -> Iterator[LambdaClient]:
    """The Lambda handler in a process of its own. What it prints goes to a log in `folder`."""
    log = folder / "lambda.log"
    with log.open("wb") as sink:
        process = processes.start([sys.executable, "-m", *container], environment, sink, piped=True)
        try:
            client = LambdaClient(process)
            wait_until_up(client, process, log)
            yield client
        finally:
            processes.stop(process)


@contextmanager
def lambda_drain(environment: Mapping[str, str], folder: Path, seconds: float = 30.0) -> Iterator[DrainClient]:
    """The drain's handler in a process of its own, with `seconds` for each run. What it prints goes to `folder`."""
    log = folder / "drain.log"
    command = [sys.executable, "-m", "tests.support.lambda_container", "app.drain.handler", str(seconds)]
    with log.open("wb") as sink:
        process = processes.start(command, environment, sink, piped=True)
        try:
            yield DrainClient(process, log)
        finally:
            processes.stop(process)
