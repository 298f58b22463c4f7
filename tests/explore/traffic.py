"""Spans by the thousand, all different, for questions that count them."""

from __future__ import annotations

import random

from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBatch, SpanBuilder, Status
from tests import bookinfo


def spans_of_traces(number: int, seed: int = 1) -> SpanBatch:
    """So many traces of two spans, `front` calling `back`; a tenth fails."""
    chance = random.Random(seed)
    builder = SpanBuilder()
    front, back = Reporter("lightstep", "front", 1), Reporter("lightstep", "back", 2)
    for i in range(number):
        start_ns = bookinfo.START_US * 1000 + i * 1_000_000
        duration_ns = int(chance.lognormvariate(16, 1.5))
        failed = chance.random() < 0.1
        for n, reporter in enumerate((front, back)):
            builder.add(
                reporter=reporter,
                operation=f"call {i % 7}",
                trace_low=0xABC0000 + i,
                span_id=(i + 1) * 2 + n,
                parent_id=(i + 1) * 2 if n else 0,
                start_ns=start_ns + n * 1000,
                duration_ns=duration_ns // (n + 1),
                status=Status.ERROR if failed and n else Status.UNSET,
                tags=[("i", i % 10), *([("error", "true")] if failed and n else [])],
            )
    return builder.build()
