"""The records that are sent: of the size that is said, distinct, and what they are meant to be."""

import gzip
import json

import jsonschema_rs
import pytest

from app.registry import Registry
from benchmarks.bodies import RECORD_BYTES, Shape, record, request, ring
from benchmarks.places import SCHEMAS
from benchmarks.plan import FULL

SCHEMA = jsonschema_rs.validator_for(json.loads((SCHEMAS / "order" / "1.json").read_text()))


@pytest.mark.parametrize("size", FULL.sizes)
@pytest.mark.parametrize("number", [0, 7, 999_999])
def test_a_record_has_its_size_and_its_id(size: int, number: int) -> None:
    made = record(number, size)
    assert len(made) == size
    assert json.loads(made)["id"] == f"order-{number:010d}"
    assert SCHEMA.is_valid(json.loads(made)) is (size >= RECORD_BYTES)


def test_too_small_a_record_is_refused() -> None:
    with pytest.raises(ValueError, match="50 bytes are too few"):
        record(1, 50)


def test_the_schema_is_one_that_the_gateway_loads() -> None:
    assert Registry.load(str(SCHEMAS)).get("order/1").label == "order/1"


@pytest.mark.parametrize("shape", [Shape(), Shape("array", 500), Shape("ndjson", 50, gzip=True), Shape(size=1_000_000)])
def test_ids_in_a_ring_are_distinct(shape: Shape) -> None:
    found = [record["id"] for message in ring(shape) for record in records_of(message)]
    assert len(set(found)) == len(found) >= 8


def test_one_in_a_hundred_is_bad() -> None:
    shape = Shape("ndjson", 500, has_bad=True)
    lines = request(shape, 3).partition(b"\r\n\r\n")[2].splitlines()
    assert len(lines) == 500
    assert sum(len(line) != RECORD_BYTES for line in lines) == shape.bad == 500 - shape.accepted == 5
    assert (shape.status, Shape().status) == (207, 202)


def test_the_head_says_what_the_body_is() -> None:
    head, _, body = request(Shape("ndjson", 2, gzip=True, schema="order/1"), 0).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /records?schema=order/1 HTTP/1.1\r\n")
    assert b"Content-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\nContent-Length: %d" % len(body) in head


def records_of(message: bytes) -> list[dict[str, str]]:
    head, _, body = message.partition(b"\r\n\r\n")
    text = gzip.decompress(body) if b"Content-Encoding: gzip" in head else body
    if b"x-ndjson" in head:
        return [json.loads(line) for line in text.splitlines()]
    found = json.loads(text)
    return found if isinstance(found, list) else [found]
