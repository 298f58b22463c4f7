"""Spans as people copy them from a terminal or a page: no JSON that a protocol has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from satellite.errors import BadReport
from satellite.model.span import Span
from satellite.protocols.files import inspected
from satellite.protocols.files.reading import FileReader

TRACE = "7c1e5a90b3d24f6886f0c2d4e6a81b35"
START_US = 1_794_300_000_000_000

NODE = """{
  resource: {
    attributes: {
      'service.name': 'shop-web',
      'process.command_args': [ '/usr/bin/node', '/app/x.js' ],
      'telemetry.sdk.language': "node's"
    }
  },
  instrumentationScope: { name: 'shop', version: undefined, schemaUrl: undefined },
  traceId: '7c1e5a90b3d24f6886f0c2d4e6a81b35',
  parentSpanContext: {
    traceId: '7c1e5a90b3d24f6886f0c2d4e6a81b35',
    spanId: 'a1b2c3d4e5f60001',
    traceFlags: 1
  },
  traceState: undefined,
  name: 'GET /it\\'s',
  id: 'a1b2c3d4e5f60002',
  kind: 1,
  timestamp: 1794300000000000,
  duration: 500.1,
  attributes: {
    'http.status_code': 503,
    nested: [Object],
    list: [ 1, 2, ... 3 more items ],
    'http.url': 'http://shop/' +
      'basket',
    ok: false,
    big: 12n
  },
  status: { code: 2, message: 'boom "x"' },
  events: [
    {
      name: 'exception',
      attributes: [Object: null prototype] { 'exception.type': 'OutOfStock' },
      time: [ 1794300000, 100000 ],
      droppedAttributesCount: 0
    }
  ],
  links: []
}
"""


def read(content: str, portion: int = 1 << 20) -> tuple[list[Span], FileReader]:
    reader = FileReader()
    sent = content.encode()
    bodies = [body for at in range(0, len(sent), portion) for body in reader.feed(sent[at : at + portion])]
    bodies += reader.finish()
    return [span for body in bodies for span in body.protocol.decode([body.content], 1).batch.spans()], reader


@pytest.mark.parametrize("portion", [1, 1 << 20])
def test_what_node_prints(portion: int) -> None:
    content = "listening on 8080\n" + NODE + NODE.replace("f60002", "f60003") + "bye\n"
    [span, other], reader = read(content, portion)
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        TRACE,
        "a1b2c3d4e5f60002",
        "a1b2c3d4e5f60001",
    )
    assert other.span_id == "a1b2c3d4e5f60003"
    assert (span.service, span.operation, span.kind, span.error) == ("shop-web", "GET /it's", "server", True)
    assert (span.start_us, span.duration_us) == (START_US, 500)
    expected = {
        "http.status_code": 503,
        "http.url": "http://shop/basket",
        "ok": False,
        "big": 12,
        "list": [1, 2],
    }
    assert expected.items() <= span.tags.items()
    assert span.reporter.attributes["telemetry.sdk.language"] == "node's"
    assert span.logs[0].fields == {"event": "exception", "exception.type": "OutOfStock"}
    assert [fault.split(":")[0] for fault in reader.faults] == [
        "line 1",
        f"line {2 * NODE.count(chr(10)) + 2}",
    ]


@pytest.mark.parametrize(
    "text", ["{ a: ", "{ a: }", "{ a: ] }", "{ a: 1 b }", "{ a: [ } ]", "{ a: " + "{ a: " * 100]
)
def test_what_node_does_not_print(text: str) -> None:
    with pytest.raises(BadReport):
        inspected.to_json(text.encode())


def test_words_of_javascript() -> None:
    text = r"""{ a: undefined, b: null, c: -1.5e3, d: NaN, e: 2026-11-10T08:40:00.000Z, f: [Function: go], g: `x${"y"}`,
      h: 'a\n\u00e9\x41\'', i: [], j: {}, k: Map(0) {}, l: <ref *1> Span { m: [Circular *1] }, [Symbol(x)]: 1 }"""
    expected: dict[str, Any] = {
        "a": None,
        "b": None,
        "c": -1500.0,
        "d": "NaN",
        "e": "2026-11-10T08:40:00.000Z",
        "f": None,
    }
    expected |= {
        "g": 'x${"y"}',
        "h": "a\né" + "A'",
        "i": [],
        "j": {},
        "k": {},
        "l": {"m": None},
        "[Symbol(x)]": 1,
    }
    assert json.loads(inspected.to_json(text.encode())) == expected


DOTNET = """info: Microsoft.Hosting.Lifetime[14]
      Now listening on: http://localhost:5033
Activity.TraceId:            7c1e5a90b3d24f6886f0c2d4e6a81b35
Activity.SpanId:             a1b2c3d4e5f60002
Activity.TraceFlags:         Recorded
Activity.ParentSpanId:       a1b2c3d4e5f60001
Activity.DisplayName:        GET basket/{name?}
Activity.Kind:               Server
Activity.StartTime:          2026-11-10T08:40:00.0010000Z
Activity.Duration:           00:00:07.9412154
Activity.Tags:
    url.path: /basket
    note: a: b
    empty:
    baz: [1, 2, 3]
Activity.StatusCode:         Error
Activity.StatusDescription:  no stock
Activity.Events:
    exception [11/10/2026 8:40:02 AM +00:00]
        exception.type: OutOfStock
        exception.stacktrace: OutOfStock
   at Shop.Basket.Load() in Basket.cs:line 7
Activity.Links:
    7c1e5a90b3d24f6886f0c2d4e6a81b36 a1b2c3d4e5f60009
Instrumentation scope (ActivitySource):
    Name: Shop
    Version: 1.4
Resource associated with Activity:
    service.name: shop-basket
    telemetry.sdk.language: dotnet

Activity.Id:          00-7c1e5a90b3d24f6886f0c2d4e6a81b35-a1b2c3d4e5f60003-01
Activity.ParentId:    00-7c1e5a90b3d24f6886f0c2d4e6a81b35-a1b2c3d4e5f60002-01
Activity.DisplayName: Load
Activity.Kind:        Internal
Activity.StartTime:   2026-11-10T08:40:00.0020000Z
Activity.Duration:    00:00:00.5000000
StatusCode : Ok
Resource associated with Activity:
    service.name: shop-basket
info: Shop[0]
"""


@pytest.mark.parametrize("portion", [7, 1 << 20])
def test_what_dotnet_prints(portion: int) -> None:
    [span, other], reader = read(DOTNET, portion)
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        TRACE,
        "a1b2c3d4e5f60002",
        "a1b2c3d4e5f60001",
    )
    assert (span.service, span.operation, span.kind) == ("shop-basket", "GET basket/{name?}", "server")
    assert (span.start_us, span.duration_us, span.error) == (START_US + 1000, 7_941_215, True)
    expected = {
        "url.path": "/basket",
        "note": "a: b",
        "empty": "",
        "baz": "[1, 2, 3]",
        "otel.scope.name": "Shop",
    }
    assert expected.items() <= span.tags.items()
    [log] = span.logs
    assert log.time_us == START_US + 2_000_000
    stack = "OutOfStock\nat Shop.Basket.Load() in Basket.cs:line 7"
    assert log.fields == {"event": "exception", "exception.type": "OutOfStock", "exception.stacktrace": stack}
    assert span.references[-1].span_id == "a1b2c3d4e5f60009"
    assert (other.span_id, other.parent_span_id, other.error) == (
        "a1b2c3d4e5f60003",
        "a1b2c3d4e5f60002",
        False,
    )
    assert other.duration_us == 500_000
    assert len(reader.faults) == 3  # the lines of the log
    assert reader.found == "output of OpenTelemetry .NET's console exporter"


COLLECTOR = Path(__file__).with_name("collector.txt").read_text()


@pytest.mark.parametrize(
    "before", ["", "collector-1  | ", "2026-11-10T08:40:02.5Z ", "otel | 2026-11-10T08:40:02Z stdout F "]
)
@pytest.mark.parametrize("portion", [7, 1 << 20])
def test_what_the_collector_prints(before: str, portion: int) -> None:
    [span, root], reader = read(
        "".join(before + line for line in COLLECTOR.splitlines(keepends=True)), portion
    )
    assert reader.faults == []
    assert reader.found == "output of the Collector's debug exporter"
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, "a1b2c3d4e5f60002", root.span_id)
    assert (span.service, span.operation, span.kind) == ("shop-basket", "GET /basket", "server")
    assert (span.start_us, span.duration_us, span.error) == (START_US + 1000, 5123, True)
    expected = {
        "http.status_code": 500,
        "guid:x-request-id": "a: b(c)",
        "ok": True,
        "f": 1.5,
        "list": ["a", "b"],
    }
    assert (expected | {"empty": "", "otel.scope.name": "shop.manual"}).items() <= span.tags.items()
    assert span.reporter.attributes["host.cpus"] == 4
    [log] = span.logs
    assert (log.time_us, log.fields["exception.type"]) == (START_US + 2000, "OutOfStock")
    assert log.fields["exception.stacktrace"].split()[-2:] == ["at", "Shop.main(Shop.java:3)"]
    assert span.references[-1].span_id == "a1b2c3d4e5f60009"
    assert (root.operation, root.parent_span_id, root.duration_us, root.error) == (
        "root",
        None,
        1_000_000,
        False,
    )


@pytest.mark.parametrize("portion", [7, 1 << 20])
@pytest.mark.parametrize("name", ["collector", "ruby", "activity"])
def test_what_is_printed_in_the_lines_that_docker_keeps(name: str, portion: int) -> None:
    printed = {"collector": COLLECTOR, "ruby": RUBY, "activity": DOTNET}[name]
    kept = [{"log": f"{line}\n", "stream": "stdout", "time": "x"} for line in printed.splitlines()]
    spans, _ = read("".join(json.dumps(one) + "\n" for one in kept), portion)
    assert spans == read(printed)[0]


def test_what_the_collector_prints_into_a_log_of_json() -> None:
    printed = COLLECTOR[COLLECTOR.index("ResourceSpans") : COLLECTOR.rindex("\t{")]
    line = json.dumps({"level": "info", "ts": 1.5, "msg": printed, "kind": "exporter"})
    spans, reader = read(f'{{"level":"info","msg":"Traces","resource spans":1}}\n{line}\n' * 2)
    assert [span.operation for span in spans] == ["GET /basket", "root"] * 2
    assert len(reader.faults) == 2


COLLECTOR_OLD = """Resource labels:
      -> service.name: STRING(productpage.default)
InstrumentationLibrarySpans #0
InstrumentationLibrary
Span #0
    Trace ID       : 7c1e5a90b3d24f6886f0c2d4e6a81b35
    Parent ID      : a1b2c3d4e5f60001
    ID             : a1b2c3d4e5f60002
    Name           : egress reviews:9080
    Kind           : SPAN_KIND_CLIENT
    Start time     : 2026-11-10 08:40:00.001 +0000 UTC
    End time       : 2026-11-10 08:40:00.002 +0000 UTC
    Status code    : STATUS_CODE_UNSET
    Status message :
Attributes:
      -> zone: STRING()
      -> upstream_cluster: STRING(outbound|9080||reviews.default.svc.cluster.local)
...
"""


def test_what_older_collectors_printed() -> None:
    """As Istio's guide to Bookinfo shows it."""
    [span], reader = read(COLLECTOR_OLD)
    assert (span.service, span.operation, span.kind) == (
        "productpage.default",
        "egress reviews:9080",
        "client",
    )
    assert span.tags["upstream_cluster"] == "outbound|9080||reviews.default.svc.cluster.local"
    assert len(reader.faults) == 1


def test_a_span_of_the_collectors_without_its_resource() -> None:
    [span], _ = read(COLLECTOR_OLD[COLLECTOR_OLD.index("Span #0") :])
    assert (span.service, span.operation) == ("unknown_service", "egress reviews:9080")


def test_lines_that_only_look_like_the_collectors_are_none() -> None:
    spans, reader = read("Attributes:\n  -> a: Str(b)\nEvents:\nName : x\n" + "-> a: Str(" * 3 + "\n")
    assert not spans
    assert reader.faulty == 5


def test_a_span_of_another_exporter_is_none_of_the_collectors() -> None:
    spans, reader = read(
        'Span #0\n  Instrumentation Scope\n  Name: "x"\n  TraceId: 7c1e5a90b3d24f6886f0c2d4e6a81b35\n'
    )
    assert (spans, reader.found) == ([], "")


OSTREAM = Path(__file__).with_name("ostream.txt").read_text()


@pytest.mark.parametrize("portion", [7, 1 << 20])
def test_what_cpp_prints(portion: int) -> None:
    spans, reader = read(OSTREAM * 2, portion)
    assert (len(spans), reader.faults) == (2, [])
    span = spans[0]
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, "a1b2c3d4e5f60002", None)
    assert (span.service, span.operation, span.kind) == ("shop-basket", "GET /basket", "server")
    assert (span.start_us, span.duration_us, span.error) == (START_US, 5000, True)
    expected = {
        "http.status_code": "500",
        "name": "x",
        "http.url": "http://shop/",
        "otel.scope.name": "shop-cc",
    }
    assert expected.items() <= span.tags.items()
    [log] = span.logs
    assert (log.time_us, log.fields) == (
        START_US + 1000,
        {"event": "exception", "exception.stacktrace": "OutOfStock\nat Shop.cc:7"},
    )
    assert span.references[-1].span_id == "a1b2c3d4e5f60009"


@pytest.mark.parametrize("start", ["soon", "9" * 50, "-1"])
def test_a_time_of_cpp_that_is_none_is_said(start: str) -> None:
    spans, reader = read(OSTREAM.replace("1794300000000000000", start))
    assert not spans
    assert "stands where a time should" in reader.faults[0]


RUBY = Path(__file__).with_name("ruby.txt").read_text()


@pytest.mark.parametrize("portion", [7, 1 << 20])
def test_what_ruby_prints(portion: int) -> None:
    [span, root], reader = read(RUBY, portion)
    assert reader.found == "output of OpenTelemetry Ruby's console exporter"
    assert len(reader.faults) == 3  # the lines of the log
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE, "a1b2c3d4e5f60002", root.span_id)
    assert (span.service, span.operation, span.kind) == ("shop-ruby", 'GET "/basket"', "server")
    assert (span.start_us, span.duration_us, span.error) == (START_US, 5000, True)
    expected = {"http.status_code": 500, "ok": False, "list": ["a", "b"], "path": "/{id}"}
    assert expected.items() <= span.tags.items()
    assert span.tags["otel.scope.name"] == "OpenTelemetry::Instrumentation::Rack"
    assert span.reporter.attributes["process.pid"] == 83900
    [log] = span.logs
    assert (log.time_us, log.fields["event"]) == (START_US + 1000, "exception")
    assert str(log.fields["exception.stacktrace"]).startswith("basket.rb:7:in `load'")
    assert (span.references[-1].trace_id, span.references[-1].span_id) == (
        TRACE[:-1] + "6",
        "a1b2c3d4e5f60009",
    )
    assert (root.operation, root.parent_span_id, root.error) == ("load", None, False)


@pytest.mark.parametrize("cut", range(600, len(RUBY), 97))
def test_what_ruby_printed_may_be_cut_off_anywhere(cut: int) -> None:
    """Within a text, a hash, an object: what was complete is there."""
    spans, reader = read(RUBY[:cut])
    assert len(spans) + reader.faulty >= 2 or cut < RUBY.index("Started")
    assert {span.trace_id for span in spans} <= {TRACE}


@pytest.mark.parametrize(
    "odd", ["a" * 500_000, "#<" * 200_000, "[" * 300_000, '"\\' * 200_000, "{a: " * 200_000, "=>" * 200_000]
)
def test_what_ruby_never_prints_is_read_once(odd: str) -> None:
    spans, _ = read(f"#<struct OpenTelemetry::SDK::Trace::SpanData\n name={odd}\n tracestate=nil>\n")
    assert spans == []


PHP = {
    "name": "GET /basket",
    "context": {"trace_id": TRACE, "span_id": "a1b2c3d4e5f60002", "trace_state": "", "trace_flags": 1},
    "resource": {"service.name": "shop-php", "process.pid": 7},
    "parent_span_id": "a1b2c3d4e5f60001",
    "kind": "KIND_SERVER",
    "start": START_US * 1000,
    "end": START_US * 1000 + 5_000_000,
    "attributes": {"http.status_code": 500},
    "status": {"code": "Error", "description": "no stock"},
    "events": [{"name": "e", "timestamp": START_US * 1000 + 1000, "attributes": []}],
    "links": [{"context": {"trace_id": TRACE, "span_id": "a1b2c3d4e5f60009"}, "attributes": {}}],
    "schema_url": "",
}


def test_what_php_prints() -> None:
    [span, other], reader = read(
        json.dumps([PHP], indent=4) + "\n" + json.dumps([PHP | {"attributes": []}], indent=4)
    )
    assert reader.found == "2 documents of output of OpenTelemetry PHP's console exporter"
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        TRACE,
        "a1b2c3d4e5f60002",
        "a1b2c3d4e5f60001",
    )
    assert (span.service, span.operation, span.kind) == ("shop-php", "GET /basket", "server")
    assert (span.start_us, span.duration_us, span.error) == (START_US, 5000, True)
    assert (span.tags["http.status_code"], span.reporter.attributes["process.pid"]) == (500, 7)
    assert (span.logs[0].time_us, span.logs[0].fields["event"]) == (START_US + 1, "e")
    assert span.references[-1].span_id == "a1b2c3d4e5f60009"
    assert "http.status_code" not in other.tags


def stored(**more: Any) -> dict[str, Any]:
    span = {
        "span-name": "GET /basket",
        "span-id": "a1b2c3d4e5f60002",
        "is-error": True,
        "start-time-micros": START_US,
        "end-time-micros": START_US + 5000,
        "trace-id": TRACE[16:],
        "reporter-id": "05",
        "tags": {"http.status_code": "500", "otlp.trace_id": TRACE, "parent_span_guid": "a1b2c3d4e5f60001"}
        | {"span.kind": "client", "instrumentation.name": "shop.manual"},
    }
    return span | more


def stored_trace(*spans: Any) -> dict[str, Any]:
    reporters = [{"reporter-id": "05", "attributes": {"lightstep.component_name": "shop", "host": "a"}}]
    trace = {"type": "stored-traces", "id": "a1b2c3d4e5f60002", "attributes": {"spans": [*spans]}}
    return {"data": [trace | {"relationships": {"reporters": reporters}}], "links": {"self": "/"}}


def test_traces_from_lightsteps_own_api() -> None:
    bare = stored(tags=None, **{"span-id": "a1b2c3d4e5f60003", "is-error": False, "reporter-id": "06"})
    [span, other], reader = read(json.dumps(stored_trace(stored(), bare)))
    assert reader.found == "LightStep's stored traces"
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        TRACE,
        "a1b2c3d4e5f60002",
        "a1b2c3d4e5f60001",
    )
    assert (span.service, span.operation, span.kind) == ("shop", "GET /basket", "client")
    assert (span.start_us, span.duration_us, span.error) == (START_US, 5000, True)
    assert (span.tags["http.status_code"], span.tags["otel.scope.name"]) == ("500", "shop.manual")
    assert span.reporter.attributes["host"] == "a"
    assert (other.trace_id, other.service, other.error) == (TRACE[16:], "unknown_service", False)


def test_an_answer_of_lightsteps_api_about_something_else_is_said() -> None:
    snapshot = {"type": "snapshot", "id": "x", "attributes": {}, "relationships": {}}
    spans, reader = read(json.dumps({"data": [snapshot]}))
    assert not spans
    assert "LightStep's API without spans" in reader.faults[0]
    [span], _ = read(json.dumps([stored(service="shop")]))  # as an answer to a query lists them
    assert (span.service, span.operation) == ("shop", "GET /basket")


def frame(**more: Any) -> dict[str, Any]:
    columns: dict[str, list[Any]] = {
        "traceID": [TRACE, TRACE],
        "spanID": ["a1b2c3d4e5f60001", "a1b2c3d4e5f60002"],
        "parentSpanID": ["", "a1b2c3d4e5f60001"],
        "operationName": ["GET /basket", "load"],
        "serviceName": ["shop", "basket"],
        "kind": ["server", "client"],
        "statusCode": [0, 2],
        "serviceTags": [[{"key": "host", "value": "a"}], []],
        "startTime": [START_US / 1000, START_US / 1000 + 0.5],
        "duration": [9.5, 6],
        "logs": [
            [],
            [{"timestamp": START_US / 1000 + 1, "name": "miss", "fields": [{"key": "m", "value": 1}]}],
        ],
        "references": [None, [{"traceID": "ab", "spanID": "cd"}]],
        "tags": [[{"key": "http.status_code", "value": 200}], None],
    }
    columns |= more
    schema = {"refId": "A", "name": "Trace", "fields": [{"name": name} for name in columns]}
    return {"schema": schema, "data": {"values": [*columns.values()]}}


@pytest.mark.parametrize(
    "document",
    [frame(), [frame()], {"results": {"A": {"status": 200, "frames": [frame()]}}}, {"series": [frame()]}],
)
def test_what_grafana_shows(document: Any) -> None:
    [root, load], _ = read(json.dumps(document))
    assert (root.service, root.operation, root.kind, root.parent_span_id) == (
        "shop",
        "GET /basket",
        "server",
        None,
    )
    assert (root.start_us, root.duration_us) == (START_US, 9500)
    assert (root.tags["http.status_code"], root.reporter.attributes) == (200, {"host": "a"})
    assert (load.parent_span_id, load.error, load.start_us) == ("a1b2c3d4e5f60001", True, START_US + 500)
    assert (load.logs[0].time_us, load.logs[0].fields) == (START_US + 1000, {"event": "miss", "m": 1})
    assert [one.kind for one in load.references] == ["child_of", "follows_from"]


def test_a_frame_of_something_else_is_said() -> None:
    spans, reader = read(json.dumps({"schema": {"fields": [{"name": "time"}]}, "data": {"values": [[1]]}}))
    assert not spans
    assert "frame of Grafana without spans" in reader.faults[0]


@pytest.mark.parametrize(
    "columns",
    [
        [[TRACE], ["a1b2c3d4e5f60001"], None],
        [[TRACE], ["a1b2c3d4e5f60001"], 5],
    ],
)
def test_a_frame_with_a_column_that_is_none_is_said(columns: list[Any]) -> None:
    fields = [{"name": name} for name in ("traceID", "spanID", "startTime")]
    spans, reader = read(json.dumps({"schema": {"fields": fields}, "data": {"values": columns}}))
    assert not spans
    assert "frame of Grafana without spans" in reader.faults[0]


def test_a_frame_with_tags_that_are_none_has_its_spans() -> None:
    odd = [{"key": ["a"], "value": 1}, {"key": None}, {"value": {}}]
    spans, _ = read(
        json.dumps(frame(tags=[odd, odd], startTime=[None, [1]], duration=["9", {}], logs=[5, [5]]))
    )
    assert len(spans) == 2


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 5000 + "n", "1e999", "-1e999", "1." + "0" * 5000])
def test_numbers_beyond_any_are_texts(number: str) -> None:
    """As JSON none of them could be a number."""
    read_back = json.loads(inspected.to_json(f"{{ value: {number} }}".encode()))
    assert read_back == {"value": number}


ACTIVITY = """Activity.TraceId:            0af7651916cd43dd8448eb211c80319c
Activity.SpanId:             b7ad6b7169203331
Activity.StartTime:          2026-11-26T10:00:00.0000000Z
"""


@pytest.mark.parametrize(
    "duration", ["9" * 5000 + ":00:00", "9" * 5000 + ".00:00:00", "00:00:00." + "9" * 5000]
)
def test_durations_beyond_any_are_none(duration: str) -> None:
    [span], _ = read(f"{ACTIVITY}Activity.Duration: {duration}\n")
    assert span.duration_us == 0


def test_an_activity_without_an_end_is_over_some_time() -> None:
    """What is printed behind it is no part of it for ever, and nothing is looked at more than once."""
    line = "e" + " [" * 500
    [span], reader = read(f"{ACTIVITY}Activity.Tags:\n    a: 1\n    text:\n" + f"{line}\n" * 3000)
    assert span.tags["a"] == "1"
    assert 1 << 20 <= len(str(span.tags["text"])) < 1 << 21
    assert reader.faulty > 1000
