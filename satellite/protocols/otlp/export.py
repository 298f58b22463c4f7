"""Spans written out as OTLP, protobuf and JSON: what `otlp.decode` reads again as the same spans.

Spans that came as OTLP go out as they came: the tags that `otlp_spans` added are left out again. Those of other
protocols are mapped as wire-protocols.md §10.3 says; what OTLP has no place for goes with them as attributes (ours):
`satellite.extra` of a span (baggage, the clock correction, …), `satellite.protocol` and `satellite.detail` of a resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as WireStatus

from satellite.model.reporter import UNKNOWN_SERVICE, Reporter, decode_reporter
from satellite.model.span import TagValue
from satellite.model.spans import Marks, SpanBatch, Status, decode_extra, id_text
from satellite.model.tag import decode_tag, encode_tag, text_of
from satellite.pb import satellite_model_pb2 as model
from satellite.protocols.otlp.events import REF_TYPE
from satellite.protocols.otlp.parts import PROTOCOL
from satellite.protocols.otlp.views import kind_view, scope_view, status_view

EXTRA_KEY, DETAIL_KEY, PROTOCOL_KEY = "satellite.extra", "satellite.detail", "satellite.protocol"

_LANGUAGES = {
    "go": "go",
    "jre": "java",
    "c++": "cpp",
    "python": "python",
    "node": "nodejs",
    "browser": "webjs",
    "ruby": "ruby",
    "php": "php",
    "csharp": "dotnet",
    "ios": "swift",
    "macos": "swift",
}
"""`lightstep.tracer_platform` → `telemetry.sdk.language`."""

_COMPONENT = "lightstep.component_name"
_RENAMED = (
    ("lightstep.hostname", "host.name"),
    ("hostname", "host.name"),
    ("lightstep.command_line", "process.command_line"),
    ("lightstep.tracer_platform_version", "telemetry.sdk.version"),
)
_EVENT_NAMES = ("event", "message", "name")
_MAX_64 = 2**64 - 1
_OWN_EXTRAS = frozenset(
    {
        "scope",
        "own",
        "kind",
        "status_code",
        "deprecated_status_code",
        "status_message",
        "malformed_status",
        "dropped_attributes_count",
        "dropped_events_count",
        "dropped_links_count",
        "flags",
        "trace_state",
        "start_time_unix_nano",
        "end_time_unix_nano",
        "parent_span_id",
    }
)


def encode_request(batch: SpanBatch) -> bytes:
    """One serialised ExportTraceServiceRequest with all spans, by reporter and scope, otherwise in order."""
    return bytes(trace_request(batch).SerializeToString())


def encode_request_json(batch: SpanBatch) -> bytes:
    """The same as OTLP's JSON: hex ids, enums as numbers."""
    request = trace_request(batch)
    made = MessageToDict(request, use_integers_for_enums=True)
    for message, shown in _paired(request, made, "resource_spans", "scope_spans", "spans"):
        _show_ids(message, shown, "trace_id", "span_id", "parent_span_id")
        for link, shown_link in zip(message.links, shown.get("links", ()), strict=True):
            _show_ids(link, shown_link, "trace_id", "span_id")
        unknown_fields: Any = UnknownFieldSet(message.status)  # its stubs say nothing of its contents
        for unknown in unknown_fields:
            shown["status"]["deprecatedCode"] = _signed(unknown.data)
    return msgspec.json.encode(made)


def _paired(
    message: Any, shown: dict[str, Any], name: str, *rest: str
) -> Iterable[tuple[Any, dict[str, Any]]]:
    """Each innermost message with its JSON."""
    camel = name.replace("_s", "S")
    for inner, shown_inner in zip(getattr(message, name), shown.get(camel, ()), strict=True):
        if rest:
            yield from _paired(inner, shown_inner, *rest)
        else:
            yield inner, shown_inner


def _show_ids(message: Any, shown: dict[str, Any], *names: str) -> None:
    for name in names:
        if value := getattr(message, name):
            first, *others = name.split("_")
            shown[first + "".join(map(str.capitalize, others))] = value.hex()


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def trace_request(batch: SpanBatch) -> ExportTraceServiceRequest:
    """All spans as OTLP's own message."""
    request = ExportTraceServiceRequest()
    writer = _Writer(batch)
    resources: dict[int, ResourceSpans] = {}
    scopes: dict[tuple[int, bytes], ScopeSpans] = {}
    table = batch.rows.to_pydict()
    for i in range(len(batch)):
        row = {name: column[i] for name, column in table.items()}
        extra = decode_extra(batch.extras[row["extra"]].as_py())
        scope = extra.get("scope", {})
        key = (row["reporter"], msgspec.msgpack.encode(scope))
        if key not in scopes:
            if key[0] not in resources:
                resources[key[0]] = request.resource_spans.add()
                _fill_resource(resources[key[0]], writer.reporter(key[0]))
            scopes[key] = resources[key[0]].scope_spans.add()
            _fill_scope(scopes[key], scope)
        writer.fill(scopes[key].spans.add(), row, extra)
    return request


def _fill_resource(spans: ResourceSpans, reporter: Reporter) -> None:
    resource, detail = spans.resource, reporter.detail
    resource.SetInParent()
    spans.schema_url = text_of(detail.get("schema_url"))
    if reporter.protocol != PROTOCOL:
        _add_all(resource, _mapped(reporter))
        return
    _add_all(resource, reporter.attributes)
    resource.dropped_attributes_count = detail.get("dropped_attributes_count", 0)
    for ref in detail.get("entity_refs", ()):
        resource.entity_refs.add(**ref)


def _mapped(reporter: Reporter) -> Iterable[tuple[str, TagValue]]:
    """Resource attributes of a reporter that spoke another protocol."""
    said = dict(reporter.attributes)
    made: dict[str, TagValue] = {}
    if reporter.service != UNKNOWN_SERVICE:
        made["service.name"] = reporter.service
    made |= {key: value for key, value in said.items() if key not in (_COMPONENT, "service.name")}
    for key, name in _RENAMED:
        if key in said:
            made.setdefault(name, said[key])
    if (language := _LANGUAGES.get(text_of(said.get("lightstep.tracer_platform")))) is not None:
        made.setdefault("telemetry.sdk.language", language)
    if reporter.id:
        made["service.instance.id"] = id_text(reporter.id)
    made[PROTOCOL_KEY] = reporter.protocol
    if reporter.detail:
        made[DETAIL_KEY] = reporter.detail
    return made.items()


def _fill_scope(spans: ScopeSpans, scope: Mapping[str, TagValue]) -> None:
    spans.schema_url = text_of(scope.get("schema_url"))
    message: InstrumentationScope = spans.scope
    message.name, message.version = text_of(scope.get("name")), text_of(scope.get("version"))
    message.dropped_attributes_count = scope.get("dropped_attributes_count", 0)
    _add_all(message, scope.get("attributes", ()))


@dataclass(slots=True)
class _Writer:
    """Fills in spans; keeps each distinct tag's attribute."""

    batch: SpanBatch
    _attributes: dict[int, KeyValue] = field(default_factory=dict)
    _reporters: dict[int, Reporter] = field(default_factory=dict)

    def reporter(self, code: int) -> Reporter:
        """The reporter of this position."""
        if code not in self._reporters:
            self._reporters[code] = decode_reporter(self.batch.reporters[code].as_py())
        return self._reporters[code]

    def fill(self, span: Span, row: Mapping[str, Any], extra: Mapping[str, TagValue]) -> None:
        """Fill in one span."""
        native = self.reporter(row["reporter"]).protocol == PROTOCOL
        own_trace = (row["trace_high"], row["trace_low"])
        span.trace_id, span.span_id = _trace_bytes(*own_trace), row["span_id"].to_bytes(8, "big")
        if "parent_span_id" in extra and native:
            span.parent_span_id = bytes.fromhex(extra["parent_span_id"])
        elif parent := _parent_id(row, extra):
            span.parent_span_id = parent
        span.name = self.batch.names[row["name"]].as_py().decode("utf-8", "replace")
        _fill_times(span, row, extra if native else {})
        for encoded in row["logs"]:
            _fill_event(span.events.add(), encoded, native=native, offset_us=extra.get("offset_us", 0))
        for encoded in row["references"]:
            _add_link(span, encoded, own_trace, native=native)
        if not native:
            self._fill_foreign(span, row, extra)
            return
        span.kind = extra.get("kind", row["kind"])
        span.trace_state = extra.get("trace_state", "")
        span.flags = extra.get("flags", 0)
        span.dropped_attributes_count = extra.get("dropped_attributes_count", 0)
        span.dropped_events_count = extra.get("dropped_events_count", 0)
        span.dropped_links_count = extra.get("dropped_links_count", 0)
        _fill_status(span, row["status"], extra)
        self._add_tags(span, row["tags"], _added(row, extra))

    def _fill_foreign(self, span: Span, row: Mapping[str, Any], extra: Mapping[str, TagValue]) -> None:
        span.kind = row["kind"]
        if row["status"]:
            span.status.code = row["status"]
        self._add_tags(span, row["tags"], set())
        if extra:
            _add(span, EXTRA_KEY, dict(extra))

    def _add_tags(self, span: Span, codes: Iterable[int], left_out: set[bytes]) -> None:
        """The tags as attributes, but for the first of each to be left out."""
        for code in codes:
            if left_out:
                encoded = self.batch.tags[code].as_py()
                if encoded in left_out:
                    left_out.remove(encoded)
                    continue
            if code not in self._attributes:
                self._attributes[code] = _attribute(*decode_tag(self.batch.tags[code].as_py()))
            span.attributes.append(self._attributes[code])


def _parent_id(row: Mapping[str, Any], extra: Mapping[str, TagValue]) -> bytes:
    """The parent in bytes, b"" for none. The server's half of a shared id has the parent that both halves named."""
    if row["marks"] & Marks.SHARED and row["parent_id"] == row["span_id"]:
        return bytes.fromhex(text_of(extra.get("shared_parent_id", "")))
    return row["parent_id"].to_bytes(8, "big") if row["parent_id"] else b""


def _added(row: Mapping[str, Any], extra: Mapping[str, TagValue]) -> set[bytes]:
    """The tags that `otlp_spans` added to this span."""
    status = row["status"] if "status_code" not in extra else Status.UNSET
    if extra.get("status_code") in (Status.UNSET, Status.OK):
        status = extra["status_code"]
    views = (
        kind_view(row["kind"])
        | status_view(status, extra.get("status_message", ""))
        | scope_view(extra.get("scope", {}))
    )
    own = extra.get("own", ())
    return {encode_tag(key, value) for key, value in views.items() if key not in own}


def _fill_times(span: Span, row: Mapping[str, Any], extra: Mapping[str, TagValue]) -> None:
    start_ns, end_ns = row["start_ns"], row["start_ns"] + row["duration_ns"]
    span.start_time_unix_nano = extra.get("start_time_unix_nano", max(0, start_ns))
    span.end_time_unix_nano = extra.get("end_time_unix_nano", max(0, min(end_ns, _MAX_64)))


def _fill_status(span: Span, status: int, extra: Mapping[str, TagValue]) -> None:
    code = extra.get("status_code", status)
    message = extra.get("status_message", "")
    deprecated = extra.get("deprecated_status_code", 0)
    if code or message or deprecated:
        made: WireStatus = span.status
        made.SetInParent()
        made.code, made.message = code, message
        if deprecated:  # a field that has left the schema
            made.MergeFromString(model.Reference(relationship=deprecated).SerializeToString())


def _fill_event(event: Span.Event, encoded: bytes, *, native: bool, offset_us: int) -> None:
    try:
        log = model.Log.FromString(encoded)
        fields = [decode_tag(entry) for entry in log.fields]
    except DecodeError:
        _add(event, "satellite.malformed_log", encoded)
        return
    time_ns = log.timestamp.seconds * 1_000_000_000 + log.timestamp.nanos
    event.name = log.name.decode("utf-8", "replace")
    if not native:
        time_ns += offset_us * 1000
        event.name = event.name or _event_name(fields)
        if ("event", event.name) in fields:
            fields.remove(("event", event.name))
    event.time_unix_nano = max(0, min(time_ns, _MAX_64))
    event.dropped_attributes_count = log.dropped_count
    _add_all(event, fields)


def _event_name(fields: list[tuple[str, TagValue]]) -> str:
    """What a log calls itself (wire-protocols.md §10.2); "" when it does not."""
    values = dict(fields)
    return next((values[key] for key in _EVENT_NAMES if isinstance(values.get(key), str)), "")


def _add_link(span: Span, encoded: bytes, own_trace: tuple[int, int], *, native: bool) -> None:
    """A reference as a link, unless it is the parent's."""
    reference = model.Reference.FromString(encoded)
    context = reference.span_context
    own = not context.trace_id and not context.trace_id_high
    parent = context.span_id.to_bytes(8, "big") == span.parent_span_id
    if not reference.relationship and (own or not native) and parent and not reference.attributes:
        trace = own_trace if own else (context.trace_id_high, context.trace_id)
        if trace == own_trace:
            return
    link = span.links.add(
        trace_state=reference.trace_state.decode("utf-8", "replace"),
        dropped_attributes_count=reference.dropped_count,
        flags=reference.flags,
    )
    attributes = [decode_tag(tag) for tag in reference.attributes]
    if not native:
        link.trace_id = _trace_bytes(*(own_trace if own else (context.trace_id_high, context.trace_id)))
        link.span_id = context.span_id.to_bytes(8, "big")
        if REF_TYPE not in dict(attributes):
            attributes.append((REF_TYPE, "follows_from" if reference.relationship else "child_of"))
    else:
        link.trace_id = b"" if own else _trace_bytes(context.trace_id_high, context.trace_id)
        link.span_id = context.span_id.to_bytes(8, "big") if context.span_id else b""
    _add_all(link, attributes)


# Values


def _trace_bytes(high: int, low: int) -> bytes:
    return high.to_bytes(8, "big") + low.to_bytes(8, "big")


def _add_all(message: Any, attributes: Iterable[Iterable[Any]]) -> None:
    for key, value in attributes:
        _add(message, key, value)


def _add(message: Any, key: str, value: TagValue) -> None:
    message.attributes.append(_attribute(key, value))


def _attribute(key: str, value: TagValue) -> KeyValue:
    made = KeyValue(key=key)
    made.value.SetInParent()
    _fill_value(made.value, value)
    return made


def _fill_value(message: AnyValue, value: TagValue) -> None:
    match value:
        case None:
            pass
        case bool():
            message.bool_value = value
        case int() if -(2**63) <= value < 2**63:
            message.int_value = value
        case float():
            message.double_value = value
        case bytes():
            message.bytes_value = value
        case list() | tuple():
            message.array_value.SetInParent()
            for item in value:
                _fill_value(message.array_value.values.add(), item)
        case dict():
            message.kvlist_value.SetInParent()
            for key, inner in value.items():
                pair = message.kvlist_value.values.add(key=str(key))
                pair.value.SetInParent()
                _fill_value(pair.value, inner)
        case _:
            message.string_value = str(value)
