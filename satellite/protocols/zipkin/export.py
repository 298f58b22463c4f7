"""Spans written out as Zipkin v2 JSON: what `zipkin.decode` reads again as the same spans, as far as the format goes.

Zipkin's tags are text and its times µs. What it has no place for: types of tags (they become text), attributes of the
reporter other than its address (they become tags), fields of a log beside `event` (the log becomes one JSON text),
references other than the parent (left out).
"""

from __future__ import annotations

from typing import Any

import msgspec

from satellite.model.reporter import UNKNOWN_SERVICE
from satellite.model.span import Log, Span, TagValue
from satellite.model.spans import SpanBatch
from satellite.model.tag import text_of
from satellite.protocols.halves import SHARED_PARENT
from satellite.protocols.id_texts import id_texts
from satellite.protocols.values import KIND_TAG
from satellite.protocols.zipkin.model import (
    ADDRESS_FIELDS,
    PEER_TAGS,
    ZipkinSpan,
    endpoint_items,
    is_error,
)

_KINDS = frozenset({"client", "server", "producer", "consumer"})


def encode_spans(batch: SpanBatch) -> bytes:
    """A JSON array of all spans of a batch, in its order. No token."""
    return msgspec.json.encode([_zipkin(span) for span in batch.spans()])


def _zipkin(span: Span) -> ZipkinSpan:
    tags = dict(span.tags)
    remote = _remote(tags)
    if span.kind in _KINDS and tags.get(KIND_TAG) == span.kind:
        del tags[KIND_TAG]  # the kind itself says so
    for key, value in span.reporter.attributes.items():
        if key not in ADDRESS_FIELDS:
            tags.setdefault(key, value)
    texts = {key: text_of(value) for key, value in tags.items()}
    if span.error != ("error" in texts and is_error(texts["error"])):
        texts["error"] = "true" if span.error else "false"
    shared = "shared" in span.marks
    parent = span.extra.get(SHARED_PARENT) if shared else span.parent_span_id
    texts_of_ids = id_texts(span)
    return ZipkinSpan(
        trace_id=texts_of_ids.get(span.trace_id, span.trace_id),
        id=texts_of_ids.get(span.span_id, span.span_id),
        parent_id=texts_of_ids.get(parent, parent) if parent else None,
        name=span.operation or None,
        kind=span.kind.upper() if span.kind in _KINDS else span.extra.get("kind_text"),
        timestamp=None if "time_invented" in span.marks else span.start_us,
        duration=span.duration_us or None,
        local_endpoint=_local(span) or None,
        remote_endpoint=remote or None,
        annotations=[_annotation(log) for log in span.logs] or None,
        tags=texts or None,
        debug=True if span.extra.get("debug") is True else None,
        shared=True if shared else None,
    )


def _remote(tags: dict[str, TagValue]) -> dict[str, TagValue]:
    """The remote endpoint that tags tell; takes these tags away."""
    told = {field: tags[tag] for field, tag in PEER_TAGS.items() if tag in tags}
    if isinstance(told.get("port"), str | float):
        del told["port"]  # a tag of another type is a tag
    remote = dict(endpoint_items(told, {field: field for field in PEER_TAGS}))
    for field in remote:
        del tags[PEER_TAGS[field]]
    return remote


def _local(span: Span) -> dict[str, TagValue]:
    attributes = {field: span.reporter.attributes.get(field) for field in ADDRESS_FIELDS}
    address = dict(endpoint_items(attributes, {field: field for field in ADDRESS_FIELDS}))
    return address if span.service == UNKNOWN_SERVICE else {"serviceName": span.service} | address


def _annotation(log: Log) -> dict[str, Any]:
    if log.fields.keys() == {"event"}:
        return {"timestamp": log.time_us, "value": text_of(log.fields["event"])}
    return {"timestamp": log.time_us, "value": text_of(log.fields)}
