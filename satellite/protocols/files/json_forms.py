"""Which form of spans a JSON document holds, and how it becomes bodies of a wire protocol.

The keys tell. A form has neighbours: the same spans under another frame (Tempo's `batches`, one span without its list),
which are put into the frame that the protocol knows. What holds no spans (logs, metrics) or is none of the forms is said
in words that help: which keys were seen, and what would have been right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec

from satellite.errors import BadReport, SatelliteError
from satellite.protocols.datadog import traces as datadog
from satellite.protocols.files import console, grafana, inspected, jaeger_messages, ostream, stored_traces
from satellite.protocols.jaeger import batches as jaeger
from satellite.protocols.jaeger import json as jaeger_json
from satellite.protocols.lightstep import json as lightstep_json
from satellite.protocols.lightstep import thrift_json as lightstep_thrift_json
from satellite.protocols.otlp import protobuf as otlp
from satellite.protocols.wire import WireProtocol
from satellite.protocols.zipkin import v2 as zipkin

TAKEN = (
    'taken are OTLP ({"resourceSpans": …}, also Tempo\'s {"batches": …}), Jaeger ({"data": [{"spans", "processes"}]}), '
    "Zipkin ([{…}, …]), LightStep reports and stored traces, and what OpenTelemetry's console exporters print in Python, Go, JavaScript, "
    "PHP, Ruby, C++ and .NET, and the Collector's debug exporter in detail: as JSON, JSON lines or lists, plain or compressed; and protobuf of "
    "OTLP, Zipkin and LightStep"
)
"""The hint with every file of which nothing could be taken."""

Raws = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which JSON holds spans."""

    title: str
    """For people, in the plural or as a kind: "OTLP JSON"."""
    format: str
    """Of FILE_FORMATS, the one that its readers belong to; "" for what only an import knows."""
    reader: WireProtocol
    bodies: Callable[[Raws], list[bytes]]
    """Documents of this form that stand one after another → bodies for the reader."""


NOT_JSON = "not JSON"
"""How the fault of a document begins that is none: it may have no end."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a piece of a file turned out to be: bodies to read, spans that are something else, or a fault."""

    form: Form | None = None
    bodies: Sequence[bytes] = ()
    other: str = ""
    """What it is, when it holds no spans: "logs", "metrics" or "profiles"."""
    fault: str = ""
    count: int = 1
    """How many documents or elements it stands for."""


def _framed(before: bytes, after: bytes) -> Callable[[Raws], list[bytes]]:
    return lambda raws: [before + b",".join(raws) + after]


def _renamed(raws: Raws) -> list[bytes]:
    """Tempo's documents with the list under OTLP's own name."""
    return [b'{"resourceSpans":%b}' % _members(raw)["batches"] for raw in raws]


OTLP = Form("OTLP JSON", "otlp-json", otlp.JSON_PROTOCOL, list)
TEMPO = Form("Tempo's batches (OTLP JSON)", "otlp-json", otlp.JSON_PROTOCOL, _renamed)
RESOURCE = Form(
    "OTLP JSON of single resources", "otlp-json", otlp.JSON_PROTOCOL, _framed(b'{"resourceSpans":[', b"]}")
)
SCOPE = Form(
    "OTLP JSON of single scopes",
    "otlp-json",
    otlp.JSON_PROTOCOL,
    _framed(b'{"resourceSpans":[{"scopeSpans":[', b"]}]}"),
)
SPAN = Form(
    "OTLP JSON of single spans",
    "otlp-json",
    otlp.JSON_PROTOCOL,
    _framed(b'{"resourceSpans":[{"scopeSpans":[{"spans":[', b"]}]}]}"),
)
PYTHON = Form(
    "output of OpenTelemetry Python's console exporter",
    "otlp-json",
    otlp.JSON_PROTOCOL,
    console.from_python,
)
GO = Form("output of OpenTelemetry Go's stdouttrace", "otlp-json", otlp.JSON_PROTOCOL, console.from_go)
JAVASCRIPT = Form(
    "output of OpenTelemetry JavaScript's console exporter",
    "otlp-json",
    otlp.JSON_PROTOCOL,
    console.from_javascript,
)
DOTNET = Form("output of OpenTelemetry .NET's console exporter", "otlp-json", otlp.JSON_PROTOCOL, list)
PHP = Form(
    "output of OpenTelemetry PHP's console exporter", "otlp-json", otlp.JSON_PROTOCOL, console.from_php
)
CPP = Form("output of OpenTelemetry C++'s ostream exporter", "otlp-json", otlp.JSON_PROTOCOL, list)
RUBY = Form("output of OpenTelemetry Ruby's console exporter", "otlp-json", otlp.JSON_PROTOCOL, list)
COLLECTOR = Form("output of the Collector's debug exporter", "otlp-json", otlp.JSON_PROTOCOL, list)
JAEGER = Form("Jaeger's JSON", "jaeger-json", jaeger_json.PROTOCOL, _framed(b'{"data":[', b"]}"))
JAEGER_SPAN = Form(
    "Jaeger's JSON of single spans",
    "jaeger-json",
    jaeger_json.PROTOCOL,
    _framed(b'{"data":[{"spans":[', b"]}]}"),
)
GRAFANA = Form("Grafana's frames", "jaeger-json", jaeger_json.PROTOCOL, grafana.to_jaeger)
JAEGER_MESSAGE = Form("Jaeger's protobuf as JSON", "", jaeger.PROTOCOL, jaeger_messages.to_protobuf)
ZIPKIN = Form("Zipkin's JSON", "zipkin-json", zipkin.PROTOCOL, _framed(b"[", b"]"))
DATADOG = Form("Datadog's traces as JSON", "", datadog.PROTOCOL, _framed(b"[[", b"]]"))
LIGHTSTEP = Form("LightStep's reports as JSON", "", lightstep_json.PROTOCOL, list)
LIGHTSTEP_SPAN = Form("LightStep's spans as JSON", "", lightstep_json.PROTOCOL, _framed(b'{"spans":[', b"]}"))
STORED = Form("LightStep's stored traces", "", otlp.JSON_PROTOCOL, stored_traces.from_traces)
STORED_SPAN = Form("spans of LightStep's stored traces", "", otlp.JSON_PROTOCOL, stored_traces.from_spans)
LIGHTSTEP_THRIFT = Form("LightStep's Thrift reports as JSON", "", lightstep_thrift_json.PROTOCOL, list)

_SIGNALS = {
    "resourcelogs": "logs",
    "scopelogs": "logs",
    "logrecords": "logs",
    "resourcemetrics": "metrics",
    "scopemetrics": "metrics",
    "resourceprofiles": "profiles",
}
"""By the key in small letters, without the underscores of older names."""
_BY_KEYS: tuple[tuple[frozenset[str], Form], ...] = tuple(
    (frozenset(keys.split()), form)
    for keys, form in (
        ("resourceSpans", OTLP),
        ("batches", TEMPO),
        ("scopeSpans", RESOURCE),
        ("instrumentationLibrarySpans", RESOURCE),
        ("span_records", LIGHTSTEP_THRIFT),
        ("runtime spans", LIGHTSTEP_THRIFT),
        ("spans processes", JAEGER),
        ("spans traceID", JAEGER),
        ("traceID spanID", JAEGER_SPAN),
        ("traceId id attributes", JAVASCRIPT),
        ("traceId id", ZIPKIN),
        ("traceId operationName", JAEGER_MESSAGE),
        ("traceId spanId", SPAN),
        ("trace_id span_id name start", DATADOG),
        ("schema data", GRAFANA),
        ("spans scope", SCOPE),
        ("spans instrumentationLibrary", SCOPE),
        ("spans reporter", LIGHTSTEP),
        ("spans auth", LIGHTSTEP),
        ("reporter auth", LIGHTSTEP),
        ("spanContext operationName", LIGHTSTEP_SPAN),
        ("type attributes relationships", STORED),
        ("span-id trace-id", STORED_SPAN),
        ("context name start_time", PYTHON),
        ("context name start end", PHP),
        ("Name SpanContext", GO),
    )
)
_WRAPPERS = (
    "trace",
    "result",
    "traces",
    "response",
    "spans",
    "hits",
    "_source",
    "results",
    "A",
    "frames",
    "series",
)
"""Members that hold the document: Tempo's second API, Jaeger's third; a list of what stands alone elsewhere; what
Elasticsearch found, and a document of it; answers to Grafana's first query, and what its inspector copies."""
_PRINTED = ("log", "message", "msg", "body", "textPayload")
"""Members that hold a line of a program."""
_KEYS_SHOWN = 12
_DEPTH_MAX = 4


def parts(text: bytes) -> list[Part]:
    """What a JSON document holds, in its order; neighbours of one form together."""
    return list(_joined(_units(text, 0)))


Unit = tuple[Form | None, bytes, str, str]
"""(form, document, or what else it is, or why it is nothing)."""


def _units(text: bytes, depth: int) -> Iterator[Unit]:
    try:
        if text.lstrip()[:1] == b"[":
            for element in _elements(text):
                if depth < _DEPTH_MAX and element[:1] in (b"[", b"{"):
                    yield from _units(element, depth + 1)
                else:
                    yield None, b"", "", f"{_shown(element)} stands where a span should"
        else:
            if ostream.is_printed(text):
                yield CPP, ostream.to_otlp(text), "", ""
                return
            if inspected.is_inspected(text):
                text = inspected.to_json(text)
            yield from _object(text, _members(text), depth)
    except SatelliteError as error:
        yield None, b"", "", error.message


def _object(text: bytes, members: dict[str, bytes], depth: int) -> Iterator[Unit]:
    if "resource_spans" in members:
        yield OTLP, text, "", ""
        return
    for wanted, form in _BY_KEYS:
        if wanted <= members.keys():
            yield form, text, "", ""
            return
    other = next((kind for name in members if (kind := _SIGNALS.get(name.replace("_", "").lower()))), "")
    if other:
        yield None, b"", other, ""
        return
    if "data" in members:
        yield from _data(members, depth)
        return
    for name in _WRAPPERS:
        if depth < _DEPTH_MAX and members.get(name, b"")[:1] in (b"{", b"["):
            yield from _units(members[name], depth + 1)
            return
    line = _line(members)
    if line and depth < _DEPTH_MAX:
        yield from _units(line, depth + 1)
        return
    yield None, b"", "", _unknown(members)


def _line(members: dict[str, bytes]) -> bytes:
    """The object in what a program printed, as Docker and loggers that write JSON keep its lines: `{"log": "…"}`, `{"message": "…"}`."""
    for name in _PRINTED:
        if members.get(name, b"")[:1] == b'"':
            printed: str = json.loads(members[name].decode("utf-8", "replace"))
            if (at := printed.find('{"')) >= 0:
                return printed[at:].encode("utf-8", "replace")
    return b""


def printed_lines(text: bytes) -> list[str]:
    """The lines of a program that an object of JSON keeps, as Docker and loggers do, without their indentation; none of any other."""
    try:
        members = _members(text)
    except SatelliteError:
        return []
    said = next((members[name] for name in _PRINTED if members.get(name, b"")[:1] == b'"'), b'""')
    printed: str = json.loads(said.decode("utf-8", "replace"))
    return [line.strip() for line in printed.splitlines() if line.strip()]


def _data(members: dict[str, bytes], depth: int) -> Iterator[Unit]:
    """Jaeger's answers: traces under `data`, or none and `errors`."""
    data = members["data"]
    errors = members.get("errors", b"null").strip()
    if data[:1] in (b"{", b"[") and depth < _DEPTH_MAX:
        yield from _units(data, depth + 1)
    if data.strip() in (b"null", b"[]", b"{}") and errors not in (b"null", b"[]"):
        yield None, b"", "", f"an answer of Jaeger's that holds an error and no traces: {_shown(errors, 200)}"


def _joined(units: Iterator[Unit]) -> Iterator[Part]:
    for (form, other, fault), group in groupby(units, lambda unit: (unit[0], unit[2], unit[3])):
        texts = [unit[1] for unit in group]
        if form is None:
            yield Part(other=other, fault=fault, count=len(texts))
            continue
        try:
            yield Part(form, form.bodies(texts), count=len(texts))
        except SatelliteError as error:
            yield Part(fault=error.message, count=len(texts))


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


def _members(text: bytes) -> dict[str, bytes]:
    """The members of an object as they are written."""
    try:
        return {name: bytes(raw) for name, raw in _MEMBERS.decode(text).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = _patient(text)
        return {name: _written(inner) for name, inner in value.items()} if isinstance(value, dict) else {}


def _elements(text: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _ELEMENTS.decode(text)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = _patient(text)
        return [_written(inner) for inner in value] if isinstance(value, list) else []


def _patient(text: bytes) -> object:
    """The value, where a strict reader gives up: NaN, broken UTF-8, huge numbers. Raises BadReport for what is no JSON."""
    try:
        return json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise BadReport(f"{NOT_JSON}: {reason}; it begins with {_shown(text)}") from error


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _unknown(members: dict[str, bytes]) -> str:
    if not members:
        return "an empty object"
    names = sorted(members)
    listed = ", ".join(f'"{name[:40]}"' for name in names[:_KEYS_SHOWN])
    more = f" and {len(names) - _KEYS_SHOWN} more" if len(names) > _KEYS_SHOWN else ""
    if {"trace_id", "span_id", "operation", "start_us"} <= members.keys():
        return "spans as the satellite itself shows them; `satellite export` writes files that can be taken again"
    return f"an object with the keys {listed}{more}, which is no form of spans that is known here"


def _shown(text: bytes, limit: int = 40) -> str:
    shown = text.strip()[: 4 * limit].decode("utf-8", "replace")
    shown = "".join(character if character.isprintable() else " " for character in shown)
    return repr(shown if len(shown) <= limit else shown[: limit - 1] + "…")
