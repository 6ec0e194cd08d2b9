"""Records and lines that differ in all that JSON lets differ, each made from its number: nothing is random."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.support import generators as make

Make = Callable[[int], bytes]
ALPHABETS = ("Zürich", "東京都", "Ελλάδα", "שלום", "😀🎉", "\u2028\u2029\x7f", "e\u0301", "ﷺ")
GOOD: tuple[Make, ...] = (
    lambda n: b'{"id":%d,"customer":"ada","amount":%d.50}' % (n, n),
    lambda n: b'{"id":"big-%d","amount":12345678901234567890.10,"exact":%d.000000000000000000001}' % (n, n),
    lambda n: b'{"id":%d.10,"a":1E2,"b":-0,"c":-0.0,"d":1e-400,"e":1.7976931348623157e308,"f":%b}' % (n, b"9" * 40),
    lambda n: f'{{"id":"{n}","{ALPHABETS[n % 8]}":"{"".join(ALPHABETS)}"}}'.encode(),
    lambda n: rb'{"id":"\u005a\u00fcrich \/ \\ \" \b\f\n\r\t \u0000 \ud83d\ude00 %d","\u0061":"a"}' % n,
    lambda n: b' \t{ "id" :\t%d ,  "v" : [ 1 , 2 ,\t{ } , [ ] ] }  ' % n,
    lambda n: b'{"z":{"y":{"x":[[[{"id":null,"n":%d}]]]}},"id":[%d,{"a":null}],"a":[]}' % (n, n),
    lambda n: b'{"id":%d,"deep":%b}' % (n, make.nested(n % 200 + 1)),
    lambda n: b'{"id":true,"ingest_id":"x-%d","received_at":null,"payload":{"id":2},"source":"eve"}' % n,
    lambda n: b'{"":"no name","id":"","ID":%d,"Id":null,"text":"%b"}' % (n, b"so long " * (n % 90)),
)
BAD: tuple[tuple[str, Make], ...] = (
    ("malformed_json", lambda n: b'{"id":%d,"v":' % n),
    ("malformed_json", lambda n: b'{"id":%d,"v":NaN}' % n),
    ("malformed_json", lambda n: b'{"id":%d,"v":"\xff\xfe\x80"}' % n),
    ("malformed_json", lambda n: rb'{"id":%d,"v":"\ud800"}' % n),
    ("too_deep", lambda n: b'{"id":%d,"v":%b}' % (n, make.nested(500))),
    ("not_an_object", lambda n: b'[{"id":%d}]' % n),
    ("duplicate_key", lambda n: b'{"id":%d,"v":{"a":1,"\\u0061":2}}' % n),
    ("number_out_of_range", lambda n: b'{"id":%d,"v":[-1e999]}' % n),
    ("missing_id", lambda n: '{"Id":%d,"v":"ü"}'.encode() % n),
    ("null_id", lambda n: b' { "v":%d , "id" : null }' % n),
)


def good(number: int) -> bytes:
    """A record that loads."""
    return GOOD[number % len(GOOD)](number)


def bad(number: int) -> tuple[bytes, str]:
    """A line that does not, and the reason."""
    reason, make_line = BAD[number % len(BAD)]
    return make_line(number), reason


def value(text: bytes | str) -> Any:
    """A JSON text's value with numbers of any size and precision."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)
