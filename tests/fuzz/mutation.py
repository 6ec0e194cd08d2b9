"""Changes of inputs that know what JSON, NDJSON, headers and compression are made of."""

import random
import re
from collections.abc import Sequence

MAX_BYTES = 16 * 1024
TOKENS: list[bytes] = [
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b"\\",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b"\0",
        b"\xff",
        b"\x0b",
        b";",
        b"=",
    ),
    *(
        b'"id":1',
        b'"id":null',
        b'"id":',
        b'"a":1,',
        b'"a":',
        rb'"\u0061":',
        rb'"a\u0000":',
        rb'"\u0000":',
        b'"":',
        b"a:b",
    ),
    *(
        rb"\u003a",
        rb"\ud800",
        rb"\udc00",
        rb"\ud83d\ude00",
        rb"\u00",
        b'\\"',
        b"\\\\",
        b"\\/",
        b"\xf0\x9f\x98\x80",
        b"\xc3",
    ),
    *(
        b"0",
        b"-",
        b"-0",
        b"01",
        b"1e999",
        b"1e-999",
        b"9" * 310,
        b"1.7976931348623159e308",
        b".5",
        b"1.",
        b"NaN",
        b"true",
    ),
    *(
        b"null",
        b"nul",
        b"Infinity",
        b"[]",
        b"{}",
        b'""',
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"//",
        b"'",
    ),
    *(
        b"\r\r\n",
        b',"payload":1,',
        b',"payload":{}',
        rb'"a\u003Ab":1,',
        b'"a:b":1,',
        b'"amount":-1,',
        b'"customer":"a",',
    ),
    *(b'{"id":1}', b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"charset=", b'"utf-8"', b"+json", b',"payload":', b"}\n"),
]
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[\[\]{},:]')


def mutate(data: bytes, choose: random.Random, others: Sequence[bytes]) -> bytes:
    """`data` with one to four changes; `others` are inputs that parts are taken from."""
    for _ in range(choose.choice((1, 1, 2, 3, 4))):
        data = choose.choice(_CHANGES)(data, choose, others)
    return data[:MAX_BYTES]


def _span(data: bytes, choose: random.Random, most: int = 40) -> tuple[int, int]:
    start = choose.randint(0, len(data))
    return start, min(len(data), start + choose.randint(0, most))


def _insert(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, choose, 2)
    return data[:start] + choose.choice(TOKENS) + data[choose.choice((start, end)) :]


def _change_byte(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    place = choose.randrange(len(data) + 1)
    return data[:place] + choose.choice((choose.randbytes(1), b"")) + data[place + 1 :]


def _delete(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, choose)
    return data[:start] + data[end:]


def _copy(data: bytes, choose: random.Random, others: Sequence[bytes]) -> bytes:
    """A span of this or another input, put anywhere, perhaps often."""
    source = choose.choice((data, choose.choice(others) if others else data))
    start, end = _span(source, choose, 200)
    place = choose.randint(0, len(data))
    return data[:place] + source[start:end] * choose.choice((1, 1, 1, 2, 100)) + data[place:]


def _swap_token(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    """A token for another token of this input or of all."""
    tokens = list(_TOKEN.finditer(data, 1))
    if not tokens:
        return data
    place = choose.choice(tokens)
    token = choose.choice((choose.choice(tokens).group(), choose.choice(TOKENS)))
    return data[: place.start()] + token + data[place.end() :]


def _nest(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    """A token inside many containers."""
    tokens = list(_TOKEN.finditer(data, 1))
    if not tokens:
        return data
    place, depth = choose.choice(tokens), choose.choice((1, 2, 250, 497, 499, 500, 501, 1020))
    opener, closer = choose.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"id":', b"}]")))
    return data[: place.start()] + opener * depth + place.group() + closer * depth + data[place.end() :]


def _choose_anew(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    return choose.randbytes(1) + data[1:]


def _cut(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: choose.randint(0, len(data))]


_CHANGES = (_insert, _insert, _change_byte, _delete, _copy, _swap_token, _swap_token, _nest, _choose_anew, _cut)
