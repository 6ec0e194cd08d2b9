"""API keys from Secrets Manager, by each way in; Secrets Manager may fail."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import pytest

from tests.functional.conftest import KEYS, TRANSPORTS, Gateway, StartGateway
from tests.support import generators as make
from tests.support.aws import ONE_TRY, session
from tests.support.contract import assert_answer, assert_problem
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import Fault, Rule
from tests.support.local_pipeline import eventually
from tests.support.transports import Response, post

GET_SECRET = "secretsmanager.GetSecretValue"


@dataclass
class Guarded:
    """A gateway whose keys stand in a secret, with a proxy before its AWS."""

    gateway: Gateway
    proxy: ProxyThread

    def post(self, key: str) -> Response:
        """One record."""
        return post(self.gateway.client, make.record(1), {"X-Api-Key": key})

    @property
    def reads(self) -> int:
        """How often the secret was asked for."""
        return len(self.proxy.calls(GET_SECRET))


@pytest.fixture(scope="module", params=TRANSPORTS)
def guarded(request: pytest.FixtureRequest, start_gateway: StartGateway, endpoint: str) -> Iterator[Guarded]:
    """Started while Secrets Manager fails every call."""
    secrets = session().client("secretsmanager", endpoint_url=endpoint, config=ONE_TRY)
    hashes = {source: [sha256(key.encode()).hexdigest()] for source, key in KEYS.items()}
    arn = secrets.create_secret(Name=f"keys-{uuid.uuid4().hex}", SecretString=json.dumps(hashes))["ARN"]
    with running_proxy(endpoint) as proxy:
        proxy.set_rules([Rule(GET_SECRET, Fault.ERROR)])
        settings = {"SLUICE_AUTH": "keys", "SLUICE_API_KEYS_SECRET_ARN": arn}
        yield Guarded(start_gateway(request.param, through=proxy.url, **settings), proxy)


def test_keys_are_read_when_they_are_needed(guarded: Guarded) -> None:
    with guarded.gateway.aws.nothing_stored():
        assert_problem(post(guarded.gateway.client, make.record(1)), 401)
        assert guarded.reads == 0, "neither starting nor a request without a key needs the secret"
        refused = guarded.post(KEYS["shop"])
        assert_problem(refused, 503, "keys_unavailable")
        assert refused.headers["retry-after"] == "1"
        [receipt] = guarded.gateway.receipts(refused.json()["request_id"])
        assert (receipt["status"], receipt["reason"], receipt["source"]) == (503, "keys_unavailable", None)
        not_ready = guarded.gateway.client.request("GET", "/ready")
        assert "the API keys" in assert_problem(not_ready, 503, "not_ready")["detail"]
        for _ in range(10):
            assert_problem(guarded.post(KEYS["shop"]), 503, "keys_unavailable")
        assert 1 <= guarded.reads < 10, "a failed read is not repeated by every request"

    guarded.proxy.set_rules([])
    answer = eventually(lambda: guarded.post(KEYS["till"]), lambda found: found.status != 503, 10)

    request_id = assert_answer(answer, 202, accepted=1)["request_id"]
    assert [line.source for line in guarded.gateway.aws.lines_of(request_id)] == ["till"]
    assert guarded.gateway.client.request("GET", "/ready").status == 200
    with guarded.gateway.aws.nothing_stored():
        assert_problem(guarded.post("wrong"), 401)
    known = guarded.reads
    assert_answer(guarded.post(KEYS["shop"]), 202, accepted=1)
    assert guarded.reads == known
