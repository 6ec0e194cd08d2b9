"""A source that sends faster than it may."""

import pytest

from tests.functional.conftest import TRANSPORTS, StartGateway
from tests.support import generators as make
from tests.support.contract import assert_answer, assert_problem
from tests.support.transports import post


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_over_the_limit_nothing_is_stored_and_it_is_said_when_to_come_back(
    start_gateway: StartGateway, transport: str
) -> None:
    gateway = start_gateway(transport, SLUICE_RATE_LIMIT_REQUESTS_PER_SECOND="0.01")
    assert_answer(post(gateway.client, make.record(1)), 202, accepted=1)
    refused = post(gateway.client, b"not even looked at", {"Content-Type": "text/plain"})
    assert_problem(refused, 429, "rate_limited")
    assert 90 <= int(refused.headers["retry-after"]) <= 100
    assert len(gateway.aws.lines()) == 1
    assert gateway.aws.error_keys() == []
