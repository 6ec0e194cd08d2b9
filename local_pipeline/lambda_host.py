"""Runs the gateway's Lambda handler on this machine: the engine's HTTP API posts its events here.

    python -m local_pipeline.lambda_host --port 8701 --function sluice-dev-gateway

The handler sees the environment that the deployed function's configuration says, and no other SLUICE_ variable: a
variable missing from the template is missing here too.

Like Lambda ("Understanding the Lambda programming model", "Lambda quotas"): one container, one invocation at a time, in
the main thread; a request over 6 MB never reaches the handler (413), an answer over it fails the invocation, as does an
exception; the handler is imported once. Unlike it: requests wait for the container instead of starting a second one; a
handler that takes longer than the timeout is answered for, but not killed; nothing is frozen between invocations; the
HTTP API answers a failed invocation with 502 (the engine's way), where AWS answers 500.
"""

import argparse
import importlib
import json
import logging
import os
import queue
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef

HANDLER = "app.lambda_handler.handler"
# Lambda's own messages: "Request must be smaller than 6291456 bytes for the InvokeFunction operation" and "exceeded
# maximum allowed payload size (6291556 bytes)".
MAX_REQUEST_BYTES = 6_291_456
MAX_RESPONSE_BYTES = 6_291_556
logger = logging.getLogger("lambda")

Handler = Callable[[dict[str, Any], "Context"], Any]


@dataclass(frozen=True)
class Context:
    """What a handler is given beside the event ("Using the Lambda context object to retrieve Python function
    information"), as far as a single HTTP API needs it."""

    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    deadline_ms: int

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is given up; 0 when it has been."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


@dataclass(frozen=True)
class Answer:
    """What the engine gets: 2xx with the handler's result, or a function error."""

    status: int
    body: bytes


class FunctionError(Exception):
    """The invocation failed. `kind` is Lambda's errorType."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def failed(error: FunctionError) -> Answer:
    """A function error: the engine takes any status but 2xx for one."""
    return Answer(502, json.dumps({"errorType": error.kind, "errorMessage": str(error)}).encode())


def too_large_request() -> Answer:
    """The invocation went well for the engine, so that its client gets the status that the service gives."""
    return Answer(200, json.dumps({"statusCode": 413, "body": '{"message":"Request Too Long"}'}).encode())


def invoke(handler: Handler, event: dict[str, Any], context: Context) -> Answer:
    """One invocation, in the caller's thread."""
    try:
        body = json.dumps(handler(event, context), ensure_ascii=False).encode()
    except Exception as error:  # noqa: BLE001 - the boundary of the function: Lambda reports whatever comes out
        traceback.print_exc()
        return failed(FunctionError(type(error).__name__, str(error)))
    if len(body) > MAX_RESPONSE_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        return failed(FunctionError("Function.ResponseSizeTooLarge", message))
    return Answer(200, body)


class Container:
    """The one container: invocations are done in the order in which they came, by whoever runs `work`."""

    def __init__(self, handler: Handler, template: Context, timeout: float) -> None:
        self._handler = handler
        self._template = template
        self._timeout = timeout
        self._queue: queue.SimpleQueue[tuple[dict[str, Any], Context, Future[Answer]] | None] = queue.SimpleQueue()

    def submit(self, event: dict[str, Any], headers: Mapping[str, str]) -> Answer:
        """Wait for the container and for the answer, until the deadline that the engine sends.

        Args:
            headers: the engine's, by lower-case name.
        """
        fallback = int((time.time() + self._timeout) * 1000)
        context = Context(
            **{
                **vars(self._template),
                "aws_request_id": headers.get("x-amzn-lambda-request-id", ""),
                "deadline_ms": int(headers.get("x-amzn-lambda-deadline-ms", fallback)),
            }
        )
        future: Future[Answer] = Future()
        self._queue.put((event, context, future))
        try:
            return future.result(context.get_remaining_time_in_millis() / 1000)
        except TimeoutError:
            future.cancel()
            return failed(FunctionError("Sandbox.Timedout", f"Task timed out after {self._timeout:.2f} seconds"))

    def work(self) -> None:
        """Do invocations until `close`; in the main thread, as Lambda does."""
        while (item := self._queue.get()) is not None:
            event, context, future = item
            if future.set_running_or_notify_cancel():
                future.set_result(invoke(self._handler, event, context))

    def close(self) -> None:
        """End `work` after what is in the queue."""
        self._queue.put(None)


def server(container: Container, port: int) -> ThreadingHTTPServer:
    """An HTTP server on 127.0.0.1 that hands what is posted to `container`."""

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(Answer(200, b"{}"))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            event = self.rfile.read(length)
            if length > MAX_REQUEST_BYTES:
                self._send(too_large_request())
            else:
                self._send(container.submit(json.loads(event), {k.lower(): v for k, v in self.headers.items()}))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: the gateway's receipts are the log."""

    listening = ThreadingHTTPServer(("127.0.0.1", port), Requests)
    listening.daemon_threads = True
    return listening


def environment_of(configuration: "FunctionConfigurationResponseTypeDef") -> dict[str, str]:
    """The variables that Lambda sets for the function: its own and the reserved ones."""
    variables = configuration.get("Environment", {}).get("Variables", {})
    return dict(variables) | {
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration["LoggingConfig"].get("LogGroup", ""),
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
    }


def load_handler(name: str) -> Handler:
    """The function that `module.attribute` names."""
    module, _, attribute = name.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), attribute)
    return handler


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    options = _parser().parse_args(arguments)
    configuration = boto3.client("lambda").get_function_configuration(FunctionName=options.function)
    for inherited in [name for name in os.environ if name.startswith("SLUICE_")]:
        del os.environ[inherited]
    os.environ.update(environment_of(configuration))
    os.environ.update(variable.split("=", 1) for variable in options.set)
    template = Context(
        function_name=configuration["FunctionName"],
        function_version=configuration["Version"],
        invoked_function_arn=configuration["FunctionArn"],
        memory_limit_in_mb=str(configuration["MemorySize"]),
        aws_request_id="",
        log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        deadline_ms=0,
    )
    container = Container(load_handler(options.handler), template, configuration["Timeout"])
    listening = server(container, options.port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: container.close())
    Thread(target=listening.serve_forever, daemon=True).start()
    print(f"lambda host of {options.function} at http://127.0.0.1:{listening.server_port}", flush=True)
    container.work()
    listening.shutdown()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_pipeline.lambda_host")
    parser.add_argument("--port", type=int, required=True, help="0 for a free one")
    parser.add_argument("--function", required=True, help="name of the deployed function")
    parser.add_argument("--handler", default=HANDLER, help="module.attribute to call")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="variables that only this host has"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
