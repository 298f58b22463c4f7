"""Zipkin: v2 as JSON and protobuf (HTTP and gRPC), v1 as JSON and Thrift; also spans written out as v2 JSON.

The bodies themselves say which form they have, so one codec serves both paths. Facts: the wire reference, section 7;
where v1 becomes v2 is `zipkin_v1`, what a span means `zipkin_model`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from satellite.errors import BadReport, SatelliteError, TooLarge
from satellite.model.access_tokens import without_tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import Reporter
from satellite.pb import zipkin_pb2 as pb
from satellite.protocols.readers.json_document import CONTAINERS_MAX
from satellite.protocols.readers.submessages import read_submessages
from satellite.protocols.rows import (
    SPAN_BYTES_MAX,
    VALUES_MAX,
    Rows,
    check_spans,
    plain_reply,
    say_broken,
    say_dropped,
)
from satellite.protocols.wire import Reply, RequestHead, WireProtocol
from satellite.protocols.zipkin import v1 as zipkin_v1
from satellite.protocols.zipkin.model import NAME, SpanWriter, ZipkinSpan, address_text

_JSON_LIST = re.compile(rb"[\xef\xbb\xbf\s]*\[\s*[{\]\[\"0-9tfn-]")
_KINDS = {1: "CLIENT", 2: "SERVER", 3: "PRODUCER", 4: "CONSUMER"}
_FIELDS = {one.encode_name: one.name for one in msgspec.structs.fields(ZipkinSpan)}
_READER = msgspec.json.Decoder(list[ZipkinSpan])
_ENVOY = re.compile(r"envoy|istio", re.IGNORECASE)


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per body, and the spans of all good ones in one batch."""
    rows = Rows()
    writer = SpanWriter(rows, received_ns)
    outcomes: list[Report | SatelliteError] = []
    for body in bodies:
        try:
            spans, lost = read(body)
        except SatelliteError as refusal:
            outcomes.append(refusal)
        else:
            outcomes.append(_report(rows, writer, spans, lost))
    return without_tokens(Decoded(rows.build(), outcomes), bare=True)


def _report(rows: Rows, writer: SpanWriter, spans: list[ZipkinSpan], lost: dict[str, int]) -> Report:
    """Add the spans of one body to the rows."""
    start, broken = len(rows), rows.broken
    nameless = 0
    writer.reporter = None
    clients = {(span.trace_id, span.id) for span in spans if span.kind == "CLIENT" and _has_texts(span)}
    for span in spans:
        # Both halves of a span may come in one report without the flag; that the second is the server's is plain then.
        shared = span.kind == "SERVER" and _has_texts(span) and (span.trace_id, span.id) in clients
        nameless += not writer.add(span, shared=shared)
    report = Report("", writer.reporter or Reporter(NAME), slice(start, len(rows)))
    say_dropped(report, "no_ids", nameless, "without trace id and span id")
    for reason, count in lost.items():
        say_dropped(report, reason, count, _LOST[reason])
    say_broken(report, rows.broken - broken)
    return report


_LOST = {"malformed": "that cannot be read", "span_too_large": f"of more than {SPAN_BYTES_MAX} bytes"}


def _has_texts(span: ZipkinSpan) -> bool:
    return isinstance(span.id, str) and isinstance(span.trace_id, str)


def read(body: bytes) -> tuple[list[ZipkinSpan], dict[str, int]]:
    """(the spans of a body in any form, v1 turned into v2; how many were lost and why).

    Raises:
        BadReport: no form of Zipkin.
        TooLarge: more values than are worth reading.
    """
    if not body:
        return [], {}
    if _JSON_LIST.match(body):
        return _read_json(body)
    if body[0] == 0x0A:
        return _read_protobuf(body)
    if body[0] == 0x0C:
        spans = zipkin_v1.read_thrift(body)
        check_spans(len(spans), len(body))
        return _v2(spans), {}
    if b'"batch"' in body and body.lstrip()[:1] == b"{":
        raise BadReport("this is Jaeger's JSON, not a list of Zipkin spans; send it by gRPC or as Thrift")
    raise BadReport("not Zipkin: neither a JSON array, nor protobuf, nor a Thrift list")


def _read_json(body: bytes) -> tuple[list[ZipkinSpan], dict[str, int]]:
    if body.count(b",") > VALUES_MAX or body.count(b"{") + body.count(b"[") > CONTAINERS_MAX:
        raise TooLarge(f"the JSON has more than {VALUES_MAX} values, or {CONTAINERS_MAX} objects and arrays")
    try:
        spans = _READER.decode(body)
        check_spans(len(spans), len(body))
        return _v2(spans), {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # one odd text, number or element must not cost the others; slower, and more patient:
    try:
        elements = json.loads(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape"))
    except RecursionError as error:
        raise BadReport("the JSON is nested too deeply") from error
    except ValueError as error:
        raise BadReport(f"not JSON: {error}") from error
    spans = [_from_json(element) for element in elements if isinstance(element, dict)]
    check_spans(len(spans), len(body))
    malformed = len(elements) - len(spans)
    if malformed and not spans:
        raise BadReport("not Zipkin: a JSON array without spans")
    return _v2(spans), {"malformed": malformed}


def _from_json(element: dict[str, Any]) -> ZipkinSpan:
    return ZipkinSpan(**{_FIELDS[name]: element[name] for name in _FIELDS.keys() & element.keys()})


def _v2(spans: list[ZipkinSpan]) -> list[ZipkinSpan]:
    """The spans, those of v1 turned into one or two of v2."""
    if not any(zipkin_v1.is_v1(span) for span in spans):
        return spans
    return [
        turned for span in spans for turned in (zipkin_v1.convert(span) if zipkin_v1.is_v1(span) else [span])
    ]


def _read_protobuf(body: bytes) -> tuple[list[ZipkinSpan], dict[str, int]]:
    encoded = read_submessages(body, {1})[1]
    check_spans(len(encoded), len(body))
    spans: list[ZipkinSpan] = []
    lost = {"malformed": 0, "span_too_large": 0}
    for one in encoded:
        if len(one) > SPAN_BYTES_MAX:
            lost["span_too_large"] += 1
            continue
        try:
            spans.append(_from_protobuf(pb.Span.FromString(one)))
        except DecodeError:
            lost["malformed"] += 1
    if lost["malformed"] and not spans:
        raise BadReport("not a ListOfSpans: none of its spans can be read")
    return spans, lost


def _from_protobuf(span: Any) -> ZipkinSpan:
    return ZipkinSpan(
        trace_id=span.trace_id.hex(),
        id=span.id.hex(),
        parent_id=span.parent_id.hex(),
        name=_text(span.name),
        kind=_KINDS.get(span.kind, f"kind {span.kind}") if span.kind else None,
        timestamp=span.timestamp,
        duration=span.duration,
        local_endpoint=_endpoint(span.local_endpoint) if span.HasField("local_endpoint") else None,
        remote_endpoint=_endpoint(span.remote_endpoint) if span.HasField("remote_endpoint") else None,
        annotations=[{"timestamp": one.timestamp, "value": _text(one.value)} for one in span.annotations],
        tags={_text(tag.key): _text(tag.value) for tag in span.tags},
        debug=span.debug,
        shared=span.shared,
    )


def _text(value: bytes) -> str:
    """Text; what is no UTF-8 stays visible as such, so that the span can be marked."""
    return value.decode("utf-8", "surrogateescape")


def _endpoint(endpoint: Any) -> dict[str, Any]:
    return {
        "serviceName": _text(endpoint.service_name),
        "ipv4": address_text(endpoint.ipv4),
        "ipv6": address_text(endpoint.ipv6),
        "port": endpoint.port,
    }


def encode(receipt: Receipt, head: RequestHead) -> Reply:
    """200 (202 for Envoy) with an empty body, or the warnings as text; refusals as text.

    Envoy takes nothing but 202 for success, as Zipkin itself answers; one Haskell reporter nothing but 200; all others
    any 2xx. Envoy's reporter names itself in no User-Agent, so a request without one is taken for Envoy's (ours).
    """
    if not head.path and receipt.refusal is None:  # over gRPC: an empty ReportResponse
        return Reply(200, "application/grpc", b"")
    from_envoy = not head.user_agent or _ENVOY.search(head.user_agent) is not None
    return plain_reply(receipt, 202 if from_envoy else 200)


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/api/v2/spans"), ("POST", "/api/v1/spans")),
    grpc_methods=("/zipkin.proto3.SpanService/Report",),
    content_types=(
        "application/json",
        "text/plain",
        "application/x-protobuf",
        "application/protobuf",
        "application/octet-stream",
        "application/x-thrift",
        "application/vnd.apache.thrift.binary",
    ),
    decode=decode,
    encode=encode,
)
