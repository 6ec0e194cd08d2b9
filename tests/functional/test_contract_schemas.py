"""`?schema=`: records judged against the registry, and the registry shown."""

from urllib.parse import unquote

import pytest

from tests.functional.conftest import ORDER_1, ORDER_2, Gateway
from tests.support import generators as make
from tests.support.aws import payload_of
from tests.support.contract import assert_answer, assert_error_line, assert_problem
from tests.support.transports import post

GOOD_1 = b'{"id":"a","amount":1.50}'
GOOD_2 = b'{"id":"a","amount":1.50,"currency":"EUR"}'


@pytest.mark.parametrize(
    ("query", "stored"), [("?schema=order/1", "order/1"), ("?schema=order/2", "order/2"), ("?schema=order", "order/2")]
)
@pytest.mark.parametrize("form", ["object", "array", "ndjson"])
def test_a_record_of_a_schema(gateway: Gateway, query: str, stored: str, form: str) -> None:
    body = {"object": GOOD_2, "array": make.array([GOOD_2]), "ndjson": make.ndjson([GOOD_2])}[form]
    media = "ndjson" if form == "ndjson" else "json"
    answer = assert_answer(post(gateway.client, body, media=media, query=query), 202, accepted=1)
    assert [line.schema for line in gateway.aws.lines_of(answer["request_id"])] == [stored]
    assert gateway.receipts(answer["request_id"])[0]["schema"] == stored


def test_a_version_is_taken_at_its_word(gateway: Gateway) -> None:
    assert_answer(post(gateway.client, GOOD_1, query="?schema=order/1"), 202, accepted=1)
    assert_answer(
        post(gateway.client, GOOD_1, query="?schema=order/2"), 422, accepted=0, rejected=[(0, "schema_violation")]
    )


def test_an_escaped_slash(gateway: Gateway) -> None:
    assert_answer(post(gateway.client, GOOD_1, query="?schema=order%2F1"), 202, accepted=1)


def test_a_violation_is_explained_at_its_place(gateway: Gateway) -> None:
    body = make.array([GOOD_1, b'{"id":7,"amount":-1}', b'{"id":"a"}'])
    wanted = [(1, "schema_violation"), (2, "schema_violation")]
    answer = assert_answer(post(gateway.client, body, query="?schema=order/1"), 207, accepted=1, rejected=wanted)
    both, missing = (result["errors"] for result in answer["results"])
    assert {tuple(error["loc"]) for error in both} == {("id",), ("amount",)}
    assert {error["type"] for error in both} == {"type", "minimum"}
    assert all(error["msg"] for error in both)
    assert [error["type"] for error in missing] == ["required"]
    assert "amount" in missing[0]["msg"] or "amount" in missing[0]["loc"]
    first, second = gateway.aws.error_lines(answer["request_id"])
    assert_error_line(first, answer, 1, "schema_violation")
    assert_error_line(second, answer, 2, "schema_violation")
    assert first["schema"] == "order/1"
    assert payload_of(second) == b'{"id":"a"}'


def test_a_number_is_judged_as_it_is_spelled(gateway: Gateway) -> None:
    body = make.array([b'{"id":"a","amount":12345678901234567890.10}', b'{"id":"a","amount":-0.0}'])
    assert_answer(post(gateway.client, body, query="?schema=order/1"), 202, accepted=2)


@pytest.mark.parametrize(
    "name",
    ["nobody", "nobody/1", "order/3", "order/", "/1", "order/1/2", "order/latest", "..%2Forder%2F1", "", "ORDER"],
)
def test_an_unknown_schema(gateway: Gateway, name: str) -> None:
    answer = assert_answer(
        post(gateway.client, GOOD_2, query=f"?schema={name}"), 422, accepted=0, rejected=[(0, "unknown_schema")]
    )
    [line] = gateway.aws.error_lines(answer["request_id"])
    assert_error_line(line, answer, 0, "unknown_schema")
    assert line["schema"] == unquote(name)
    assert payload_of(line) == GOOD_2
    [receipt] = gateway.receipts(answer["request_id"])
    assert (receipt["schema"], receipt["reasons"]["rejected"]) == (None, {"unknown_schema": 1})


def test_an_earlier_reason_goes_before_the_schema(gateway: Gateway) -> None:
    records = [b'{"amount":1}', b'{"id":null}', GOOD_1, b"[]"]
    wanted = [(0, "missing_id"), (1, "null_id"), (3, "not_an_object")]
    body = make.array(records)
    assert_answer(post(gateway.client, body, query="?schema=order/1"), 207, accepted=1, rejected=wanted)
    unknown = [*wanted[:2], (2, "unknown_schema"), wanted[2]]
    assert_answer(post(gateway.client, body, query="?schema=nobody"), 422, accepted=0, rejected=unknown)


def test_too_large_goes_before_the_schema(gateway: Gateway) -> None:
    body = make.record_of_size(1_100_000)
    for query in ("?schema=nobody", "?schema=order/1"):
        assert_answer(post(gateway.client, body, query=query), 422, accepted=0, rejected=[(0, "too_large")])


def test_errors_are_capped_per_record(gateway: Gateway) -> None:
    body = make.ndjson([b'{"id":1,"amount":-1}'] * 5_000)
    response = post(gateway.client, body, media="ndjson", query="?schema=order/2")
    assert response.status == 422
    assert len(response.body) < 5_000_000
    assert len(response.json()["results"]) == 5_000


def test_the_registry_is_listed(gateway: Gateway) -> None:
    response = gateway.client.request("GET", "/schemas")
    assert response.status == 200
    assert "order" in response.body.decode()


@pytest.mark.parametrize(("version", "schema"), [("1", ORDER_1), ("2", ORDER_2)])
def test_a_schema_is_shown(gateway: Gateway, version: str, schema: dict[str, object]) -> None:
    response = gateway.client.request("GET", f"/schemas/order/{version}")
    assert response.status == 200
    assert response.json() == schema


@pytest.mark.parametrize("path", ["/schemas/order/3", "/schemas/nobody/1", "/schemas/order/..", "/schemas/order/x"])
def test_a_schema_that_is_not_there(gateway: Gateway, path: str) -> None:
    assert_problem(gateway.client.request("GET", path), 404)
