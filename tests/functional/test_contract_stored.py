"""What is stored, to the byte: stream lines, partition keys, error objects; and that nothing is lost or made up."""

import hashlib
import json

import pytest

from tests.functional.conftest import Gateway
from tests.support import generators as make
from tests.support.aws import PREFIX, payload_of
from tests.support.contract import assert_answer, assert_error_key, assert_error_line, one_line
from tests.support.transports import post

VERBATIM = {
    "a number that no double holds": b'{"id":12345678901234567890.10}',
    "numbers as they are spelled": b'{"id":1.0,"a":1.50,"b":1E2,"c":-0,"d":1e-400,"e":0.1000}',
    "unicode": '{"id":"Zürich 東京 😀 \u2028 \x7f"}'.encode(),
    "escapes as they are spelled": rb'{"id":"\u005A\u00fcrich \/ \ud83d\ude00 \u0000"}',
    "spaces between tokens": b'{ "id" :\t1 ,  "v" : [ 1 , 2 ] }',
    "keys in the client's order": b'{"z":1,"id":1,"a":1}',
    "what looks like an envelope": b'{"id":1,"ingest_id":"x","payload":{"id":2},"received_at":null}',
    "a newline, escaped": rb'{"id":"a\nb\r\n"}',
}


@pytest.mark.parametrize("name", VERBATIM)
@pytest.mark.parametrize("form", ["object", "array", "ndjson"])
def test_a_payload_is_kept_as_it_came(gateway: Gateway, name: str, form: str) -> None:
    text = VERBATIM[name]
    body = {"object": text, "array": b"[" + text + b"]", "ndjson": text + b"\n"}[form]
    media = "ndjson" if form == "ndjson" else "json"
    answer = assert_answer(post(gateway.client, body, media=media), 202, accepted=1)
    assert [line.payload for line in gateway.aws.lines_of(answer["request_id"])] == [text]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("form", ["object", "array"])
def test_newlines_between_tokens_become_spaces(gateway: Gateway, newline: str, form: str) -> None:
    value = {"id": "pretty", "lines": ["a\nb", 1.5, {"deep": [None, True]}]}
    text = json.dumps(value, indent=2).replace("\n", newline).encode()
    body = text if form == "object" else b"[\n  " + text + b"\n]\n"
    answer = assert_answer(post(gateway.client, body), 202, accepted=1)
    [line] = gateway.aws.lines_of(answer["request_id"])
    assert b"\n" not in line.payload
    assert one_line(line.payload) == one_line(text)
    assert json.loads(line.payload) == value


def test_a_rejected_record_keeps_its_newlines(gateway: Gateway) -> None:
    text = b'{\n  "v": [\r\n1]\n}'
    answer = assert_answer(post(gateway.client, text), 422, accepted=0, rejected=[(0, "missing_id")])
    assert payload_of(gateway.aws.error_lines(answer["request_id"])[0]) == text


def test_a_stream_line_has_the_agreed_members(gateway: Gateway) -> None:
    answer = assert_answer(post(gateway.client, b'{"id":1}'), 202, accepted=1)
    [line] = gateway.aws.lines_of(answer["request_id"])
    assert line.ingest_id == f"{answer['request_id']}-0"
    assert line.received_at == answer["received_at"]
    assert (line.source, line.schema) == ("anonymous", None)


def test_records_hold_whole_lines_in_the_order_of_their_members(gateway: Gateway) -> None:
    """Reading them through `parse_record` is the assertion; this shows that it can fail."""
    assert PREFIX.match(b'{"ingest_id":"00000000-0000-7000-8000-000000000000-0","payload":{}}') is None
    answer = assert_answer(
        post(gateway.client, make.ndjson([make.record(number) for number in range(600)]), media="ndjson"),
        202,
        accepted=600,
    )
    lines = gateway.aws.lines_of(answer["request_id"])
    assert [line.payload for line in lines] == [make.record(number) for number in range(600)]


def test_one_id_has_one_partition_key(gateway: Gateway) -> None:
    same = [b'{"id":"a"}', b'{"v":1,"id":"a"}', b'{"id" : "a","v":2}', rb'{"id":"\u0061"}']
    answers = [
        post(gateway.client, make.ndjson(same), media="ndjson").json(),
        post(gateway.client, make.array([b'{"id":"b"}', *same])).json(),
        post(gateway.client, same[0]).json(),
    ]
    lines = [line for answer in answers for line in gateway.aws.lines_of(answer["request_id"])]
    assert len(lines) == 10
    found = [line for line in lines if json.loads(line.payload)["id"] == "a"]
    assert len(found) == 9
    assert len({(line.partition_key, line.shard) for line in found}) == 1


def test_many_ids_have_many_partition_keys_and_reach_every_shard(gateway: Gateway) -> None:
    body = make.ndjson([make.record(number) for number in range(500)])
    answer = assert_answer(post(gateway.client, body, media="ndjson"), 202, accepted=500)
    lines = gateway.aws.lines_of(answer["request_id"])
    assert len({line.partition_key for line in lines}) > 1
    assert {line.shard for line in lines} == {line.shard for line in gateway.aws.lines()}
    assert len({line.shard for line in lines}) == 2
    assert all(1 <= len(line.partition_key) <= 256 for line in lines)


def test_one_error_object_a_request(gateway: Gateway) -> None:
    bad = list(make.BAD_LINES.values())
    response = post(gateway.client, make.ndjson([text for text, _ in bad]), media="ndjson")
    wanted = [(index, reason) for index, (_, reason) in enumerate(bad)]
    answer = assert_answer(response, 422, accepted=0, rejected=wanted)
    [found] = gateway.aws.error_objects(answer["request_id"])
    assert_error_key(found.key, answer)
    assert [payload_of(line) for line in found.lines] == [text for text, _ in bad]
    for line, (index, reason) in zip(found.lines, wanted, strict=True):
        assert_error_line(line, answer, index, reason)
        assert line["errors"] == answer["results"][index]["errors"]
        assert (line["source"], line["schema"]) == ("anonymous", None)
        assert line["content_type"] == "application/x-ndjson"


def test_text_is_kept_as_text_and_other_bytes_as_base64(gateway: Gateway) -> None:
    texts = ['{"v":"é 東京 😀"}'.encode(), b"\xff\xfe\x00", rb'{"v":"\u0000\ud800"}', b"\x00\x01\x7f", b"'\"\\"]
    answer = post(gateway.client, make.ndjson(texts), media="ndjson").json()
    lines = gateway.aws.error_lines(answer["request_id"])
    assert [payload_of(line) for line in lines] == texts
    assert ["payload" in line for line in lines] == [True, False, True, True, True]


def test_any_bytes_survive(gateway: Gateway) -> None:
    body = bytes(range(256)) * 3
    answer = post(gateway.client, body).json()
    [line] = gateway.aws.error_lines(answer["request_id"])
    assert hashlib.sha256(payload_of(line)).digest() == hashlib.sha256(body).digest()


def test_no_word_of_the_client_reaches_a_key(gateway: Gateway) -> None:
    path = "/records?schema=../../evil"
    headers = {"Content-Type": "application/json", "Idempotency-Key": "../../evil/evil"}
    answer = gateway.client.request("POST", path, b'{"evil":"../../evil"}', headers).json()
    [found] = gateway.aws.error_objects(answer["request_id"])
    assert_error_key(found.key, answer)
    assert not any("evil" in key for key in gateway.aws.error_keys())


def test_without_a_content_type_none_is_recorded(gateway: Gateway) -> None:
    answer = post(gateway.client, b"{}", media=None).json()
    assert [line["content_type"] for line in gateway.aws.error_lines(answer["request_id"])] == [None]


def test_a_thousand_good_and_ten_bad(gateway: Gateway) -> None:
    lines = [make.record(number) for number in range(1_000)]
    wanted = []
    for place, (text, reason) in enumerate(make.BAD_LINES.values()):
        index = place * 101
        lines.insert(index, text)
        wanted.append((index, reason))
    before = (len(gateway.aws.lines()), len(gateway.aws.error_keys()))
    answer = assert_answer(
        post(gateway.client, make.ndjson(lines), media="ndjson"), 207, accepted=1_000, rejected=wanted
    )
    bad = {index for index, _ in wanted}
    stored = gateway.aws.lines_of(answer["request_id"])
    assert [(line.index, line.payload) for line in stored] == [
        (index, text) for index, text in enumerate(lines) if index not in bad
    ]
    errors = gateway.aws.error_lines(answer["request_id"])
    assert [(line["index"], payload_of(line)) for line in errors] == [(index, lines[index]) for index, _ in wanted]
    assert (len(gateway.aws.lines()), len(gateway.aws.error_keys())) == (before[0] + 1_000, before[1] + 1)
