"""Telling records apart: objects, arrays, lines; too many, none, and what hostile bodies cost."""

import tracemalloc

import pytest

from app.content import Framing
from app.exceptions import ContentTooLarge, EmptyBody, MalformedBody
from app.framing import malformed_body, split

MIB = 1024 * 1024
MANY = 10_000


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b'{"id":1}', [b'{"id":1}']),
        (b' {"id":1}\n', [b' {"id":1}\n']),
        (b"7", [b"7"]),
        (b"nonsense", [b"nonsense"]),
        (b'[{"id":1}]', [b'{"id":1}']),
        (b' [ {"id" : 1} ,\r\n\t2 , "a,b" ] ', [b'{"id" : 1}', b"2", b'"a,b"']),
        (b"[[1,2],[]]", [b"[1,2]", b"[]"]),
        (b"[1e999,12345678901234567890.10]", [b"1e999", b"12345678901234567890.10"]),
        (b"[" + b"[" * 2_000 + b"]" * 2_000 + b',{"id":1}]', [b"[" * 2_000 + b"]" * 2_000, b'{"id":1}']),
    ],
)
def test_json(body: bytes, records: list[bytes]) -> None:
    assert split(body, Framing.JSON, MANY) == records


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b'{"id":1}', [b'{"id":1}']),
        (b'{"id":1}\n', [b'{"id":1}']),
        (b"\n\r\n \t\n1\r\n\n 2 \n\r\r\n3", [b"1", b" 2 ", b"3"]),
        (b"1\r2\n", [b"1\r2"]),
        (b"1\r\r\n", [b"1\r"]),
        (b"[1,2]\nx", [b"[1,2]", b"x"]),
        (b"\x0b\n\x00\n\xc2\xa0", [b"\x0b", b"\x00", b"\xc2\xa0"]),
    ],
)
def test_lines(body: bytes, records: list[bytes]) -> None:
    assert split(body, Framing.NDJSON, MANY) == records


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("body", [b"", b" ", b"\n\r\n\t ", b"\n" * 10_001])
def test_nothing(body: bytes, framing: Framing) -> None:
    with pytest.raises(EmptyBody):
        split(body, framing, MANY)


def test_an_empty_array_holds_nothing() -> None:
    with pytest.raises(EmptyBody):
        split(b" [ ] ", Framing.JSON, MANY)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_the_most_records_and_one_more(most: int) -> None:
    for framing, body in [
        (Framing.JSON, b"[" + b",".join([b"1"] * most) + b"]"),
        (Framing.NDJSON, b"1\n" * most + b"\n \n"),
    ]:
        assert len(split(body, framing, most)) == most
        if most > 1:
            with pytest.raises(ContentTooLarge):
                split(body, framing, most - 1)


@pytest.mark.parametrize("body", [b"[", b"[1", b"[1,]", b"[1 2]", b"[1]]", b"[1]x", b"[" * 3_000, b"[" * 3_000 + b"]"])
def test_an_array_that_cannot_be_told_apart(body: bytes) -> None:
    with pytest.raises(MalformedBody) as refusal:
        split(body, Framing.JSON, MANY)
    assert refusal.value.offset is not None
    assert refusal.value.detail == malformed_body(body).detail


def test_a_malformed_body_says_where() -> None:
    refusal = malformed_body(b'[{"id":1},{"id":"\xff"}]')
    assert (refusal.offset, refusal.status, refusal.reason) == (17, 400, "malformed_json")
    assert "byte 17" in refusal.detail


HOSTILE = {
    "numbers": (b"[" + b"0," * MIB + b"0]", Framing.JSON),
    "bad UTF-8, then numbers": (b'["\xff",' + b"0," * MIB + b"0]", Framing.JSON),
    "half a pair, then numbers": (b'["\\ud800",' + b"0," * MIB + b"0]", Framing.JSON),
    "one long element, then numbers": (b"[[" + b"[]," * 6_000 + b"0]," + b"0," * MIB + b"0]", Framing.JSON),
    "empty lines": (b"\n" * 2 * MIB, Framing.NDJSON),
    "one byte a line": (b"0\n" * MIB, Framing.NDJSON),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_make_no_lists_of_millions(name: str) -> None:
    body, framing = HOSTILE[name]
    tracemalloc.start()
    with pytest.raises((ContentTooLarge, MalformedBody, EmptyBody)):
        split(body, framing, MANY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * MIB
