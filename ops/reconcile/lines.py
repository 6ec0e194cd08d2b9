"""Stored lines taken apart as far as counting needs: which records of which request stand in a text. Pure.

Stream lines and error lines begin alike (app.envelope), so one pattern reads the beginning of both. What does not begin
so is none of our lines, however it would load.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from ops.reconcile.window import Window
from ops.replay.records import LOAD_FAILED

REQUEST_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
INGEST_ID = re.compile(rf"(?P<request>{REQUEST_ID})-(?P<index>0|[1-9][0-9]{{0,5}})")
"""An index of more than six digits is none of ours: it would make a bit set of megabytes."""
_BEGINNING = re.compile(
    rb'\{"ingest_id":"(?P<request>%b)-(?P<index>0|[1-9][0-9]{0,5})",'
    rb'"received_at":"(?P<received_at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)",'
    rb'"source":(?P<source>"(?:[^"\\]|\\.)*"),' % REQUEST_ID.encode()
)
_REFUSED_AT_LOAD = re.compile(rb'"index":\d+,"reason":"%b"' % LOAD_FAILED.encode())


@dataclass(slots=True)
class Portion:
    """What one place holds of one attempt of a request.

    Attributes:
        received: seconds since the epoch.
        indexes: a set of bits.
        lines: how many lines these are, copies counted.
    """

    request_id: str
    received: int
    source: str
    indexes: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Grouped:
    """What one place holds.

    Attributes:
        portions: of the window.
        refused: of these, error lines that `sluice reload` wrote.
        foreign: how many lines are none of ours.
    """

    portions: list[Portion]
    refused: list[Portion]
    foreign: int


def group(body: bytes, window: Window) -> Grouped:
    """Group the lines of a record, a file or an object. Blank lines are nothing."""
    portions: dict[tuple[bytes, bytes], Portion] = {}
    refused: dict[tuple[bytes, bytes], Portion] = {}
    foreign = 0
    first, behind = window.first, window.behind
    for line in body.split(b"\n"):
        head = _BEGINNING.match(line)
        if head is None:
            foreign += bool(line.strip())
            continue
        if first <= head["received_at"] < behind:
            try:
                _add(portions, head)
                if _REFUSED_AT_LOAD.match(line, head.end()):
                    _add(refused, head)
            except ValueError:  # of our form, but no such time or text
                foreign += 1
    return Grouped(list(portions.values()), list(refused.values()), foreign)


def positions(body: bytes) -> Mapping[str, int]:
    """The line, from 1, that each ingest_id first stands on."""
    found: dict[str, int] = {}
    for number, line in enumerate(body.split(b"\n"), start=1):
        if head := _BEGINNING.match(line):
            found.setdefault(f"{head['request'].decode()}-{head['index'].decode()}", number)
    return found


def indexes_of(bits: int) -> list[int]:
    """The numbers in a set of bits, ascending."""
    digits = f"{bits:b}"[::-1]
    return [index for index, digit in enumerate(digits) if digit == "1"]


def bits_of(ranges: Sequence[tuple[int, int]]) -> int:
    """Inclusive ranges as a set of bits."""
    bits = 0
    for first, last in ranges:
        bits |= ((1 << (last - first + 1)) - 1) << first
    return bits


def _add(portions: dict[tuple[bytes, bytes], Portion], head: re.Match[bytes]) -> None:
    key = head["request"], head["received_at"]
    portion = portions.get(key)
    if portion is None:
        received = int(datetime.fromisoformat(head["received_at"].decode()).timestamp())
        portion = portions[key] = Portion(head["request"].decode(), received, orjson.loads(head["source"]))
    portion.indexes |= 1 << int(head["index"])
    portion.lines += 1
