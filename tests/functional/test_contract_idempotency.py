"""Idempotency-Key: what it may look like, and what makes two requests the same one."""

import gzip
import uuid

import pytest

from tests.functional.conftest import KEYS, Gateway
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem
from tests.support.transports import Response, post

BODY = make.ndjson([make.record(1), b"nonsense", make.record(2)])


def request_id(response: Response) -> uuid.UUID:
    return uuid.UUID(response.json()["request_id"])


@pytest.mark.parametrize(
    "key", ["k", "!", "~", "a" * 128, "6b26e142-400f-42a9-ab8f-52e4d48ece4a", '"quoted"', "a/b?c=d&e#f;g,h"]
)
def test_a_valid_key(gateway: Gateway, key: str) -> None:
    response = post(gateway.client, make.record(1), {"Idempotency-Key": key})
    assert_answer(response, 202, accepted=1)
    assert request_id(response).version == 5


@pytest.mark.parametrize("key", ["", "a" * 129, "two words", "tab\there", "caf\u00e9"])
def test_an_invalid_key(gateway: Gateway, key: str) -> None:
    with gateway.aws.nothing_stored():
        response = post(gateway.client, make.record(1), {"Idempotency-Key": key})
    assert_problem(response, 400, "invalid_idempotency_key")


def test_without_a_key_every_request_is_new(gateway: Gateway) -> None:
    first, second = (post(gateway.client, make.record(1)) for _ in range(2))
    assert request_id(first).version == request_id(second).version == 7
    assert request_id(first) < request_id(second), "UUIDv7 sorts by time"


def test_the_same_request_twice(gateway: Gateway) -> None:
    answers = [
        assert_answer(
            post(gateway.client, BODY, {"Idempotency-Key": "twice"}, media="ndjson"),
            207,
            accepted=2,
            rejected=[(1, "malformed_json")],
        )
        for _ in range(2)
    ]
    assert answers[0]["request_id"] == answers[1]["request_id"]
    assert answers[0]["results"][0]["ingest_id"] == answers[1]["results"][0]["ingest_id"]
    lines = gateway.aws.lines_of(answers[0]["request_id"])
    assert {line.index for line in lines} == {0, 2}
    assert len(lines) == 4, "no database: both are in the stream, with the same two ingest_ids"


def test_an_error_object_is_never_overwritten(gateway: Gateway) -> None:
    for _ in range(2):
        response = post(gateway.client, BODY, {"Idempotency-Key": "never-overwritten"}, media="ndjson")
    first, second = gateway.aws.error_objects(str(request_id(response)))
    assert first.key != second.key
    assert [line["ingest_id"] for line in first.lines] == [line["ingest_id"] for line in second.lines]


KEY = {"Idempotency-Key": "one-key"}
OTHERS = {
    "body": (make.record(2), KEY, "json", ""),
    "key": (make.record(1), {"Idempotency-Key": "other-key"}, "json", ""),
    "media type": (make.record(1), KEY, "ndjson", ""),
    "schema": (make.record(1), KEY, "json", "?schema=order"),
    "version of the schema": (make.record(1), KEY, "json", "?schema=order/1"),
    "whitespace in the body": (make.record(1) + b" ", KEY, "json", ""),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_makes_another_request(gateway: Gateway, name: str) -> None:
    first = post(gateway.client, make.record(1), KEY)
    body, headers, media, query = OTHERS[name]
    assert request_id(post(gateway.client, body, headers, media=media, query=query)) != request_id(first)


def test_parts_are_told_apart(keyed_gateway: Gateway) -> None:
    """Joined without their lengths, source and key would be `shops-1` both times."""
    first, second = (
        post(keyed_gateway.client, make.record(1), {"Idempotency-Key": key, "X-Api-Key": KEYS[source]})
        for source, key in [("shop", "s-1"), ("shops", "-1")]
    )
    assert request_id(first) != request_id(second)


def test_an_empty_schema_is_not_no_schema(gateway: Gateway) -> None:
    first, second = (post(gateway.client, make.record(1), KEY, query=query) for query in ("", "?schema="))
    assert request_id(first) != request_id(second)


def test_compression_does_not_make_another_request(gateway: Gateway) -> None:
    plain = post(gateway.client, BODY, KEY, media="ndjson")
    packed = post(gateway.client, gzip.compress(BODY), {**KEY, "Content-Encoding": "gzip"}, media="ndjson")
    assert request_id(plain) == request_id(packed)


def test_a_kept_body_has_the_same_ids_when_sent_again(gateway: Gateway) -> None:
    answers = [post(gateway.client, b"{broken", KEY) for _ in range(2)]
    assert request_id(answers[0]) == request_id(answers[1])
    assert request_id(answers[0]).version == 5


def test_a_broken_encoding_has_the_same_ids_when_sent_again(gateway: Gateway) -> None:
    cut = gzip.compress(BODY)[:-4]
    answers = [post(gateway.client, cut, {**KEY, "Content-Encoding": "gzip"}, media="ndjson") for _ in range(2)]
    assert request_id(answers[0]) == request_id(answers[1])
