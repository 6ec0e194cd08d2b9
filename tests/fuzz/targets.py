"""What is fuzzed: each target takes any bytes, and raises where the gateway does not do with them as it promises.

The first byte chooses among settings, the rest is the input. A refusal that the code documents is no failure; every
other exception is.
"""

import base64
import contextlib
import gzip
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from backports import zstd

from app.content import PARAMETER, Encoding, Framing, parse_content_encoding, parse_content_type
from app.decompression import decompress
from app.draining import MalformedObjectError, read_lines
from app.envelope import Origin, StreamLines, error_line, line_key, take_apart
from app.exceptions import (
    ContentTooLarge,
    EmptyBody,
    InvalidIdempotencyKey,
    MalformedBody,
    Unauthorized,
    UndecodableBody,
    UnsupportedMedia,
)
from app.framing import malformed_body, split
from app.judging import judge_portion
from app.quick_json import look_through
from app.registry import Registry
from app.request_identity import parse_idempotency_key
from app.strict_json import Budget, MalformedJsonError, read
from app.validation import Accepted, RecordSchema, Rejected, judge
from app.webhooks import parse_signature
from local_pipeline.refusals import refuse
from tests.fuzz import replay_target
from tests.fuzz.second import NoSecondReading, second_reading
from tests.property import reference
from tests.property.verdicts import expected_reason
from tests.support.processes import ROOT

REQUEST_ID = "0199a1f2-6c1e-7c30-9d55-2b8f0e1a4c77"
ORIGIN = Origin(REQUEST_ID, datetime(2026, 11, 23, 2, 17, 14, tzinfo=UTC), "shop", None, "application/json")
LINES = StreamLines(ORIGIN)
ROOMS = (80, 1_000, 100_000)
CAPS = (100, 5_000, 1_000_000)
MOST = (1, 3, 10_000)
ORDER = Registry.load(str(ROOT / "schemas")).get("order").check
PLAIN = b'{"id":1,"customer":"a: b","amount":2.50}'
REFUSED_PARAMETER = '; charset="latin-1"'
_NEWLINES = bytes.maketrans(b"\r\n", b"  ")
Target = Callable[[bytes], None]


def decoding(data: bytes) -> None:
    """What a decompressor takes, the standard library takes too, and gives the same bytes; never over the cap."""
    choice, body = data[:1] or b"\0", data[1:]
    encoding = Encoding.GZIP if choice[0] & 1 else Encoding.ZSTD
    cap = CAPS[choice[0] // 4 % len(CAPS)]
    if choice[0] & 2:
        _compressed_comes_back(body, encoding, cap)
        return
    try:
        decoded = decompress(body, encoding, cap)
    except (UndecodableBody, ContentTooLarge):
        return
    assert len(decoded) <= cap
    if not body:
        assert not decoded, "no bytes are no bytes, however compressed"
        return
    assert decoded == (gzip.decompress(body) if encoding is Encoding.GZIP else zstd.decompress(body)), "other bytes"


def _compressed_comes_back(plain: bytes, encoding: Encoding, cap: int) -> None:
    size = 1 + len(plain) // 3
    members = [plain[start : start + size] for start in range(0, len(plain), size)]
    body = b"".join(gzip.compress(each, 1) if encoding is Encoding.GZIP else zstd.compress(each) for each in members)
    try:
        assert decompress(body, encoding, cap) == plain
    except ContentTooLarge:
        assert len(plain) > cap


def framing(data: bytes) -> None:
    """A body is told apart as the reference tells it apart."""
    choice, body = data[:1] or b"\0", data[1:]
    most = MOST[choice[0] // 2 % len(MOST)]
    if choice[0] & 1:
        _lines_are_told_apart(body, most)
    else:
        _elements_are_told_apart(body, most)


def _lines_are_told_apart(body: bytes, most: int) -> None:
    expected = [line.removesuffix(b"\r") for line in body.split(b"\n") if line.strip(b" \t\r")]
    try:
        assert split(body, Framing.NDJSON, most) == expected
    except EmptyBody:
        assert not expected
    except ContentTooLarge:
        assert len(expected) > most


def _elements_are_told_apart(body: bytes, most: int) -> None:
    raws: list[bytes] | None = None
    too_many = False
    try:
        raws = split(body, Framing.JSON, most)
    except EmptyBody:
        assert b"".join(body.split()) in {b"", b"[]"}
        return
    except MalformedBody as error:
        _is_within(error.offset or 0, body)
    except ContentTooLarge:
        too_many = True
    malformed_body(body)  # never raises, whatever it is asked about
    try:
        found = second_reading(lambda: reference.read(body))
    except reference.NotJsonError:
        assert raws is None or any(reason_of(judge(raw, 10**6, None)) == "malformed_json" for raw in raws)
        return
    if found.top != "[":
        assert raws == [body]
        return
    assert too_many == (len(found.elements) > most)
    if not too_many:
        text = body.decode()
        assert raws == [text[start:end].encode() for start, end in found.elements]


def _is_within(offset: int, text: bytes) -> None:
    assert 0 <= offset <= len(text), "the place of an error lies in the text"


def reason_of(verdict: Accepted | Rejected) -> str | None:
    """None: accepted."""
    return verdict.reason if isinstance(verdict, Rejected) else None


def judging(data: bytes) -> None:
    """The reason is the contract's first, by the reference; a schema refuses only what else would be accepted."""
    choice, raw = data[:1] or b"\0", data[1:]
    room = ROOMS[choice[0] // 2 % len(ROOMS)]
    verdict = judge(raw, room, ORDER if choice[0] & 1 else None)
    _others_change_nothing(raw, room, ORDER if choice[0] & 1 else None, verdict)
    expected = second_reading(lambda: expected_reason(raw, room))
    if choice[0] & 1 and expected is None:
        assert reason_of(verdict) in {None, "schema_violation"}
    else:
        assert reason_of(verdict) == expected


def _others_change_nothing(raw: bytes, room: int, schema: RecordSchema | None, verdict: Accepted | Rejected) -> None:
    """A record is judged alone as it is between others."""
    found = judge_portion([PLAIN, raw, PLAIN], 0, lambda _: room, schema, Budget())
    assert found.good == ([0, 2] if isinstance(verdict, Rejected) else [0, 1, 2])
    assert found.bad.get(1) == (verdict if isinstance(verdict, Rejected) else None)


def scanning(data: bytes) -> None:
    """Both readers of JSON find what the reference finds."""
    text = data[1:]
    try:
        reading = read(text, 10_000)
    except MalformedJsonError as error:
        _is_within(error.offset, text)
        reading = None
    shallow = _shallow(text, (data[:1] or b"\0")[0] % 9)
    assert shallow == (None if reading is None else (reading.top, reading.depth)), "however deep paths are followed"
    try:
        quick = look_through(text)
    except (MalformedJsonError, RecursionError):
        quick = None
    try:
        expected = second_reading(lambda: reference.read(text))
    except reference.NotJsonError:
        assert reading is None
        assert quick is None
        return
    assert reading is not None
    found = (reading.top.decode(), reading.depth, reading.duplicate, reading.out_of_range)
    assert found == (expected.top, expected.depth, expected.duplicate, expected.out_of_range)
    assert quick is not None or expected.depth > 300
    if quick is not None:
        assert quick.duplicate == (expected.duplicate is not None)
        assert quick.out_of_range == (expected.out_of_range is not None)


def _shallow(text: bytes, max_depth: int) -> tuple[bytes, int] | None:
    try:
        reading = read(text, max_depth)
    except MalformedJsonError:
        return None
    return reading.top, reading.depth


def storing(data: bytes) -> None:
    """An accepted record's line holds the client's bytes, loads, and comes back whole from the spill area; a rejected
    one keeps its bytes."""
    choice, raw = data[:1] or b"\0", data[1:]
    index = choice[0]
    verdict = judge(raw, LINES.room(index), None)
    if isinstance(verdict, Rejected):
        line = error_line(ORIGIN, index, verdict)
        assert line.count(b"\n") == 1
        kept = json.loads(line)
        assert raw == (kept["payload"].encode() if "payload" in kept else base64.b64decode(kept["payload_base64"]))
        return
    line = LINES.line(index, verdict.raw)
    assert line.count(b"\n") == 1
    assert refuse(line.removesuffix(b"\n")) is None
    members, payload = take_apart(line)
    assert members["ingest_id"] == f"{REQUEST_ID}-{index}"
    assert payload == raw.translate(_NEWLINES)
    assert _digits(payload) == _digits(raw)
    [spilled] = read_lines(f"spill/dt=2026-11-23/hr=02/{REQUEST_ID}.0.ndjson", line)
    assert spilled == (line, line_key("shop", verdict.record_id))


def _digits(text: bytes) -> object:
    return json.loads(text, parse_int=str, parse_float=str)


def draining(data: bytes) -> None:
    """Bytes of the spill area are stream lines, each of which would be accepted, or refused as a whole."""
    body = data[1:]
    try:
        lines = read_lines("spill/x.ndjson", body)
    except MalformedObjectError:
        return
    assert b"".join(line.data for line in lines) == body
    for line in lines:
        assert isinstance(judge(take_apart(line.data)[1], 10**6, None), Accepted)


def headers(data: bytes) -> None:
    """A header's value is taken or refused, and what is taken means the same when it is said plainly."""
    text = data[1:].decode("latin-1")
    assert sum(len(match.group()) for match in PARAMETER.finditer(text)) == len(text), "read once"
    try:
        media_type = parse_content_type(text)
    except UnsupportedMedia:
        pass
    else:
        assert parse_content_type(media_type.name) == media_type
        assert parse_content_type(f"{media_type.name}; Charset=UTF-8;") == media_type
        _another_charset_is_refused(text)
    _only(UnsupportedMedia, lambda: parse_content_encoding(text))
    _only(InvalidIdempotencyKey, lambda: parse_idempotency_key([text]))
    _only(Unauthorized, lambda: parse_signature([[text], ["1"], [text]]))


def _another_charset_is_refused(text: str) -> None:
    if '"' in text:  # which may not be closed, and hold all that follows
        return
    try:
        parse_content_type(text + REFUSED_PARAMETER)
    except UnsupportedMedia:
        return
    raise AssertionError("another charset is taken")


def _only(refusal: type[Exception], call: Callable[[], object]) -> None:
    with contextlib.suppress(refusal):
        call()


TARGETS: Mapping[str, Target] = {
    "decoding": decoding,
    "framing": framing,
    "judging": judging,
    "scanning": scanning,
    "storing": storing,
    "draining": draining,
    "headers": headers,
    "replaying": replay_target.replaying,
}


def try_out(name: str, data: bytes) -> bool:
    """Give `data` to a target; False where the reference had nothing to say. Raises where something is wrong."""
    try:
        TARGETS[name](data)
    except NoSecondReading:
        return False
    return True
