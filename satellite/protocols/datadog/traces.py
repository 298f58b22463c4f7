"""Datadog's tracers: `PUT` or `POST` of `/v0.5/traces`, `/v0.4/traces` and `/v0.3/traces`, MessagePack.

A body is a list of traces, each a list of spans that are maps; of v0.5 a list of all texts, and traces whose spans are
lists with places in it (`string_table`). The body itself says which. Facts: the wire reference, section 8.3; LightStep's forks of these
tracers put the access token and the service into `meta`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from satellite.errors import BadReport, SatelliteError
from satellite.model.access_tokens import without_tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.span import TagValue
from satellite.model.spans import Kind, Marks, Status
from satellite.model.tags import text_of
from satellite.protocols.datadog import string_table
from satellite.protocols.readers.messagepack import check_size, read_value
from satellite.protocols.rows import (
    KIND_TAG,
    MASK,
    SERVICE_TAG,
    STATUS_TAG,
    VALUES_MAX,
    Rows,
    SpanId,
    check_spans,
    is_true,
    kind_of,
    plain_reply,
    plain_value,
    read_id,
    read_times,
    say_broken,
    say_dropped,
    says_error,
    sound_text,
    whole_number,
)
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

NAME = "datadog"
RESOURCE_TAG, TYPE_TAG = "resource.name", "span.type"
"""Tags for what Datadog has as fields (its own names for them in searches)."""

UNCHECKED_BYTES = 2**20
"""Up to here a body is read without counting what is in it: one byte may become a hundred of memory, not more."""

ACCEPTED = b'{"rate_by_service":{}}'
"""No sampling rates: keep sending everything."""

_HIGH_TAG = "_dd.p.tid"
"""In `meta` of the first span of a chunk, the upper half of the 128-bit trace id of all of it, 16 hex digits."""


class DatadogSpan(msgspec.Struct):
    """A span as it came; nothing is checked yet."""

    trace_id: Any = None
    span_id: Any = None
    parent_id: Any = None
    name: Any = None
    resource: Any = None
    service: Any = None
    type: Any = None
    error: Any = None
    meta: Any = None
    metrics: Any = None
    start: Any = None
    """ns."""
    duration: Any = None
    """ns."""


_FIELDS = frozenset(DatadogSpan.__struct_fields__)
_READER = msgspec.msgpack.Decoder(list[list[DatadogSpan]])


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per body, and the spans of all good ones in one batch."""
    rows = Rows()
    outcomes: list[Report | SatelliteError] = []
    for body in bodies:
        try:
            traces, malformed = _read(body)
        except SatelliteError as refusal:
            outcomes.append(refusal)
        else:
            outcomes.append(_Writer(rows, received_ns).report(traces, malformed))
    return without_tokens(Decoded(rows.build(), outcomes), bare=True)


def _read(body: bytes) -> tuple[list[list[DatadogSpan]], int]:
    """(the traces, how many elements were none)."""
    if not body:
        return [], 0
    if len(body) > UNCHECKED_BYTES:
        check_size(body, VALUES_MAX)
    try:
        if string_table.is_one(body):
            traces = _expanded(string_table.read(body))
        else:
            traces = _READER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_patiently(body)
    check_spans(sum(map(len, traces)), len(body))
    return traces, 0


def _expanded(traces: list[list[dict[str, Any]]]) -> list[list[DatadogSpan]]:
    return [[DatadogSpan(**span) for span in trace] for trace in traces]


def _read_patiently(body: bytes) -> tuple[list[list[DatadogSpan]], int]:
    """As `_read`, for bodies of which something is odd: one text or element must not cost the others."""
    document = read_value(body, VALUES_MAX)
    if not isinstance(document, list):
        raise BadReport("not Datadog: a MessagePack list of traces is expected")
    if string_table.is_one(body):
        found, malformed = string_table.expand(document)
        traces = _expanded(found)
    else:
        traces, malformed = [], 0
        for trace in document:
            spans: list[DatadogSpan] = []
            for element in trace if isinstance(trace, list) else [trace]:
                if isinstance(element, dict):
                    spans.append(DatadogSpan(**{name: element[name] for name in _FIELDS & element.keys()}))
                else:
                    malformed += element is not None
            traces.append(spans)
    count = sum(map(len, traces))
    check_spans(count, len(body))
    if malformed and not count:
        raise BadReport("not Datadog: a list without spans")
    return traces, malformed


class _Writer:
    """Adds the spans of one report to rows."""

    def __init__(self, rows: Rows, received_ns: int) -> None:
        self._rows = rows
        self._received_ns = received_ns
        self._reporters: dict[str, int] = {}
        self._reporter: Reporter | None = None

    def report(self, traces: Sequence[Sequence[DatadogSpan]], malformed: int) -> Report:
        start, broken = len(self._rows), self._rows.broken
        nameless = 0
        for spans in traces:
            highs = _highs(spans)
            nameless += sum(not self._add(span, highs) for span in spans)
        report = Report("", self._reporter or Reporter(NAME), slice(start, len(self._rows)))
        say_dropped(report, "no_ids", nameless, "without trace id and span id")
        say_dropped(report, "malformed", malformed, "that cannot be read")
        say_broken(report, self._rows.broken - broken)
        return report

    def _add(self, span: DatadogSpan, highs: dict[int, int]) -> bool:
        code_of = self._rows.tag
        codes: list[int] = []
        kind, marks = Kind.UNSPECIFIED, Marks(0)
        failed = span.error is True or whole_number(span.error) != 0
        service = ""
        error_told = False
        for key, sent in _items(span.meta):
            value: TagValue = sent if type(sent) is str else plain_value(sent)
            if key == SERVICE_TAG:
                service = text_of(value)
                continue
            if key == KIND_TAG:
                kind = kind_of(value)
            elif key == "error":
                failed, error_told = failed or is_true(value), True
            elif key == STATUS_TAG:
                failed = failed or says_error(value)
            elif key == "lightstep.meta_event" and is_true(value):
                marks = Marks.META_EVENT
            codes.append(code_of(key, value))
        codes += [code_of(key, plain_value(value)) for key, value in _items(span.metrics)]
        for key, value in ((RESOURCE_TAG, span.resource), (TYPE_TAG, span.type)):
            if value:
                codes.append(code_of(key, plain_value(value)))
        if failed and not error_told:
            codes.append(code_of("error", True))
        trace = _id(span.trace_id)
        return self._rows.add(
            reporter=self._code(service or text_of(plain_value(span.service))),
            operation=text_of(plain_value(span.name)),
            trace=trace._replace(high=highs[trace.low]) if trace.low in highs and not trace.high else trace,
            span_id=_id(span.span_id),
            times=read_times(whole_number(span.start), whole_number(span.duration), self._received_ns),
            parent=_id(span.parent_id).low,
            kind=kind,
            status=Status.ERROR if failed else Status.UNSET,
            marks=marks,
            tags=codes,
        )

    def _code(self, service: str) -> int:
        code = self._reporters.get(service)
        if code is None:
            reporter = Reporter(NAME, sound_text(service) or UNKNOWN_SERVICE)
            self._reporter = self._reporter or reporter
            code = self._reporters[service] = self._rows.reporter(reporter)
        return code


def _highs(spans: Sequence[DatadogSpan]) -> dict[int, int]:
    """The upper halves that the spans of a chunk tell, by the lower half."""
    highs: dict[int, int] = {}
    for span in spans:
        if isinstance(span.meta, dict) and (told := span.meta.get(_HIGH_TAG)) is not None:
            upper = read_id(plain_value(told))
            if upper.low and not upper.text:
                highs.setdefault(_id(span.trace_id).low, upper.low)
    highs.pop(0, None)
    return highs


def _items(value: Any) -> list[tuple[str, Any]]:
    """The pairs of a map; keys that are no text become text."""
    if not isinstance(value, dict):
        return []
    return [(key if isinstance(key, str) else repr(key), inner) for key, inner in value.items()]


def _id(value: Any) -> SpanId:
    """A 64-bit number; here texts are decimal."""
    if type(value) is int and 0 <= value <= MASK:
        return SpanId(0, value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 39:
        return read_id(int(value))
    if isinstance(value, bytes) and len(value) <= 16:
        return read_id(int.from_bytes(value, "big"))
    return read_id(value)


def encode(receipt: Receipt, _head: RequestHead) -> Reply:
    """200 and no sampling rates, which Envoy's and all other tracers want to read; refusals as text."""
    if receipt.refusal is None:
        return Reply(200, "application/json", ACCEPTED)
    return plain_reply(receipt, 200)


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=tuple(
        (method, path)
        for path in ("/v0.5/traces", "/v0.4/traces", "/v0.3/traces")
        for method in ("PUT", "POST")
    ),
    grpc_methods=(),
    content_types=("application/msgpack", "application/x-msgpack", "application/vnd.msgpack"),
    decode=decode,
    encode=encode,
)
