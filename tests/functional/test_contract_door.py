"""Who may send, and the order of the checks before any record is looked at."""

import gzip

import pytest

from tests.functional.conftest import KEYS, Gateway
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem
from tests.support.transports import post

SHOP, TILL = KEYS["shop"], KEYS["till"]
GOOD_CREDENTIALS = [
    {"Authorization": f"Bearer {SHOP}"},
    {"authorization": f"bearer {SHOP}"},
    {"X-Api-Key": SHOP},
    {"X-Api-Key": SHOP, "Authorization": f"Bearer {SHOP}"},
]
BAD_CREDENTIALS: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer"},
    {"Authorization": f"Basic {SHOP}"},
    {"Authorization": SHOP},
    {"X-Api-Key": "wrong"},
    {"X-Api-Key": ""},
    {"X-Api-Key": SHOP[:-1]},
    {"X-Api-Key": SHOP + "x"},
    {"X-Api-Key": SHOP, "Authorization": f"Bearer {TILL}"},
    {"X-Api-Key": SHOP, "Authorization": "Bearer wrong"},
    {"X-Api-Key": "shop"},
    {"X-Api-Key": "sch\u00fcssel"},
]


@pytest.mark.parametrize("headers", GOOD_CREDENTIALS)
def test_a_key_names_the_source(keyed_gateway: Gateway, headers: dict[str, str]) -> None:
    answer = assert_answer(post(keyed_gateway.client, make.record(1), headers), 202, accepted=1)
    assert [line.source for line in keyed_gateway.aws.lines_of(answer["request_id"])] == ["shop"]
    [receipt] = keyed_gateway.receipts(answer["request_id"])
    assert receipt["source"] == "shop"


def test_a_rejected_record_keeps_its_source(keyed_gateway: Gateway) -> None:
    answer = post(keyed_gateway.client, b'{"v":1}', {"X-Api-Key": TILL}).json()
    assert [line["source"] for line in keyed_gateway.aws.error_lines(answer["request_id"])] == ["till"]


@pytest.mark.parametrize("headers", BAD_CREDENTIALS, ids=str)
def test_without_a_good_key_nobody_gets_in(keyed_gateway: Gateway, headers: dict[str, str]) -> None:
    with keyed_gateway.aws.nothing_stored():
        response = post(keyed_gateway.client, make.record(1), headers)
    assert_problem(response, 401)
    assert SHOP not in response.body.decode()
    assert response.headers["www-authenticate"]


def test_one_key_for_two_sources_makes_two_requests(keyed_gateway: Gateway) -> None:
    key = {"Idempotency-Key": "one-key-for-two"}
    answers = [post(keyed_gateway.client, make.record(1), {**key, "X-Api-Key": who}).json() for who in (SHOP, TILL)]
    assert answers[0]["request_id"] != answers[1]["request_id"]


def test_one_source_keeps_its_partition_keys_apart(keyed_gateway: Gateway) -> None:
    answers = [post(keyed_gateway.client, make.record(1), {"X-Api-Key": who}).json() for who in (SHOP, SHOP, TILL)]
    first, again, other = (keyed_gateway.aws.lines_of(answer["request_id"])[0].partition_key for answer in answers)
    assert first == again
    assert first != other


WHO = {"X-Api-Key": SHOP}
NOBODY = {"X-Api-Key": "wrong"}
BAD_IDEMPOTENCY_KEY = {"Idempotency-Key": "not visible"}
BROKEN_GZIP = {"Content-Encoding": "gzip"}
TOO_MUCH = make.padded(make.record(1), 4 * make.MIB + 1)
CUT_GZIP = gzip.compress(make.record(1))[:-4]
BIG_RUBBISH = gzip.compress(b"", mtime=0)[:10] + b"\xff" * (4 * make.MIB)


@pytest.mark.parametrize(
    ("status", "body", "media", "headers"),
    [
        pytest.param(401, make.record(1), "text/plain", NOBODY, id="401 before 415"),
        pytest.param(401, make.record(1), "json", {**NOBODY, **BAD_IDEMPOTENCY_KEY}, id="401 before 400"),
        pytest.param(401, TOO_MUCH, "ndjson", NOBODY, id="401 before 413"),
        pytest.param(401, b"", "json", NOBODY, id="401 before empty"),
        pytest.param(415, make.record(1), "text/plain", {**WHO, **BAD_IDEMPOTENCY_KEY}, id="415 before 400"),
        pytest.param(415, TOO_MUCH, "text/plain", WHO, id="415 before 413"),
        pytest.param(415, TOO_MUCH, "json", {**WHO, "Content-Encoding": "br"}, id="415 of encoding before 413"),
        pytest.param(415, b"", "text/plain", WHO, id="415 before empty"),
        pytest.param(400, TOO_MUCH, "ndjson", {**WHO, **BAD_IDEMPOTENCY_KEY}, id="400 before 413"),
        pytest.param(400, b"", "json", {**WHO, **BAD_IDEMPOTENCY_KEY}, id="400 of the key before empty"),
        pytest.param(
            400, CUT_GZIP, "json", {**WHO, **BAD_IDEMPOTENCY_KEY, **BROKEN_GZIP}, id="400 of the key before decoding"
        ),
        pytest.param(413, BIG_RUBBISH, "json", {**WHO, **BROKEN_GZIP}, id="413 before decoding"),
    ],
)
def test_the_order_of_the_checks(
    keyed_gateway: Gateway, status: int, body: bytes, media: str, headers: dict[str, str]
) -> None:
    with keyed_gateway.aws.nothing_stored():
        response = post(keyed_gateway.client, body, headers, media=media)
    assert_problem(response, status, "invalid_idempotency_key" if status == 400 else None)


@pytest.mark.parametrize("path", ["/health", "/ready", "/openapi.json", "/docs"])
def test_what_needs_no_key(keyed_gateway: Gateway, path: str) -> None:
    assert keyed_gateway.client.request("GET", path).status == 200
