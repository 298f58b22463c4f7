"""The histogram's buckets: 20 to a decade of microseconds (explorer.md §7)."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt

PER_DECADE = 20


def _edges() -> npt.NDArray[np.int64]:
    """The least whole number of µs in each bucket, computed without rounding error."""
    with localcontext() as context:
        context.prec = 60
        step = Decimal(10) ** (Decimal(1) / PER_DECADE)
        last = PER_DECADE * 16  # 10^16 µs are more than any duration that fits nanoseconds in 64 bits
        exact = [Decimal(10) ** (i // PER_DECADE) * step ** (i % PER_DECADE) for i in range(last)]
        return np.array([int(edge.to_integral_value("ROUND_CEILING")) for edge in exact], np.int64)


EDGES_US = _edges()


def bucket_of(duration_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
    """The bucket index of each duration; what is below 1 µs counts as 1 µs.

    Small neighbouring buckets hold no whole number; of those the upper one has the value, as floor(20·log10) says.
    """
    return (np.searchsorted(EDGES_US, np.maximum(duration_ns // 1000, 1), side="right") - 1).astype(np.uint16)


def bounds_us(index: int) -> tuple[float, float]:
    """[from, to) of a bucket in µs."""
    return 10 ** (index / PER_DECADE), 10 ** ((index + 1) / PER_DECADE)


PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}


def rank(percent: float, count: int) -> int:
    """Nearest rank, from 0: the position of the percentile among `count` sorted values."""
    exact = -(-round(percent * 10) * count // 1000)
    return max(exact, 1) - 1


def ranks(percent: float, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`rank` for many counts."""
    exact: npt.NDArray[np.int64] = -(-round(percent * 10) * counts // 1000)
    return np.maximum(exact, 1) - 1


def nearest_rank(ordered: npt.NDArray[Any], percent: float) -> int:
    """The percentile of sorted values."""
    return int(ordered[rank(percent, len(ordered))])
