"""The OpenAPI document: complete, with examples, and true: real answers are valid under what it says."""

import json
from typing import Any

import jsonschema_rs
import pytest

from tests.functional.conftest import Gateway
from tests.support import generators as make
from tests.support.transports import Response, post

POST_STATUSES = {"202", "207", "400", "401", "408", "413", "415", "422", "429", "503"}
JSON_MEDIA = {"application/json", "application/x-ndjson"}


@pytest.fixture(scope="module")
def document(gateway: Gateway) -> dict[str, Any]:
    response = gateway.client.request("GET", "/openapi.json")
    assert response.status == 200
    found: dict[str, Any] = response.json()
    return found


def operation(document: dict[str, Any], method: str = "post", path: str = "/records") -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path][method]
    return found


def check(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    """`value` is valid under `schema`, whose references point into `document`."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], **schema}
    jsonschema_rs.validator_for(whole, validate_formats=True).validate(value)


def check_answer(document: dict[str, Any], response: Response, method: str = "post", path: str = "/records") -> None:
    """The answer's status and media type are documented, and its body is what the document says."""
    documented = operation(document, method, path)["responses"]
    assert str(response.status) in documented, response.status
    content = documented[str(response.status)]["content"]
    assert response.media_type in content
    check(document, content[response.media_type]["schema"], response.json())


def test_every_route_is_documented(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["paths"].keys() >= {"/records", "/health", "/ready", "/schemas", "/schemas/{name}/{version}"}


def test_every_status_of_the_contract_is_documented(document: dict[str, Any]) -> None:
    assert operation(document)["responses"].keys() == POST_STATUSES


def test_the_request_is_documented_with_examples(document: dict[str, Any]) -> None:
    content = operation(document)["requestBody"]["content"]
    assert content.keys() >= JSON_MEDIA
    for media in JSON_MEDIA:
        examples = content[media].get("examples") or content[media].get("example")
        assert examples, media
    for name, example in content["application/json"]["examples"].items():
        check(document, content["application/json"]["schema"], example["value"])
        assert example["value"], name


def test_the_examples_are_accepted_as_they_stand(document: dict[str, Any], gateway: Gateway) -> None:
    """What the page offers to try out works."""
    for example in operation(document)["requestBody"]["content"]["application/json"]["examples"].values():
        assert post(gateway.client, json.dumps(example["value"]).encode()).status in {202, 207, 422}


def test_headers_and_query_are_documented(document: dict[str, Any]) -> None:
    parameters = {(found["in"], found["name"].lower()) for found in operation(document)["parameters"]}
    assert parameters >= {("header", "idempotency-key"), ("query", "schema")}
    encodings = json.dumps(operation(document))
    assert "gzip" in encodings
    assert "zstd" in encodings


def test_every_answer_has_a_model_and_an_example_that_fits_it(document: dict[str, Any]) -> None:
    for status, response in operation(document)["responses"].items():
        for media, content in response["content"].items():
            assert media == ("application/json" if status in {"202", "207"} else "application/problem+json")
            check_examples(document, status, content)


def check_examples(document: dict[str, Any], status: str, content: dict[str, Any]) -> None:
    named = content.get("examples", {})
    values = [example["value"] for example in named.values()] or [
        content[name] for name in ("example",) if name in content
    ]
    assert values, f"{status} has no example"
    for value in values:
        check(document, content["schema"], value)


@pytest.mark.parametrize("record", [{"id": None}, {}, [], [{"id": None}], 1])
def test_what_is_no_record_is_none_by_the_document(document: dict[str, Any], record: object) -> None:
    schema = operation(document)["requestBody"]["content"]["application/json"]["schema"]
    with pytest.raises(jsonschema_rs.ValidationError):
        check(document, schema, record)


@pytest.mark.parametrize("status", ["400", "422", "503"])
def test_a_receipt_is_whole_or_not_there(document: dict[str, Any], status: str) -> None:
    """A problem that tells what became of records tells all of it."""
    schema = operation(document)["responses"][status]["content"]["application/problem+json"]["schema"]
    schemas = [schema["$ref"]] if status == "422" else [each["$ref"] for each in schema["anyOf"]]
    names = {reference.rpartition("/")[2] for reference in schemas}
    assert names == ({"RecordsProblem"} if status == "422" else {"RecordsProblem", "Problem"})
    models = document["components"]["schemas"]
    assert {"received_at", "accepted", "rejected", "results"} <= set(models["RecordsProblem"]["required"])
    assert "results" not in models["Problem"]["properties"]


def test_the_schemas_are_those_that_are_there(document: dict[str, Any]) -> None:
    parameter = next(each for each in operation(document)["parameters"] if each["name"] == "schema")
    assert parameter["schema"]["enum"] == ["order", "order/1", "order/2"]


def test_a_key_is_asked_for_where_one_is(document: dict[str, Any], keyed_gateway: Gateway) -> None:
    keyed = keyed_gateway.client.request("GET", "/openapi.json").json()
    asked = [set(each) for each in operation(keyed)["security"]]
    assert asked == [{"bearer"}, {"api_key"}, {"webhook-id", "webhook-timestamp", "webhook-signature"}]
    assert operation(document)["security"] == []


def test_retry_after_is_documented(document: dict[str, Any]) -> None:
    for status in ("429", "503"):
        assert "retry-after" in {name.lower() for name in operation(document)["responses"][status]["headers"]}


def test_a_model_refuses_what_is_not_an_answer(document: dict[str, Any]) -> None:
    """So that the tests below can fail."""
    schema = operation(document)["responses"]["202"]["content"]["application/json"]["schema"]
    with pytest.raises(jsonschema_rs.ValidationError):
        check(document, schema, {"request_id": 1})


@pytest.mark.parametrize(
    ("status", "body", "media"),
    [
        (202, make.record(1), "json"),
        (207, make.ndjson([text for text, _ in make.BAD_LINES.values()] + [make.record(1)]), "ndjson"),
        (422, b"{}", "json"),
        (400, b"", "json"),
        (400, b"{", "json"),
        (413, make.padded(b"", 4 * make.MIB + 1), "ndjson"),
        (415, b"{}", "text/plain"),
    ],
)
def test_real_answers_are_as_documented(
    document: dict[str, Any], gateway: Gateway, status: int, body: bytes, media: str
) -> None:
    response = post(gateway.client, body, media=media)
    assert response.status == status
    check_answer(document, response)


def test_a_schema_violation_is_as_documented(document: dict[str, Any], gateway: Gateway) -> None:
    check_answer(document, post(gateway.client, b'{"id":1,"amount":-1}', query="?schema=order"))


def test_the_answer_without_a_key_is_as_documented(document: dict[str, Any], keyed_gateway: Gateway) -> None:
    check_answer(document, post(keyed_gateway.client, make.record(1)))


@pytest.mark.parametrize("path", ["/health", "/ready", "/schemas"])
def test_other_answers_are_as_documented(document: dict[str, Any], gateway: Gateway, path: str) -> None:
    check_answer(document, gateway.client.request("GET", path), "get", path)
