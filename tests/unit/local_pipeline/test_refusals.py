"""Each rule of the refusal table, and what stands next to it and loads."""

import ast
import json
from pathlib import Path

import pytest

from local_pipeline import refusals
from local_pipeline.refusals import MAX_DEPTH, MAX_LINE_BYTES, RULES, Line, Refusal, read_line, refuse
from tests.support.landing import stream_line

PAYLOAD_DEPTH = MAX_DEPTH - 1


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + closing * levels


def with_payload(payload: bytes) -> bytes:
    return stream_line("u-0", payload)


LOADS = {
    "plain": b'{"id":1}',
    "white space": b' { "id" :\t1 } ',
    "every kind of value": b'{"id":[true,false,null,-0,1.5,1E+2,"",{},[]]}',
    "escapes": rb'{"id":"\"\\\/\b\f\n\r\t\u00e9"}',
    "surrogate pair": rb'{"id":"\ud83d\ude00"}',
    "escaped backslash before u": rb'{"id":"\\ud800"}',
    "long digits": b'{"id":12345678901234567890.10,"b":' + b"9" * 300 + b"}",
    "largest double": b'{"id":1.7976931348623157e308}',
    "underflow": b'{"id":1e-400}',
    "same key in different objects": b'{"id":{"id":{"id":1}},"l":[{"id":1},{"id":1}]}',
    "keys that differ in case": b'{"id":1,"ID":2}',
    "empty key": b'{"id":1,"":2}',
    "escaped null in a string": rb'{"id":"\u0000"}',
    "escaped null in a key": rb'{"id":1,"a\u0000":2,"\u0000a":3,"b":4}',
    "deepest": nested(PAYLOAD_DEPTH),
    "deepest objects": b'{"a":' * (PAYLOAD_DEPTH - 1) + b"{}" + b"}" * (PAYLOAD_DEPTH - 1),
    "brackets in a string": b'{"id":"' + b"[" * 10_000 + b'\\""}',
    "many brackets, not deep": b"[" + b",".join([b"[]"] * 10_000) + b"]",
    "null payload": b"null",
    "other planes": '{"id":"😀\u2028\ufeff"}'.encode(),
    "delete and C1 controls": '{"id":"\x7f\x80"}'.encode(),
}

DOES_NOT_LOAD = {
    "trailing comma": (b'{"id":1,}', "malformed_json"),
    "trailing comma in an array": (b"[1,]", "malformed_json"),
    "undefined": (b'{"id":undefined}', "malformed_json"),
    "unquoted key": (b"{id:1}", "malformed_json"),
    "single quotes": (b"{'id':1}", "malformed_json"),
    "leading zero": (b"01", "malformed_json"),
    "leading plus": (b"+1", "malformed_json"),
    "bare point": (b".5", "malformed_json"),
    "point without digits": (b"1.", "malformed_json"),
    "comment": (b"{}/**/", "malformed_json"),
    "nothing": (b"", "malformed_json"),
    "bad escape": (rb'"\x"', "malformed_json"),
    "short unicode escape": (rb'"\u00e"', "malformed_json"),
    "cut off": (b'{"id":"', "malformed_json"),
    "two values": (b"1 2", "malformed_json"),
    "form feed as white space": (b"\x0c1", "malformed_json"),
    "no-break space": (b"\xc2\xa01", "malformed_json"),
    "byte order mark inside": (b"\xef\xbb\xbf1", "malformed_json"),
    "NaN": (b'{"id":NaN}', "not_a_json_number"),
    "Infinity": (b"[Infinity]", "not_a_json_number"),
    "-Infinity": (b"-Infinity", "not_a_json_number"),
    "beyond double": (b"1e400", "number_out_of_range"),
    "beyond double, negative": (b"[-1e309]", "number_out_of_range"),
    "rounds to infinity": (b"1.7976931348623159e308", "number_out_of_range"),
    "400 digits": (b"9" * 400, "number_out_of_range"),
    "more digits than int() takes": (b"9" * 10_000, "number_out_of_range"),
    "duplicate key": (b'{"id":1,"id":2}', "duplicate_key"),
    "duplicate key, deep": (b'{"id":[{"a":{"b":1,"b":1}}]}', "duplicate_key"),
    "duplicate key by escape": (rb'{"id":1,"\u0069d":2}', "duplicate_key"),
    "duplicate key but for nulls": (rb'{"id":1,"id\u0000":2}', "duplicate_key_but_for_nulls"),
    "duplicate key but for more nulls": (rb'[{"a\u0000":1,"a\u0000\u0000":2}]', "duplicate_key_but_for_nulls"),
    "high surrogate alone": (rb'"\ud800"', "lone_surrogate"),
    "high surrogate before another": (rb'"\ud800\ud800"', "lone_surrogate"),
    "low surrogate alone": (rb'"a\uDE00"', "lone_surrogate"),
    "lone surrogate in a key": (rb'{"\uD83D":1}', "lone_surrogate"),
    "low before high": (rb'"\ude00\ud83d"', "lone_surrogate"),
    "control character": (b'"\x01"', "control_character"),
    "tab in a string": (b'"\t"', "control_character"),
    "bad UTF-8": (b'"\xff"', "invalid_utf8"),
    "overlong UTF-8": (b'"\xc0\xaf"', "invalid_utf8"),
    "UTF-8 of a surrogate": (b'"\xed\xa0\x80"', "invalid_utf8"),
    "beyond Unicode": (b'"\xf4\x90\x80\x80"', "invalid_utf8"),
    "one level too deep": (nested(PAYLOAD_DEPTH + 1), "too_deep"),
    "far too deep": (nested(1_000_000), "too_deep"),
    "far too deep and cut off": (b"[" * 1_000_000, "too_deep"),
}

WHOLE_LINES = {
    "array": (b"[]", "not_an_object"),
    "array of objects": (b"[{}]", "not_an_object"),
    "scalar": (b"1", "not_an_object"),
    "nothing": (b"", "malformed_json"),
    "two objects": (with_payload(b"1") + with_payload(b"1"), "several_values"),
    "two scalars": (b"1 2", "several_values"),
    "rubbish behind": (with_payload(b"1") + b"x", "several_values"),
    "byte order mark": (b"\xef\xbb\xbf" + with_payload(b"1"), "byte_order_mark"),
    "duplicate member": (with_payload(b"1")[:-1] + b',"payload":2}', "duplicate_key"),
    "no payload": (with_payload(b"1").replace(b'"payload"', b'"pay"'), "null_in_not_null_column"),
    "no ingest_id": (with_payload(b"1").replace(b'"ingest_id"', b'"id"'), "null_in_not_null_column"),
    "null source": (with_payload(b"1").replace(b'"anonymous"', b"null"), "null_in_not_null_column"),
    "no time": (with_payload(b"1").replace(b"T02:17:14.123456Z", b""), "not_a_timestamp"),
    "no such time": (with_payload(b"1").replace(b"2026-11-23", b"2026-13-23"), "not_a_timestamp"),
    "time of another kind": (with_payload(b"1").replace(b'"2026-11-23T02:17:14.123456Z"', b"17"), "not_a_timestamp"),
    "missing comma": (b'{"payload":1 "ingest_id":2}', "malformed_json"),
    "missing colon": (b'{"payload" 1}', "malformed_json"),
    "key alone": (b'{"payload"}', "malformed_json"),
    "comma alone": (b"{,}", "malformed_json"),
    "number as key": (b"{1:1}", "malformed_json"),
    "too large": (b" " * (MAX_LINE_BYTES + 1), "document_too_large"),
}


@pytest.mark.parametrize("payload", LOADS.values(), ids=LOADS)
def test_what_loads_is_kept_as_it_stands(payload: bytes) -> None:
    read = read_line(with_payload(payload))

    assert isinstance(read, Line), read
    assert read.members["payload"].encode() == payload.strip(b" ")


@pytest.mark.parametrize(("payload", "rule"), DOES_NOT_LOAD.values(), ids=DOES_NOT_LOAD)
def test_what_does_not_load_in_a_payload(payload: bytes, rule: str) -> None:
    refusal = refuse(with_payload(payload))

    assert refusal == Refusal(rule, RULES[rule].message, RULES[rule].source)


@pytest.mark.parametrize(("line", "rule"), WHOLE_LINES.values(), ids=WHOLE_LINES)
def test_what_does_not_load_as_a_line(line: bytes, rule: str) -> None:
    refusal = refuse(line)

    assert refusal is not None
    assert refusal.rule == rule


def test_every_rule_is_tested_and_names_its_source() -> None:
    tested = {rule for _, rule in (*DOES_NOT_LOAD.values(), *WHOLE_LINES.values())}

    assert tested == set(RULES)
    assert all(rule.source.startswith("https://") for rule in RULES.values())


@pytest.mark.parametrize("space", ["", " ", "\t \r"])
def test_keys_of_the_line_are_compared_as_they_read(space: str) -> None:
    """Escaped or not, with white space or without; each has its value's text as it stands there."""
    gap = space.encode()
    members = [
        b'"ingest_id":"u-0"',
        b'"received_at":"2026-11-23T02:17:14Z"',
        b'"\\u0073ource":"a"',
        b'"payload":[1, 2]',
    ]
    whole = b"{" + b",".join(members).replace(b":", gap + b":" + gap).replace(b",", gap + b"," + gap) + b"}"
    whole = whole.replace(b"02" + gap + b":" + gap + b"17" + gap + b":" + gap + b"14", b"02:17:14")

    line = read_line(whole)
    assert isinstance(line, Line)
    assert (line.members["source"], line.members["payload"]) == ('"a"', f"[1{space},{space} 2]")
    again = read_line(whole[:-1] + b',"source":1}')
    assert isinstance(again, Refusal)
    assert again.rule == "duplicate_key"


def test_a_message_never_quotes_the_line() -> None:
    refusal = refuse(with_payload(b'{"secret":1,"secret":2}'))

    assert refusal is not None
    assert "secret" not in json.dumps([refusal.message, refusal.rule, refusal.source])


def test_the_table_is_judge_of_its_own() -> None:
    """It shares neither code nor a parser with the gateway, or a mistake would be made twice."""
    tree = ast.parse(Path(refusals.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.partition(".")[0] for name in imported} <= {
        "collections",
        "dataclasses",
        "datetime",
        "json",
        "math",
        "re",
        "types",
    }
