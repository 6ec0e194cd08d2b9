"""Judging the records of a body, a portion at a time. Pure.

What is plainly good is seen by looking at all of a portion together; every other record is judged alone, by `judge`.
"""

import secrets
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from app.strict_json import Budget
from app.validation import SCREENED_BYTES, Accepted, RecordSchema, Rejected, could_have_duplicates, judge

PORTION_BYTES = 32 * 1024
"""About a hundred usual records: what is shared among them is then next to nothing for each, and if one of them needs a
closer look not many others get it too."""
_MARK = secrets.randbits(63)
_BETWEEN = b",%d," % _MARK
"""Nobody who sends records knows it."""
_ID = itemgetter("id")
_ONLY_OBJECTS = {dict}
_NULL = type(None)


@dataclass(slots=True)
class Judged:
    """What judging found, by index in the body.

    Attributes:
        good: of the records that will load, ascending.
        ids: the parsed value of ``id`` of each of these.
        bad: what is wrong with each other one.
    """

    good: list[int] = field(default_factory=list)
    ids: list[object] = field(default_factory=list)
    bad: dict[int, Rejected] = field(default_factory=dict)

    def note(self, index: int, verdict: Accepted | Rejected) -> None:
        """What became of the next record."""
        if isinstance(verdict, Rejected):
            self.bad[index] = verdict
        else:
            self.good.append(index)
            self.ids.append(verdict.record_id)


class Portion(NamedTuple):
    """Records from index `start` to before `stop`, of `size` bytes together."""

    start: int
    stop: int
    size: int


def portions(raws: Sequence[bytes]) -> Iterator[Portion]:
    """All of `raws`, cut where PORTION_BYTES are reached."""
    ends = list(accumulate(map(len, raws)))
    start = before = 0
    while start < len(raws):
        stop = min(bisect_left(ends, before + PORTION_BYTES, start) + 1, len(raws))
        yield Portion(start, stop, ends[stop - 1] - before)
        start, before = stop, ends[stop - 1]


def judge_portion(
    raws: Sequence[bytes],
    first: int,
    room: Callable[[int], int],
    schema: RecordSchema | None,
    budget: Budget,
) -> Judged:
    """Judge records that follow one another in a body, each as `judge` would.

    Args:
        first: index of the first one.
        room: bytes that the payload of the record at an index may have in a stream line; the higher the index, the
            fewer.
    """

    def alone(index: int, raw: bytes) -> Accepted | Rejected:
        return judge(raw, room(index), schema, budget)

    text = _BETWEEN.join(raws)
    if len(text) > SCREENED_BYTES:
        return _judge_each(raws, first, alone)
    values = _read_together(text, len(raws))
    if values is None:
        values, text = _read_each(raws)
    if could_have_duplicates(text, values):
        return _judge_each(raws, first, alone)
    least_room = room(first + len(raws) - 1)
    ids = _ids_of_good(raws, values, least_room, schema)
    if ids is not None:
        return Judged(list(range(first, first + len(raws))), ids)
    judged = Judged()
    for index, (raw, value) in enumerate(zip(raws, values, strict=True), first):
        if not isinstance(value, dict) or value.get("id") is None or len(raw) > least_room:
            judged.note(index, alone(index, raw))
        elif schema is not None and (errors := schema.find_errors(value)):
            judged.bad[index] = Rejected(raw, schema.reason, errors)
        else:
            judged.good.append(index)
            judged.ids.append(value["id"])
    return judged


def _judge_each(raws: Sequence[bytes], first: int, alone: Callable[[int, bytes], Accepted | Rejected]) -> Judged:
    judged = Judged()
    for index, raw in enumerate(raws, first):
        judged.note(index, alone(index, raw))
    return judged


def _ids_of_good(
    raws: Sequence[bytes], values: list[Any], room: int, schema: RecordSchema | None
) -> list[object] | None:
    """The ids of `raws` if they are all plainly good. No loop of ours: one costs as much as what it looks at."""
    if set(map(type, values)) != _ONLY_OBJECTS or max(map(len, raws)) > room:
        return None
    try:
        ids = list(map(_ID, values))
    except KeyError:
        return None
    if _NULL in set(map(type, ids)):
        return None
    return ids if schema is None or schema.all_obey(values) else None


def _read_together(text: bytes, count: int) -> list[Any] | None:
    """The values of `count` texts that _BETWEEN joins; None if one is not JSON.

    Texts can be made to close each other's brackets. Then a mark between them is not where it has to be.
    """
    try:
        read = orjson.loads(b"[%b]" % text)
    except orjson.JSONDecodeError:
        return None
    values: list[Any] = read[::2]
    return values if len(values) == count and read[1::2] == [_MARK] * (count - 1) else None


def _read_each(raws: Sequence[bytes]) -> tuple[list[Any], bytes]:
    """The values of `raws`, None in place of each that is not JSON, and the texts of all the others together."""
    values: list[Any] = []
    texts: list[bytes] = []
    for raw in raws:
        try:
            values.append(orjson.loads(raw))
        except orjson.JSONDecodeError:
            values.append(None)
        else:
            texts.append(raw)
    return values, b"".join(texts)
