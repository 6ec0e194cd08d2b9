"""The JSON conformance set: texts named as the well-known public suites name theirs, each with Sluice's verdict.

`y_` is JSON by RFC 8259, `n_` is not, `i_` is what the RFC leaves open and Sluice decides: a number that is infinite
as a double is out of range; a lone surrogate, bad UTF-8 and a byte order mark are malformed. A `y_` text may still be
refused as a record, for reasons that lie beyond JSON: a key twice, no object, no id.

The files hold, by verdict, name → text (or its bytes in hex). `place` says what the text is: a whole `record`, or a
`value`, to be put into `{"id":1,"v":…}`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from app.validation import MAX_DEPTH
from tests.support.generators import nested, record_of_depth

FILES = ("numbers", "strings", "structure", "encodings")


@dataclass(frozen=True, slots=True)
class Case:
    """A record's bytes and what becomes of it: `accepted`, or the reason of its rejection."""

    name: str
    record: bytes
    verdict: str


def _objects(depth: int) -> bytes:
    return nested(depth, open_with=b'{"a":', close_with=b"}")


# Texts too long to be written out.
DEPTH = [
    Case("y_depth_1", b'{"id":1}', "accepted"),
    Case("y_depth_2", record_of_depth(2), "accepted"),
    Case("y_depth_100", record_of_depth(100), "accepted"),
    Case("i_depth_limit_arrays", record_of_depth(MAX_DEPTH), "accepted"),
    Case("i_depth_limit_objects", b'{"id":1,"v":' + _objects(MAX_DEPTH - 1) + b"}", "accepted"),
    Case("i_depth_above_limit_arrays", record_of_depth(MAX_DEPTH + 1), "too_deep"),
    Case("i_depth_above_limit_objects", b'{"id":1,"v":' + _objects(MAX_DEPTH) + b"}", "too_deep"),
    Case(
        "i_depth_above_limit_mixed",
        b'{"id":1,"v":' + b'[{"a":' * MAX_DEPTH + b"1" + b"}]" * MAX_DEPTH + b"}",
        "too_deep",
    ),
    Case("i_depth_1025", record_of_depth(1_025), "too_deep"),
    Case("i_depth_100000_arrays", record_of_depth(100_000), "too_deep"),
    Case("i_depth_100000_objects", b'{"id":1,"v":' + _objects(100_000) + b"}", "too_deep"),
    Case("i_depth_without_id", _objects(MAX_DEPTH + 1), "too_deep"),
    Case("i_depth_array_as_record", nested(MAX_DEPTH + 1), "too_deep"),
    Case("i_depth_array_as_record_within", nested(MAX_DEPTH), "not_an_object"),
    Case("y_depth_wide", b'{"id":[' + b"[]," * 5_000 + b"[]]}", "accepted"),
    Case("y_depth_brackets_in_string", b'{"id":"' + b"[" * 100_000 + b'"}', "accepted"),
    Case("n_depth_100000_opening_arrays", b"[" * 100_000, "malformed_json"),
    Case("n_depth_50000_opening_pairs", b'[{"":' * 50_000, "malformed_json"),
    Case("n_depth_100000_opening_objects", b'{"a":' * 100_000, "malformed_json"),
    Case("n_depth_one_close_short", record_of_depth(600)[:-1], "malformed_json"),
    Case("n_depth_one_close_over", record_of_depth(600) + b"}", "malformed_json"),
    Case("n_depth_crossed_at_the_bottom", record_of_depth(600).replace(b"[]", b"[}"), "malformed_json"),
    Case("y_string_of_1_mib_nearly", b'{"id":"' + b"x" * 1_000_000 + b'"}', "accepted"),
    Case("y_number_of_300_digits", b'{"id":' + b"1" * 300 + b"}", "accepted"),
    Case("y_number_of_100000_fraction_digits", b'{"id":0.' + b"3" * 100_000 + b"}", "accepted"),
    Case("i_number_of_310_digits", b'{"id":' + b"1" * 310 + b"}", "number_out_of_range"),
    Case("i_number_of_100000_digits", b'{"id":' + b"1" * 100_000 + b"}", "number_out_of_range"),
    Case("i_number_of_100000_digits_and_a_tiny_exponent", b'{"id":' + b"1" * 100_000 + b"e-99990}", "accepted"),
    Case("i_number_of_100000_zeros_and_a_huge_exponent", b'{"id":0.' + b"0" * 100_000 + b"1e100001}", "accepted"),
    Case("y_object_of_10000_keys", json.dumps({"id": 1} | {f"k{n}": n for n in range(10_000)}).encode(), "accepted"),
    Case(
        "y_object_of_10000_keys_one_twice",
        json.dumps({"id": 1} | {f"k{n}": n for n in range(10_000)}).encode()[:-1] + b',"k5000":0}',
        "duplicate_key",
    ),
]


def _load(name: str) -> list[Case]:
    content = json.loads((Path(__file__).parent / f"{name}.json").read_bytes())
    place, is_hex = content.pop("place"), content.pop("hex", False)
    frame = b'{"id":1,"v":%b}' if place == "value" else b"%b"
    return [
        Case(case, frame % (bytes.fromhex(text) if is_hex else text.encode()), verdict)
        for verdict, texts in content.items()
        for case, text in texts.items()
    ]


def all_cases() -> list[Case]:
    """Every case; names are unique."""
    return [*(case for name in FILES for case in _load(name)), *DEPTH]
