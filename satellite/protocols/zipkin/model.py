"""Zipkin's own span, whatever form it came in, and what it means to us."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

import msgspec

from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.span import TagValue
from satellite.model.spans import Kind, Marks, Status, id_text
from satellite.model.tag import text_of
from satellite.protocols.halves import SHARED_PARENT, share
from satellite.protocols.id_texts import named_texts
from satellite.protocols.rows import Rows
from satellite.protocols.values import (
    KIND_TAG,
    NO_ID,
    SERVICE_TAG,
    STATUS_TAG,
    kind_of,
    moment_us,
    plain_value,
    read_id,
    read_times,
    says_error,
    sound_text,
    whole_number,
)

NAME = "zipkin"

PEER_TAGS = {
    "serviceName": "peer.service",
    "ipv4": "peer.ipv4",
    "ipv6": "peer.ipv6",
    "port": "peer.port",
}
"""Field of a remote endpoint → tag."""

ADDRESS_FIELDS = ("ipv4", "ipv6", "port")
"""Of a local endpoint; attributes of the reporter under these names (ours)."""


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


def reporter_of(tags: Mapping[str, Any], local: Mapping[str, Any]) -> Reporter:
    """Who sent a span: its local endpoint, of which tags may tell the service too."""
    service = tags.get(SERVICE_TAG) or local.get("serviceName") or tags.get(_COMPONENT_TAG) or ""
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


_COMPONENT_TAG = "lightstep.component_name"
TELLING = frozenset((SERVICE_TAG, _COMPONENT_TAG, "error", STATUS_TAG, KIND_TAG, "lightstep.meta_event"))
"""Keys of tags that say something of their span, or of who sent it."""
_NO_MARKS = Marks(0)
_KIND_TAGS = {kind: kind.name.lower() for kind in Kind}


class _Told(NamedTuple):
    """What tags say of their span."""

    kind: Kind | None = None
    status: Status = Status.UNSET
    marks: Marks = _NO_MARKS


_NOTHING = _Told()


class Meaning(NamedTuple):
    """What a span is by its kind, flags and tags."""

    kind: Kind
    kind_text: str
    """The value of the tag that tells the kind; "" when it is unknown, or the span has such a tag."""
    status: Status
    marks: Marks
    extra: dict[str, TagValue] | None


class SpanWriter:
    """Adds the spans of one report to rows."""

    def __init__(self, rows: Rows, received_ns: int) -> None:
        self._rows = rows
        self._received_ns = received_ns
        self._reporters: dict[tuple[Any, ...], int] = {}
        self.reporter: Reporter | None = None
        """Of the first span."""
        self._halves: set[Kind] = set()
        """The kinds of the spans so far."""

    def add(self, span: ZipkinSpan) -> bool:
        """Add a span; False when it has no ids.

        The server's half of a shared span becomes the child of the client's half, which has the same id: so its parent
        is its own id (ours; LightStep knows one owner of an id). What it named as parent is kept in `extra`.
        """
        span_id, parent_id = read_id(span.id), span.parent_id
        named = read_id(parent_id) if parent_id else NO_ID
        parent = named.low
        start_us = moment_us(span.timestamp)
        sent_tags = span.tags if isinstance(span.tags, dict) else {}
        meaning = self.meaning(span.kind, span.debug, span.shared, sent_tags)
        extra: dict[str, TagValue] = named_texts(named.text) if named.text else {}
        if span.shared is True:
            extra |= {SHARED_PARENT: id_text(parent)} if parent else {}
            parent = span_id.low
        tags = self._rows.tags({key: value for key, value in sent_tags.items() if key != SERVICE_TAG})
        if meaning.kind_text:
            tags.append(self._rows.tag(KIND_TAG, meaning.kind_text))
        if span.remote_endpoint:
            tags += [self._rows.tag(*item) for item in endpoint_items(span.remote_endpoint, PEER_TAGS)]
        return self._rows.add(
            reporter=self.reporter_code(sent_tags, span.local_endpoint),
            operation=span.name if isinstance(span.name, str) else text_of(plain_value(span.name)),
            trace=read_id(span.trace_id),
            span_id=span_id._replace(high=0) if span_id.high else span_id,
            times=read_times(start_us * 1000, whole_number(span.duration) * 1000, self._received_ns),
            parent=parent,
            kind=meaning.kind,
            status=meaning.status,
            marks=meaning.marks,
            tags=tags,
            logs=self.logs(span.annotations, start_us) if span.annotations else (),
            extra=extra | (meaning.extra or {}) or None,
        )

    def meaning(self, kind_sent: Any, debug: Any, shared: Any, tags: Mapping[str, Any]) -> Meaning:
        """What these fields of a span mean; nothing is checked yet."""
        extra: dict[str, TagValue] = {"debug": True} if debug is True else {}
        kind = Kind.UNSPECIFIED
        if kind_sent is not None:
            kind_name = text_of(plain_value(kind_sent))
            kind = kind_of(kind_name)
            if kind == Kind.UNSPECIFIED and kind_name:
                extra["kind_text"] = sound_text(kind_name)
        told = _NOTHING if TELLING.isdisjoint(tags) else _told(tags)
        kind_text = _KIND_TAGS[kind] if kind and told.kind is None else ""
        kind = kind or told.kind or kind
        self._halves.add(kind)
        marks = Marks.SHARED if shared is True else _NO_MARKS
        return Meaning(kind, kind_text, told.status, marks | told.marks, extra or None)

    def share(self, start: int) -> None:
        """Find the halves of one span among those from a row on: the server's is shared though it did not say so."""
        if self._halves.issuperset((Kind.SERVER, Kind.CLIENT)):
            share(self._rows, start)

    def reporter_code(self, tags: Mapping[str, Any], endpoint: Any) -> int:
        """The code of who sent a span with these tags and this local endpoint."""
        local = endpoint if isinstance(endpoint, dict) else {}
        known: tuple[Any, ...] = (
            tags.get(SERVICE_TAG),
            tags.get(_COMPONENT_TAG),
            local.get("serviceName"),
            local.get("ipv4"),
            local.get("ipv6"),
            local.get("port"),
        )
        try:
            code = self._reporters.get(known)
        except TypeError:  # a list where a text should be
            known, code = (), None
        if code is None or self.reporter is None:
            reporter = reporter_of(tags, local)
            self.reporter = self.reporter or reporter
            code = self._rows.reporter(reporter)
            if known:
                self._reporters[known] = code
        return code

    def logs(self, annotations: Any, start_us: int) -> list[bytes]:
        """Annotations as logs with the field `event`; one without a time has that of the span's start."""
        logs: list[bytes] = []
        for annotation in annotations if isinstance(annotations, list) else []:
            if isinstance(annotation, dict) and (value := plain_value(annotation.get("value"))) is not None:
                time_us = moment_us(annotation.get("timestamp")) or start_us
                logs.append(self._rows.log(time_us * 1000, [("event", value)]))
        return logs


def _told(tags: Mapping[str, Any]) -> _Told:
    kind, status, marks = None, Status.UNSET, _NO_MARKS
    if KIND_TAG in tags:
        kind = kind_of(plain_value(tags[KIND_TAG]))
    if "error" in tags:
        status = Status.ERROR if is_error(plain_value(tags["error"])) else Status.UNSET
    elif STATUS_TAG in tags and says_error(plain_value(tags[STATUS_TAG])):
        status = Status.ERROR
    if is_error(plain_value(tags.get("lightstep.meta_event", False))):
        marks = Marks.META_EVENT
    return _Told(kind, status, marks)


def address_text(address: bytes) -> str:
    """An IPv4 or IPv6 address of 4 or 16 bytes as text; "" for bytes of any other number."""
    if len(address) == 4:
        return str(IPv4Address(address))
    return str(IPv6Address(address)) if len(address) == 16 else ""
