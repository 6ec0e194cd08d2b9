"""What becomes of each line of a landing file: it is loaded, it goes to the error bucket, or it lands again. Pure.

A line is taken apart with the gateway's own code and judged again. That alone does not do: the gateway took it for good
once. So the line that COPY_HISTORY names as the file's first error is bad whatever we think of it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from app.envelope import Origin, StreamLines, error_line, take_apart
from app.sinks.error_bucket import REJECTED_AREA
from app.validation import Accepted, ErrorDetail, Reason, Rejected, error_detail, judge
from ops.reconcile.flagged import foreign_request_id
from ops.reconcile.lines import INGEST_ID
from ops.reconcile.window import hour_prefix
from ops.replay.records import LOAD_FAILED, UnreadableLine, read_error_line
from ops.warehouse import Load

UNKNOWN_SOURCE = "unknown"
_ENDING = re.compile(r"(?:-reloaded-[0-9a-f]{16})?(?P<extension>\.json(?:\.gz)?)?$")


@dataclass(frozen=True, slots=True)
class LandingFile:
    """A landing file.

    Attributes:
        body: unpacked.
        written: when it was put there.
        load: what COPY_HISTORY says of it; None if nothing.
    """

    bucket: str
    key: str
    body: bytes
    written: datetime
    load: Load | None = None


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line of a landing file. `number` counts from 1; `why` says what is wrong with it, if something is."""

    number: int
    data: bytes
    origin: Origin
    index: int
    payload: bytes
    why: tuple[ErrorDetail, ...] = ()

    @property
    def ingest_id(self) -> str:
        """Its own; of a line that has none, one that is the same in each run."""
        return self.origin.ingest_id(self.index)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        loaded: how many lines are in the raw table already; refused: how many more are in the error bucket already;
            copies: lines of the file that stand in it more than once.
        error_objects: bodies by key. landing: the body of `landing_key`, empty if no line lands again.
    """

    loaded: int
    refused: int
    copies: int
    bad: list[FileLine]
    good: list[FileLine]
    error_objects: Mapping[str, bytes]
    landing_key: str
    landing: bytes

    @property
    def is_done(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.bad or self.good)


def read_lines(file: LandingFile) -> Iterator[FileLine]:
    """The lines of a file, each judged. Blank ones are nothing."""
    named = file.load.error_line if file.load is not None and not file.load.is_good else None
    said = file.load.error if file.load is not None and file.load.error else "Snowflake gives no reason"
    for number, text in enumerate(file.body.split(b"\n"), start=1):
        if text.strip():
            line = _read(file, number, text)
            if number == named:
                refused = error_detail((), f"refused by Snowflake in line {number} of {file.key}: {said}", LOAD_FAILED)
                line = FileLine(number, line.data, line.origin, line.index, line.payload, (refused, *line.why))
            yield line


def missing_lines(lines: Sequence[FileLine], loaded: Collection[str]) -> list[FileLine]:
    """The first of each ingest_id that is not in the raw table."""
    first: dict[str, FileLine] = {}
    for line in lines:
        first.setdefault(line.ingest_id, line)
    return [line for ingest_id, line in first.items() if ingest_id not in loaded]


def refused_in(key: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """What an error object says that Snowflake refused: ingest_ids with the bytes refused."""
    for line in filter(None, body.split(b"\n")):
        try:
            record = read_error_line(key, line)
        except UnreadableLine:
            continue
        if record.reason == LOAD_FAILED:
            yield record.ingest_id, record.payload


def error_area_of(line: FileLine) -> str:
    """What the keys of the error objects that can hold a line start with."""
    return f"{hour_prefix(f'{REJECTED_AREA}/', line.origin.received_at)}{line.origin.request_id}."


def make_plan(
    file: LandingFile,
    lines: list[FileLine],
    loaded: frozenset[str],
    refused: Collection[tuple[str, bytes]] = frozenset(),
) -> Plan:
    """What to do about a file.

    Args:
        loaded: ingest_ids of its lines that are in the raw table.
        refused: as `refused_in`: what is in the error bucket. The same record with other bytes, which a fix has
            changed, is another matter.
    """
    first = {line.ingest_id for line in lines}
    unloaded = missing_lines(lines, loaded)
    missing = [line for line in unloaded if (line.ingest_id, line.payload) not in refused]
    bad, good = [line for line in missing if line.why], [line for line in missing if not line.why]
    return Plan(
        loaded=len(first) - len(unloaded),
        refused=len(unloaded) - len(missing),
        copies=len(lines) - len(first),
        bad=bad,
        good=good,
        error_objects=_error_objects(bad),
        landing_key=landing_key_of(file.key, good),
        landing=b"".join(line.data for line in good),
    )


def landing_key_of(key: str, good: Sequence[FileLine]) -> str:
    """The name under which lines of a file land again: beside it, and the same for the same lines."""
    ending = _ENDING.search(key)
    assert ending is not None  # noqa: S101 - it matches nothing, too
    return f"{key[: ending.start()]}-reloaded-{_digest(good)}{ending['extension'] or '.json'}"


def _read(file: LandingFile, number: int, text: bytes) -> FileLine:
    """A line is ours if it is, byte for byte, what the gateway writes."""
    data = text + b"\n"
    try:
        members, payload = take_apart(data)
        origin, index = _identity(members)
    except (ValueError, KeyError, OverflowError):
        return _foreign(file, number, text)
    if StreamLines(origin).line(index, payload) != data:
        return _foreign(file, number, text)
    judged = judge(payload, StreamLines(origin).room(index), None)
    why = () if isinstance(judged, Accepted) else judged.errors
    return FileLine(number, data, origin, index, payload, why)


def _identity(members: Mapping[str, object]) -> tuple[Origin, int]:
    match = INGEST_ID.fullmatch(_text(members, "ingest_id"))
    if match is None:
        raise ValueError("no ingest_id of ours")
    received_at = datetime.fromisoformat(_text(members, "received_at")).astimezone(UTC)
    schema = None if members["schema"] is None else _text(members, "schema")
    return Origin(match["request"], received_at, _text(members, "source"), schema, None), int(match["index"])


def _foreign(file: LandingFile, number: int, text: bytes) -> FileLine:
    """A line of somebody else's: whole, under an id that is made of the file's name and the line's number."""
    origin = Origin(foreign_request_id(file.bucket, file.key), file.written, UNKNOWN_SOURCE, None, None)
    why = error_detail((), f"line {number} of {file.key} is no stream line", LOAD_FAILED)
    return FileLine(number, text + b"\n", origin, number - 1, text, (why,))


def _error_objects(bad: Sequence[FileLine]) -> dict[str, bytes]:
    """One for each request and hour, as the error bucket has them; the same lines have the same name in each run."""
    together: dict[tuple[str, str], list[FileLine]] = {}
    for line in bad:
        area = hour_prefix(f"{REJECTED_AREA}/", line.origin.received_at)
        together.setdefault((area, line.origin.request_id), []).append(line)
    objects: dict[str, bytes] = {}
    for (area, request_id), lines in together.items():
        objects[f"{area}{request_id}.{_digest(lines)}.ndjson"] = b"".join(map(_error_line, lines))
    return objects


def _digest(lines: Sequence[FileLine]) -> str:
    return sha256(b"".join(line.data for line in lines)).hexdigest()[:16]


def _error_line(line: FileLine) -> bytes:
    rejected = Rejected(line.payload, Reason.MALFORMED_JSON, line.why)
    return error_line(line.origin, line.index, rejected, reason=LOAD_FAILED)


def _text(members: Mapping[str, object], name: str) -> str:
    value = members[name]
    if not isinstance(value, str):
        raise ValueError("no stream line")  # noqa: TRY004 - as of any other text
    return value
