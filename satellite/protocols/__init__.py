"""Wire protocols: bytes in, reports out, receipts back to bytes. No I/O, no clock.

A protocol is one module that ends in its WireProtocol (one per form where routes or content types differ);
PROTOCOLS is the list of them. Where several share a path the first one answers what names no content type.
"""

from __future__ import annotations

from satellite.protocols import (
    datadog,
    jaeger,
    lightstep,
    lightstep_json,
    lightstep_thrift,
    lightstep_thrift_json,
    otlp,
    otlp_signals,
    tracer_metrics,
    zipkin,
)
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

PROTOCOLS: tuple[WireProtocol, ...] = (
    lightstep.PROTOCOL,
    lightstep_json.PROTOCOL,
    lightstep_thrift.PROTOCOL,
    lightstep_thrift.JSON_PROTOCOL,
    lightstep_thrift_json.PROTOCOL,
    lightstep_thrift_json.URI_PROTOCOL,
    tracer_metrics.PROTOCOL,
    otlp.PROTOCOL,
    otlp.JSON_PROTOCOL,
    otlp_signals.METRICS_PROTOCOL,
    otlp_signals.METRICS_JSON_PROTOCOL,
    otlp_signals.LOGS_PROTOCOL,
    otlp_signals.LOGS_JSON_PROTOCOL,
    zipkin.PROTOCOL,
    jaeger.PROTOCOL,
    jaeger.THRIFT_PROTOCOL,
    datadog.PROTOCOL,
)

__all__ = ["PROTOCOLS", "Reply", "RequestHead", "WireProtocol"]
