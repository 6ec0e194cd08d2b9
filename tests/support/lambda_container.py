"""One Lambda container as a process: an event a line on standard input, the handler's answer a line on standard output.

    python -m tests.support.lambda_container [HANDLER [SECONDS]]

What the handler prints goes to standard error, for standard output is the protocol's. What it raises is answered as
Lambda does, and printed.
"""

import importlib
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace
from typing import Any

HANDLER = "app.lambda_handler.handler"
LAMBDA_SECONDS = 30.0


def context(number: int, seconds: float = LAMBDA_SECONDS) -> Any:
    """The part of Lambda's context object that a handler may read, of a function that has `seconds`."""
    ends = time.monotonic() + seconds
    return SimpleNamespace(
        aws_request_id=f"00000000-0000-4000-8000-{number:012d}",
        function_name="sluice-test-gateway",
        function_version="$LATEST",
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:sluice-test-gateway",
        memory_limit_in_mb="512",
        log_group_name="/aws/lambda/sluice-test-gateway",
        log_stream_name="local",
        get_remaining_time_in_millis=lambda: max(0, int(1000 * (ends - time.monotonic()))),
    )


def main(name: str = HANDLER, seconds: str = str(LAMBDA_SECONDS)) -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    module, _, attribute = name.rpartition(".")
    handler = getattr(importlib.import_module(module), attribute)
    for number, line in enumerate(sys.stdin.buffer):
        try:
            answer = handler(json.loads(line), context(number, float(seconds)))
        except Exception as error:  # noqa: BLE001 - the boundary of the function: Lambda reports whatever comes out
            traceback.print_exc()
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
