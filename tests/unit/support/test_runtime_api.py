"""The fake Runtime API, against a runtime of a few lines."""

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_pipeline.lambda_host import MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES
from tests.support.runtime_api import PREFIX, FunctionError, RequestTooLarge, RuntimeApi, runtime_api


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with runtime_api() as running:
        yield running


class Runtime:
    """Asks for events and answers them, over one connection."""

    def __init__(self, address: str) -> None:
        self.connection = http.client.HTTPConnection(address, timeout=10)

    def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        self.connection.request(method, PREFIX + path, body)
        answer = self.connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def serve(self, outcome: str, body: bytes) -> tuple[bytes, int]:
        """One event, answered with `body`; the event and the API's status."""
        _, headers, event = self.call("GET", "/invocation/next")
        status, _, _ = self.call("POST", f"/invocation/{headers['lambda-runtime-aws-request-id']}/{outcome}", body)
        self.connection.close()
        return event, status


def test_an_event_goes_to_the_runtime_and_its_response_comes_back(api: RuntimeApi) -> None:
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(Runtime(api.address).serve, "response", b'{"statusCode":202}')
        assert api.wait_until_initialised(5)
        assert api.invoke({"rawPath": "/é"}) == b'{"statusCode":202}'
        assert served.result() == ('{"rawPath": "/é"}'.encode(), 202)
    assert api.initialised_at
    assert api.initialised_at <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_the_runtime_is_told_who_and_how_long(api: RuntimeApi) -> None:
    with ThreadPoolExecutor(1) as thread:
        runtime = Runtime(api.address)
        asked = thread.submit(runtime.call, "GET", "/invocation/next")
        with pytest.raises(FunctionError, match=r"Sandbox\.Timedout"):
            api.invoke({}, seconds=0.2)
        headers = asked.result()[1]
        late, _, _ = runtime.call("POST", f"/invocation/{headers['lambda-runtime-aws-request-id']}/response", b"{}")
        runtime.connection.close()
    assert abs(int(headers["lambda-runtime-deadline-ms"]) / 1000 - time.time()) < 5
    assert headers["lambda-runtime-invoked-function-arn"].startswith("arn:aws:lambda:")
    assert late == 202, "the service cannot tell either"


@pytest.mark.parametrize(("size", "status"), [(MAX_RESPONSE_BYTES, 202), (MAX_RESPONSE_BYTES + 1, 413)])
def test_a_response_over_six_megabytes_is_a_function_error(api: RuntimeApi, size: int, status: int) -> None:
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(Runtime(api.address).serve, "response", b'"' + b"x" * (size - 2) + b'"')
        if status == 202:
            assert len(api.invoke({})) == size
        else:
            with pytest.raises(FunctionError, match=r"Function\.ResponseSizeTooLarge"):
                api.invoke({})
        assert served.result()[1] == status


def test_an_event_over_six_megabytes_never_arrives(api: RuntimeApi) -> None:
    frame = len(json.dumps({"body": ""}))
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(Runtime(api.address).serve, "response", b"{}")
        with pytest.raises(RequestTooLarge):
            api.invoke({"body": "x" * (MAX_REQUEST_BYTES - frame + 1)})
        api.invoke({"body": "x" * (MAX_REQUEST_BYTES - frame)})
        assert len(served.result()[0]) == MAX_REQUEST_BYTES


def test_errors_of_an_invocation_and_of_the_start(api: RuntimeApi) -> None:
    told = json.dumps({"errorType": "LookupError", "errorMessage": "no such thing"}).encode()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(Runtime(api.address).serve, "error", told)
        with pytest.raises(FunctionError, match="LookupError: no such thing"):
            api.invoke({})
    runtime = Runtime(api.address)
    assert runtime.call("POST", "/init/error", told)[0] == 202
    runtime.connection.close()
    with pytest.raises(FunctionError, match="LookupError"):
        api.wait_until_initialised(1)


def test_what_nobody_asked_for_is_refused(api: RuntimeApi) -> None:
    runtime = Runtime(api.address)
    assert runtime.call("POST", "/invocation/unknown/response", b"{}")[0] == 400
    assert runtime.call("POST", "/invocation/unknown/applause", b"{}")[0] == 404
    runtime.connection.close()
