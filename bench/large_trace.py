"""A trace of 10,000 spans: a root whose children each call one more."""

from __future__ import annotations

from bench.server import Server
from mock_lightstep_satellite import Client
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder
from satellite.protocols.otlp.export import encode_request

PROJECT = "large"
SPANS = 10_000
TRACE_ID = "0000000000000b16"


def bring(server: Server) -> None:
    """Into a project of its own."""
    builder = SpanBuilder()
    for n in range(SPANS):
        service = f"service {n % 12}"
        builder.add(
            reporter=Reporter("otlp", service, 1 + n % 12, (("service.name", service),)),
            operation="import" if n == 0 else f"row {n % 40}",
            trace_low=int(TRACE_ID, 16),
            span_id=n + 1,
            parent_id=0 if n == 0 else n if n % 2 == 0 else 1,
            start_ns=1_700_000_000_000_000_000 + n * 10_000,
            duration_ns=SPANS * 10_000 if n == 0 else 15_000,
            tags=[("component", "proxy")],
        )
    with Client(f"http://127.0.0.1:{server.ports['explorer_port']}") as client:
        client.project(PROJECT).import_(encode_request(builder.build()), format="otlp-protobuf")
