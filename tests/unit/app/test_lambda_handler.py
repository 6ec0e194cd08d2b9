"""Events made fit for Mangum."""

import asyncio
import importlib
from collections.abc import Iterator
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def lambda_handler() -> Iterator[ModuleType]:
    """The module; importing it makes a gateway, as a container's start does."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "SLUICE_STREAM_NAME": "records",
            "SLUICE_ERROR_BUCKET": "errors",
            "SLUICE_AUTH": "none",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
        }.items():
            environment.setenv(name, value)
        module = importlib.import_module("app.lambda_handler")
    loop = asyncio.get_event_loop_policy().get_event_loop()
    yield module
    loop.close()
    asyncio.set_event_loop(None)


@pytest.mark.parametrize(
    ("event", "headers", "is_base64"),
    [
        ({"headers": None, "body": None, "isBase64Encoded": False}, {}, False),
        ({"body": "e30=", "isBase64Encoded": True}, {}, True),
        ({"headers": {"a": "b"}, "body": "{}"}, {"a": "b"}, False),
        ({"headers": {}, "body": "{}", "isBase64Encoded": True}, {}, False),
        ({"headers": {}, "body": "e30", "isBase64Encoded": True}, {}, False),
        ({"headers": {}, "body": "é", "isBase64Encoded": True}, {}, False),
        ({"headers": {}, "body": None, "isBase64Encoded": True}, {}, False),
        ({"headers": {}, "body": "", "isBase64Encoded": True}, {}, True),
        ({"headers": {}, "body": "{}", "isBase64Encoded": None}, {}, False),
    ],
)
def test_headers_are_an_object_and_base64_is_base64(
    lambda_handler: ModuleType, event: dict[str, object], headers: dict[str, str], is_base64: bool
) -> None:
    before = dict(event)
    normalised = lambda_handler.normalised({**event, "version": "2.0"})
    assert (normalised["headers"], normalised["isBase64Encoded"]) == (headers, is_base64)
    assert (normalised["body"], normalised["version"]) == (event["body"], "2.0")
    assert event == before
