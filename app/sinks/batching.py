"""Kinesis' limits, and packing lines into calls that keep them. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from app.sinks.base import Line

MAX_CALL_RECORDS = 500
"""Records a PutRecords call (Kinesis API reference, PutRecords)."""
MAX_CALL_BYTES = 5 * 1024 * 1024
"""Bytes a PutRecords call, partition keys included. The API takes 10 MiB; its older limit keeps one call short."""


def pack(lines: Sequence[Line], indexes: Iterable[int]) -> Iterator[list[int]]:
    """Cut `indexes` of `lines` into calls, in order, each within both limits."""
    call: list[int] = []
    size = 0
    for index in indexes:
        line = lines[index]
        line_size = len(line.data) + len(line.partition_key)
        if call and (len(call) == MAX_CALL_RECORDS or size + line_size > MAX_CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(index)
        size += line_size
    if call:
        yield call
