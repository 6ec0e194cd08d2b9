"""Spilled lines: finding them, and draining them as `sluice drain` does."""

import asyncio
import re
from typing import Any

from app.drain import Drain
from app.draining import DrainReport
from app.sinks.batching import Packing
from tests.support.aws import Aws, StreamLine, parse_record, session


def spilled_lines(aws: Aws, answer: dict[str, Any]) -> list[StreamLine]:
    """The lines of the one spilled object of a request, none if there is no object."""
    objects = aws.spilled(answer["request_id"])
    day, hour = answer["received_at"][:10], answer["received_at"][11:13]
    pattern = rf"spill/dt={day}/hr={hour}/{answer['request_id']}\.[0-9a-f]{{16}}\.ndjson"
    assert all(re.fullmatch(pattern, key) for key in objects), objects
    assert len(objects) <= 1
    return [line for body in objects.values() for line in parse_record(body, "", "")]


def drain(aws: Aws, *, packed: bool = True) -> DrainReport:
    """Drain the bucket into the stream, past any proxy."""

    async def once() -> DrainReport:
        draining = Drain(session(), aws.stream, aws.bucket, endpoint=aws.endpoint, packing=Packing(packed=packed))
        await draining.open()
        try:
            return await draining.once(10)
        finally:
            await draining.close()

    return asyncio.run(once())
