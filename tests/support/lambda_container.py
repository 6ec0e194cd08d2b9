"""One Lambda container as a process: an event a line on standard input, the handler's answer a line on standard output.

What the handler prints goes to standard error, for standard output is the protocol's.
"""

import importlib
import json
import os
import sys
from types import SimpleNamespace
from typing import Any

LAMBDA_SECONDS = 30_000


def context(number: int) -> Any:
    """The part of Lambda's context object that a handler may read."""
    return SimpleNamespace(
        aws_request_id=f"00000000-0000-4000-8000-{number:012d}",
        function_name="sluice-test-gateway",
        function_version="$LATEST",
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:sluice-test-gateway",
        memory_limit_in_mb="512",
        log_group_name="/aws/lambda/sluice-test-gateway",
        log_stream_name="local",
        get_remaining_time_in_millis=lambda: LAMBDA_SECONDS,
    )


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    handler = importlib.import_module("app.lambda_handler").handler
    for number, line in enumerate(sys.stdin.buffer):
        answers.write(json.dumps(handler(json.loads(line), context(number))).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
