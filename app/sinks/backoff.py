"""How long to wait before trying again. Pure but for the dice."""

import secrets
from collections.abc import Callable

BASE_SECONDS = 0.02
CAP_SECONDS = 1.0
_DICE = secrets.SystemRandom()


def full_jitter(attempt: int, uniform: Callable[[float, float], float] = _DICE.uniform) -> float:
    """Seconds before retry number `attempt` (from 0): uniform between 0 and the exponential bound.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog: of its schemes the one with the least contention.
    """
    return uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2.0**attempt))
