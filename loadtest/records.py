"""Records: orders that obey the shipped schema order/1, the same ones for the same seed. Pure."""

import json
from math import log
from random import Random

from loadtest.skew import Zipf

MEDIAN_BYTES = 288
"""The record that this project's benchmarks use."""
SIGMA = 0.6
"""Sizes are log-normal, as those of web traffic are but for their largest (Barford and Crovella, "Generating
Representative Web Workloads", SIGMETRICS 1998). Their sigma is for files, so ours is a choice: one record in a hundred
is over 1.1 KB, one in ten as small as an order can be, and the mean is 345 bytes."""
MAX_BYTES = 64 * 1024
POOL = 1_024
"""Different tails, so that a generator of load makes 10,000 records in some milliseconds."""
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF")
WORDS = (
    "leave",
    "at",
    "the",
    "door",
    "ring",
    "twice",
    "gift",
    "wrapped",
    "fragile",
    "Zürich",
    "東京",
    "Ελλάδα",
    "second",
    "floor",
)


class Records:
    """Draws records: the id by its skew, all else from a pool made once from the seed."""

    def __init__(self, seed: str, ids: Zipf) -> None:
        rng = Random(f"{seed}:records")
        self._ids = ids
        self._tails = [_tail(rng, order_bytes(rng)) for _ in range(POOL)]

    def draw(self, rng: Random, count: int) -> list[bytes]:
        """`count` good records."""
        return [
            b'{"id":"o-%06d",%b' % (rank, tail)
            for rank, tail in zip(self._ids.draw(rng, count), rng.choices(self._tails, k=count), strict=True)
        ]


def order_bytes(rng: Random) -> int:
    """The size of one record."""
    return min(int(rng.lognormvariate(log(MEDIAN_BYTES), SIGMA)), MAX_BYTES)


def _tail(rng: Random, size: int) -> bytes:
    """All of an order after its id, so that it is about `size` bytes; never shorter than its members."""
    order = {
        "customer": f"c-{rng.randrange(100_000):05}",
        "amount": rng.randrange(1, 100_000) / 100,
        "currency": rng.choice(CURRENCIES),
        "ordered_at": f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:00:00Z",
        "note": "",
    }
    room = size - len(json.dumps({"id": "o-000000", **order}, separators=(",", ":")))
    words: list[str] = []
    while room > 0:
        words.append(rng.choice(WORDS))
        room -= len(words[-1].encode()) + 1
    order["note"] = " ".join(words)
    return json.dumps(order, ensure_ascii=False, separators=(",", ":")).encode()[1:]
