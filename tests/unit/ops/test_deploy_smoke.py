"""The smoke test's key comes and goes; its record is waited for."""

import json
from hashlib import sha256

import pytest

from ops.deploy.errors import DeployError, TimeLimitError
from ops.deploy.smoke import ANSWER_SECONDS, SOURCE, smoke_test, with_key
from ops.deploy.surroundings import Deployment
from tests.unit.ops.fake_deployment import SECRET, FakeHttp, FakeSecret, FakeSnowflake, make_deployment

REQUEST_ID = "0198b6f0-0000-7000-8000-000000000000"
ACCEPTED = (202, json.dumps({"request_id": REQUEST_ID}).encode())
OTHERS = {"shop": ["ab" * 32]}
TILL = {"till": ["cd" * 32]}


def deployment(http: FakeHttp, snowflake: FakeSnowflake | None = None) -> tuple[Deployment, FakeSecret]:
    secret = FakeSecret([json.dumps(OTHERS)])
    made = make_deployment(snowflake, secret=secret, http=http)
    made.known |= {"ApiEndpoint": "https://api.test", "ApiKeysSecretArn": SECRET}
    return made, secret


def test_the_record_is_posted_with_a_key_of_its_own_and_its_row_is_waited_for() -> None:
    rows = iter([[], [], [{"ingest_id": f"{REQUEST_ID}-0"}]])
    snowflake = FakeSnowflake({"FROM SLUICE_DEV.RAW.RECORDS": lambda: next(rows)})
    http = FakeHttp([ACCEPTED])
    made, secret = deployment(http, snowflake)
    assert "its row was there after 4.0 s" in smoke_test(made, row=True)
    ((url, headers, _),) = http.requests
    key = headers["Authorization"].removeprefix("Bearer ")
    assert url == "https://api.test/records"
    with_it = json.loads(secret.versions[1])
    assert with_it == OTHERS | {"sluice-smoke": [sha256(key.encode()).hexdigest()]}
    assert json.loads(secret.versions[-1]) == OTHERS
    assert not any(key in version for version in secret.versions)


def test_what_is_not_ready_is_asked_again_with_the_same_idempotency_key() -> None:
    http = FakeHttp([(0, b"no route"), (401, b"{}"), (503, b"{}"), ACCEPTED])
    made, _ = deployment(http)
    smoke_test(made, row=False)
    assert len(http.requests) == 4
    assert len({headers["Idempotency-Key"] for _, headers, _ in http.requests}) == 1
    assert len({body for _, _, body in http.requests}) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((422, b'{"detail": "rejected"}'), r"422 \(rejected\)"),
        ((202, b"<html>"), "something else answers"),
        ((202, b'{"request_id": "x\' OR 1"}'), "something else answers"),
        ((202, b"[]"), "something else answers"),
    ],
)
def test_an_answer_that_is_none_ends_it_and_takes_the_key_away(answer: tuple[int, bytes], why: str) -> None:
    made, secret = deployment(FakeHttp([answer]))
    with pytest.raises(DeployError, match=why):
        smoke_test(made, row=True)
    assert json.loads(secret.versions[-1]) == OTHERS


def test_a_gateway_that_stays_away_ends_it_and_takes_the_key_away() -> None:
    made, secret = deployment(FakeHttp([(0, b"refused")]))
    with pytest.raises(TimeLimitError, match=r"nothing \(refused\) for 120 s"):
        smoke_test(made, row=True)
    assert made.clock.monotonic() >= ANSWER_SECONDS
    assert json.loads(secret.versions[-1]) == OTHERS


def test_a_row_is_waited_for_as_long_as_firehose_may_hold_it() -> None:
    made, _ = deployment(FakeHttp([ACCEPTED]), FakeSnowflake())
    made.parameters = {"BufferSeconds": "900"}
    with pytest.raises(TimeLimitError, match=f"{REQUEST_ID}-0 was accepted, but is not in .* after 1200 s"):
        smoke_test(made, row=True)


def test_without_a_gateway_there_is_nothing_to_ask() -> None:
    with pytest.raises(DeployError, match="the stack gateway is not deployed"):
        smoke_test(make_deployment(), row=True)


@pytest.mark.parametrize("text", ["", "[]", '{"sluice-smoke": 1}', "a-secret-key"])
def test_a_secret_of_another_form_is_not_quoted_and_not_changed(text: str) -> None:
    http = FakeHttp([ACCEPTED])
    made, secret = deployment(http)
    secret.versions = [text]
    with pytest.raises(DeployError, match="does not hold credentials") as raised:
        smoke_test(made, row=False)
    assert "a-secret-key" not in str(raised.value)
    assert (secret.versions, http.requests) == ([text], [])


def test_keys_that_others_make_and_revoke_meanwhile_are_not_undone() -> None:
    http = FakeHttp([ACCEPTED])
    made, secret = deployment(http)
    secret.meanwhile = [json.dumps(OTHERS | TILL)]
    smoke_test(made, row=False)
    assert json.loads(secret.versions[-1]) == OTHERS | TILL

    secret.meanwhile = [json.dumps(OTHERS | TILL), json.dumps(TILL)]
    smoke_test(made, row=False)
    assert json.loads(secret.versions[-1]) == TILL


def test_another_smoke_test_s_key_stays_and_one_that_is_gone_is_no_fault() -> None:
    assert with_key({SOURCE: ["11", "22"], "shop": ["33"]}, None, "11") == {"shop": ["33"], SOURCE: ["22"]}
    assert with_key({"shop": ["33"]}, None, "11") == {"shop": ["33"]}
