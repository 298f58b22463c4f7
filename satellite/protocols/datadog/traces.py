"""Datadog's tracers: `PUT` or `POST` of `/v0.5/traces`, `/v0.4/traces` and `/v0.3/traces`, MessagePack, or JSON as people write it.

A body is a list of traces, each a list of spans that are maps; of v0.5 a list of all texts, and traces whose spans are
lists with places in it (`string_table`). The body itself says which. Facts: the wire reference, section 8.3; LightStep's forks of these
tracers put the access token and the service into `meta`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from satellite.errors import BadReport, TooLarge
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.spans import Kind, Marks, Status, encode_reference
from satellite.model.tag import text_of
from satellite.protocols.datadog import string_table
from satellite.protocols.datadog.links_and_events import (
    EVENTS_TAG,
    LINKS_TAG,
    in_text,
    moments,
    objects,
    references,
)
from satellite.protocols.readers.json_document import read_json
from satellite.protocols.readers.messagepack import list_at, read_value, skip
from satellite.protocols.refused import plain_reply
from satellite.protocols.rows import Rows, check_spans, decode_rows, say_broken, say_dropped
from satellite.protocols.values import (
    KIND_TAG,
    MASK,
    SERVICE_TAG,
    STATUS_TAG,
    SpanId,
    is_true,
    kind_of,
    plain_value,
    read_id,
    read_times,
    says_error,
    sound_text,
    whole_number,
)
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

NAME = "datadog"
RESOURCE_TAG, TYPE_TAG = "resource.name", "span.type"
"""Tags for what Datadog has as fields (its own names for them in searches)."""

VALUES_MAX = 4_000_000
"""Of one span (ours): more than is worth counting."""

UNCOUNTED_BYTES = 2**18
"""Up to here a body is read without counting what is in it: one byte may become a hundred of memory, not more."""

TEXTS_FREE, TEXT_BYTES_MIN = 2**14, 8
"""A body may have so many texts in its table, and one more for each 8 of its bytes: each takes 60 and more in memory."""

VALUES_FREE, VALUE_BYTES_MIN = 2**14, 12
"""Likewise a span and the values in it, of which two are a tag: thousands of tags of a letter or two are an attack. All ours."""

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
    span_links: Any = None
    span_events: Any = None


_TELLING = frozenset(
    (LINKS_TAG, EVENTS_TAG, SERVICE_TAG, KIND_TAG, "error", STATUS_TAG, "lightstep.meta_event")
)
_NO_MARKS = Marks(0)
_NIL = b"\xc0"

_FIELDS = frozenset(DatadogSpan.__struct_fields__)
_TRACES = msgspec.msgpack.Decoder(list[list[msgspec.Raw]])
_TABLE_AND_TRACES = msgspec.msgpack.Decoder(tuple[list[str], list[list[msgspec.Raw]]])
_SPAN = msgspec.msgpack.Decoder(DatadogSpan)
_ODD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Elements = Iterator[tuple[int, Any]]
"""What stands in the traces, in order: (number of the trace, the bytes of an element)."""


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per body, and the spans of all good ones in one batch."""
    return decode_rows(bodies, lambda body, rows: _Writer(rows, received_ns).report(body))


def _elements(body: bytes) -> tuple[list[Any] | None, Elements]:
    """(the texts that elements name by their places, the elements); None: they say their texts themselves."""
    if body.lstrip()[:1] == b"[":  # in MessagePack a number
        return None, _read(body)
    table = string_table.is_one(body)
    if len(body) <= UNCOUNTED_BYTES:
        try:
            texts, traces = _TABLE_AND_TRACES.decode(body) if table else (None, _TRACES.decode(body))
        except _ODD:
            pass  # whatever it is, it must not cost what is right beside it
        else:
            return texts, ((number, one) for number, trace in enumerate(traces) for one in trace)
    if not table:
        return None, _cut(body, 0)
    texts_max = TEXTS_FREE + len(body) // TEXT_BYTES_MIN
    end, _ = skip(body, 1, texts_max)
    return read_value(body[1:end], texts_max), _cut(body, end)


def _read(body: bytes) -> Elements:
    """The elements of the traces in a list that is JSON."""
    for number, trace in enumerate(read_json(body)):
        for element in trace if isinstance(trace, list) else [trace]:
            yield number, element


def _cut(body: bytes, at: int) -> Elements:
    """The elements of the traces in the list at a place, found one by one, and counted before any is read."""
    traces = list_at(body, at)
    if traces is None:
        raise BadReport("not Datadog: a MessagePack list of traces is expected")
    at, count = traces
    check_spans(count, len(body))
    for number in range(count):
        at, inner = list_at(body, at) or (at, 1)
        check_spans(inner, len(body))
        for _ in range(inner):
            start = at
            at, values = skip(body, at, VALUES_MAX)
            if values > VALUES_FREE + (at - start) // VALUE_BYTES_MIN:
                raise TooLarge("a span has more values than one of its size can hold")
            yield number, body[start:at]
    if at != len(body):
        raise BadReport("not MessagePack: something follows it")


def _span(element: Any, texts: list[Any] | None) -> DatadogSpan | None:
    """The span that an element is; None where it is none."""
    if not isinstance(element, bytes | msgspec.Raw):
        return _of(element)
    if texts is None:
        try:
            return _SPAN.decode(element)
        except _ODD:
            pass
    try:
        found = msgspec.msgpack.decode(element)
    except _ODD:
        found = read_value(bytes(element), VALUES_MAX)
    if texts is not None:
        found = string_table.expanded(found, texts)
    return _of(found)


def _is_none(element: Any) -> bool:
    return element is None or (isinstance(element, bytes | msgspec.Raw) and bytes(element) == _NIL)


def _of(found: Any) -> DatadogSpan | None:
    if not isinstance(found, dict):
        return None
    return DatadogSpan(**{name: found[name] for name in _FIELDS & found.keys()})


class _Writer:
    """Adds the spans of one report to rows."""

    def __init__(self, rows: Rows, received_ns: int) -> None:
        self._rows = rows
        self._received_ns = received_ns
        self._reporters: dict[str, int] = {}
        self._reporter: Reporter | None = None
        self._highs: dict[int, int] = {}
        """The upper halves that the spans of the trace in hand told, by the lower half."""

    def report(self, body: bytes) -> Report:
        """Add what a body holds. Raises TooLarge or BadReport."""
        rows = self._rows
        start, broken = len(rows), rows.broken
        count = nameless = malformed = 0
        texts, elements = _elements(body) if body else (None, iter(()))
        current, first, late = -1, start, False
        for number, element in elements:
            if number != current:
                self._tell_highs(first, late=late)
                current, first, late = number, len(rows), False
            span = _span(element, texts)
            if span is None:
                malformed += not _is_none(element)
                continue
            count += 1
            check_spans(count, len(body))
            late |= self._hear_high(span) and len(rows) > first
            nameless += not self._add(span)
        self._tell_highs(first, late=late)
        if malformed and not count:
            raise BadReport("not Datadog: a list without spans")
        report = Report("", self._reporter or Reporter(NAME), slice(start, len(rows)))
        say_dropped(report, "no_ids", nameless, "without trace id and span id")
        say_dropped(report, "malformed", malformed, "that cannot be read")
        say_broken(report, rows.broken - broken)
        return report

    def _hear_high(self, span: DatadogSpan) -> bool:
        """Whether the span tells the upper half of its trace's id, and no other before it has."""
        if not isinstance(span.meta, dict) or (told := span.meta.get(_HIGH_TAG)) is None:
            return False
        upper, low = read_id(plain_value(told)), _id(span.trace_id).low
        if not upper.low or upper.text or not low or low in self._highs:
            return False
        self._highs[low] = upper.low
        return True

    def _tell_highs(self, first: int, *, late: bool) -> None:
        """The trace that began with a row ends: what was told too late for its first spans is told them."""
        if late:
            spans = self._rows.since(first)
            for low, high in self._highs.items():
                spans["trace_high"][(spans["trace_low"] == low) & (spans["trace_high"] == 0)] = high
        self._highs.clear()

    def _add(self, span: DatadogSpan) -> bool:
        kind, marks = Kind.UNSPECIFIED, _NO_MARKS
        failed = span.error is True or whole_number(span.error) != 0
        service = ""
        error_told = False
        meta = _texts(span.meta) if isinstance(span.meta, dict) else {}
        links, events = objects(span.span_links), objects(span.span_events)
        if not _TELLING.isdisjoint(meta):
            service = text_of(plain_value(meta.get(SERVICE_TAG, "")))
            if KIND_TAG in meta:
                kind = kind_of(plain_value(meta[KIND_TAG]))
            if "error" in meta:
                failed, error_told = failed or is_true(plain_value(meta["error"])), True
            if STATUS_TAG in meta:
                failed = failed or says_error(plain_value(meta[STATUS_TAG]))
            if is_true(plain_value(meta.get("lightstep.meta_event"))):
                marks = Marks.META_EVENT
            told = {SERVICE_TAG}
            if more := in_text(meta.get(LINKS_TAG), "span_id"):
                links, told = links or more, told | {LINKS_TAG}
            if more := in_text(meta.get(EVENTS_TAG), "time_unix_nano"):
                events, told = events or more, told | {EVENTS_TAG}
            meta = {key: value for key, value in meta.items() if key not in told}
        codes = self._rows.tags(meta)
        if isinstance(span.metrics, dict):
            codes += self._rows.tags(span.metrics)
        for key, value in ((RESOURCE_TAG, span.resource), (TYPE_TAG, span.type)):
            if value:
                codes.append(self._rows.tag(key, plain_value(_text(value))))
        if failed and not error_told:
            codes.append(self._rows.tag("error", True))
        trace, parent = _id(span.trace_id), _id(span.parent_id).low
        other_spans = [*references(links)]
        if other_spans and parent:
            own = encode_reference(follows=False, trace_high=0, trace_low=0, span_id=parent)
            other_spans.insert(0, own)
        return self._rows.add(
            reporter=self._code(service or text_of(plain_value(_text(span.service)))),
            operation=text_of(plain_value(_text(span.name))),
            trace=trace if trace.high else trace._replace(high=self._highs.get(trace.low, 0)),
            span_id=_id(span.span_id),
            times=read_times(whole_number(span.start), whole_number(span.duration), self._received_ns),
            parent=parent,
            kind=kind,
            status=Status.ERROR if failed else Status.UNSET,
            marks=marks,
            tags=codes,
            logs=[self._rows.log(time_ns, fields) for time_ns, fields in moments(events)],
            references=other_spans,
        )

    def _code(self, service: str) -> int:
        code = self._reporters.get(service)
        if code is None:
            reporter = Reporter(NAME, sound_text(service) or UNKNOWN_SERVICE)
            self._reporter = self._reporter or reporter
            code = self._reporters[service] = self._rows.reporter(reporter)
        return code


def _texts(meta: dict[Any, Any]) -> dict[Any, Any]:
    if bytes not in {*map(type, meta), *map(type, meta.values())}:
        return meta
    return {_text(key): _text(value) for key, value in meta.items()}


def _text(sent: Any) -> Any:
    """Bytes that are UTF-8 as a text: older packers have no other type for one."""
    try:
        return sent.decode() if isinstance(sent, bytes) else sent
    except UnicodeDecodeError:
        return sent


def _id(value: Any) -> SpanId:
    """A 64-bit number, which may come as a double; here texts are decimal."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
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
    content_types=(
        "application/msgpack",
        "application/x-msgpack",
        "application/vnd.msgpack",
        "application/json",
        "text/json",
    ),
    decode=decode,
    encode=encode,
)
