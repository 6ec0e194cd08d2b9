"""Sources that sign by Standard Webhooks, by each way in. The signer is the library's."""

import gzip
import json
import uuid
from collections.abc import Callable
from hashlib import sha256

import pytest

from app.webhooks import MAX_BYTES
from tests.functional.conftest import TRANSPORTS, Gateway, StartGateway
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem
from tests.support.transports import Response, post
from tests.support.webhooks import secret, signed

OLD, NEW, TILL, SMALL, UNKNOWN = (secret(name) for name in ("old", "new", "till", "small", "unknown"))
KEY = "key-of-the-shop-0123456789"
BODY = make.record(1)
SMALL_BYTES = 1_000
FIVE_MINUTES = 300
MARGIN = 20
Headers = dict[str, str]


@pytest.fixture(scope="module", params=TRANSPORTS)
def hooked(request: pytest.FixtureRequest, start_gateway: StartGateway) -> Gateway:
    """A gateway with sources that sign; `shop` has a key too, and is rotating its secret."""
    credentials = {"shop": [sha256(KEY.encode()).hexdigest(), OLD, NEW], "till": [TILL], "small": [SMALL]}
    limits = {"small": {"max_body_bytes": SMALL_BYTES}}
    return start_gateway(
        request.param,
        SLUICE_AUTH="keys",
        SLUICE_API_KEYS=json.dumps(credentials),
        SLUICE_SOURCE_LIMITS=json.dumps(limits),
    )


def new_id() -> str:
    """As senders make them: never one twice."""
    return f"msg_{uuid.uuid4().hex}"


def refused(gateway: Gateway, body: bytes, headers: Headers, status: int = 401, media: str = "json") -> Response:
    """Refused, with nothing stored and no secret told."""
    with gateway.aws.nothing_stored():
        response = post(gateway.client, body, headers, media=media)
    assert_problem(response, status)
    assert not any(each[len("whsec_") :] in response.body.decode() for each in (OLD, NEW, KEY))
    return response


@pytest.mark.parametrize(
    ("secrets", "source"),
    [([OLD], "shop"), ([NEW], "shop"), ([OLD, NEW], "shop"), ([UNKNOWN, NEW], "shop"), ([TILL], "till")],
)
def test_a_signature_names_the_source(hooked: Gateway, secrets: list[str], source: str) -> None:
    answer = assert_answer(post(hooked.client, BODY, signed(BODY, *secrets, webhook_id=new_id())), 202, accepted=1)
    [line] = hooked.aws.lines_of(answer["request_id"])
    assert (line.source, line.payload) == (source, BODY)
    [receipt] = hooked.receipts(answer["request_id"])
    assert (receipt["source"], receipt["status"], receipt["bytes"]["received"]) == (source, 202, len(BODY))


def test_a_rejected_record_is_kept_with_its_source(hooked: Gateway) -> None:
    answer = post(hooked.client, b'{"v":1}', signed(b'{"v":1}', TILL, webhook_id=new_id())).json()
    assert [line["source"] for line in hooked.aws.error_lines(answer["request_id"])] == ["till"]


def test_other_signatures_in_the_header_do_no_harm(hooked: Gateway) -> None:
    headers = signed(BODY, OLD, webhook_id=new_id())
    headers["webhook-signature"] = f"v1a,AAAA  v1,short nonsense {headers['webhook-signature']}"
    assert_answer(post(hooked.client, BODY, headers), 202, accepted=1)


@pytest.mark.parametrize("age", [FIVE_MINUTES - MARGIN, MARGIN - FIVE_MINUTES])
def test_a_clock_may_differ(hooked: Gateway, age: int) -> None:
    assert_answer(post(hooked.client, BODY, signed(BODY, OLD, webhook_id=new_id(), age=age)), 202, accepted=1)


def without(name: str) -> Callable[[Headers], Headers]:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def with_header(name: str, change: Callable[[str], str]) -> Callable[[Headers], Headers]:
    return lambda headers: {**headers, name: change(headers[name])}


FORGERIES: dict[str, Callable[[Headers], Headers]] = {
    "no id": without("webhook-id"),
    "no timestamp": without("webhook-timestamp"),
    "no signature": without("webhook-signature"),
    "another id": with_header("webhook-id", lambda value: value + "x"),
    "an id with a full stop": with_header("webhook-id", lambda value: value + ".1"),
    "an id that is too long": with_header("webhook-id", lambda _: "x" * 129),
    "an id that is empty": with_header("webhook-id", lambda _: ""),
    "another timestamp": with_header("webhook-timestamp", lambda value: str(int(value) + 1)),
    "a timestamp that is none": with_header("webhook-timestamp", lambda _: "now"),
    "a timestamp that is not a number": with_header("webhook-timestamp", lambda _: "nan"),
    "a timestamp out of range": with_header("webhook-timestamp", lambda _: "9" * 12),
    "a timestamp with a fraction": with_header("webhook-timestamp", lambda value: value + ".5"),
    "a signature cut off": with_header("webhook-signature", lambda value: value[:-5]),
    "a signature that is empty": with_header("webhook-signature", lambda _: ""),
    "a version alone": with_header("webhook-signature", lambda _: "v1,"),
    "another version": with_header("webhook-signature", lambda value: value.replace("v1,", "v1a,")),
    "a changed signature": with_header("webhook-signature", lambda value: value[:3] + value[:2:-1]),
    "no version": with_header("webhook-signature", lambda value: value.removeprefix("v1,")),
    "too many": with_header("webhook-signature", lambda value: " ".join([value] * 11)),
    "a key besides": lambda headers: {**headers, "X-Api-Key": KEY},
    "a bearer besides": lambda headers: {**headers, "Authorization": f"Bearer {KEY}"},
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_webhook(hooked: Gateway, name: str) -> None:
    response = refused(hooked, BODY, FORGERIES[name](signed(BODY, OLD)))
    assert response.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("secrets", "age"), [([UNKNOWN], 0), ([OLD], FIVE_MINUTES + MARGIN), ([OLD], -FIVE_MINUTES - MARGIN)]
)
def test_an_unknown_secret_a_stale_and_a_future_webhook(hooked: Gateway, secrets: list[str], age: int) -> None:
    refused(hooked, BODY, signed(BODY, *secrets, age=age))


@pytest.mark.parametrize("body", [make.record(2), BODY + b" ", b"", b"\xff" + BODY])
def test_another_body(hooked: Gateway, body: bytes) -> None:
    refused(hooked, body, signed(BODY, OLD))


def test_a_replayed_webhook_has_the_same_ids(hooked: Gateway) -> None:
    """Whatever else is sent with it: only id, timestamp and body are signed."""
    webhook_id, body = new_id(), make.array([make.record(1), make.record(2)])
    headers = signed(body, OLD, webhook_id=webhook_id)
    answers = [
        assert_answer(post(hooked.client, body, sent, media=media, query=query), 202, accepted=2)
        for sent, media, query in [
            (headers, "json", ""),
            (headers, "json", ""),
            (headers, "application/vnd.shop+json", "?x=1"),
            (headers, None, ""),
            (signed(body, OLD, webhook_id=webhook_id, age=60), "json", ""),
            (signed(body, NEW, webhook_id=webhook_id), "json", ""),
            ({**headers, "Idempotency-Key": webhook_id}, "json", ""),
        ]
    ]
    [request_id] = {answer["request_id"] for answer in answers}
    assert uuid.UUID(request_id).version == 5
    stored = {line.ingest_id for line in hooked.aws.lines_of(request_id)}
    assert stored == {f"{request_id}-0", f"{request_id}-1"}, "so RECORDS has two rows"


def test_one_id_for_two_bodies_or_of_two_sources_loses_nothing(hooked: Gateway) -> None:
    webhook_id = new_id()
    answers = [
        assert_answer(post(hooked.client, body, signed(body, its, webhook_id=webhook_id)), 202, accepted=1)
        for body, its in [(BODY, OLD), (make.record(2), OLD), (BODY, TILL)]
    ]
    assert len({answer["request_id"] for answer in answers}) == 3


def test_an_idempotency_key_besides(hooked: Gateway) -> None:
    headers = {**signed(BODY, OLD), "Idempotency-Key": "another"}
    assert refused(hooked, BODY, headers, 400).json()["reason"] == "invalid_idempotency_key"


def test_what_a_webhook_is_not(hooked: Gateway) -> None:
    refused(hooked, BODY, signed(BODY, OLD), 415, media="ndjson")
    refused(hooked, BODY, {**signed(BODY, OLD), "Content-Encoding": "gzip"}, 415)
    refused(hooked, gzip.compress(BODY), {**signed(BODY, OLD), "Content-Encoding": "gzip"})


def test_who_it_is_comes_before_all_but_the_limit_on_webhooks(hooked: Gateway) -> None:
    over_its_limit = make.padded(BODY, SMALL_BYTES + 1)
    refused(hooked, over_its_limit, signed(over_its_limit, UNKNOWN))
    refused(hooked, over_its_limit, signed(over_its_limit, SMALL), 413)
    refused(hooked, BODY, {**signed(BODY, UNKNOWN), "Idempotency-Key": "not visible"}, media="text/plain")
    too_much = make.padded(BODY, MAX_BYTES + 1)
    refused(hooked, too_much, signed(too_much, OLD), 413)
    refused(hooked, too_much, signed(too_much, UNKNOWN), 413)
    at_its_limit = make.padded(BODY, SMALL_BYTES)
    assert_answer(post(hooked.client, at_its_limit, signed(at_its_limit, SMALL, webhook_id=new_id())), 202, accepted=1)


def test_the_largest_body(hooked: Gateway) -> None:
    body = make.padded(make.array([make.record(n) for n in range(1_000)]), MAX_BYTES)
    assert_answer(post(hooked.client, body, signed(body, TILL, webhook_id=new_id())), 202, accepted=1_000)


def test_without_webhook_sources_no_body_is_read_for_one(keyed_gateway: Gateway) -> None:
    too_much = make.padded(BODY, MAX_BYTES + 1)
    refused(keyed_gateway, too_much, signed(too_much, OLD))


def test_without_authentication_webhook_headers_are_nothing(gateway: Gateway) -> None:
    answers = [
        assert_answer(post(gateway.client, BODY, {**signed(BODY, UNKNOWN), "webhook-id": "a.b"}), 202, accepted=1)
        for _ in range(2)
    ]
    assert answers[0]["request_id"] != answers[1]["request_id"]
