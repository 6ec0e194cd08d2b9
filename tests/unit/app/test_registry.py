"""The schema registry: loading, looking up, what it finds wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.exceptions import ConfigurationError, SchemaNotFound
from app.registry import MAX_LABEL_CHARACTERS, Registry
from app.validation import MAX_ERRORS, Reason, Rejected, judge
from tests.support.generators import record_of_depth

ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "email": {"type": "string", "format": "email"},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
    },
    "additionalProperties": False,
}


def write(folder: Path, place: str, document: object) -> None:
    file = folder / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(document if isinstance(document, str) else json.dumps(document))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    for version in ("1", "2", "10", "2.1", "2.0.5"):
        write(tmp_path, f"order/{version}.json", ORDER)
    write(tmp_path, "any/1.json", "true")
    return Registry.load(str(tmp_path))


def test_versions_are_ordered_as_numbers(registry: Registry) -> None:
    assert registry.names() == {"any": ["1"], "order": ["1", "2", "2.0.5", "2.1", "10"]}
    assert list(registry.names()) == ["any", "order"]
    assert registry.get("order").label == "order/10"
    assert registry.get("order/2").label == "order/2"


@pytest.mark.parametrize(
    "reference", ["", "/", "nope", "order/", "order/3", "order/02", "ORDER", "order/1/2", "../order"]
)
def test_what_is_not_there(registry: Registry, reference: str) -> None:
    with pytest.raises(SchemaNotFound):
        registry.get(reference)
    label, schema = registry.resolve([reference])
    assert label == reference
    verdict = judge(b'{"id":"a"}', 100, schema)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.UNKNOWN_SCHEMA


@pytest.mark.parametrize("depth", [250, 260, 500])
def test_a_deep_record_that_breaks_its_schema_is_rejected(registry: Registry, depth: int) -> None:
    verdict = judge(record_of_depth(depth), 10_000, registry.get("order").check)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.SCHEMA_VIOLATION
    assert 0 < len(verdict.errors) <= MAX_ERRORS


def test_a_record_too_deep_to_be_held_against_its_schema_is_rejected(tmp_path: Path) -> None:
    """Values that are compared with each other."""
    write(tmp_path, "set/1.json", {"properties": {"v": {"uniqueItems": True}}})
    schema = Registry.load(str(tmp_path)).get("set").check
    deep = b"[" * 300 + b"]" * 300
    verdict = judge(b'{"id":1,"v":[' + deep + b"," + deep + b"]}", 10_000, schema)
    assert isinstance(verdict, Rejected)
    assert [(error.loc, error.type) for error in verdict.errors] == [((), "schema_violation")]
    assert "255" in verdict.errors[0].msg


def test_no_schema_asked_for(registry: Registry) -> None:
    assert registry.resolve([]) == (None, None)


@pytest.mark.parametrize("references", [["x" * 5_000], ["x" * 5_000, "order"], ["order", "order"]])
def test_a_client_s_own_word_is_cut(registry: Registry, references: list[str]) -> None:
    label, schema = registry.resolve(references)
    assert label == references[0][:MAX_LABEL_CHARACTERS]
    assert schema is not None
    assert schema.reason is Reason.UNKNOWN_SCHEMA


def test_what_is_wrong_is_told_without_the_value(registry: Registry) -> None:
    label, schema = registry.resolve(["order/1"])
    raw = b'{"id":4711815,"email":"hunter2","lines":[{"sku":1},{}],"secret":"hunter2"}'
    verdict = judge(raw, 1_000, schema)
    assert (label, isinstance(verdict, Rejected)) == ("order/1", True)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.SCHEMA_VIOLATION
    found = {(error.loc, error.type) for error in verdict.errors}
    assert {(("id",), "type"), (("lines", 1), "required"), (("email",), "format")} <= found
    assert not any("hunter2" in error.msg or "4711815" in error.msg for error in verdict.errors)


def test_errors_are_capped(registry: Registry) -> None:
    _, schema = registry.resolve(["order"])
    verdict = judge(b'{"id":"a","lines":[' + b"{}," * 1_000 + b"{}]}", 10_000, schema)
    assert isinstance(verdict, Rejected)
    assert len(verdict.errors) == MAX_ERRORS


@pytest.mark.parametrize("depth", [100, 254, 255, 256, 400, 500])
def test_records_as_deep_as_allowed_can_be_validated(registry: Registry, depth: int) -> None:
    _, schema = registry.resolve(["any"])
    assert not isinstance(judge(record_of_depth(depth), 10_000, schema), Rejected)


def test_a_file_uri(tmp_path: Path) -> None:
    write(tmp_path / "a b", "order/1.json", ORDER)
    assert Registry.load((tmp_path / "a b").as_uri()).names() == {"order": ["1"]}


def test_an_empty_folder_is_no_mistake(tmp_path: Path) -> None:
    assert Registry.load(str(tmp_path)).names() == {}


@pytest.mark.parametrize(
    ("place", "document"),
    [
        ("1.json", ORDER),
        ("order/new/1.json", ORDER),
        ("order/v1.json", ORDER),
        ("order/1.2.3.4.json", ORDER),
        (".hidden/1.json", ORDER),
        ("order/1.json", "{"),
        ("order/1.json", ""),
        ("order/1.json", "[]"),
        ("order/1.json", "7"),
        ("order/1.json", {"type": "no such type"}),
        ("order/1.json", {"properties": {"a": {"pattern": "("}}}),
        ("order/1.json", {"$ref": "#/nowhere"}),
        ("order/1.json", {"$ref": "file:///nowhere.json"}),
    ],
)
def test_what_does_not_start(tmp_path: Path, place: str, document: object) -> None:
    write(tmp_path, place, document)
    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        Registry.load(str(tmp_path))


@pytest.mark.parametrize("uri", ["/nowhere/at/all", "s3://bucket/schemas", "https://example.com/schemas"])
def test_a_place_that_is_not_read(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="SLUICE_SCHEMAS_URI"):
        Registry.load(uri)


DRAFT_4, DRAFT_7 = (f"http://json-schema.org/draft-0{draft}/schema#" for draft in (4, 7))
TEXTS = {"a": {"type": "string"}, "b": {"type": "string"}}
REFERRING = {"properties": {"a": {"$ref": "#/definitions/b"}}, "definitions": TEXTS}
SCHEMAS: list[Any] = [
    True,
    False,
    ORDER,
    {"$id": "", "properties": TEXTS},
    {"$id": "order.json", "properties": TEXTS},
    {"$id": "https://example.com/order#", "$ref": "#/$defs/a", "$defs": {"a": {"properties": TEXTS}}},
    {"$id": "https://example.com/", "properties": {"a": {"$ref": "c"}}, "$defs": {"c": {"$id": "c", "type": "string"}}},
    {"$ref": "#of", "$defs": {"any": {"$anchor": "of", "properties": TEXTS}}},
    {"$dynamicAnchor": "of", "properties": {"b": {"type": "string"}, "a": {"$dynamicRef": "#of"}}, "type": "object"},
    {"$schema": DRAFT_7, **REFERRING},
    {"$schema": DRAFT_7, "$id": "https://example.com/order", **REFERRING},
    {"$schema": DRAFT_4, "id": "https://example.com/order", **REFERRING},
    {"$schema": DRAFT_4, "id": "#order", **REFERRING},
    {"id": "order", "properties": TEXTS},
    {"id": "/", "properties": TEXTS},
    *({"$id": name, "properties": TEXTS} for name in ("#", "/", ".", "./", "..", "json-schema:///")),
    {"$id": DRAFT_7, "properties": TEXTS},
    {"$schema": DRAFT_7, "$id": DRAFT_7, **REFERRING},
    {"$id": "https://json-schema.org/draft/2020-12/meta/core", "properties": TEXTS},
    {"id": 5, "properties": TEXTS},
]
RECORDS: list[dict[str, Any]] = [
    {"id": "1"},
    {"id": "1", "a": "x"},
    {"id": "1", "a": 1},
    {"id": "1", "b": 1},
    {"id": "1", "a": {"a": {"b": 1}}},
    {"id": "1", "email": "nobody"},
]


@pytest.mark.parametrize("document", SCHEMAS, ids=json.dumps)
def test_records_together_obey_a_schema_when_each_does(tmp_path: Path, document: object) -> None:
    write(tmp_path, "any/1.json", document if isinstance(document, dict) else json.dumps(document))
    check = Registry.load(str(tmp_path)).get("any").check
    obeying = [record for record in RECORDS if not check.find_errors(record)]
    assert check.all_obey(obeying)
    for record in RECORDS:
        assert check.all_obey([*obeying, record, *obeying]) is (record in obeying)
