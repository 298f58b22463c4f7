"""Random traces: unique ids, parents that begin before or after, end before or after, or are not held."""

from __future__ import annotations

from hypothesis import strategies as st

from satellite.model.reporter import Reporter
from satellite.model.spans import Kind, SpanBatch, SpanBuilder, Status

SERVICES = ("a", "b", "c")


@st.composite
def batches(draw: st.DrawFn, traces: int = 4, spans: int = 12) -> SpanBatch:
    """Up to so many traces of up to so many spans each; times are small, so that they meet often."""
    builder = SpanBuilder()
    number = 0
    for trace in range(1, draw(st.integers(1, traces)) + 1):
        first = number + 1
        for i in range(draw(st.integers(1, spans))):
            number += 1
            parent = draw(st.sampled_from([0, 999, *range(first, number)])) if i else 0
            service = draw(st.sampled_from(SERVICES))
            builder.add(
                reporter=Reporter("lightstep", service, attributes=(("zone", f"z{service}"),)),
                operation=draw(st.sampled_from(["x", "y"])),
                trace_low=trace,
                span_id=number,
                parent_id=parent,
                start_ns=draw(st.integers(0, 20)) * 1000,
                duration_ns=draw(st.integers(-1, 20)) * 1000,
                kind=Kind(draw(st.sampled_from([0, 2, 3]))),
                status=Status.ERROR if draw(st.booleans()) else Status.UNSET,
                tags=[
                    (key, draw(st.sampled_from(["1", 1, "2"])))
                    for key in draw(st.sets(st.sampled_from("klm")))
                ],
            )
    return builder.build()
