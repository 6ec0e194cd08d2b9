"""The reference's limit."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis.errors import UnsatisfiedAssumption

T = TypeVar("T")


class NoSecondReading(Exception):
    """The reference cannot read it: too deep for a recursive reader. The gateway had to take or refuse it all the
    same."""


def second_reading(read_it: Callable[[], T]) -> T:
    """What the reference says."""
    try:
        return read_it()
    except (UnsatisfiedAssumption, RecursionError) as error:
        raise NoSecondReading from error
