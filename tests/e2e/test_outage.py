"""The stream is down under load: no request fails, what is spilled meanwhile is drained after, and nothing is lost.

It is down for SLUICE_TEST_OUTAGE_SECONDS, so that the same test runs with 60.
"""

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event

import pytest

from app.sinks.breaker import LAST_PAUSE_SECONDS
from tests.e2e.conftest import Faulty
from tests.support import generators as make
from tests.support import varied
from tests.support.contract import assert_answer
from tests.support.faults import Fault, Rule
from tests.support.local_pipeline import eventually
from tests.support.prometheus import samples
from tests.support.stores import REQUEST_ID_LENGTH
from tests.support.transports import post

pytestmark = pytest.mark.e2e
DOWN_SECONDS = float(os.environ.get("SLUICE_TEST_OUTAGE_SECONDS", "5"))
BREAKER_SECONDS = 30.0 + LAST_PAUSE_SECONDS
DRAINED_SECONDS = 60.0 + DOWN_SECONDS
CONNECTIONS, LINES, PAUSE_SECONDS = 2, 20, 0.1
DOWN = Rule("kinesis.*", Fault.THROTTLE)


def test_a_stream_that_is_down_under_load_costs_no_request_and_no_record(
    faulty: Faulty, capsys: pytest.CaptureFixture[str]
) -> None:
    before = faulty.stores.pipeline.summary()
    stop = Event()

    def post_on(sender: int) -> dict[str, bytes]:
        sent: dict[str, bytes] = {}
        for number in count():
            if stop.is_set():
                return sent
            lines = [varied.good((sender * 1_000_000 + number) * LINES + index) for index in range(LINES)]
            answer = assert_answer(post(faulty.gateway, make.ndjson(lines), media="ndjson"), 202, accepted=LINES)
            sent |= {f"{answer['request_id']}-{index}": line for index, line in enumerate(lines)}
            stop.wait(PAUSE_SECONDS)
        raise AssertionError("unreachable")

    with ThreadPoolExecutor(CONNECTIONS) as connections:
        senders = [connections.submit(post_on, sender) for sender in range(CONNECTIONS)]
        try:
            stop.wait(0.5)
            faulty.proxy.set_rules([DOWN])
            stop.wait(DOWN_SECONDS)
            # The load goes on until the breaker has seen the outage, and that the stream is back.
            eventually(lambda: changes(faulty), lambda found: found["open"] > 0, BREAKER_SECONDS)
            faulty.proxy.set_rules([])
            eventually(lambda: changes(faulty), lambda found: found["closed"] > 0, BREAKER_SECONDS)
        finally:
            faulty.proxy.set_rules([])
            stop.set()
    sent = {ingest_id: line for sender in senders for ingest_id, line in sender.result().items()}

    ended = time.monotonic()
    spilled = spilled_of(faulty, sent)
    assert 0 < len(spilled) < len(sent), "it was down for a while"
    faulty.stores.wait_for_rows(sent, DRAINED_SECONDS)
    after = eventually(faulty.stores.pipeline.summary, lambda counts: counts["spilled"] == 0, DRAINED_SECONDS)
    drained = time.monotonic() - ended
    request_ids = {ingest_id[:REQUEST_ID_LENGTH] for ingest_id in sent}
    assert faulty.stores.ids_in("RECORDS", request_ids) == dict.fromkeys(sent, 1)
    landed = {line.ingest_id: line.payload for line in faulty.stores.landing_lines() if line.request_id in request_ids}
    assert landed == sent
    assert faulty.stores.spilled_keys() == []
    assert after["accepted"] - before["accepted"] == after["loaded"] - before["loaded"] == len(sent)
    assert changes(faulty) == {"open": 1, "closed": 1}
    with capsys.disabled():
        print(
            f"\noutage: down for {DOWN_SECONDS:.0f} s, {len(sent):,} records sent, {len(spilled):,} of them spilled, "
            f"all drained and loaded {drained:.1f} s after the load ended"
        )


def changes(faulty: Faulty) -> Counter[str]:
    """How often the breaker has opened and closed."""
    found = [sample for sample in samples(faulty.gateway) if sample.name == "sluice_breaker_changes_total"]
    assert found
    return Counter({sample.labels["to"]: int(sample.value) for sample in found})


def spilled_of(faulty: Faulty, sent: dict[str, bytes]) -> set[str]:
    """Which of these records receipts call spilled."""
    receipts = map(json.loads, (faulty.stores.pipeline.home / "receipts.ndjson").read_text().splitlines())
    return {
        ingest_id
        for receipt in receipts
        for first, last in receipt["spilled"]
        for index in range(first, last + 1)
        if (ingest_id := f"{receipt['request_id']}-{index}") in sent
    }
