"""Request ids and idempotency keys."""

import uuid
from datetime import UTC, datetime

import pytest

from app.exceptions import InvalidIdempotencyKey
from app.request_identity import new_request_id, parse_idempotency_key, repeatable_request_id

AT = datetime(2026, 11, 23, 2, 17, 14, 123000, UTC)
SAME = ("shop", "key", "application/json", "order/1", b"{}")


def test_a_new_id_is_a_uuid7_of_its_moment() -> None:
    one = uuid.UUID(new_request_id(AT))
    assert (one.version, one.variant) == (7, uuid.RFC_4122)
    assert one.int >> 80 == int(AT.timestamp() * 1000)
    assert len({new_request_id(AT) for _ in range(1_000)}) == 1_000


def test_the_same_request_has_the_same_id_for_good() -> None:
    """Pinned: a client that sends again after an upgrade must not load twice."""
    assert repeatable_request_id(*SAME) == repeatable_request_id(*SAME)
    assert repeatable_request_id(*SAME) == "ca4d3b23-0928-5c66-bb41-58f343c8517a"
    assert uuid.UUID(repeatable_request_id(*SAME)).version == 5


@pytest.mark.parametrize(
    "other",
    [
        ("till", "key", "application/json", "order/1", b"{}"),
        ("shop", "yek", "application/json", "order/1", b"{}"),
        ("shop", "key", "", "order/1", b"{}"),
        ("shop", "key", "application/json", "order/2", b"{}"),
        ("shop", "key", "application/json", None, b"{}"),
        ("shop", "key", "application/json", "", b"{}"),
        ("shop", "key", "application/json", "order/1", b"{} "),
        ("shopk", "ey", "application/json", "order/1", b"{}"),
        ("shop", "keya", "pplication/json", "order/1", b"{}"),
    ],
)
def test_another_request_has_another_id(other: tuple[str, str, str, str | None, bytes]) -> None:
    assert repeatable_request_id(*other) != repeatable_request_id(*SAME)


def test_no_schema_and_an_empty_one_differ() -> None:
    assert repeatable_request_id("s", "k", "", None, b"") != repeatable_request_id("s", "k", "", "", b"")


@pytest.mark.parametrize("key", ["a", "!~", "x" * 128, "5b4e1c7e-9d0b-4f52-8f4f-1f1f2d3c4b5a", '"quoted"', "%00"])
def test_good_keys(key: str) -> None:
    assert parse_idempotency_key([key]) == key


def test_no_key() -> None:
    assert parse_idempotency_key([]) is None


@pytest.mark.parametrize("values", [[""], [" "], ["x" * 129], ["a b"], ["a\n"], ["é"], ["a", "a"], ["\x7f"], ["a\x00"]])
def test_bad_keys(values: list[str]) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        parse_idempotency_key(values)
