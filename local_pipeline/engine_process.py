"""The embedded engine, with two of its loops looking only as far as they have to.

Run as a file by the engine's own Python (`.venv-engine`), so it imports nothing of ours. ministack 1.5.33 walks
through every record that a stream keeps, and through every shard iterator of the last five minutes, at each Kinesis
call: a pipeline got slower with every record that it had carried. What the walks decide is the same here; when
something has expired they are ministack's own.
"""

import time
from typing import Any

from ministack.app import main
from ministack.services import kinesis

ITERATORS_LOOKED_AT_SECONDS = 1.0

walk_all_records = kinesis._expire_records  # noqa: SLF001
walk_all_iterators = kinesis._expire_iterators  # noqa: SLF001
last_walk = 0.0


def expire_records(stream: dict[str, Any]) -> None:
    """Nothing has expired if the oldest record of no shard has: a shard's records stand in the order they came."""
    cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
    oldest = (shard["records"][0] for shard in stream["shards"].values() if shard["records"])
    if any(record["ApproximateArrivalTimestamp"] < cutoff for record in oldest):
        walk_all_records(stream)


def expire_iterators() -> None:
    """Once a second: GetRecords looks at the age of the iterator that it is given itself."""
    global last_walk  # noqa: PLW0603
    if time.monotonic() - last_walk >= ITERATORS_LOOKED_AT_SECONDS:
        last_walk = time.monotonic()
        walk_all_iterators()


if __name__ == "__main__":
    kinesis._expire_records = expire_records  # noqa: SLF001
    kinesis._expire_iterators = expire_iterators  # noqa: SLF001
    main()
