"""What the operations of a fix do to a payload, byte for byte."""

import pytest

from app.validation import Accepted, judge
from ops.replay.fix import Fact, Facts, FixFailed
from ops.replay.fix_file import parse_fix, yaml_to_json

FACTS: Facts = {Fact.INGEST_ID: "r-7", Fact.RECEIVED_AT: "2026-11-23T08:00:00.000000Z", Fact.SOURCE: 'sh"op'}
BIG = b"12345678901234567890.10"


def fixed(operation: str, payload: bytes) -> bytes:
    """`payload` after one operation, written as in a YAML file."""
    return parse_fix(yaml_to_json(f"operations:\n  - {{{operation}}}")).apply(payload, FACTS)


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ("set: /id, value: 7", b'{"v": 1e5 }', b'{"v":1e5,"id":7}'),
        ("set: /id, value: 7", b"{ }", b'{"id":7}'),
        ("set: /id, value: 7", b'{"id":null,"v":1}', b'{"id":7,"v":1}'),
        ("set: /id, value: '7'", b'{"id":1}', b'{"id":"7"}'),
        (f"set: /v, value: {BIG.decode()}", b'{"v":1}', b'{"v":' + BIG + b"}"),
        ("set: /v, value: [1.0, {a: }, no, 0400, true]", b'{"v":1}', b'{"v":[1.0,{"a":null},"no","0400",true]}'),
        ("set: /id, from: ingest_id", b"{}", b'{"id":"r-7"}'),
        ("set: /s, from: source", b"{}", b'{"s":"sh\\"op"}'),
        ("set: /id, value: 7, overwrite: false", b'{"id": 1 }', b'{"id": 1 }'),
        ("set: /id, value: 7, overwrite: false", b'{"id": null }', b'{"id":7}'),
        ("set: /a/b, value: 7", b'{"v":1}', b'{"v":1}'),
        ("set: /a/b, value: 7", b'{"a":{ "c":1 }}', b'{"a":{"c":1,"b":7}}'),
        ("set: /a/1, value: 7", b'{"a":[1, 2 ,3]}', b'{"a":[1,7,3]}'),
        ("set: /a/3, value: 7", b'{"a":[1,2,3]}', b'{"a":[1,2,3]}'),
        ("set: /a/*/c, value: EUR", b'{"a":[{},5,{"c":1}]}', b'{"a":[{"c":"EUR"},5,{"c":"EUR"}]}'),
        ("set: /*, value: 1", b"{}", b'{"*":1}'),
        ("rename: /order_id, to: id", b'{"v":1, "order_id" : 7.0 }', b'{"v":1,"id":7.0}'),
        ("rename: /a/x, to: y", b'{"a":{"x":1},"x":2}', b'{"a":{"y":1},"x":2}'),
        ("rename: /nope, to: id", b'{"id":1, "v":2}', b'{"id":1, "v":2}'),
        ("rename: /a~1b~0c, to: ü", b'{"a/b~c":1}', '{"ü":1}'.encode()),
        (r"rename: /é, to: e", rb'{"\u00e9":1}', b'{"e":1}'),
        ("rename: /a, to: b", b'{"a":1,"a":2}', b'{"a":1,"b":2}'),
        ("remove: /a", b'{"a":1,"b": [1] ,"a":2}', b'{"a":1,"b":[1]}'),
        ("remove: /a/0", b'{"a":[1,2]}', b'{"a":[2]}'),
        ("remove: /a/*", b'{"a":[1,2]}', b'{"a":[]}'),
        ("remove: /", b'{"":1,"b":2}', b'{"b":2}'),
        ("remove: /v", b'{"id":1,"v":NaN}', b'{"id":1}'),
        ("remove: /v", rb'{"id":1,"v":"\ud800"}', b'{"id":1}'),
        ("remove: /v", b'{"id":1,"v":', b'{"id":1,"v":'),
        ("remove: /v", b'{"id":1,"v":"\xff"}', b'{"id":1,"v":"\xff"}'),
        ("remove: /v", b'{"v":1} x', b'{"v":1} x'),
        ("remove: /v", b"42", b"42"),
        ("remove: /v", b'{"v":' + b"9" * 5000 + b',"w":' + b"8" * 5000 + b"}", b'{"w":' + b"8" * 5000 + b"}"),
        ("remove: /v", b'{"id":1,"v":' + b"[" * 700 + b"]" * 700 + b"}", b'{"id":1}'),
        ("replace_text: NaN, to: 'null'", b'{"v":NaN,"w":NaN}', b'{"v":null,"w":null}'),
        (r'replace_text: "\ufeff", to: ""', b'\xef\xbb\xbf{"id":1}', b'{"id":1}'),
        ("replace_text: é, to: e", b"\xff\xc3\xa9", b"\xffe"),
    ],
)
def test_an_operation(operation: str, before: bytes, after: bytes) -> None:
    assert fixed(operation, before) == after


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("number", '"12.50"', "12.50"),
        ("number", f'" {BIG.decode()}\\n"', BIG.decode()),
        ("number", "1e5", "1e5"),
        ("number", '"1,5"', None),
        ("number", '"+1"', None),
        ("number", '"0x10"', None),
        ("number", '""', None),
        ("number", '"NaN"', None),
        ("number", "true", None),
        ("number", "null", None),
        ("number", "[1]", None),
        ("integer", '"12"', "12"),
        ("integer", "12.00", "12"),
        ("integer", "-1.2e1", "-12"),
        ("integer", "12345678901234567890123456789012345678.0", "12345678901234567890123456789012345678"),
        ("integer", "-0.0", "0"),
        ("integer", "12.5", None),
        ("integer", '"12.000000000000000000000000000000000001"', None),
        ("integer", "1e400", None),
        ("integer", "1e999999999", None),
        ("integer", "1e99999999999999999999", None),
        ("integer", "1e-99999999999999999999", None),
        ("integer", "false", None),
        ("string", BIG.decode(), f'"{BIG.decode()}"'),
        ("string", "1e999", '"1e999"'),
        ("string", "true", '"true"'),
        ("string", r'"\u00e9"', r'"\u00e9"'),
        ("string", "null", None),
        ("string", "{}", None),
        ("string", "NaN", None),
        ("boolean", '"True"', "true"),
        ("boolean", '"0"', "false"),
        ("boolean", "1", "true"),
        ("boolean", "false", "false"),
        ("boolean", "1.0", None),
        ("boolean", '"yes"', None),
        ("boolean", "null", None),
    ],
)
def test_a_cast(kind: str, before: str, after: str | None) -> None:
    payload = f'{{"a": {before} ,"b": 1 }}'.encode()
    if after is None:
        with pytest.raises(FixFailed, match=f"cannot be made {kind}") as failed:
            fixed(f"cast: /a, to: {kind}", payload)
        assert failed.value.loc == ("a",)
        assert fixed(f"cast: /a, to: {kind}, otherwise: leave", payload) == payload
        assert fixed(f"cast: /a, to: {kind}, otherwise: remove", payload) == b'{"b":1}'
    elif after == before:
        assert fixed(f"cast: /a, to: {kind}", payload) == payload
    else:
        assert fixed(f"cast: /a, to: {kind}", payload) == f'{{"a":{after},"b":1}}'.encode()


def test_a_rename_onto_a_key_that_is_there_fails() -> None:
    with pytest.raises(FixFailed, match="there already"):
        fixed("rename: /order_id, to: id", b'{"order_id":1,"id":null}')


def test_operations_are_done_in_their_order() -> None:
    fix = parse_fix(
        yaml_to_json("""
operations:
  - replace_text: "'"
    to: '"'
  - rename: /order
    to: id
  - cast: /lines/*/amount
    to: number
""")
    )

    mended = fix.apply(b"{'order':7,'lines':[{'amount':'" + BIG + b"'},{'amount':1}]}", FACTS)

    assert mended == b'{"id":7,"lines":[{"amount":' + BIG + b'},{"amount":1}]}'
    assert isinstance(judge(mended, 1000, None), Accepted)
