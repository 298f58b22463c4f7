"""LightStep's own report as proto3 JSON: `POST /api/v2/reports` from C#, OpenTelemetry JS and OpenTelemetry .NET.

Accepted are lowerCamel and original names,
integers as text or number (exact: never through a double), enums by name or number, times of 0–9 and more fraction
digits; unknown keys are ignored. A value of the wrong kind is left out and said, it does not cost the report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.json_format import MessageToJson

from satellite.errors import BadReport
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.span import PARENT_TAG, TagValue
from satellite.model.tag import JsonText, text_of
from satellite.pb import lightstep_collector_pb2 as collector
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.lightstep.meanings import hex_id
from satellite.protocols.lightstep.report import SpanWriter, clean, plain
from satellite.protocols.readers.json_document import clean_text
from satellite.protocols.readers.json_parts import Elements, read_members
from satellite.protocols.references import SentReference, read_references
from satellite.protocols.rows import Rows, decode_rows
from satellite.protocols.time_text import read_time
from satellite.protocols.values import MASK, SpanId
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

NAME = "lightstep_json"
JSON = "application/json"
CONTENT_TYPES = (JSON, "text/plain", "text/json")
"""`text/plain` is what a browser's beacon sends."""

_DECIMAL = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_HEX_ID = re.compile(r"(?:0[xX])?[0-9a-fA-F]{1,32}")

_KINDS = ("stringValue", "intValue", "doubleValue", "boolValue", "jsonValue")
_VALUES = {name: name for name in _KINDS} | {name.replace("Value", "_value"): name for name in _KINDS}
"""Either spelling → the first."""
_KEY_AND_VALUES = {"key", *_VALUES}

_READ = {
    "reporter",
    "auth",
    "timestampOffsetMicros",
    "timestamp_offset_micros",
    "internalMetrics",
    "internal_metrics",
}
"""What a report without spans may say."""


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport (TooLarge) per body, and the spans of all good ones in one batch."""
    return decode_rows(bodies, lambda body, rows: _report(body, rows, received_ns))


def _report(body: bytes, rows: Rows, received_ns: int) -> Report:
    """Add the spans of one body."""
    try:
        return _Request(read_members(body, "spans"), rows).read(received_ns)
    except RecursionError as error:
        raise BadReport("JSON is nested too deeply") from error


class _Request:
    """One ReportRequest, on its way from JSON to rows."""

    def __init__(self, request: dict[str, Any], rows: Rows) -> None:
        self._request = request
        self._rows = rows
        self._unfit = 0
        self._in_hex = False

    def read(self, received_ns: int) -> Report:
        """Add the spans; what was of the wrong kind is counted in the report's warnings."""
        request = self._request
        offset_us = self._integer(_field(request, "timestampOffsetMicros", "timestamp_offset_micros"))
        writer = SpanWriter(self._rows, received_ns, self._reporter(_object(request, "reporter")), offset_us)
        malformed = nameless = 0
        for span in self._list(_field(request, "spans")):
            if not isinstance(span, dict):
                malformed += 1
            elif not self._span(span, writer):
                nameless += 1
        report = writer.finish(malformed, nameless)
        token = _field(_object(request, "auth"), "accessToken", "access_token")
        report.token = clean_text(token) if isinstance(token, str) else ""
        metrics = _object(request, "internalMetrics", "internal_metrics")
        for sample in self._objects(_field(metrics, "counts")):
            self._count(sample, report.counters)
        if "spans" not in request and (unread := sorted(request.keys() - _READ)):
            report.warnings.append(
                f"spans are expected in 'spans'; {clean_text(unread[0])[:40]!r} was not read"
            )
        if self._in_hex:
            report.warnings.append(
                "ids came in hex digits; they are numbers here, and one without letters is read as decimal"
            )
        if self._unfit:
            report.warnings.append(f"{self._unfit} values were of the wrong kind and were left out")
        return report

    def _reporter(self, reporter: dict[str, Any]) -> Reporter:
        attributes = {str(clean(key)): clean(value) for key, value in self._tags(_field(reporter, "tags"))}
        return Reporter(
            protocol=NAME,
            service=text_of(attributes.get("lightstep.component_name")) or UNKNOWN_SERVICE,
            id=self._id(_field(reporter, "reporterId", "reporter_id")),
            attributes=tuple(attributes.items()),
        )

    def _count(self, sample: dict[str, Any], counters: dict[str, float]) -> None:
        name = _field(sample, "name")
        value = _field(sample, "intValue", "int_value")
        number: float | None
        if value is None:
            number = self._double(_field(sample, "doubleValue", "double_value"))
        else:
            number = self._integer(value)
        if not isinstance(name, str) or not name or number is None or not _fits(number):
            return
        name = str(clean(name))
        name = "spans.dropped" if name == "dropped_spans" else name
        counters[name] = counters.get(name, 0) + number

    def _span(self, span: dict[str, Any], writer: SpanWriter) -> bool:
        """Whether it has an id and was added."""
        rows = self._rows
        context = _object(span, "spanContext", "span_context")
        trace_id = self._id(_field(context, "traceId", "trace_id"))
        span_id = self._id(_field(context, "spanId", "span_id"))
        if not trace_id and not span_id:
            return False
        name = _field(span, "operationName", "operation_name")
        tags = [rows.tag(key, value) for key, value in self._tags(_field(span, "tags"))]
        told = rows.told(tags)
        named = [self._reference(entry) for entry in self._objects(_field(span, "references"))]
        parent, references = read_references(named, SpanId(0, trace_id), SpanId(0, span_id))
        baggage = {
            clean_text(key): clean(value if isinstance(value, str) else text_of(clean(value)))
            for key, value in _object(context, "baggage").items()
        }
        writer.add(
            operation=name if isinstance(name, str) else text_of(clean(name)),
            trace_id=trace_id,
            span_id=span_id,
            start_ns=self._time(_field(span, "startTimestamp", "start_timestamp")),
            duration_us=_signed(self._micros(_field(span, "durationMicros", "duration_micros"))),
            tags=tags,
            told=told,
            parent=parent or next((hex_id(value) for key, value in told[::-1] if key == PARENT_TAG), 0),
            logs=[
                rows.log(self._time(_field(entry, "timestamp")), self._tags(_field(entry, "fields")))
                for entry in self._objects(_field(span, "logs"))
            ],
            references=references,
            extra={"baggage": baggage} if baggage else None,
        )
        return True

    def _reference(self, entry: dict[str, Any]) -> SentReference:
        context = _object(entry, "spanContext", "span_context")
        return SentReference(
            follows=_field(entry, "relationship") in ("FOLLOWS_FROM", 1, "1"),
            trace=SpanId(0, self._id(_field(context, "traceId", "trace_id"))),
            span_id=self._id(_field(context, "spanId", "span_id")),
        )

    def _tags(self, entries: Any) -> Iterator[tuple[str, TagValue]]:
        """(key, typed value) of each KeyValue that is not empty; or of each member of an object, as other protocols have tags."""
        if isinstance(entries, dict) and "key" not in entries:
            yield from ((key, plain(value)) for key, value in entries.items())
            return
        entries = [entries] if isinstance(entries, dict) else entries
        for entry in self._objects(entries):
            key, kind, value = entry.get("key"), "", entry.get("stringValue")
            if len(entry) == 2 and isinstance(key, str) and isinstance(value, str):  # the usual one
                yield key, value
                continue
            value = None
            for name, found in entry.items():
                if name in _VALUES and found is not None:
                    kind, value = _VALUES[name], found
            self._unfit += value is None and not entry.keys() <= _KEY_AND_VALUES
            if key is None and value is None:
                continue
            value = plain(self._value(kind, value))
            yield (
                key if isinstance(key, str) else text_of(clean(key)),
                JsonText(value) if kind == "jsonValue" and isinstance(value, str) else value,
            )

    @staticmethod
    def _value(kind: str, value: Any) -> TagValue:
        """A value as its kind wants it; as it came where it cannot be that."""
        match kind:
            case "intValue":
                return value if (integer := _exact(value)) is None else integer
            case "doubleValue":
                return value if (number := _number(value)) is None else number
            case "boolValue" if isinstance(value, str):
                return {"true": True, "false": False}.get(value.lower(), value)
            case "stringValue" | "jsonValue" if not isinstance(value, str):
                return text_of(value) if isinstance(value, bool | int | float) else value
            case _:
                return value

    def _objects(self, value: Any) -> Iterator[dict[str, Any]]:
        for entry in self._list(value):
            if isinstance(entry, dict):
                yield entry
            else:
                self._unfit += 1

    def _list(self, value: Any) -> Iterable[Any]:
        if isinstance(value, list | Elements):
            return value
        self._unfit += value is not None
        return ()

    def _id(self, value: Any) -> int:
        """64 bits; a negative number is taken for the same bits signed, a text with letters for hex digits, as ids are shown."""
        if isinstance(value, str) and _HEX_ID.fullmatch(value) and not _DECIMAL.fullmatch(value):
            self._in_hex = True
            return int(value, 16) & MASK
        number = self._integer(value)
        if -(2**63) <= number <= MASK:
            return number & MASK
        self._unfit += 1
        return 0

    def _micros(self, value: Any) -> int:
        """As `_integer`; of a fraction, as JavaScript's clocks have them, the whole µs."""
        number = _number(value) if isinstance(value, str | float) and _exact(value) is None else None
        return self._integer(value) if number is None or not math.isfinite(number) else int(number)

    def _integer(self, value: Any) -> int:
        """0 for none."""
        if value is None or value == "":
            return 0
        number = _exact(value)
        if number is None:
            self._unfit += 1
            return 0
        return number

    def _double(self, value: Any) -> float | None:
        number = None if value is None else _number(value)
        self._unfit += value is not None and number is None
        return number

    def _time(self, value: Any) -> int:
        """Ns since the epoch of an RFC 3339 text; 0 for none."""
        if value is None:
            return 0
        if isinstance(value, str):
            time_ns = read_time(value)
        elif isinstance(value, dict):  # the message field by field, as hand-written senders have it
            time_ns = self._integer(value.get("seconds")) * 1_000_000_000 + self._integer(value.get("nanos"))
        else:
            time_ns = None
        if time_ns is None:
            self._unfit += 1
            return 0
        return time_ns


def _field(found: dict[str, Any], name: str, original: str = "") -> Any:
    """A field by its lowerCamel or original name; None for absent and for null."""
    value = found.get(name)
    return found.get(original) if value is None and original else value


def _object(found: dict[str, Any], name: str, original: str = "") -> dict[str, Any]:
    value = _field(found, name, original)
    return value if isinstance(value, dict) else {}


def _exact(value: Any) -> int | None:
    """The integer that a number or a text is; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return int(value) if _DECIMAL.fullmatch(value) else None
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _number(value: Any) -> float | None:
    """The number that a number or a text is, `NaN` and `Infinity` among the texts."""
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def _fits(number: float) -> bool:
    """Whether a count is one to add up."""
    return -(2**63) <= number < 2**64 and math.isfinite(number)


def _signed(duration_us: int) -> int:
    """Unsigned on the wire; tracers let a negative duration wrap."""
    return duration_us - 2**64 if 2**63 <= duration_us <= MASK else duration_us


def encode(receipt: Receipt, head: RequestHead) -> Reply:
    """The codec's answer, as JSON where Accept wants that, or wants anything and the request was JSON.

    C# posts JSON, but accepts and reads only protobuf.
    """
    reply = lightstep.encode(receipt, head)
    anything = head.accept in ("", "*/*") and head.content_type in CONTENT_TYPES
    if reply.content_type != lightstep.PROTOBUF or not (anything or head.accept == JSON):
        return reply
    response = collector.ReportResponse.FromString(reply.body)
    return Reply(reply.status, JSON, MessageToJson(response, indent=None).encode())


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/api/v2/reports"), ("POST", "/api/v2/report")),
    grpc_methods=(),
    content_types=CONTENT_TYPES,
    decode=decode,
    encode=encode,
)
