"""What Snowflake refuses when a pipe's COPY loads a stream line, from Snowflake's documentation.

The embedded Snowflake parses laxly (duplicate keys, NaN and 1e400 go through), so the Snowpipe stand-in asks this table
first. It is written apart from the gateway: none of its code, none of its parsers. Every rule names its source. Where
the documentation is silent the rule says so (`documented=False`) and the stand-in refuses, so that it is never laxer
than Snowflake. Where Snowflake is known to be laxer than JSON itself (trailing commas, unquoted keys, `01`), it
refuses as well: a stream line is RFC 8259 JSON.

Not refused, because it loads or because nothing says that it does not:
- an empty key: guidance against it only, in the sentence that also advises against nulls, which do load
  (https://docs.snowflake.com/en/sql-reference/data-types-semistructured);
- the escape \\u0000: in keys Snowflake tests that it loads (SemiStructuredIT.testNullTerminator in
  https://github.com/snowflakedb/snowflake-ingest-java), in strings it is unknown;
- a payload that is JSON null: a VARIANT null is not NULL;
- more than 38 digits, or an exponent: VARIANT keeps such numbers as DOUBLE
  (https://docs.snowflake.com/en/sql-reference/functions/parse_json).
snowflake/verify asks a real account about all of these.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from json import JSONDecodeError, JSONDecoder
from types import MappingProxyType

_DOCS = "https://docs.snowflake.com/en/"
_COPY = _DOCS + "sql-reference/sql/copy-into-table"
_FILE_FORMAT = _DOCS + "sql-reference/sql/create-file-format"
_PARSE_JSON = _DOCS + "sql-reference/functions/parse_json"
_CONSIDERATIONS = _DOCS + "user-guide/semistructured-considerations"
_INGEST_SDK = "https://github.com/snowflakedb/snowflake-ingest-java (DataValidationUtil.java)"

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The smaller of the two documented sizes of one document: 16 MB before release 9.17, 128 MB since."""

MAX_DEPTH = 501
"""Levels of a line, its own object being the first. Snowflake documents no limit. Its ingest SDK reads JSON with
Jackson 2.18, which stops at 1,000; Parquet's variant readers took 500 (https://github.com/apache/iceberg/pull/16568).
So: 500 levels of payload and one of envelope."""

NOT_NULL_MEMBERS = ("payload", "ingest_id", "received_at", "source")


@dataclass(frozen=True, slots=True)
class Rule:
    """One refusal. `documented` is False where the documentation is silent and the stand-in refuses to be safe."""

    message: str
    source: str
    documented: bool = True


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "document_too_large": Rule(
            f"Error parsing JSON: document is too large, max size {MAX_LINE_BYTES} bytes",
            _DOCS + "release-notes/bcr-bundles/2024_08/bcr-1779",
        ),
        "invalid_utf8": Rule(
            "Invalid UTF8 detected in the line", _DOCS + "release-notes/bcr-bundles/un-bundled/bcr-1013-1014"
        ),
        # SKIP_BYTE_ORDER_MARK skips one at the start of a file; whether one may stand before a later line is not said.
        "byte_order_mark": Rule(
            "Error parsing JSON: invalid character outside of a string", _FILE_FORMAT, documented=False
        ),
        "too_deep": Rule(f"Error parsing JSON: more than {MAX_DEPTH} levels", _CONSIDERATIONS, documented=False),
        "malformed_json": Rule("Error parsing JSON: not one valid JSON value", _COPY),
        "control_character": Rule("Error parsing JSON: control character in a string", _PARSE_JSON, documented=False),
        # Measured by others as accepted by PARSE_JSON; silent for COPY.
        "not_a_json_number": Rule("Error parsing JSON: NaN or Infinity", _PARSE_JSON, documented=False),
        "number_out_of_range": Rule(
            "Error parsing JSON: number out of range of a double",
            _DOCS + "sql-reference/data-types-numeric",
            documented=False,
        ),
        "duplicate_key": Rule(
            "Error parsing JSON: duplicate object attribute", _FILE_FORMAT + " (ALLOW_DUPLICATE); " + _PARSE_JSON
        ),
        # The server strips trailing nulls from keys, says Snowflake's SDK, which refuses the same (SNOW-1772196).
        "duplicate_key_but_for_nulls": Rule("Error parsing JSON: duplicate object attribute", _INGEST_SDK),
        # Snowflake's own SDK refuses them before they reach the server; silent for COPY.
        "lone_surrogate": Rule("Error parsing JSON: invalid Unicode escape", _INGEST_SDK, documented=False),
        # Documented to load as two rows, which would break the tie between lines and rows.
        "several_values": Rule("Error parsing JSON: more than one document in the line", _CONSIDERATIONS),
        # Without STRIP_OUTER_ARRAY an array is one value, every $1:member of it NULL.
        "not_an_object": Rule("NULL result in a non-nullable column", _FILE_FORMAT + " (STRIP_OUTER_ARRAY)"),
        "null_in_not_null_column": Rule(
            "NULL result in a non-nullable column", _DOCS + "sql-reference/constraints-overview"
        ),
        "not_a_timestamp": Rule(
            "Failed to cast variant value to TIMESTAMP_TZ", _DOCS + "sql-reference/date-time-input-output"
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line does not load. The message never holds the client's text."""

    rule: str
    message: str
    source: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line that loads: its text, and the text of each member of its object exactly as it stands there."""

    text: str
    members: Mapping[str, str]


def refuse(line: bytes) -> Refusal | None:
    """Why Snowflake would not load this line (without its newline); None if it would."""
    read = read_line(line)
    return read if isinstance(read, Refusal) else None


def read_line(line: bytes) -> Line | Refusal:
    """The line taken apart, or why it does not load."""
    try:
        return _read(line)
    except _RefusedError as refused:
        rule = RULES[refused.rule]
        return Refusal(refused.rule, rule.message, rule.source)


class _RefusedError(ValueError):
    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:u(?P<high>[dD][89abAB]..)(?P<low>\\u[dD][c-fC-F]..)?|u(?P<alone>[dD][c-fC-F]..)|.)", re.DOTALL
)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN_KEY = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
_CONTROL_IN_STRING = "Invalid control character"


def _read(line: bytes) -> Line:
    if len(line) > MAX_LINE_BYTES:
        raise _RefusedError("document_too_large")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise _RefusedError("invalid_utf8") from None
    if text.startswith("\ufeff"):
        raise _RefusedError("byte_order_mark")
    _check_depth(text)
    try:
        members = _members(text)
    except RecursionError:
        raise _RefusedError("too_deep") from None
    except JSONDecodeError as error:
        raise _RefusedError(
            "control_character" if error.msg.startswith(_CONTROL_IN_STRING) else "malformed_json"
        ) from None
    except StopIteration:
        raise _RefusedError("malformed_json") from None
    _check_surrogates(text)
    _check_columns(members)
    return Line(text, {key: value_text for key, (_, value_text) in members.items()})


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise _RefusedError("too_deep")


def _members(text: str) -> dict[str, tuple[object, str]]:
    """The members of the line's object: value and verbatim text by key."""
    position = _skip_space(text, 0)
    if text[position : position + 1] != "{":
        _, end = _DECODER.raw_decode(text, position)
        raise _RefusedError("several_values" if _skip_space(text, end) < len(text) else "not_an_object")
    found: list[tuple[str, tuple[object, str]]] = []
    position = _skip_space(text, position + 1)
    while text[position : position + 1] != "}" or found:
        key, position = _key(text, position)
        value, end = _DECODER.raw_decode(text, position)
        found.append((key, (value, text[position:end])))
        position = _skip_space(text, end)
        if text[position : position + 1] == "}":
            break
        position = _skip_space(text, _expect(text, position, ","))
    if _skip_space(text, position + 1) < len(text):
        raise _RefusedError("several_values")
    _unique([(key, None) for key, _ in found])
    return dict(found)


def _key(text: str, position: int) -> tuple[str, int]:
    """The key at `position`, and where its value starts."""
    if plain := _PLAIN_KEY.match(text, position):
        return plain[1], plain.end()
    _expect(text, position, '"')
    key, end = _DECODER.raw_decode(text, position)
    return key, _skip_space(text, _expect(text, _skip_space(text, end), ":"))


def _expect(text: str, position: int, character: str) -> int:
    if text[position : position + 1] != character:
        raise JSONDecodeError("unexpected character", "", position)
    return position + 1


def _skip_space(text: str, position: int) -> int:
    if text[position : position + 1] > " ":  # as nearly always, and a search costs more
        return position
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _RefusedError("duplicate_key")
    if "\0" in "".join(members) and len({key.rstrip("\0") for key in members}) < len(pairs):
        raise _RefusedError("duplicate_key_but_for_nulls")
    return members


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _RefusedError("number_out_of_range")
    return value


def _constant(_: str) -> float:
    raise _RefusedError("not_a_json_number")


_DECODER = JSONDecoder(
    object_pairs_hook=_unique, parse_float=_number, parse_int=_number, parse_constant=_constant, strict=True
)


def _check_surrogates(text: str) -> None:
    if "\\ud" not in text and "\\uD" not in text:
        return
    for escape in _ESCAPE.finditer(text):
        if escape["alone"] or (escape["high"] and not escape["low"]):
            raise _RefusedError("lone_surrogate")


def _check_columns(members: Mapping[str, tuple[object, str]]) -> None:
    for column in NOT_NULL_MEMBERS:
        if column not in members or (members[column][0] is None and column != "payload"):
            raise _RefusedError("null_in_not_null_column")
    received_at = members["received_at"][0]
    if not isinstance(received_at, str) or not _TIMESTAMP.fullmatch(received_at):
        raise _RefusedError("not_a_timestamp")
    try:
        datetime.fromisoformat(received_at)
    except ValueError:
        raise _RefusedError("not_a_timestamp") from None
