"""Limits of one source's own."""

import json
from hashlib import sha256

import pytest

from tests.functional.conftest import KEYS, TRANSPORTS, StartGateway
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem
from tests.support.transports import post


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_source_s_own_size_and_rate(start_gateway: StartGateway, transport: str) -> None:
    gateway = start_gateway(
        transport,
        SLUICE_AUTH="keys",
        SLUICE_API_KEYS=json.dumps({source: [sha256(key.encode()).hexdigest()] for source, key in KEYS.items()}),
        SLUICE_SOURCE_LIMITS=json.dumps(
            {"shop": {"max_body_bytes": 1_000}, "till": {"requests_per_second": 0.01, "burst": 3}}
        ),
    )
    shop, shops, till = ({"X-Api-Key": KEYS[source]} for source in ("shop", "shops", "till"))
    body = make.padded(make.record(1), 1_001)
    assert_answer(post(gateway.client, body[:-1], shop), 202, accepted=1)
    assert_answer(post(gateway.client, body, shops), 202, accepted=1)
    for _ in range(3):
        assert_answer(post(gateway.client, make.record(1), till), 202, accepted=1)
    with gateway.aws.nothing_stored():
        assert "1000 bytes" in assert_problem(post(gateway.client, body, shop), 413)["detail"]
        refused = post(gateway.client, make.record(1), till)
        assert_problem(refused, 429, "rate_limited")
        assert 90 <= int(refused.headers["retry-after"]) <= 100
        assert_problem(post(gateway.client, make.record(1), {"X-Api-Key": "wrong"}), 401)
