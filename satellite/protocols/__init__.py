"""Wire protocols: bytes in, reports out, receipts back to bytes. No I/O, no clock.

A protocol is one module that ends in its WireProtocol (one per form where routes or content types differ);
PROTOCOLS is the list of them. Where several share a path the first one answers what names no content type.
"""

from __future__ import annotations

from satellite.protocols.datadog import traces as datadog
from satellite.protocols.grpc_web import over_web
from satellite.protocols.jaeger import batches as jaeger
from satellite.protocols.lightstep import json as lightstep_json
from satellite.protocols.lightstep import metrics as tracer_metrics
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.lightstep import thrift as lightstep_thrift
from satellite.protocols.lightstep import thrift_json as lightstep_thrift_json
from satellite.protocols.otlp import protobuf as otlp
from satellite.protocols.otlp import signals as otlp_signals
from satellite.protocols.wire import Reply, RequestHead, WireProtocol
from satellite.protocols.zipkin import v2 as zipkin

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

WEB_PROTOCOLS = tuple(over_web(protocol) for protocol in PROTOCOLS if protocol.grpc_methods)
"""Those that pages speak as gRPC-Web."""

__all__ = ["PROTOCOLS", "WEB_PROTOCOLS", "Reply", "RequestHead", "WireProtocol"]
