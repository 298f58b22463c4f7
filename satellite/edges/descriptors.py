"""How many files and sockets the process may still open: those for reports leave some for those who ask what is wrong."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

_RESERVED_SHARE = 8
_RESERVED_MIN, _RESERVED_MAX = 16, 256
_MEASURED_AGAIN_SECONDS = 0.1
_OPEN = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")


class Descriptors:
    """What is left for connections that bring reports."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: seconds, only ever forward."""
        self._clock = clock
        self._measured = 0.0
        self.limit = 0
        self._room = 0
        self.measure()

    @property
    def reserved(self) -> int:
        """For the Explorer, health and metrics, and for the store's own files."""
        return max(_RESERVED_MIN, min(_RESERVED_MAX, self.limit // _RESERVED_SHARE))

    def measure(self) -> None:
        """Count what is open; to be called every second."""
        self._measured = self._clock()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.limit = limit if limit != resource.RLIM_INFINITY else sys.maxsize
        self._room = self.limit - self.reserved - _open_now()

    def take(self) -> bool:
        """One connection more was accepted; whether it may stay."""
        if self._room <= 0 and self._clock() - self._measured >= _MEASURED_AGAIN_SECONDS:
            self.measure()
        self._room -= 1
        return self._room >= 0


def _open_now() -> int:
    return len(os.listdir(_OPEN))  # noqa: PTH208 - names will do


def raise_limit() -> None:
    """Have the process open as many files as its user may let it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
