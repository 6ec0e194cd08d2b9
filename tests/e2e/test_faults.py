"""AWS failing between a gateway and the running pipeline: what an answer says is what RECORDS holds."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import Faulty
from tests.support import generators as make
from tests.support import varied
from tests.support.contract import assert_answer, assert_retry
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.transports import post

pytestmark = pytest.mark.e2e
REQUESTS, LINES, CONNECTIONS = 10, 500, 2
ROWS_SECONDS = 60.0


def test_a_third_of_the_entries_failing_loads_each_record_once(faulty: Faulty) -> None:
    before = faulty.stores.pipeline.summary()
    faulty.proxy.set_rules([Rule(PUT_RECORDS, Fault.FAIL_ENTRIES, share=1 / 3)])
    faulty.proxy.forget_calls()
    batches = [[varied.good(number * LINES + index) for index in range(LINES)] for number in range(REQUESTS)]

    with ThreadPoolExecutor(CONNECTIONS) as connections:
        answers = list(connections.map(lambda lines: post(faulty.gateway, make.ndjson(lines), media="ndjson"), batches))

    ids = [assert_answer(answer, 202, accepted=LINES)["request_id"] for answer in answers]
    sent = {f"{ids[number]}-{index}": line for number, lines in enumerate(batches) for index, line in enumerate(lines)}
    entries = [entry for call in faulty.proxy.calls(PUT_RECORDS) for entry in call.entries]
    confirmed = Counter(line for entry in entries if not entry.failed for line in entry.lines)
    assert set(confirmed.values()) == {1}, "what was confirmed is not sent again; what failed eight times is spilled"
    assert sum(len(entry.lines) for entry in entries if entry.failed) > len(sent) / 20
    faulty.stores.wait_for_rows(sent, ROWS_SECONDS)
    once = dict.fromkeys(sent, 1)
    assert faulty.stores.ids_in("RAW_RECORDS", ids) == once, "nothing was sent twice"
    assert faulty.stores.ids_in("RECORDS", ids) == once
    assert {line.ingest_id: line.payload for line in faulty.stores.landing_lines() if line.request_id in ids} == sent
    grown = {stage: count - before[stage] for stage, count in faulty.stores.pipeline.summary().items()}
    assert (grown["accepted"], grown["streamed"], grown["rejected"]) == (len(sent), len(sent), 0)


def test_a_cut_after_the_write_and_the_request_sent_again(faulty: Faulty) -> None:
    lines = [varied.good(number) for number in range(300)]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    faulty.proxy.set_rules([Rule(PUT_RECORDS, Fault.CUT_AFTER), Rule(PUT_OBJECT, Fault.DENY)])
    cut = post(faulty.gateway, make.ndjson(lines), key, media="ndjson")
    retry = [(index, "stream_unavailable") for index in range(len(lines))]
    request_id = assert_retry(cut, accepted=0, retry=retry)["request_id"]
    ids = [f"{request_id}-{index}" for index in range(len(lines))]
    status, told = faulty.told(ids[7])
    assert (status in {"streamed", "landed", "loaded"}, told) == (True, ["retry"])

    faulty.proxy.set_rules([])
    again = post(faulty.gateway, make.ndjson(lines), key, media="ndjson")

    assert assert_answer(again, 202, accepted=len(lines))["request_id"] == request_id
    sentinel = post(faulty.gateway, make.ndjson([make.record(number) for number in range(16)]), media="ndjson")
    faulty.stores.wait_for_rows([f"{sentinel.json()['request_id']}-{index}" for index in range(16)])
    rows = faulty.stores.ids_in("RAW_RECORDS", [request_id])
    assert rows.keys() == set(ids)
    assert min(rows.values()) >= 2, "both tries did write"
    assert faulty.stores.ids_in("RECORDS", [request_id]) == dict.fromkeys(ids, 1)
    assert faulty.told(ids[7]) == ("loaded", ["retry", "accepted"])
