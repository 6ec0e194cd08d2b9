"""Recursion that tests may afford and the gateway may not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def room_for(levels: int) -> Iterator[None]:
    """Raise the interpreter's recursion limit for a while."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, levels))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
