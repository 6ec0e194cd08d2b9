"""AWS failing between a gateway and the running pipeline: what an answer says is what RECORDS holds."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Event

import pytest

from app.sinks.breaker import LAST_PAUSE_SECONDS
from local_pipeline.engine import Engine
from tests.support import generators as make
from tests.support import varied
from tests.support.contract import assert_answer, assert_retry
from tests.support.fault_proxy import ProxyThread, running_proxy
from tests.support.faults import PUT_OBJECT, PUT_RECORDS, Fault, Rule
from tests.support.local_pipeline import LocalPipeline, eventually
from tests.support.prometheus import samples
from tests.support.stores import REQUEST_ID_LENGTH, Stores
from tests.support.transports import Client, post, uvicorn_gateway

pytestmark = pytest.mark.e2e
REQUESTS, LINES, CONNECTIONS = 10, 500, 2
ROWS_SECONDS = 60.0
OPEN_SECONDS = 30.0 + LAST_PAUSE_SECONDS
DOWN = Rule("kinesis.*", Fault.THROTTLE)


@dataclass(frozen=True)
class Faulty:
    """A second gateway of the running pipeline, with a proxy between it and the engine."""

    gateway: Client
    proxy: ProxyThread
    stores: Stores

    def told(self, ingest_id: str) -> tuple[str, list[str]]:
        """How far a record has come, and what each answer said of it."""
        trace = self.stores.pipeline.get(f"/pipeline/trace/{ingest_id}")
        return trace["status"], [answer["status"] for answer in trace["answer"]]

    def breaker_changes(self) -> dict[str, float]:
        """How often the breaker has become what."""
        found = samples(self.gateway)
        return {sample.labels["to"]: sample.value for sample in found if "changes" in sample.name}


@pytest.fixture(scope="module")
def faulty(pipeline: LocalPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """Started as a user starts one: by its settings, with AWS's own variable for the endpoint."""
    stores, engine_port = Stores(pipeline), int(pipeline.engine_url.rpartition(":")[2])
    with running_proxy(pipeline.engine_url) as proxy:
        environment = {
            **Engine(engine_port, pipeline.home / "engine").client_environment,
            "AWS_ENDPOINT_URL": proxy.url,
            "SLUICE_AUTH": "none",
            "SLUICE_STREAM_NAME": stores.deployed["stream_name"],
            "SLUICE_ERROR_BUCKET": stores.deployed["error_bucket"],
            "SLUICE_RECEIPT_FILE": str(pipeline.home / "receipts.ndjson"),
        }
        with uvicorn_gateway(environment, tmp_path_factory.mktemp("faulty")) as gateway:
            yield Faulty(gateway, proxy, stores)


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
    assert confirmed == dict.fromkeys({line for entry in entries for line in entry.lines}, 1)
    assert sum(entry.failed for entry in entries) > len(sent) / 4
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


def test_a_stream_that_is_down_for_a_while_under_load_costs_no_request_and_no_record(faulty: Faulty) -> None:
    faulty.proxy.set_rules([])
    before = faulty.stores.pipeline.summary()
    stop = Event()

    def post_on(sender: int) -> dict[str, bytes]:
        sent: dict[str, bytes] = {}
        for number in count():
            if stop.is_set():
                return sent
            lines = [varied.good((sender * 1_000 + number) * 20 + index) for index in range(20)]
            answer = assert_answer(post(faulty.gateway, make.ndjson(lines), media="ndjson"), 202, accepted=20)
            sent |= {f"{answer['request_id']}-{index}": line for index, line in enumerate(lines)}
            stop.wait(0.1)
        raise AssertionError("unreachable")

    with ThreadPoolExecutor(CONNECTIONS) as connections:
        senders = [connections.submit(post_on, sender) for sender in range(CONNECTIONS)]
        try:
            stop.wait(0.5)
            faulty.proxy.set_rules([DOWN])
            eventually(faulty.breaker_changes, lambda changes: changes["open"] > 0, OPEN_SECONDS)
            stop.wait(1.0)
            faulty.proxy.set_rules([])
            eventually(faulty.breaker_changes, lambda changes: changes["closed"] > 0, OPEN_SECONDS)
        finally:
            faulty.proxy.set_rules([])
            stop.set()
    sent = {ingest_id: line for sender in senders for ingest_id, line in sender.result().items()}

    ids = {ingest_id[:REQUEST_ID_LENGTH] for ingest_id in sent}
    receipts = (faulty.stores.pipeline.home / "receipts.ndjson").read_text().splitlines()
    spilled = sum(receipt["counts"]["spilled"] for receipt in map(json.loads, receipts) if receipt["request_id"] in ids)
    assert 0 < spilled < len(sent), "it was down for a while"
    faulty.stores.wait_for_rows(sent, ROWS_SECONDS)
    assert faulty.stores.ids_in("RECORDS", ids) == dict.fromkeys(sent, 1)
    landed = {line.ingest_id: line.payload for line in faulty.stores.landing_lines() if line.request_id in ids}
    assert landed == sent
    after = eventually(faulty.stores.pipeline.summary, lambda counts: counts["spilled"] == 0, ROWS_SECONDS)
    assert after["accepted"] - before["accepted"] == after["loaded"] - before["loaded"] == len(sent)
    assert faulty.breaker_changes() == {"open": 1, "closed": 1}
