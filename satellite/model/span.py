"""Span: one span as people and clients see it; its class lives with the client. Whole batches are in spans.py."""

from mock_lightstep_satellite.span import Log, Reference, ReporterView, Span, TagValue, counted, latency

__all__ = [
    "META_EVENT_TAG",
    "PARENT_TAG",
    "Log",
    "Reference",
    "ReporterView",
    "Span",
    "TagValue",
    "counted",
    "latency",
]

PARENT_TAG = "parent_span_guid"
"""Tag in which some LightStep tracers name the parent; shown as `parent_span_id`, not as a tag."""

META_EVENT_TAG = "lightstep.meta_event"
"""True on spans in which a tracer speaks of itself (wire-protocols.md §1.7)."""
