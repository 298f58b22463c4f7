"""Zipkin's own span, whatever form it came in, and what it means to us."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import msgspec

from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.span import TagValue
from satellite.model.spans import Kind, Marks, Status, id_text
from satellite.model.tags import text_of
from satellite.protocols.id_texts import named_texts
from satellite.protocols.rows import (
    KIND_TAG,
    NO_ID,
    SERVICE_TAG,
    STATUS_TAG,
    Rows,
    kind_of,
    plain_value,
    read_id,
    read_times,
    says_error,
    sound_text,
    whole_number,
)

NAME = "zipkin"

_SERVICE_TAGS = (SERVICE_TAG, "lightstep.component_name")

PEER_TAGS = {
    "serviceName": "peer.service",
    "ipv4": "peer.ipv4",
    "ipv6": "peer.ipv6",
    "port": "peer.port",
}
"""Field of a remote endpoint → tag."""

ADDRESS_FIELDS = ("ipv4", "ipv6", "port")
"""Of a local endpoint; attributes of the reporter under these names (ours)."""

SHARED_PARENT = "shared_parent_id"
"""In `extra` of the server's half of a shared span: the parent that both halves named, 16 hex digits."""


class ZipkinSpan(msgspec.Struct, rename="camel", omit_defaults=True):
    """A span as Zipkin's JSON has it, v2 and v1; nothing is checked yet."""

    trace_id: Any = None
    id: Any = None
    parent_id: Any = None
    name: Any = None
    kind: Any = None
    timestamp: Any = None
    """µs."""
    duration: Any = None
    """µs."""
    local_endpoint: Any = None
    remote_endpoint: Any = None
    annotations: Any = None
    tags: Any = None
    debug: Any = None
    shared: Any = None
    binary_annotations: Any = None
    """v1 only."""


def reporter_of(span: ZipkinSpan) -> Reporter:
    """Who sent it: the local endpoint, of which tags may tell the service too."""
    tags = span.tags if isinstance(span.tags, dict) else {}
    local = span.local_endpoint if isinstance(span.local_endpoint, dict) else {}
    service = tags.get(SERVICE_TAG) or local.get("serviceName") or tags.get("lightstep.component_name") or ""
    return Reporter(
        protocol=NAME,
        service=sound_text(text_of(plain_value(service))) or UNKNOWN_SERVICE,
        attributes=tuple(endpoint_items(local, {field: field for field in ADDRESS_FIELDS})),
    )


def endpoint_items(endpoint: Any, names: Mapping[str, str]) -> list[tuple[str, TagValue]]:
    """The fields of an endpoint that say something, under other names; a port is a number."""
    found: list[tuple[str, TagValue]] = []
    if not isinstance(endpoint, dict):
        return found
    for field, name in names.items():
        value = endpoint.get(field)
        if field == "port":
            port = whole_number(value)
            if 0 < port < 2**16:
                found.append((name, port))
        elif isinstance(value, str) and value:
            found.append((name, sound_text(value)))
    return found


def is_error(value: TagValue) -> bool:
    """An `error` tag means error whatever its value, but for false (Zipkin's convention)."""
    return not (value is False or (isinstance(value, str) and value.lower() == "false"))


class SpanWriter:
    """Adds Zipkin's spans to rows; one per decoding call."""

    def __init__(self, rows: Rows, received_ns: int) -> None:
        self._rows = rows
        self._received_ns = received_ns
        self._reporters: dict[tuple[Any, ...], int] = {}
        self.reporter: Reporter | None = None
        """Of the first span since this was last set to None."""

    def add(self, span: ZipkinSpan, *, shared: bool = False) -> bool:
        """Add a span; False when it has no ids. `shared`: it is the server's half, though it does not say so.

        The server's half of a shared span becomes the child of the client's half, which has the same id: so its parent
        is its own id (ours; LightStep knows one owner of an id). What it named as parent is kept in `extra`.
        """
        span_id, parent_id = read_id(span.id), span.parent_id
        named = read_id(parent_id) if parent_id else NO_ID
        parent = named.low
        marks = Marks(0)
        extra = named_texts(named.text)
        if shared or span.shared is True:
            marks = Marks.SHARED
            if parent:
                extra[SHARED_PARENT] = id_text(parent)
            parent = span_id.low
        if span.debug is True:
            extra["debug"] = True
        kind = Kind.UNSPECIFIED
        if span.kind is not None:
            kind_name = text_of(plain_value(span.kind))
            kind = kind_of(kind_name)
            if kind == Kind.UNSPECIFIED and kind_name:
                extra["kind_text"] = sound_text(kind_name)
        tags, told, status, meta = self._tags(span, kind)
        start_us = whole_number(span.timestamp)
        return self._rows.add(
            reporter=self._reporter(span),
            operation=span.name if isinstance(span.name, str) else text_of(plain_value(span.name)),
            trace=read_id(span.trace_id),
            span_id=span_id._replace(high=0) if span_id is not NO_ID else NO_ID,
            times=read_times(start_us * 1000, whole_number(span.duration) * 1000, self._received_ns),
            parent=parent,
            kind=kind or told,
            status=status,
            marks=marks | Marks.META_EVENT if meta else marks,
            tags=tags,
            logs=self._logs(span, start_us) if span.annotations else (),
            extra=extra or None,
        )

    def _reporter(self, span: ZipkinSpan) -> int:
        tags = span.tags if isinstance(span.tags, dict) else {}
        local = span.local_endpoint if isinstance(span.local_endpoint, dict) else {}
        known = (*map(tags.get, _SERVICE_TAGS), *map(local.get, PEER_TAGS))
        try:
            code = self._reporters.get(known)
        except TypeError:  # a list where a text should be
            known, code = (), None
        if code is None or self.reporter is None:
            reporter = reporter_of(span)
            self.reporter = self.reporter or reporter
            code = self._rows.reporter(reporter)
            if known:
                self._reporters[known] = code
        return code

    def _tags(self, span: ZipkinSpan, kind: Kind) -> tuple[list[int], Kind, Status, bool]:
        """(codes of the tags, the kind that a tag tells, status, whether it is a meta event)."""
        codes: list[int] = []
        told, status, meta, kind_told = Kind.UNSPECIFIED, Status.UNSET, False, False
        error_told = False
        code_of = self._rows.tag
        if isinstance(span.tags, dict):
            for key, sent in span.tags.items():
                if key == SERVICE_TAG:
                    continue
                value = sent if type(sent) is str else plain_value(sent)
                if key == "error":
                    status, error_told = Status.ERROR if is_error(value) else Status.UNSET, True
                elif key == STATUS_TAG and says_error(value) and not error_told:
                    status = Status.ERROR
                elif key == KIND_TAG:
                    told, kind_told = kind_of(value), True
                elif key == "lightstep.meta_event":
                    meta = is_error(value)
                codes.append(code_of(key, value))
        if kind and not kind_told:
            codes.append(code_of(KIND_TAG, kind.name.lower()))
        if span.remote_endpoint:
            codes += [code_of(*item) for item in endpoint_items(span.remote_endpoint, PEER_TAGS)]
        return codes, told, status, meta

    def _logs(self, span: ZipkinSpan, start_us: int) -> list[bytes]:
        """Annotations as logs with the field `event`; one without a time has that of the span's start."""
        logs: list[bytes] = []
        for annotation in span.annotations if isinstance(span.annotations, list) else []:
            if isinstance(annotation, dict) and (value := plain_value(annotation.get("value"))) is not None:
                time_us = whole_number(annotation.get("timestamp")) or start_us
                logs.append(self._rows.log(time_us * 1000, [("event", value)]))
        return logs


def address_text(address: bytes) -> str:
    """An IPv4 or IPv6 address of 4 or 16 bytes as text; "" for bytes of any other number."""
    if len(address) == 4:
        return str(IPv4Address(address))
    return str(IPv6Address(address)) if len(address) == 16 else ""
