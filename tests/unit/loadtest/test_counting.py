"""From answers to a verdict: every record is counted once, and what is wrong is said."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from loadtest.answers import Outcome, read_answer
from loadtest.delivery import ATTEMPTS, Sent, deliver
from loadtest.load import Load, Plan
from loadtest.posts import Post
from loadtest.scenarios import SCENARIOS
from loadtest.tally import Tally
from loadtest.verdict import Limits, Run, judge

ID = "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77"
RUN = Run("steady", "http://gateway", 5, 20.0, 2.0, "1", "order/1", "2026-11-23T02:17:14+00:00", "2.47.0")
POST = Post(b"1234567890", "application/json", 10)
GOOD = Outcome(accepted=10, request_id=ID)
UNKNOWN = Outcome(unknown=True, error="no answer")


def result(index: int, status: str = "rejected", reason: str = "missing_id") -> dict[str, object]:
    return {"index": index, "status": status, "reason": reason, "errors": []}


def receipt(accepted: int, rejected: int, *results: Mapping[str, object]) -> bytes:
    return json.dumps({"request_id": ID, "accepted": accepted, "rejected": rejected, "results": results}).encode()


MISSING = {0: "missing_id"}
ANSWERS: dict[str, tuple[int, bytes, dict[int, str], Outcome]] = {
    "accepted": (202, receipt(2, 0), {}, Outcome(2, request_id=ID)),
    "as expected": (207, receipt(1, 1, result(0)), MISSING, Outcome(1, 1, request_id=ID)),
    "none accepted": (
        422,
        receipt(0, 2, result(0), result(1)),
        {**MISSING, 1: "missing_id"},
        Outcome(0, 2, request_id=ID),
    ),
    "accepted but bad": (
        202,
        receipt(2, 0),
        MISSING,
        Outcome(2, error="judged otherwise than expected", request_id=ID),
    ),
    "another reason": (
        207,
        receipt(1, 1, result(0, reason="null_id")),
        MISSING,
        Outcome(1, 1, error="judged otherwise than expected", request_id=ID),
    ),
    "retry": (503, receipt(1, 0, result(1, "retry")), {}, Outcome(1, 0, 1, error="503 not confirmed", request_id=ID)),
    "retry of a bad one": (
        503,
        receipt(1, 0, result(0, "retry")),
        MISSING,
        Outcome(1, 0, 1, error="503 not confirmed", request_id=ID),
    ),
    "wrong status": (200, receipt(2, 0), {}, Outcome(2, error="200 for accepted records", request_id=ID)),
    "one too few": (202, receipt(1, 0), {}, Outcome(unknown=True, error="counts do not add up", request_id=ID)),
    "one too many": (202, receipt(3, 0), {}, Outcome(unknown=True, error="counts do not add up", request_id=ID)),
    "half a receipt": (
        202,
        json.dumps({"request_id": ID, "accepted": 2}).encode(),
        {},
        Outcome(unknown=True, error="202 with half a receipt", request_id=ID),
    ),
    "no key": (
        401,
        json.dumps({"request_id": ID, "reason": "unauthorized"}).encode(),
        {},
        Outcome(refused=2, error="401 unauthorized", request_id=ID),
    ),
    "the HTTP API's 413": (413, b'{"message":"Request Entity Too Large"}', {}, Outcome(refused=2, error="413")),
    "the HTTP API's 429": (429, b'{"message":"Too Many Requests"}', {}, Outcome(throttled=2)),
    "the gateway's 429": (429, json.dumps({"request_id": ID}).encode(), {}, Outcome(throttled=2, request_id=ID)),
    "the HTTP API's 503": (
        503,
        b'{"message":"Service Unavailable"}',
        {},
        Outcome(unknown=True, error="503 without a receipt"),
    ),
    "not ours": (200, b"<html>", {}, Outcome(unknown=True, error="200 without a receipt")),
    "no answer": (0, b"", {}, UNKNOWN),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read(name: str) -> None:
    status, body, rejected, outcome = ANSWERS[name]
    assert read_answer(status, body, 2, rejected) == outcome


def test_a_reason_of_somebody_else_is_not_repeated() -> None:
    body = json.dumps({"request_id": ID, "reason": "<b>\n" * 100}).encode()
    assert read_answer(400, body, 1, {}).error == "400"


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def delivered(*outcomes: Outcome, post: Post = POST, late: float = 0.0, taking: float = 0.02) -> tuple[Tally, int]:
    """The tally after one request that met these outcomes, and how many of them it met."""
    clock, left = Clock(), list(outcomes)
    load = Load(Plan(SCENARIOS["steady"], 1, 1, "1", "", "r"), 0, clock)

    def send() -> Sent:
        clock.sleep(taking)
        return Sent(left.pop(0), taking * 1000)

    clock.sleep(1 + late)
    deliver(load, post, 1.0, send, clock.sleep)
    return load.tally, len(outcomes) - len(left)


def test_a_request_is_counted_from_when_it_was_due() -> None:
    tally, _ = delivered(GOOD, late=0.5)
    assert +tally.counts == Counter(sent=10, accepted=10, requests=1, bytes=10, late=1)
    assert 520 <= tally.latencies.percentile(1) <= 531
    assert 20 <= tally.service.percentile(1) <= 21


def test_what_is_not_answered_is_sent_again_and_counted_once() -> None:
    tally, attempts = delivered(UNKNOWN, UNKNOWN, GOOD)
    assert (attempts, tally.counts["requests"], tally.counts["sent"], tally.counts["accepted"]) == (3, 3, 10, 10)
    assert (tally.unaccounted, tally.errors) == (0, {"no answer": 2})
    assert tally.latencies.count == 1


def test_what_is_never_answered_is_not_accounted_for() -> None:
    tally, attempts = delivered(*[UNKNOWN] * (ATTEMPTS + 1))
    assert (attempts, tally.unaccounted, tally.latencies.count) == (ATTEMPTS, 10, 0)


@pytest.mark.parametrize(
    "outcome",
    [Outcome(throttled=10), Outcome(refused=10, error="401"), Outcome(accepted=9, retry=1, error="503 not confirmed")],
    ids=["throttled", "refused", "retry"],
)
def test_a_fate_that_is_known_is_the_end_of_it(outcome: Outcome) -> None:
    tally, attempts = delivered(outcome, GOOD)
    assert (attempts, tally.unaccounted) == (1, 0)


def test_a_429_is_no_error_and_no_latency() -> None:
    tally, _ = delivered(Outcome(throttled=10))
    assert (tally.error_share, tally.throttled_share, tally.latencies.count) == (0, 1, 0)


def test_a_resend_counts_its_records_once_and_wants_the_same_ids() -> None:
    resent = replace(POST, resend=True)
    tally, attempts = delivered(GOOD, GOOD, post=resent)
    assert (attempts, tally.counts["sent"], tally.counts["accepted"], tally.counts["resends"]) == (2, 10, 10, 1)
    assert not tally.errors
    tally, _ = delivered(GOOD, replace(GOOD, request_id="another"), post=resent)
    assert tally.errors == {"sent again, other ids": 1}


def test_a_slow_line_is_not_the_gateways_latency() -> None:
    clock = Clock()
    load = Load(Plan(SCENARIOS["steady"], 1, 1, "1", "", "r"), 0, clock)

    def send() -> Sent:
        clock.sleep(5.0)
        return Sent(GOOD, 10.0, waited_from=4.99)

    deliver(load, POST, 0.0, send, clock.sleep)
    assert load.tally.latencies.percentile(1) < 11


def test_tallies_of_workers_add_up() -> None:
    one, _ = delivered(UNKNOWN, GOOD)
    two, _ = delivered(Outcome(throttled=10))
    total = Tally()
    for each in (one, two):
        total.add(Tally.from_message(json.loads(json.dumps(each.as_message()))))
    assert (total.counts["sent"], total.counts["accepted"], total.counts["throttled"]) == (20, 10, 10)
    assert (total.errors, total.latencies.count, total.service.count) == ({"no answer": 1}, 1, 1)


def ran(change: Callable[[Tally], object] | None = None) -> Tally:
    """40 requests of 10 records, all accepted within 10 ms, with something changed."""
    tally = Tally()
    for _ in range(40):
        tally.counts["sent"] += 10
        tally.attempted(GOOD, 100)
        tally.settled(GOOD, 10.0, 9.0)
    if change:
        change(tally)
    return tally


def test_a_good_run_passes() -> None:
    verdict = judge(replace(RUN, due=40), Limits(), ran())
    assert (verdict.passed, verdict.failures, verdict.notes) == (True, (), ())
    assert "PASSED" in verdict.table()
    document = json.loads(json.dumps(verdict.document()))
    assert document["counts"]["sent"] == document["counts"]["accepted"] == 400
    assert document["requests_per_second"] == 20.0
    assert 10 <= document["milliseconds_since_due"]["p99"] <= 10.2


def throttle(tally: Tally) -> None:
    tally.counts["sent"] += 10
    tally.attempted(Outcome(throttled=10), 100)
    tally.settled(Outcome(throttled=10), 1.0, 1.0)


FAILURES: dict[str, tuple[Callable[[Tally], object], Limits, str]] = {
    "one record lost": (lambda tally: tally.counts.update(sent=1), Limits(), "1 records are not accounted for"),
    "errors": (lambda tally: tally.errors.update(["503 not confirmed"]), Limits(), "errors: 2.500%"),
    "p99": (lambda tally: tally.latencies.add(2_000), Limits(), "p99: 2,"),
    "429": (throttle, Limits(throttled_share=0.01), "429: 2.439%"),
    "nothing answered": (Tally.__init__, Limits(), "no request was answered"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_limit_that_is_broken_fails_the_run_alone(name: str) -> None:
    change, limits, text = FAILURES[name]
    verdict = judge(replace(RUN, due=0), limits, ran(change))
    assert len(verdict.failures) == 1
    assert verdict.failures[0].startswith(text)
    assert not verdict.passed
    assert f"FAILED    {text}" in verdict.table()


@pytest.mark.parametrize("name", ["errors", "p99"])
def test_a_limit_that_is_wider_lets_it_pass(name: str) -> None:
    verdict = judge(replace(RUN, due=0), Limits(error_share=0.03, p99_ms=2_100), ran(FAILURES[name][0]))
    assert verdict.passed


def test_what_makes_figures_doubtful_is_noted_and_fails_nothing() -> None:
    verdict = judge(replace(RUN, due=100, is_generator_busy=True), Limits(), ran(throttle))
    assert verdict.passed
    assert [note.split(" ")[0] for note in verdict.notes] == ["only", "the", "429:"]


def test_a_few_requests_less_by_chance_are_not_noted() -> None:
    assert not judge(replace(RUN, due=50), Limits(), ran()).notes


def document_names(value: Any, found: set[str]) -> set[str]:
    for name, each in value.items() if isinstance(value, dict) else ():
        found.add(name)
        document_names(each, found)
    return found


def test_the_report_has_no_payload_and_no_key() -> None:
    names = document_names(judge(RUN, Limits(), ran()).document(), set())
    assert not {name for name in names if "key" in name or "payload" in name or "body" in name}
