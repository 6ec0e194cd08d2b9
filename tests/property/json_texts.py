"""Strategies: JSON as clients write it, spelled in every way that RFC 8259 allows, and bytes that are nearly JSON.

Keys come from a small pool, so that objects often have one twice: plainly, by an escape, or but for a trailing NUL.
"""

from hypothesis import strategies as st

_SPACE = st.sampled_from(["", "", "", "", " ", "\n", "\r\n", "\t "])
KEYS = st.sampled_from(
    [
        "id",
        "id",
        r"\u0069d",
        "a",
        "b",
        r"\u0061",
        "a:b",
        r"a\u003ab",
        r"a\u003Ab",
        r"a\u0000",
        r"a\u0000\u0000",
        "",
        r"\u0000",
        r"\"",
        r"\u0022",
        ":",
        r"\n",
        "é",
        r"\u00e9",
        "😀",
        r"\ud83d\ude00",
        r"\\u0061",
        "\x7f",
        "[",
        "{",
    ]
)
_PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters='"\\', min_codepoint=0x20), max_size=6),
    st.sampled_from([r"\"", r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t", r"\u0000", r"\u003a", r"\uD83D\uDE00"]),
    st.sampled_from([":", ",", "[", "]", "{", "}", '\\":', "NaN", "1e999", "\u2028", "\x7f", r"\\ud800", r"\uFFFF"]),
)
_LONE = st.sampled_from([r"\ud800", r"\uDFFF", r"\ud83d\ud83d", r"\ude00\ud83d", r"\ud83dx", r"\ud83d\n\ude00"])
_STRINGS = st.lists(_PIECES, max_size=4).map("".join)
_NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.integers(-(2**64) - 2, 2**64 + 2).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        [
            "0",
            "-0",
            "-0.0",
            "1.0",
            "1E+2",
            "1e-400",
            "0e99999",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "12345678901234567890.10",
            "9" * 308,
            "0." + "0" * 400 + "1",
            "1" + "0" * 400 + "e-400",
            "4.9e-324",
        ]
    ),
)
_INFINITE = st.sampled_from(
    ["1e309", "-1E999", "1.7976931348623159e308", "9" * 309, "1e" + "9" * 30, "-1" + "0" * 400 + ".5", "0.1e310"]
)
_SCALARS = st.one_of(
    _NUMBERS, _STRINGS.map(lambda text: f'"{text}"'), st.sampled_from(["true", "false", "null", '""', "[]", "{}"])
)
_RARELY = st.one_of(_LONE.map(lambda text: f'"{text}"'), _INFINITE)


def _array(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    padded = st.tuples(_SPACE, members, _SPACE).map("".join)
    return st.lists(padded, max_size=4).map(lambda items: "[" + ",".join(items) + "]")


def _object(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(_SPACE, KEYS, _SPACE, _SPACE, members, _SPACE).map(
        lambda parts: f'{parts[0]}"{parts[1]}"{parts[2]}:{parts[3]}{parts[4]}{parts[5]}'
    )
    return st.lists(pair, max_size=5).map(lambda pairs: "{" + ",".join(pairs) + "}")


_VALUES = st.recursive(
    st.one_of(_SCALARS, _SCALARS, _SCALARS, _SCALARS, _SCALARS, _RARELY),
    lambda members: st.one_of(_array(members), _object(members)),
    max_leaves=12,
)
_IDS = st.sampled_from(['"id":1', '"id":1', '"id" : "x"', r'"\u0069d":[{}]', '"id":null', '"x":1'])

values = st.tuples(_SPACE, _VALUES, _SPACE).map("".join).map(str.encode)
"""JSON texts in UTF-8, but for a lone surrogate escape here and there."""

records = st.tuples(_SPACE, _IDS, st.lists(st.tuples(KEYS, _VALUES), max_size=4), _SPACE).map(
    lambda parts: (
        parts[0] + "{" + ",".join([parts[1], *(f'"{key}":{value}' for key, value in parts[2])]) + "}" + parts[3]
    ).encode()
)
"""Objects, most with an id."""


@st.composite
def deep(draw: st.DrawFn) -> bytes:
    """Texts at and around the depth limit, arrays and objects mixed, now and then not closed rightly."""
    depth = draw(st.one_of(st.integers(1, 5), st.integers(495, 505), st.integers(1020, 1030), st.integers(2000, 2010)))
    pattern = draw(st.lists(st.sampled_from([("[", "]"), ('{"a":', "}"), ('{"id":', "}")]), min_size=1, max_size=3))
    levels = [pattern[level % len(pattern)] for level in range(depth)]
    closers = [closer for _, closer in reversed(levels)]
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, depth - 1))
        closers[place] = draw(st.sampled_from(["", "]", "}", "]]", ",", "]["]))
    inner = draw(st.sampled_from(["0", '"[{"', "[]", "{}", "1e999", "[[],[]]", '{"a":1,"a":2}']))
    return ("".join(opener for opener, _ in levels) + inner + "".join(closers)).encode()


_NOISE = st.one_of(
    st.binary(min_size=1, max_size=3),
    st.sampled_from(
        [
            b"[",
            b"]",
            b"{",
            b"}",
            b",",
            b":",
            b'"',
            b"\\",
            b"\\u",
            b"\\ud800",
            b"\\u12",
            b"0",
            b"-",
            b"+",
            b".",
            b"e",
            b"NaN",
            b"Infinity",
            b"nul",
            b"true",
            b"\n",
            b"\r",
            b"\0",
            b"\xff",
            b"\xef\xbb\xbf",
            b"\xed\xa0\x80",
            b"//",
            b"\xc0\xaf",
            b"\x0b",
            b"\xc2\xa0",
            b"'",
            b"01",
            b"1e999",
            b'"id":',
            b"\x1f",
            b"[]" * 600,
            b"[" * 600,
        ]
    ),
)


@st.composite
def near(draw: st.DrawFn) -> bytes:
    """Bytes near JSON: a text with one to three places changed, or cut off."""
    text = bytearray(draw(st.one_of(values, records, deep())))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 3)))
        text[start:end] = draw(st.one_of(st.just(b""), _NOISE))
    if draw(st.integers(0, 4)) == 0:
        del text[draw(st.integers(0, len(text))) :]
    return bytes(text)


anything = st.one_of(values, records, records, near(), near(), deep(), st.binary(max_size=8))
