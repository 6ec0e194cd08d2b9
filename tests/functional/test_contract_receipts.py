"""The receipt: one line a request that says what became of it, and never what was in it."""

import pytest

from tests.functional.conftest import Gateway
from tests.support import generators as make
from tests.support.contract import TIME, expand
from tests.support.transports import post

MEMBERS = {
    "event",
    "request_id",
    "received_at",
    "source",
    "schema",
    "status",
    "reason",
    "records",
    "accepted",
    "spilled",
    "rejected",
    "retry",
    "counts",
    "reasons",
    "bytes",
    "ms",
}
GOOD = [make.record(number, secret="do-not-log") for number in range(3)]


@pytest.mark.parametrize(
    ("body", "status", "accepted", "rejected"),
    [
        pytest.param(make.ndjson(GOOD), 202, [0, 1, 2], [], id="all good"),
        pytest.param(make.ndjson([GOOD[0], b"x", GOOD[1], b"y", b"z", GOOD[2]]), 207, [0, 2, 5], [1, 3, 4], id="some"),
        pytest.param(make.ndjson([b"x", b"y"]), 422, [], [0, 1], id="none"),
    ],
)
def test_a_receipt_says_what_the_answer_says(
    gateway: Gateway, body: bytes, status: int, accepted: list[int], rejected: list[int]
) -> None:
    answer = post(gateway.client, body, media="ndjson").json()
    [receipt] = gateway.receipts(answer["request_id"])
    assert receipt.keys() == MEMBERS
    assert (receipt["event"], receipt["status"], receipt["source"]) == ("receipt", status, "anonymous")
    assert receipt["received_at"] == answer["received_at"]
    assert receipt["schema"] is None
    assert receipt["reason"] is None
    assert (expand(receipt["accepted"]), expand(receipt["rejected"]), receipt["retry"]) == (accepted, rejected, [])
    assert receipt["spilled"] == []
    assert receipt["records"] == len(accepted) + len(rejected)
    assert receipt["counts"] == {"accepted": len(accepted), "spilled": 0, "rejected": len(rejected), "retry": 0}
    assert receipt["reasons"] == {"rejected": {"malformed_json": len(rejected)} if rejected else {}, "retry": {}}
    assert receipt["bytes"] == {"received": len(body), "decoded": len(body)}
    assert receipt["ms"].keys() == {"decode", "judge", "store", "total"}
    assert all(0 <= spent <= receipt["ms"]["total"] + 1 for spent in receipt["ms"].values())


def test_a_receipt_counts_bytes_before_and_after_decoding(gateway: Gateway) -> None:
    body, packed = make.ndjson(GOOD), make.many_members([make.ndjson(GOOD)])
    answer = post(gateway.client, packed, {"Content-Encoding": "gzip"}, media="ndjson").json()
    [receipt] = gateway.receipts(answer["request_id"])
    assert receipt["bytes"] == {"received": len(packed), "decoded": len(body)}


@pytest.mark.parametrize("body", [b"{broken", b"[1,"])
def test_a_kept_body_has_a_receipt_of_one_rejected_record(gateway: Gateway, body: bytes) -> None:
    answer = post(gateway.client, body).json()
    [receipt] = gateway.receipts(answer["request_id"])
    assert (receipt["status"], receipt["reason"]) == (400, "malformed_json")
    assert (receipt["accepted"], expand(receipt["rejected"])) == ([], [0])
    assert receipt["reasons"] == {"rejected": {"malformed_json": 1}, "retry": {}}


@pytest.mark.parametrize(
    ("status", "body", "media"),
    [
        pytest.param(400, b"", "json", id="empty"),
        pytest.param(413, make.padded(b"", 4 * make.MIB + 1), "ndjson", id="too large"),
        pytest.param(415, b"x", "text/plain", id="unsupported"),
    ],
)
def test_a_refused_request_has_a_receipt_without_records(
    gateway: Gateway, status: int, body: bytes, media: str
) -> None:
    answer = post(gateway.client, body, media=media).json()
    [receipt] = gateway.receipts(answer["request_id"])
    assert (receipt["status"], receipt["records"]) == (status, 0)
    assert receipt["accepted"] == receipt["rejected"] == receipt["retry"] == []
    assert TIME.fullmatch(receipt["received_at"])


def test_no_receipt_holds_a_payload(gateway: Gateway) -> None:
    post(gateway.client, make.ndjson([*GOOD, b'{"secret":"do-not-log"}', b'"do-not-log']), media="ndjson")
    assert "do-not-log" not in gateway.receipt_file.read_text()
    assert "do-not-log" not in (gateway.receipt_file.parent / f"{gateway.client.name}.log").read_text()
