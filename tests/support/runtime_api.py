"""A fake of Lambda's Runtime API, and of the Invoke call in front of it, for one container of a Python image.

The four calls of the API ("Using the Lambda runtime API for custom runtimes"): the next invocation, its response, its
error, and an error of initialisation. Like the service: one invocation at a time; its id, deadline and ARN are headers;
a request over 6 MB never reaches the runtime; a response over it is answered with 413 and the invocation is a function
error; what is not answered by its deadline has timed out.

Unlike it: a runtime that has timed out or failed is not restarted; nothing is frozen between invocations; there are no
extensions, no streamed responses, no X-Ray, and the time of initialisation is measured but not cut off at 10 s.
"""

import json
import queue
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from local_pipeline.lambda_host import MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES

PREFIX = "/2018-06-01/runtime"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:sluice-test-gateway"


class RequestTooLarge(Exception):
    """Invoke refuses the event; the runtime never sees it."""


class FunctionError(Exception):
    """The invocation failed. `kind` is Lambda's errorType."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass
class _Invocation:
    event: bytes
    deadline: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    done: Event = field(default_factory=Event)
    response: bytes = b""
    error: FunctionError | None = None

    def finish(self, response: bytes = b"", error: FunctionError | None = None) -> None:
        self.response, self.error = response, error
        self.done.set()


class RuntimeApi:
    """Where the runtime asks for events, and how a test sends them.

    Attributes:
        address: host:port for AWS_LAMBDA_RUNTIME_API.
        initialised_at: seconds since this machine's boot when the runtime first asked for an event; None before.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.initialised_at: float | None = None
        self._initialised = Event()
        self._waiting: queue.SimpleQueue[_Invocation | None] = queue.SimpleQueue()
        self._started: dict[str, _Invocation] = {}
        self._init_error: FunctionError | None = None

    def wait_until_initialised(self, seconds: float) -> bool:
        """Whether the runtime asks for its first event within `seconds`; FunctionError when it says it cannot start."""
        there = self._initialised.wait(seconds)
        if self._init_error:
            raise self._init_error
        return there

    def invoke(self, event: dict[str, Any], seconds: float = 29.0) -> bytes:
        """What the function returns for `event`, as JSON.

        Raises:
            RequestTooLarge: the event is over 6 MB.
            FunctionError: the function raised, answered too much, or took longer than `seconds`.
        """
        body = json.dumps(event, ensure_ascii=False).encode()
        if len(body) > MAX_REQUEST_BYTES:
            raise RequestTooLarge(f"{len(body)} bytes")
        invocation = _Invocation(body, time.time() + seconds)
        self._waiting.put(invocation)
        if not invocation.done.wait(seconds):
            raise FunctionError("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")
        if invocation.error:
            raise invocation.error
        return invocation.response

    def close(self) -> None:
        """Let a runtime that waits for an event go."""
        self._waiting.put(None)

    def next(self) -> _Invocation | None:
        """The next invocation, once there is one; None when there will be none."""
        if self.initialised_at is None:
            self.initialised_at = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._initialised.set()
        invocation = self._waiting.get()
        if invocation:
            self._started[invocation.request_id] = invocation
        return invocation

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str]]:
        """What the API answers to a POST of `body` to `path`."""
        if path == f"{PREFIX}/init/error":
            self._init_error = _function_error(body)
            self._initialised.set()
            return 202, {"status": "OK"}
        request_id, _, outcome = path.removeprefix(f"{PREFIX}/invocation/").partition("/")
        if outcome not in {"response", "error"}:
            return 404, {"errorType": "NotFound", "errorMessage": path}
        invocation = self._started.pop(request_id, None)
        if invocation is None:
            return 400, {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"}
        if outcome == "error":
            invocation.finish(error=_function_error(body))
        elif len(body) > MAX_RESPONSE_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            too_large = FunctionError("Function.ResponseSizeTooLarge", message)
            invocation.finish(error=too_large)
            return 413, {"errorType": too_large.kind, "errorMessage": message}
        else:
            invocation.finish(body)
        return 202, {"status": "OK"}


def _function_error(body: bytes) -> FunctionError:
    told = json.loads(body)
    return FunctionError(str(told.get("errorType")), str(told.get("errorMessage")))


@contextmanager
def runtime_api() -> Iterator[RuntimeApi]:
    """The API on a free loopback port while the context lasts."""

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer is one write, at once; in two, each invocation waits for a delayed acknowledgement.
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            invocation = api.next() if self.path == f"{PREFIX}/invocation/next" else None
            if invocation is None:
                self.close_connection = True
                return self._send(404, b"{}", {})
            headers = {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
            }
            return self._send(200, invocation.event, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = api.answer(self.path, body)
            self._send(status, json.dumps(answer).encode(), {})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: the tests tell what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    api = RuntimeApi(f"127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.05,), name="runtime-api", daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.close()
        server.shutdown()
        thread.join()
        server.server_close()
