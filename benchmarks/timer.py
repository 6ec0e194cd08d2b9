"""A timer that an event loop can wait for to the microsecond (timerfd_create(2)); the loops' own have a millisecond.

By libc: Python has `os.timerfd_create` from 3.13 on only.
"""

import ctypes
import os
import time

_RELATIVE = 0
_NANO = 1_000_000_000


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Time), ("value", _Time))


class Timer:
    """Readable once the time has come. `fd` is for the loop's `add_reader`."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._setting = _Setting()
        self.fd: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def set(self, seconds: float) -> None:
        """Come due so many seconds from now, at once if that is past."""
        whole, rest = divmod(max(1, int(seconds * _NANO)), _NANO)
        self._setting.value.seconds, self._setting.value.nanoseconds = whole, rest
        self._libc.timerfd_settime(self.fd, _RELATIVE, ctypes.byref(self._setting), None)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)
