from __future__ import annotations

import base64
import gzip
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from satellite.errors import BadReport, SatelliteError
from satellite.model.span import Span
from satellite.pb.lightstep_collector_pb2 import ReportRequest
from satellite.protocols.files import binary_stream, reading
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.protocols.files.inflating import Inflated
from satellite.protocols.files.reading import FileReader
from tests import bookinfo
from tests.cases import case

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TRACE = "7c1e5a90b3d24f6886f0c2d4e6a81b35"


def read(content: bytes, portion: int = 1 << 20, format_: str = "auto") -> tuple[list[Span], FileReader]:
    reader = FileReader(format_)
    bodies = []
    for start in range(0, len(content), portion):
        bodies += list(reader.feed(content[start : start + portion]))
    bodies += list(reader.finish())
    return [span for body in bodies for span in body.protocol.decode([body.content], 1).batch.spans()], reader


SPAN = {
    "traceId": TRACE,
    "spanId": "a1b2c3d4e5f60001",
    "name": "GET /basket",
    "startTimeUnixNano": "1794300000000000000",
    "endTimeUnixNano": "1794300000009000000",
}
SCOPE = {"scope": {"name": "shop"}, "spans": [SPAN]}
RESOURCE = {
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
    "scopeSpans": [SCOPE],
}
REQUEST = {"resourceSpans": [RESOURCE]}
ZIPKIN = {"traceId": TRACE, "id": "a1b2c3d4e5f60001", "name": "GET /basket", "timestamp": 1794300000000000}
JAEGER_SPAN = {
    "traceID": TRACE,
    "spanID": "a1b2c3d4e5f60001",
    "operationName": "GET /basket",
    "startTime": 1794300000000000,
    "duration": 9000,
    "process": {"serviceName": "shop", "tags": []},
}
JAEGER_TRACE = {
    "traceID": TRACE,
    "spans": [JAEGER_SPAN | {"processID": "p1"}],
    "processes": {"p1": {"serviceName": "shop"}},
}
LIGHTSTEP = json.loads(case("lightstep-python-error.json"))


@pytest.mark.parametrize(
    "document",
    [
        REQUEST,
        {"batches": [RESOURCE]},
        {"trace": REQUEST},
        {"trace": {"batches": [RESOURCE]}},
        {"result": REQUEST},
        RESOURCE,
        RESOURCE | {"schemaUrl": "https://x"},
        {"resource": {}, "instrumentationLibrarySpans": [{"spans": [SPAN]}]},
        {"resource_spans": [{"scope_spans": [{"spans": [SPAN]}]}]},
        SCOPE,
        SPAN,
        [SPAN],
        [REQUEST],
        [[RESOURCE]],
        ZIPKIN,
        [ZIPKIN],
        [[ZIPKIN]],
        {"data": [JAEGER_TRACE]},
        {"data": [JAEGER_TRACE], "total": 0, "errors": None},
        {"data": JAEGER_TRACE},
        [JAEGER_TRACE],
        JAEGER_TRACE,
        JAEGER_SPAN,
        [JAEGER_SPAN],
        {"spans": [JAEGER_SPAN]},
        {"traceID": TRACE, "spans": [JAEGER_SPAN]},
        {"_index": "jaeger-span-2026-11-10", "_id": "a", "_source": JAEGER_SPAN},
        {"took": 3, "hits": {"total": {"value": 1}, "hits": [{"_id": "a", "_source": JAEGER_SPAN}]}},
    ],
    ids=lambda document: json.dumps(document)[:40],
)
@pytest.mark.parametrize("portion", [1, 1 << 20])
def test_neighbours_of_each_form(document: Any, portion: int) -> None:
    [span], reader = read(json.dumps(document).encode(), portion)
    assert (span.trace_id, span.span_id, span.operation) == (TRACE, SPAN["spanId"], "GET /basket")
    assert span.start_us == 1794300000000000
    assert not reader.faults


def test_tags_that_elasticsearch_holds_as_fields() -> None:
    tag = {"http@status_code": 503, "error": True}
    process = {"serviceName": "shop", "tags": [], "tag": {"host@name": "a"}}
    [span], _ = read(json.dumps(JAEGER_SPAN | {"tag": tag, "process": process}).encode())
    assert (span.tags, span.error) == ({"http.status_code": 503, "error": True}, True)
    assert (span.service, span.reporter.attributes) == ("shop", {"host.name": "a"})


@pytest.mark.parametrize("document", [LIGHTSTEP, [LIGHTSTEP], {"spans": LIGHTSTEP["spans"]}])
def test_lightstep_as_json(document: Any) -> None:
    [span], _ = read(json.dumps(document).encode())
    assert span.operation == "charge card"


@pytest.mark.parametrize(
    "convert",
    [
        gzip.compress,
        lambda content: gzip.compress(content[:40]) + gzip.compress(content[40:]) + b"\0\0",
        zstd.compress,
        lambda content: zstd.compress(content[:40]) + zstd.compress(content[40:]),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.decode().encode("utf-16"),
        lambda content: b"\n\n" + content + b"\n \n",
        lambda content: b"[" + content.replace(b"}\n{", b"},\n{") + b"]",
        lambda content: b"\x1e" + content.replace(b"\n{", b"\n\x1e{"),
        lambda content: content.replace(b"\n", b"\r\n"),
    ],
)
@pytest.mark.parametrize("portion", [1, 1 << 20])
def test_how_a_file_may_be_wrapped(convert: Callable[[bytes], bytes], portion: int) -> None:
    spans, reader = read(convert(case("collector-file.jsonl")), portion)
    assert [span.service for span in spans] == ["shop-frontend", "shop-basket", "shop-stock"]
    assert not reader.faults


@pytest.mark.parametrize("mark", [b"\xff\xfe\x01", b"\xfe\xff\x01", b"\xef\xbb\xbf\x01"], ids=bytes.hex)
def test_a_length_that_looks_like_the_mark_of_a_text(mark: bytes) -> None:
    size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(mark))
    report = ReportRequest()
    span = report.spans.add()
    span.span_context.trace_id = span.span_context.span_id = 7
    span.operation_name = "x" * (size - 100)
    span.operation_name += "x" * (size - report.ByteSize())
    content = mark + report.SerializeToString()
    assert len(content) == size + len(mark)
    [found], reader = read(content)
    assert found.span_id == "0000000000000007"
    assert not reader.faults


def test_a_file_of_everything() -> None:
    lines = [REQUEST, {"resourceLogs": []}, {"resourceMetrics": []}, [ZIPKIN], {"resource_logs": []}, 7]
    spans, reader = read("\n".join(map(json.dumps, lines)).encode())
    assert len(spans) == 2
    assert reader.others == {"logs": 2, "metrics": 1}
    assert reader.faults == ["line 6: not JSON: '7'"]


def test_python_prints_spans() -> None:
    [span], _ = read(case("console-exporter.json"))
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        TRACE,
        "a1b2c3d4e5f60002",
        "a1b2c3d4e5f60001",
    )
    assert (span.service, span.operation, span.kind) == ("shop-basket", "load basket", "internal")
    assert (span.start_us, span.duration_us) == (1794307200001000, 5000)
    assert span.tags["basket.items"] == 3


def test_python_prints_all_there_is() -> None:
    printed = json.loads(case("console-exporter.json"))
    printed["context"]["trace_state"] = "[\"{'key': 'a', 'value': 'b'}\"]"
    printed["status"] = {"status_code": "ERROR", "description": "it broke"}
    printed["kind"] = "SpanKind.SERVER"
    printed["events"] = [
        {"name": "e", "timestamp": "2026-11-10T10:40:00.002000Z", "attributes": {"list": [1, 2.5, "x", True]}}
    ]
    printed["links"] = [
        {"context": {"trace_id": "0x" + "0a" * 16, "span_id": "0x" + "0b" * 8}, "attributes": {}}
    ]
    content = "program started\n" + 2 * (json.dumps(printed, indent=4) + "\n") + "done\n"
    (span, _), reader = read(content.encode())
    assert (span.error, span.kind, span.tags["otel.status_description"]) == (True, "server", "it broke")
    assert span.logs[0].fields == {"event": "e", "list": [1, 2.5, "x", True]}
    assert span.logs[0].time_us == 1794307200002000
    assert [(one.trace_id, one.span_id) for one in span.references][-1] == ("0a" * 16, "0b" * 8)
    assert len(reader.faults) == 2


def test_javascript_has_spans() -> None:
    printed = {
        "resource": {"attributes": {"service.name": "shop"}},
        "instrumentationScope": {"name": "shop-lib", "version": "1", "schemaUrl": ""},
        "traceId": TRACE,
        "parentSpanContext": {"traceId": TRACE, "spanId": "a1b2c3d4e5f60009", "traceFlags": 1},
        "name": "run",
        "id": "a1b2c3d4e5f60001",
        "kind": 2,
        "timestamp": 1794300000000000.2,
        "duration": 1500.25,
        "attributes": {"n": 1, "list": ["a"]},
        "status": {"code": 2, "message": "it broke"},
        "events": [
            {"name": "e", "attributes": {"k": "v"}, "time": [1794300000, 5000], "droppedAttributesCount": 0}
        ],
        "links": [{"context": {"traceId": "0a" * 16, "spanId": "0b" * 8}, "attributes": {}}],
    }
    (span, older), reader = read(
        json.dumps([printed, printed | {"id": "1" * 16, "parentId": "2" * 16}]).encode()
    )
    assert (span.service, span.operation, span.kind, span.error) == ("shop", "run", "client", True)
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        TRACE,
        "a1b2c3d4e5f60001",
        "a1b2c3d4e5f60009",
    )
    assert (span.start_us, span.duration_ns) == (1794300000000000, 1_500_250)
    assert (span.tags["n"], span.tags["list"], span.tags["otel.scope.name"]) == (1, ["a"], "shop-lib")
    assert (span.logs[0].time_us, span.logs[0].fields) == (1794300000000005, {"event": "e", "k": "v"})
    assert [(one.trace_id, one.span_id) for one in span.references][-1] == ("0a" * 16, "0b" * 8)
    assert older.parent_span_id == "2" * 16
    assert not reader.faults


@pytest.mark.parametrize(
    ("line", "others"),
    [
        ("2026-11-10T08:40:00Z stdout F %s", 0),
        ("[otel.javaagent 2026-11-10 08:40:00:000 +0000] [BatchSpanProcessor-1] INFO a.b.Exporter - %s", 0),
        ("[2026-11-10 08:40:00] INFO: %s", 0),
        ("Nov 10, 2026 8:40:00 AM io.opentelemetry.exporter.logging.otlp.Exporter export\nINFO: %s", 2),
    ],
)
@pytest.mark.parametrize("portion", [1, 1 << 20])
def test_spans_in_the_lines_of_a_log(line: str, others: int, portion: int) -> None:
    second = RESOURCE | {"scopeSpans": [SCOPE | {"spans": [SPAN | {"spanId": "a1b2c3d4e5f60002"}]}]}
    content = "".join(line % json.dumps(one) + "\n" for one in (RESOURCE, second))
    spans, reader = read(content.encode(), portion)
    assert [span.span_id[-1] for span in spans] == ["1", "2"]
    assert (len(reader.faults), spans[0].service) == (others, "shop")


@pytest.mark.parametrize("name", ["message", "msg", "body", "textPayload"])
def test_spans_in_lines_of_loggers_that_write_json(name: str) -> None:
    line = {"level": "INFO", name: f"exported {json.dumps(RESOURCE)}"}
    spans, reader = read(f"{json.dumps(line)}\n{json.dumps(line)}\n".encode())
    assert len(spans) == 2
    assert not reader.faults


def test_spans_in_lines_as_docker_keeps_them() -> None:
    printed = ["started\n", json.dumps(RESOURCE) + "\n", "INFO: " + json.dumps(ZIPKIN) + "\n"]
    content = "".join(json.dumps({"log": line, "stream": "stdout", "time": "x"}) + "\n" for line in printed)
    spans, reader = read(content.encode())
    assert [span.operation for span in spans] == ["GET /basket"] * 2
    assert len(reader.faults) == 1


JAEGER_MESSAGE = {
    "traceId": base64.b64encode(bytes.fromhex(TRACE)).decode(),
    "spanId": "obLD1OX2AAE=",
    "operationName": "GET /basket",
    "references": [
        {"traceId": base64.b64encode(bytes.fromhex(TRACE)).decode(), "spanId": "AAAAAAAAAAE="},
        {"traceId": "AAAAAAAAAAI=", "spanId": "AAAAAAAAAAM=", "refType": "FOLLOWS_FROM"},
    ],
    "flags": 1,
    "startTime": "2026-11-10T08:40:00.000001Z",
    "duration": "0.005000007s",
    "tags": [
        {"key": "text", "vStr": "x"},
        {"key": "flag", "vType": "BOOL", "vBool": True},
        {"key": "off", "vType": "BOOL"},
        {"key": "long", "vType": "INT64", "vInt64": "9007199254740993"},
        {"key": "real", "vType": "FLOAT64", "vFloat64": 0.5},
        {"key": "span.kind", "vType": "STRING", "vStr": "server"},
    ],
    "logs": [{"timestamp": "2026-11-10T08:40:00.000002Z", "fields": [{"key": "event", "vStr": "e"}]}],
    "process": {"serviceName": "shop", "tags": [{"key": "host", "vStr": "h"}]},
    "warnings": ["clock"],
}


@pytest.mark.parametrize("document", [JAEGER_MESSAGE, {"spans": [JAEGER_MESSAGE]}])
def test_jaegers_protobuf_as_json(document: Any) -> None:
    [span], reader = read(json.dumps(document).encode())
    assert not reader.faults
    assert (span.service, span.operation, span.kind) == ("shop", "GET /basket", "server")
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, "a1b2c3d4e5f60001", "0" * 15 + "1")
    assert (span.start_us, span.duration_ns) == (1794300000000001, 5_000_007)
    expected = {
        "text": "x",
        "flag": True,
        "off": False,
        "long": 9007199254740993,
        "real": 0.5,
        "span.kind": "server",
    }
    assert (span.tags, span.reporter.attributes) == (expected, {"host": "h"})
    assert (span.logs[0].time_us, span.logs[0].fields) == (1794300000000002, {"event": "e"})
    last = span.references[-1]
    assert (last.kind, last.trace_id, last.span_id) == ("follows_from", "0" * 15 + "2", "0" * 15 + "3")


@pytest.mark.parametrize("frame", ["[[%s]]", "[%s]", "%s"])
def test_datadogs_json(frame: str) -> None:
    span = {
        "trace_id": 5,
        "span_id": 6,
        "name": "op",
        "service": "shop",
        "start": 1794300000000000000,
        "meta": {"a": "b"},
    }
    [found], reader = read((frame % json.dumps(span)).encode())
    assert (found.trace_id, found.service, found.operation, found.tags) == (
        f"{5:016x}",
        "shop",
        "op",
        {"a": "b"},
    )
    assert not reader.faults


def test_go_prints_spans() -> None:
    context = {
        "TraceID": TRACE,
        "SpanID": "a1b2c3d4e5f60001",
        "TraceFlags": "01",
        "TraceState": "",
        "Remote": False,
    }
    printed = {
        "Name": "run",
        "SpanContext": context,
        "Parent": {"TraceID": "0" * 32, "SpanID": "0" * 16},
        "SpanKind": 3,
        "StartTime": "2026-11-10T12:40:00.000000001+02:00",
        "EndTime": "2026-11-10T12:40:01.5+02:00",
        "Attributes": [
            {"Key": "f", "Value": {"Type": "FLOAT64", "Value": 2}},
            {"Key": "l", "Value": {"Type": "STRINGSLICE", "Value": ["a"]}},
        ],
        "Events": [
            {"Name": "e", "Attributes": None, "DroppedAttributeCount": 0, "Time": "2026-11-10T12:40:01+02:00"}
        ],
        "Links": [{"SpanContext": context | {"SpanID": "0" * 15 + "9"}, "Attributes": None}],
        "Status": {"Code": "Error", "Description": "no"},
        "DroppedAttributes": 0,
        "Resource": [{"Key": "service.name", "Value": {"Type": "STRING", "Value": "shop"}}],
        "InstrumentationLibrary": {"Name": "lib", "Version": "1", "SchemaURL": ""},
    }
    [span], reader = read(json.dumps(printed, indent="\t").encode())
    assert not reader.faults
    assert (span.service, span.kind, span.parent_span_id, span.error) == ("shop", "client", None, True)
    assert (span.start_us, span.duration_us) == (1794307200000000, 1499999)
    assert (span.tags["f"], type(span.tags["f"]), span.tags["l"]) == (2.0, float, ["a"])
    assert span.tags["otel.scope.name"] == "lib"
    assert span.logs[0].time_us == 1794307201000000


# Binary


def _delimited(bodies: list[bytes]) -> bytes:
    return b"".join(binary_length(len(body)) + body for body in bodies)


def binary_length(size: int) -> bytes:
    made = bytearray()
    while size > 127:
        made.append(size & 127 | 128)
        size >>= 7
    return bytes([*made, size])


FRAMES: dict[str, Callable[[list[bytes]], bytes]] = {
    "none": b"".join,
    "varint": _delimited,
    "four bytes": lambda bodies: b"".join(len(body).to_bytes(4, "big") + body for body in bodies),
    "gRPC": lambda bodies: b"".join(b"\0" + len(body).to_bytes(4, "big") + body for body in bodies),
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("portion", [11, 1 << 20])
@pytest.mark.parametrize("compress", [False, True])
def test_otlp_protobuf_in_any_frame(frame: str, portion: int, *, compress: bool) -> None:
    batch = bookinfo.batch()
    parts = [b"".join(FILE_FORMATS["otlp-protobuf"].pieces([batch.slice(i, i + 8)])) for i in range(0, 88, 8)]
    content = FRAMES[frame](parts)
    spans, reader = read(gzip.compress(content) if compress else content, portion)
    assert len(spans) == 88
    assert reader.found.startswith(("OTLP protobuf", "11 documents of OTLP protobuf"))


def test_a_long_message_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary_stream, "PIECE_BYTES", 500)
    monkeypatch.setattr(binary_stream, "HEAD_BYTES", 300)
    spans, reader = read(b"".join(FILE_FORMATS["otlp-protobuf"].pieces([bookinfo.batch()] * 3)), 100)
    assert len(spans) == 3 * 88
    assert reader.titles.total() > 3


@pytest.mark.parametrize("head", [20, 200, 2000])
def test_the_beginning_is_enough_to_know(monkeypatch: pytest.MonkeyPatch, head: int) -> None:
    monkeypatch.setattr(binary_stream, "HEAD_BYTES", head)
    for name in ("otlp-protobuf", "lightstep"):
        spans, reader = read(b"".join(FILE_FORMATS[name].pieces([bookinfo.batch()])), 13)
        assert (len(spans), reader.faults) == (88, [])


@pytest.mark.parametrize("frame", FRAMES)
def test_other_signals_as_protobuf_are_named(frame: str) -> None:
    for name, message, title in (
        ("otlp-logs.json", ExportLogsServiceRequest(), "logs"),
        ("otlp-metrics.json", ExportMetricsServiceRequest(), "metrics"),
    ):
        body = ParseDict(json.loads(case(name)), message).SerializeToString()
        spans, reader = read(FRAMES[frame]([body]))
        assert (spans, reader.others) == ([], {title: 1})


def test_spans_with_ids_of_a_wrong_length_are_no_metrics() -> None:
    span = trace_pb2.Span(trace_id=TRACE.encode(), span_id=b"a1b2c3d4e5f60001", name="run")
    span.start_time_unix_nano = 1794300000000000000
    scope = trace_pb2.ScopeSpans(spans=[span])
    body = ExportTraceServiceRequest(resource_spans=[trace_pb2.ResourceSpans(scope_spans=[scope])])
    spans, reader = read(body.SerializeToString())
    assert (spans, reader.others, reader.found) == ([], {}, "OTLP protobuf")


def test_a_cut_off_file_keeps_what_was_complete() -> None:
    content = FRAMES["four bytes"]([b"".join(FILE_FORMATS["otlp-protobuf"].pieces([bookinfo.batch()]))] * 2)
    reader = FileReader()
    bodies = list(reader.feed(content[:-5]))
    with pytest.raises(BadReport, match="ends within"):
        bodies.extend(reader.finish())
    assert sum(len(body.protocol.decode([body.content], 1).batch) for body in bodies) in {0, 88}


@given(st.binary(max_size=100), st.integers(1, 20))
def test_any_file_is_read_or_refused(content: bytes, portion: int) -> None:
    outcomes: list[tuple[object, ...]] = []
    for size in (portion, 1000):
        try:
            spans, reader = read(content, size)
            outcomes.append((len(spans), reader.faulty))
        except SatelliteError as error:
            outcomes.append((error.message,))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_a_bomb_comes_out_in_portions(compress: Callable[[bytes], bytes]) -> None:
    inflated = Inflated()
    sizes = [len(piece) for piece in inflated.feed(compress(b" " * (20 << 20)))]
    sizes += [len(piece) for piece in inflated.finish()]
    assert sum(sizes) == 20 << 20
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_damaged_and_cut_off_compression_is_said(compress: Callable[[bytes], bytes]) -> None:
    content = compress(case("zipkin-plain.json"))
    with pytest.raises(BadReport, match="cut off"):
        read(content[:-3])
    with pytest.raises(BadReport, match=r"damaged|cut off"):
        read(content[:20] + b"\xff" * 30)


def test_a_message_of_91_bytes_is_no_list() -> None:
    """Its length reads `[`, the first field's tag is a line's end: a LightStep file may begin so."""
    assert not reading._is_text(b'[\nJ\x08\xa1\x01"#\n\x19lightstep.tracer_platform\x12\x06python')
    assert reading._is_text(b'[\n {"a": 1}]')


@pytest.mark.parametrize(
    "document", [[], {"data": []}, {"data": None, "total": 0}, {"type": "t", "spans": []}, [[], []]]
)
def test_documents_without_a_span_are_not_called_broken(document: Any) -> None:
    reader = FileReader()
    sent = json.dumps(document).encode()
    assert [*reader.feed(sent), *reader.finish()] == []
    assert reader.faults == [f"line 1: JSON that holds no spans: {json.dumps(document)!r}"]


_TWO = [json.dumps(REQUEST), json.dumps(REQUEST | {"resourceSpans": [RESOURCE] * 2})]
_CUTS = {
    "the same line": _TWO[0][:100] + "\n".join(_TWO),
    "after a line": "\n".join([_TWO[0], _TWO[0][:150] + _TWO[1]]),
    "printed at length": json.dumps(REQUEST, indent=2)[:200]
    + "\n"
    + "\n".join(json.dumps(json.loads(one), indent=2) for one in _TWO),
    "twice": _TWO[0][:60] + _TWO[0] + "\n" + _TWO[1][:120] + _TWO[1],
    "a brace alone": "{\n" + "\n".join(_TWO),
}


@pytest.mark.parametrize("portion", [11, 1 << 20])
@pytest.mark.parametrize("cut", _CUTS)
def test_behind_a_document_without_an_end_the_next_one_is_found(cut: str, portion: int) -> None:
    spans, reader = read(_CUTS[cut].encode(), portion)
    assert len(spans) == 3
    assert reader.faulty == (2 if cut == "twice" else 1)
    assert "not JSON" in reader.faults[0]


@pytest.mark.parametrize("start", ['{"data":[', '{"resourceSpans":[{"a":"', '{"batches":[0]'])
def test_documents_without_an_end_are_sought_behind_a_few_times_only(start: str) -> None:
    spans, reader = read(start.encode() * 20_000)
    assert not spans
    assert reader.faulty <= 20_000
