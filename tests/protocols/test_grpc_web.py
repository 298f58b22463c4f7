from __future__ import annotations

import base64

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from satellite.errors import BadReport, Overloaded, SatelliteError
from satellite.model.report import Receipt, Report
from satellite.protocols import PROTOCOLS, WEB_PROTOCOLS
from satellite.protocols.lightstep.protobuf import PROTOCOL as LIGHTSTEP
from satellite.protocols.otlp.protobuf import PROTOCOL as OTLP
from satellite.protocols.wire import RequestHead

[WEB] = [one for one in WEB_PROTOCOLS if one.name == "otlp_web"]
BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text"


def framed(message: bytes, first: int = 0) -> bytes:
    return bytes((first,)) + len(message).to_bytes(4, "big") + message


def request(name: str) -> bytes:
    span = Span(trace_id=b"1" * 16, span_id=b"2" * 8, name=name, start_time_unix_nano=1, end_time_unix_nano=2)
    resource = ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])
    return ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()


def answer(receipt: Receipt, content_type: str = BINARY) -> tuple[bytes, list[bytes]]:
    """(the message or b"", the lines of the trailers)."""
    reply = WEB.encode(receipt, RequestHead(content_type=content_type))
    assert reply.status == 200
    assert reply.content_type.startswith(content_type)
    body = base64.b64decode(reply.body, validate=True) if content_type == TEXT else reply.body
    frames = {}
    while body:
        size = int.from_bytes(body[1:5], "big")
        frames[body[0]], body = body[5 : 5 + size], body[5 + size :]
    assert list(frames) in ([0, 0x80], [0x80])
    return frames.get(0, b"none"), frames[0x80].split(b"\r\n")


def test_every_report_method_is_taken() -> None:
    methods = [method for protocol in PROTOCOLS for method in protocol.grpc_methods]
    assert [path for web in WEB_PROTOCOLS for _, path in web.http_routes] == methods
    names = [protocol.name for protocol in WEB_PROTOCOLS]
    assert len(set(names)) == len(names)
    assert not set(names) & {protocol.name for protocol in PROTOCOLS}


def test_bodies_of_both_forms_and_bad_ones_between_them() -> None:
    text = base64.b64encode(framed(request("b"))[:9]) + base64.b64encode(framed(request("b"))[9:])
    bodies = [
        framed(request("a")),
        b"",
        text,
        framed(request("c"))[:-1],
        framed(request("c")) * 2,
        framed(request("c"), 1),
        b"no base64",
        framed(b"\xff"),
        framed(b""),
    ]
    decoded = WEB.decode(bodies, 10**18)
    good = [isinstance(one, Report) for one in decoded.reports]
    assert good == [True, False, True, False, False, False, False, False, True]
    assert all(isinstance(one, BadReport) for one in decoded.reports if not isinstance(one, Report))
    rows = [one.rows for one in decoded.reports if isinstance(one, Report)]
    assert [span.operation for span in decoded.batch.slice(rows[0].start, 2).spans()] == ["a", "b"]
    assert rows[2].start == rows[2].stop


@pytest.mark.parametrize("content_type", [BINARY, TEXT])
def test_an_answer(content_type: str) -> None:
    kept = Receipt(1, 2, stored=1)
    assert answer(kept, content_type) == (OTLP.encode(kept, RequestHead()).body, [b"grpc-status: 0", b""])


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(BadReport("50 % of it\nis bad"), 3), (Overloaded("later"), 14), (SatelliteError("odd"), 13)],
)
def test_a_refusal(refusal: SatelliteError, status: int) -> None:
    body, lines = answer(Receipt(1, 2, refusal))
    said = refusal.message.replace("%", "%25").replace("\n", "%0A").encode()
    assert (body, lines[:2]) == (b"none", [b"grpc-status: %d" % status, b"grpc-message: " + said])
    details = OTLP.grpc_details(refusal)
    if details is not None:
        name, _, value = lines[2].partition(b": ")
        assert name == b"grpc-status-details-bin"
        assert Status.FromString(base64.b64decode(value + b"==")) == Status.FromString(details)


def test_lightstep_s_refusals_are_told_by_the_status() -> None:
    [web] = [one for one in WEB_PROTOCOLS if one.name == f"{LIGHTSTEP.name}_web"]
    reply = web.encode(Receipt(1, 2, Overloaded("later")), RequestHead(content_type=BINARY))
    assert (reply.status, reply.body[5:].startswith(b"grpc-status: 14\r\n")) == (200, True)
