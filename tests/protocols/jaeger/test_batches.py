"""Jaeger as protobuf, Thrift and JSON, against the rules of the wire reference and against anything at all."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satellite.errors import AccessDenied, BadReport, Overloaded, TooLarge
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import Reporter
from satellite.model.span import Span
from satellite.model.spans import Kind, Marks, SpanBatch, SpanBuilder, Status, encode_log, encode_reference
from satellite.pb import jaeger_pb2 as pb
from satellite.protocols import rows
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.protocols.jaeger import batches as jaeger
from satellite.protocols.jaeger import json as jaeger_json
from satellite.protocols.jaeger.batches import PROTOCOL, THRIFT_PROTOCOL, decode, decode_thrift, encode
from satellite.protocols.readers import json_parts, thrift
from satellite.protocols.wire import RequestHead
from tests.protocols.neighbours import stay_whole

NOW_NS = 1_700_000_001_000_000_000
UI = (Path(__file__).parents[1] / "data" / "jaeger" / "ui.json").read_bytes()
TRACE = bytes.fromhex("5af7183fb1d4cf5f7a0c9b1de2f3a4b5")


def text(key: str, value: str) -> pb.KeyValue:
    return pb.KeyValue(key=key.encode(), v_str=value.encode())


def process(service: str, *tags: pb.KeyValue) -> bytes:
    return pb.Process(service_name=service.encode(), tags=tags).SerializeToString()


def proto(**fields: Any) -> pb.Span:
    whole: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": b"\0" * 7 + b"\2",
        "operation_name": b"buy",
        "start_time": pb.Time(seconds=1_700_000_000, nanos=250_000_007),
    }
    return pb.Span(**whole | fields)


def post(*spans: pb.Span | bytes, by: bytes = b"") -> bytes:
    encoded = [span if isinstance(span, bytes) else span.SerializeToString() for span in spans]
    return pb.PostSpansRequest(batch=pb.Batch(spans=encoded, process=[by] if by else [])).SerializeToString()


def one_report(decoded: Decoded) -> tuple[Report, list[Span]]:
    [report] = decoded.reports
    assert isinstance(report, Report)
    assert report.rows == slice(0, len(decoded.batch))
    return report, decoded.batch.spans()


def decode_one(body: bytes) -> tuple[Report, list[Span]]:
    return one_report(decode([body], NOW_NS))


def decode_span(**fields: Any) -> Span:
    [span] = decode_one(post(proto(**fields)))[1]
    return span


FULL = post(
    proto(
        references=[pb.SpanRef(trace_id=TRACE, span_id=b"\0" * 7 + b"\5")],
        flags=3,
        duration=pb.Time(nanos=1_500_000),
        tags=[
            text("text", "ü"),
            pb.KeyValue(key=b"bool", v_type=1, v_bool=True),
            pb.KeyValue(key=b"int", v_type=2, v_int64=-1),
            pb.KeyValue(key=b"float", v_type=3, v_float64=0.5),
            pb.KeyValue(key=b"bytes", v_type=4, v_binary=b"\0\xff"),
            pb.KeyValue(key=b"error", v_type=1, v_bool=True),
            text("span.kind", "Client"),
        ],
        logs=[
            pb.Log(timestamp=pb.Time(seconds=1_700_000_000, nanos=250_500_000), fields=[text("event", "hit")])
        ],
        process_id=b"p7",
        warnings=[b"clock skew"],
    ),
    proto(span_id=b"\0" * 7 + b"\3", process=[process("own", text("k", "v"))]),
    by=process("shop", text("hostname", "h"), text("lightstep.access_token", "tok")),
)


def test_a_batch_means_what_the_reference_says() -> None:
    decoded = decode([FULL], NOW_NS)
    report, [span, other] = one_report(decoded)
    assert (report.token, report.warnings) == ("tok", [])
    assert report.reporter == Reporter("jaeger", "shop", attributes=(("hostname", "h"),))
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE.hex(), f"{2:016x}", f"{5:016x}")
    assert (span.service, span.operation, span.kind, span.error) == ("shop", "buy", "client", True)
    assert decoded.batch.column("start_ns").tolist()[0] == 1_700_000_000_250_000_007
    assert decoded.batch.column("duration_ns").tolist() == [1_500_000, 0]
    assert span.tags == {
        "text": "ü",
        "bool": True,
        "int": -1,
        "float": 0.5,
        "bytes": b"\0\xff",
        "error": True,
        "span.kind": "Client",
    }
    assert [(log.time_us, log.fields) for log in span.logs] == [(1_700_000_000_250_500, {"event": "hit"})]
    assert span.extra == {"flags": 3, "warnings": ["clock skew"], "process_id": "p7"}
    assert (other.service, other.reporter.attributes, other.parent_span_id) == ("own", {"k": "v"}, None)


def test_an_empty_batch_is_a_report() -> None:
    assert decode_one(b"") == (Report("", Reporter("jaeger"), slice(0, 0)), [])
    assert decode_one(post(by=process("shop")))[0].reporter.service == "shop"


@pytest.mark.parametrize("key", ["lightstep.access_token", "access_token"])
def test_a_token_may_be_on_a_span_and_is_not_kept(key: str) -> None:
    report, [span] = decode_one(post(proto(tags=[text(key, "t1"), text("lightstep.service_name", "told")])))
    assert (report.token, span.tags, span.service) == ("t1", {}, "told")
    told = process("shop", text(key, "t2"), text("lightstep.service_name", "cart"))
    report, [span] = decode_one(post(proto(), by=told))
    assert (report.token, span.service, span.reporter.attributes) == ("t2", "cart", {})


def ref(span_id: int, trace: bytes = TRACE, *, follows: bool = False) -> pb.SpanRef:
    return pb.SpanRef(trace_id=trace, span_id=span_id.to_bytes(8, "big"), ref_type=int(follows))


OTHER = b"\7" * 16


@pytest.mark.parametrize(
    ("references", "parent", "shown"),
    [
        ([], None, []),
        ([ref(5)], 5, [("child_of", 5)]),
        ([ref(5, b"")], 5, [("child_of", 5)]),
        ([ref(5, TRACE[8:])], 5, [("child_of", 5)]),
        ([ref(5, OTHER[:8] + TRACE[8:])], None, [("child_of", 5)]),
        ([pb.SpanRef()], None, []),
        ([ref(5, OTHER)], None, [("child_of", 5)]),
        ([ref(5, follows=True)], 5, [("follows_from", 5)]),
        ([ref(5, follows=True), ref(6)], 6, [("follows_from", 5), ("child_of", 6)]),
        ([ref(4, OTHER), ref(5), ref(6)], 5, [("child_of", 4), ("child_of", 5), ("child_of", 6)]),
    ],
)
def test_parent_and_references(
    references: list[pb.SpanRef], parent: int | None, shown: list[tuple[str, int]]
) -> None:
    span = decode_span(references=references)
    assert span.parent_span_id == (None if parent is None else f"{parent:016x}")
    assert [(one.kind, int(one.span_id, 16)) for one in span.references] == shown


@pytest.mark.parametrize(
    ("fields", "trace", "span_id", "marks"),
    [
        ({"trace_id": TRACE[8:]}, TRACE[8:].hex(), 2, []),
        ({"trace_id": b"\1"}, f"{1:016x}", 2, []),
        ({"span_id": b""}, TRACE.hex(), 0, ["zero_id"]),
        ({"trace_id": b""}, f"{0:016x}", 2, ["zero_id"]),
    ],
)
def test_ids(fields: dict[str, bytes], trace: str, span_id: int, marks: list[str]) -> None:
    span = decode_span(**fields)
    assert (span.trace_id, span.span_id, span.marks) == (trace, f"{span_id:016x}", marks)


def test_ids_of_impossible_length_become_stable_numbers() -> None:
    assert decode_span(trace_id=b"\1" * 20).trace_id == decode_span(trace_id=b"\1" * 20).trace_id


def test_spans_that_cannot_be_kept_are_dropped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaeger, "SPAN_BYTES_MAX", 300)
    report, [kept] = decode_one(post(pb.Span(), b"\xff\xff", proto(operation_name=b"n" * 400), proto()))
    assert report.dropped == {"no_ids": 1, "malformed": 1, "span_too_large": 1}
    assert len(report.warnings) == 3
    assert kept.operation == "buy"


@pytest.mark.parametrize(
    ("fields", "start_us", "duration_us", "marks"),
    [
        ({"start_time": None}, NOW_NS // 1000, 0, ["time_invented"]),
        ({"start_time": pb.Time(seconds=2**62)}, NOW_NS // 1000, 0, ["time_invented"]),
        (
            {"start_time": pb.Time(seconds=1), "duration": pb.Time(seconds=-1)},
            10**6,
            -(10**6),
            ["negative_duration"],
        ),
        (
            {"start_time": pb.Time(seconds=1), "duration": pb.Time(seconds=2**62)},
            10**6,
            (2**63 - 1) // 1000,
            ["clamped"],
        ),
        ({"start_time": pb.Time(seconds=4 * 10**9)}, 4 * 10**15, 0, ["future"]),
    ],
)
def test_times(fields: dict[str, Any], start_us: int, duration_us: int, marks: list[str]) -> None:
    span = decode_span(**fields)
    assert (span.start_us, span.duration_us, span.marks) == (start_us, duration_us, marks)


def test_invalid_utf8_is_replaced_marked_and_said() -> None:
    broken = [
        proto(tags=[pb.KeyValue(key=b"a\xff", v_str=b"\xfe")]),
        proto(operation_name=b"o\xff"),
        proto(logs=[pb.Log(fields=[pb.KeyValue(key=b"event", v_str=b"e\xff")])]),
        proto(warnings=[b"w\xff"], process_id=b"p\xff"),
    ]
    report, spans = decode_one(
        post(*broken, proto(), by=pb.Process(service_name=b"s\xff").SerializeToString())
    )
    assert [span.marks for span in spans] == [["bad_utf8"]] * 3 + [[], []]
    assert (spans[0].tags, spans[1].operation) == ({"a�": "�"}, "o�")
    assert (spans[2].logs[0].fields, spans[0].service) == ({"event": "e�"}, "s�")
    assert spans[3].extra == {"warnings": ["w�"], "process_id": "p�"}
    assert report.warnings == ["3 spans held invalid UTF-8; it was replaced by U+FFFD"]


def test_meta_events_are_marked() -> None:
    assert decode_span(tags=[text("lightstep.meta_event", "true")]).marks == ["meta_event"]


BAD = [
    post(by=b"\xff\xff"),
    post(*[b""] * 2000),
    b"\xff\xff",
    FULL[:-3],
    b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    post(b"\xff\xff"),
    b"\x0b" * 40,
    b"[{}]",
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_report_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode, FULL, bad)


def test_more_than_real_reports_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "SPANS_MAX", 2)
    monkeypatch.setattr(jaeger, "SPAN_BYTES_MAX", 50)
    outcomes = decode([post(b"", b"", b""), post(by=process("n" * 60))], NOW_NS).reports
    assert [type(outcome) for outcome in outcomes] == [TooLarge, TooLarge]


# Thrift

THRIFT_BATCH = {
    "process": {
        "service": "shop",
        "tags": [
            {"key": "hostname", "type": 0, "text": "h"},
            {"key": "access_token", "type": 0, "text": "tok"},
        ],
    },
    "spans": [
        {
            "trace_low": -2,
            "trace_high": 1,
            "span_id": -3,
            "parent": 5,
            "operation": "buy",
            "references": [{"type": 0, "trace_low": -2, "trace_high": 1, "span_id": 5}],
            "flags": 1,
            "start": 1_700_000_000_250_000,
            "duration": 1500,
            "tags": [
                {"key": "text", "type": 0, "text": "v"},
                {"key": "double", "type": 1, "double": 0.5},
                {"key": "bool", "type": 2, "bool": True},
                {"key": "long", "type": 3, "long": -1},
                {"key": "bytes", "type": 4, "binary": b"\0\xff"},
                {"key": "none", "type": 3},
                {"key": "odd", "type": 9, "text": "t"},
                {"key": "error", "type": 2, "bool": True},
            ],
            "logs": [
                {"timestamp": 1_700_000_000_250_500, "fields": [{"key": "event", "type": 0, "text": "hit"}]}
            ],
        }
    ],
}
THRIFT = thrift.write_struct(THRIFT_BATCH, jaeger.BATCH)


def thrift_span(**fields: Any) -> Span:
    body = {"spans": [{"trace_low": 1, "span_id": 2, "start": 5} | fields]}
    [span] = one_report(decode_thrift([thrift.write_struct(body, jaeger.BATCH)], NOW_NS))[1]
    return span


def test_a_thrift_batch_means_what_the_reference_says() -> None:
    report, [span] = one_report(decode_thrift([THRIFT], NOW_NS))
    assert (report.token, report.counters) == ("tok", {})
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        "0000000000000001fffffffffffffffe",
        "fffffffffffffffd",
        f"{5:016x}",
    )
    assert (span.service, span.reporter.attributes, span.operation, span.error) == (
        "shop",
        {"hostname": "h"},
        "buy",
        True,
    )
    assert (span.start_us, span.duration_us, span.extra) == (1_700_000_000_250_000, 1500, {"flags": 1})
    assert span.tags == {
        "text": "v",
        "double": 0.5,
        "bool": True,
        "long": -1,
        "bytes": b"\0\xff",
        "none": 0,
        "odd": "t",
        "error": True,
    }
    assert [(log.time_us, log.fields) for log in span.logs] == [(1_700_000_000_250_500, {"event": "hit"})]


def test_thrifts_parent_is_told_once_whether_a_reference_repeats_it_or_not() -> None:
    same = {"type": 0, "trace_low": 1, "span_id": 5}
    for fields in ({"parent": 5}, {"parent": 5, "references": [same]}, {"references": [same]}):
        span = thrift_span(**fields)
        assert span.parent_span_id == f"{5:016x}"
        assert [one.span_id for one in span.references] == [f"{5:016x}"]
    span = thrift_span(parent=4, references=[{"type": 1, "trace_low": 9, "span_id": 5}])
    assert span.parent_span_id == f"{4:016x}"
    assert [(one.kind, one.span_id[-1]) for one in span.references] == [
        ("child_of", "4"),
        ("follows_from", "5"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        b"\0",
        b"\xff\xff",
        THRIFT[:-3],
        b"\x0f\0\2\x0c\x7f\xff\xff\xff",
        b"\x0c\0\1" * 2000,
        b"\x0f\0\2\x0c\0\0\x10\0" + b"\0" * 0x1001,
    ],
)
def test_bad_thrift_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode_thrift, THRIFT, bad)


def test_a_process_behind_its_spans_is_theirs() -> None:
    spans_first = thrift.write_struct(THRIFT_BATCH, dict(reversed(jaeger.BATCH.items())))
    assert spans_first != THRIFT
    assert decode_thrift([spans_first], NOW_NS).reports == decode_thrift([THRIFT], NOW_NS).reports


def test_an_empty_thrift_body_is_a_report() -> None:
    assert one_report(decode_thrift([b""], NOW_NS))[1] == []


# JSON


@pytest.fixture(params=[False, True], ids=["at once", "one by one"])
def _large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are read at once, and, as large ones are, span by span."""
    if request.param:
        monkeypatch.setattr(jaeger_json, "UNCOUNTED_BYTES", 0)
        monkeypatch.setattr(json_parts, "UNCOUNTED_BYTES", 0)


def read_ui(body: bytes) -> tuple[Report, list[Span]]:
    return one_report(jaeger_json.decode([body], NOW_NS))


@pytest.mark.usefixtures("_large")
def test_the_ui_form_means_what_it_says() -> None:
    report, [span, own] = read_ui(UI)
    assert (report.token, report.reporter.service) == ("tok", "shop")
    assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE.hex(), f"{2:016x}", f"{5:016x}")
    assert (span.service, span.reporter.attributes, span.kind, span.error) == (
        "shop",
        {"hostname": "h"},
        "server",
        True,
    )
    assert span.tags == {
        "text": "v",
        "flag": True,
        "int": -1,
        "big": 9007199254740993,
        "float": 2.0,
        "bytes": b"\0\xff",
        "span.kind": "server",
        "error": True,
    }
    assert span.extra == {"flags": 1, "warnings": ["clock skew"]}
    assert (own.trace_id, own.service) == (TRACE.hex(), "own")


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("shape", ["document", "list", "trace"])
def test_a_document_a_list_of_traces_and_a_trace_read_alike(shape: str) -> None:
    document = json.loads(UI)
    shapes = {"document": document, "list": document["data"], "trace": document["data"][0]}
    assert read_ui(json.dumps(shapes[shape]).encode())[1] == read_ui(UI)[1]


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize(
    "bad", [b"", b"{}", b"[1]", b'{"data":null}', b'{"data":[{"spans":3}]}', b"[" * 100_000, b"nope"]
)
def test_bad_documents_do_not_touch_their_neighbours(bad: bytes) -> None:
    stay_whole(jaeger_json.decode, UI, bad)


@pytest.mark.usefixtures("_large")
def test_odd_values_do_not_lose_a_span() -> None:
    tags = [
        {"key": "f", "type": "float64", "value": "NaN-"},
        {"key": "inf", "type": "float64", "value": "-inf"},
        {"key": "i", "type": "int64", "value": "x"},
        {"key": "b", "type": "bool", "value": "true"},
        {"key": "b64", "type": "binary", "value": "%"},
        {"key": "n"},
        3,
    ]
    odd = {"traceID": "1", "spanID": "2", "startTime": 5, "tags": tags, "processID": [], "references": [{}]}
    report, [span] = read_ui(json.dumps({"data": [{"spans": [odd, 7, {}]}]}).encode())
    assert span.tags == {"f": "NaN-", "inf": float("-inf"), "i": "x", "b": True, "b64": "%", "n": None}
    assert report.dropped == {"malformed": 1, "no_ids": 1}
    _, [span] = read_ui(json.dumps({"data": [{"spans": [odd | {"tags": {"a": "b", "n": 5}}]}]}).encode())
    assert span.tags == {"a": "b", "n": 5}


IDS = st.integers(1, 2**64 - 1)
TEXTS = st.text(max_size=5)
VALUES = (
    TEXTS
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=4)
)
TAGS = st.dictionaries(TEXTS, VALUES, max_size=3)
TIMES = st.integers(1, 2**50).map(lambda us: us * 1000)


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    """What Jaeger can hold."""
    kind = draw(st.sampled_from(Kind))
    status = draw(st.sampled_from([Status.UNSET, Status.ERROR]))
    tags = [*draw(TAGS).items()]
    tags += [("span.kind", kind.name.lower())] if kind else []
    tags += [("error", True)] if status == Status.ERROR else []
    reporter = Reporter("jaeger", draw(st.sampled_from(["a", "b"])), attributes=tuple(draw(TAGS).items()))
    trace, parent = draw(IDS), draw(st.integers(0, 3))
    others = IDS.filter(lambda low: low != trace)
    follows = [
        encode_reference(follows=True, trace_high=draw(IDS), trace_low=draw(others), span_id=draw(IDS))
        for _ in range(draw(st.integers(0, 2)))
    ]
    own = encode_reference(follows=False, trace_high=0, trace_low=0, span_id=parent)
    extra: dict[str, Any] = {"flags": draw(st.integers(1, 3))} if draw(st.booleans()) else {}
    extra |= {"warnings": draw(st.lists(TEXTS, min_size=1, max_size=2))} if draw(st.booleans()) else {}
    return {
        "reporter": reporter,
        "operation": draw(TEXTS),
        "trace_high": draw(st.integers(0, 2**64 - 1)),
        "trace_low": trace,
        "span_id": draw(st.integers(4, 2**64 - 1)),  # nobody is its own parent
        "parent_id": parent,
        "start_ns": draw(TIMES),
        "duration_ns": draw(TIMES),
        "kind": kind,
        "status": status,
        "tags": tags,
        "logs": [encode_log(draw(TIMES), draw(TAGS).items()) for _ in range(draw(st.integers(0, 2)))],
        "references": ([own] if parent and follows else []) + follows,
        "extra": extra,
    }


def plain(batch_spans: list[Span]) -> list[str]:
    """By trace, as they are written; marks of arrival left out."""
    return sorted(
        repr(Span(**{name: getattr(span, name) for name in Span.__struct_fields__} | {"mark": 0}))
        for span in batch_spans
    )


@given(st.lists(spans(), max_size=4, unique_by=lambda span: span["span_id"]))
def test_what_jaeger_can_hold_goes_out_and_in_without_loss(made: list[dict[str, Any]]) -> None:
    builder = SpanBuilder()
    for span in made:
        builder.add(**span)
    first = builder.build()
    again = jaeger_json.decode([_written(first)], NOW_NS).batch
    assert plain(again.spans()) == plain(first.spans())


def _written(batch: SpanBatch) -> bytes:
    """The file with all spans of a batch, trace by trace."""
    return b"".join(FILE_FORMATS["jaeger-json"].pieces([batch]))


def test_the_documents_shape() -> None:
    document = json.loads(_written(jaeger_json.decode([UI], NOW_NS).batch))
    [trace] = document["data"]
    assert document.keys() == {"data", "total", "limit", "offset", "errors"}
    assert trace["processes"] == {
        "p1": {"serviceName": "shop", "tags": [{"key": "hostname", "type": "string", "value": "h"}]},
        "p2": {"serviceName": "own", "tags": []},
    }
    assert [span["processID"] for span in trace["spans"]] == ["p1", "p2"]
    assert trace["spans"][0]["references"] == [
        {"refType": "CHILD_OF", "traceID": TRACE.hex(), "spanID": f"{5:016x}"}
    ]


def test_what_jaeger_says_by_tags_is_added_and_corrected() -> None:
    builder = SpanBuilder()
    common: dict[str, Any] = {
        "reporter": Reporter("otlp", "s"),
        "operation": "o",
        "trace_low": 1,
        "duration_ns": 0,
    }
    builder.add(
        **common, span_id=2, start_ns=NOW_NS, kind=Kind.CLIENT, status=Status.ERROR, tags=[("list", [1])]
    )
    builder.add(**common, span_id=3, start_ns=NOW_NS, marks=Marks.TIME_INVENTED, tags=[("error", True)])
    tagged: Any = ("parent_span_guid", "9")
    other = encode_reference(follows=True, trace_high=0, trace_low=7, span_id=8)
    builder.add(**common, span_id=4, start_ns=NOW_NS, parent_id=9, tags=[tagged], references=[other])
    [trace] = json.loads(_written(builder.build()))["data"]
    first, second, third = trace["spans"]
    assert [(tag["key"], tag["value"]) for tag in first["tags"]] == [
        ("list", "[1]"),
        ("span.kind", "client"),
        ("error", True),
    ]
    assert (second["startTime"], second["tags"]) == (0, [{"key": "error", "type": "bool", "value": False}])
    assert [one["spanID"][-1] for one in third["references"]] == ["9", "8"]


def test_both_halves_of_a_shared_span_survive() -> None:
    builder = SpanBuilder()
    for kind, marks, parent in ((Kind.CLIENT, Marks(0), 1), (Kind.SERVER, Marks.SHARED, 2)):
        builder.add(
            reporter=Reporter("jaeger", kind.name),
            operation="o",
            trace_low=1,
            span_id=2,
            parent_id=parent,
            start_ns=1000,
            duration_ns=0,
            kind=kind,
            marks=marks,
            tags=[("span.kind", kind.name.lower())],
            extra={"shared_parent_id": f"{1:016x}"} if marks else None,
        )
    first = builder.build()
    again = jaeger_json.decode([_written(first)], NOW_NS).batch
    assert again.spans() == first.spans()


# Anything at all


@given(st.binary(max_size=200))
@example(b"\x0a\x04\x0a\x02\x08\x01")
def test_any_bytes_give_a_report_or_bad_report(body: bytes) -> None:
    for read in (decode, decode_thrift, jaeger_json.decode):
        decoded = read([body], NOW_NS)
        [outcome] = decoded.reports
        assert isinstance(outcome, Report | BadReport)
        decoded.batch.spans()


@given(st.sampled_from([(decode, FULL), (decode_thrift, THRIFT), (jaeger_json.decode, UI)]), st.data())
def test_a_mutated_report_never_harms_its_neighbours(pair: tuple[Any, bytes], data: st.DataObject) -> None:
    read, whole = pair
    place, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    cut = data.draw(st.booleans())
    mutated = whole[:place] if cut else whole[:place] + bytes([byte]) + whole[place + 1 :]
    decoded = read([whole, mutated, whole], NOW_NS)
    first, outcome, last = decoded.reports
    assert isinstance(outcome, Report | BadReport)
    expected = read([whole], NOW_NS).batch.spans()
    for report in (first, last):
        assert decoded.batch.slice(report.rows.start, report.rows.stop).spans() == expected
    decoded.batch.spans()


# Answers


def test_answers() -> None:
    kept = Receipt(NOW_NS, NOW_NS, warnings=["odd"])
    assert encode(kept, RequestHead()).body == b""
    reply = encode(kept, RequestHead(path="/api/traces"))
    assert (reply.status, reply.body) == (202, b"odd")


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (BadReport("bad"), 400),
        (AccessDenied("unknown"), 400),
        (TooLarge("big"), 413),
        (Overloaded("later"), 503),
    ],
)
def test_refusals_are_text(refusal: Any, status: int) -> None:
    reply = encode(Receipt(NOW_NS, NOW_NS, refusal), RequestHead(path="/api/traces"))
    assert (reply.status, reply.body.decode()) == (status, refusal.message)


def test_the_records_name_what_the_edges_need() -> None:
    assert PROTOCOL.grpc_methods == ("/jaeger.api_v2.CollectorService/PostSpans",)
    assert THRIFT_PROTOCOL.http_routes == (("POST", "/api/traces"),)
    assert "application/x-thrift" in THRIFT_PROTOCOL.content_types
    assert jaeger_json.PROTOCOL.encode(Receipt(NOW_NS, NOW_NS), RequestHead()).status == 200


def test_a_value_under_another_type_than_it_is_named_is_read() -> None:
    tag = (
        b"\x0b\0\1\0\0\0\1k" + b"\x08\0\2\0\0\0\3" + b"\x0b\0\3\0\0\0\1x" + b"\0"
    )  # named a long, sent as a text
    ids = b"".join(b"\x0a\0%b" % bytes([field]) + struct.pack(">q", field) for field in (1, 3, 8))
    span = ids + b"\x0f\0\x0a\x0c\0\0\0\1" + tag + b"\0"
    body = b"\x0c\0\1\x0b\0\1\0\0\0\1s\0" + b"\x0f\0\2\x0c\0\0\0\1" + span + b"\0"
    [kept] = decode_thrift([body], 1).batch.spans()
    assert kept.tags == {"k": "x"}
