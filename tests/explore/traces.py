"""Random traces: unique ids, parents that begin before or after, end before or after, or are not held."""

from __future__ import annotations

from hypothesis import strategies as st

from satellite.model.reporter import Reporter
from satellite.model.spans import Kind, Marks, SpanBatch, SpanBuilder, Status

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


def twins(*durations_us: int) -> SpanBatch:
    """A trace for each: `shop` calls `stock`, which asks `db`; client and server of the call have one id, as Zipkin has it.

    The server takes as long as said, `db` half of that; the call begins 10 µs before it and ends 10 µs after.
    """
    builder = SpanBuilder()
    for trace, duration_us in enumerate(durations_us, 1):
        start_us = trace * 10**6
        for service, span_id, parent_id, kind, begin_us, long_us in (
            ("shop", 1, 0, Kind.CLIENT, 0, duration_us + 20),
            ("stock", 1, 1, Kind.SERVER, 10, duration_us),
            ("db", 2, 1, Kind.SERVER, 10 + duration_us // 4, duration_us // 2),
        ):
            builder.add(
                reporter=Reporter("zipkin", service),
                operation="get",
                trace_low=trace,
                span_id=span_id,
                parent_id=parent_id,
                start_ns=(start_us + begin_us) * 1000,
                duration_ns=long_us * 1000,
                kind=kind,
                marks=Marks.SHARED if service == "stock" else Marks(0),
                tags=[("stock", "old" if service == "stock" and duration_us > 1000 else "new")],
            )
    return builder.build()
