"""More at once than the gateway may have at hand, and AWS calls that hold every thread."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice

import pytest

from tests.functional.conftest import Gateway, StartGateway
from tests.support import generators as make
from tests.support import prometheus
from tests.support.contract import assert_answer, assert_problem, assert_retry
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.transports import post

AT_WORK = 3
AT_ONCE = 12


@pytest.fixture
def proxy(endpoint: str) -> Iterator[ProxyThread]:
    with running_proxy(endpoint) as running:
        yield running


def test_what_is_over_the_bound_is_refused_and_the_rest_stored(start_gateway: StartGateway, proxy: ProxyThread) -> None:
    settings = {"SLUICE_MAX_REQUESTS_IN_FLIGHT": str(AT_WORK), "SLUICE_DELIVERY_TIMEOUT_SECONDS": "20"}
    gateway = start_gateway("uvicorn", through=proxy.url, **settings)
    proxy.set_rules([Rule(PUT_RECORDS, Fault.DELAY, seconds=60)])  # calls are given up and made again until it ends
    with ThreadPoolExecutor(AT_ONCE) as threads:
        running = [threads.submit(post, gateway.client, make.record(number)) for number in range(AT_ONCE)]
        refused = list(islice(as_completed(running), AT_ONCE - AT_WORK))
        assert {each.result().status for each in refused} == {503}
        proxy.set_rules([])
    answers = [each.result() for each in running]
    statuses = Counter(answer.status for answer in answers)
    assert statuses == {202: AT_WORK, 503: AT_ONCE - AT_WORK}
    for answer in answers:
        if answer.status == 202:
            assert_answer(answer, 202, accepted=1)
            assert len(gateway.aws.lines_of(answer.json()["request_id"])) == 1
        else:
            problem = assert_problem(answer, 503, "overloaded")
            assert answer.headers["retry-after"] == "1"
            [receipt] = gateway.receipts(problem["request_id"])
            assert (receipt["status"], receipt["reason"], receipt["records"]) == (503, "overloaded", 0)
    assert len(gateway.aws.lines()) == statuses[202]
    shown = {sample.name: sample.value for sample in prometheus.samples(gateway.client) if "in_flight" in sample.name}
    assert shown == {"sluice_requests_in_flight": 0, "sluice_bytes_in_flight": 0}


@pytest.mark.parametrize("transport", ["uvicorn", "lambda"])
def test_a_call_that_gets_no_thread_is_answered_by_the_deadline(
    start_gateway: StartGateway, proxy: ProxyThread, transport: str
) -> None:
    """One thread for each sink, and calls that hold it for longer than a request may take to store."""
    gateway: Gateway = start_gateway(
        transport, through=proxy.url, SLUICE_SINK_CONNECTIONS="1", SLUICE_DELIVERY_TIMEOUT_SECONDS="1"
    )
    proxy.set_rules([Rule(PUT_RECORDS, Fault.DELAY, seconds=30), Rule(PUT_OBJECT, Fault.DELAY, seconds=30)])
    count = AT_ONCE if transport == "uvicorn" else 3
    with ThreadPoolExecutor(count if transport == "uvicorn" else 1) as threads:
        answers = list(threads.map(lambda number: post(gateway.client, make.record(number)), range(count)))
    for answer in answers:
        assert_retry(answer, accepted=0, retry=[(0, "stream_unavailable")])
    asked = len(proxy.calls())
    assert asked < count, "most of the calls never left: their requests did not wait for a thread"
    proxy.set_rules([])
