"""Zipkin: v2 as JSON and protobuf (HTTP and gRPC), v1 as JSON and Thrift; also spans written out as v2 JSON.

The bodies themselves say which form they have, so one codec serves both paths. Facts: the wire reference, section 7;
where v1 becomes v2 is `zipkin_v1`, what a span means `zipkin_model`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from satellite.errors import BadReport, TooLarge
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import Reporter
from satellite.pb import zipkin_pb2 as pb
from satellite.protocols.readers.columns import (
    EVENT_BYTES_MIN,
    Range,
    hold_more,
    is_crowded_span,
    messages_in,
)
from satellite.protocols.readers.json_document import VALUE_BYTES_MIN, check_values
from satellite.protocols.readers.json_parts import PART_VALUE_BYTES_MIN, read_elements
from satellite.protocols.readers.submessages import read_submessages
from satellite.protocols.refused import plain_reply
from satellite.protocols.rows import (
    SPAN_BYTES_MAX,
    Rows,
    check_spans,
    decode_rows,
    emptied,
    say_broken,
    say_dropped,
)
from satellite.protocols.wire import Reply, RequestHead, WireProtocol
from satellite.protocols.zipkin import v1 as zipkin_v1
from satellite.protocols.zipkin.model import NAME, SpanWriter, ZipkinSpan, address_text
from satellite.protocols.zipkin.plain import add_plain

_JSON_LIST = re.compile(rb"[\xef\xbb\xbf\s]*\[\s*[{\]\[\"0-9tfn-]")
_KINDS = {1: "CLIENT", 2: "SERVER", 3: "PRODUCER", 4: "CONSUMER"}
_FIELDS = {one.encode_name: one.name for one in msgspec.structs.fields(ZipkinSpan)}
_CAMEL = {one.name: one.encode_name for one in msgspec.structs.fields(ZipkinSpan)}
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_READER = msgspec.json.Decoder(ZipkinSpan)

_ENVOY = re.compile(r"envoy|istio", re.IGNORECASE)


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per body, and the spans of all good ones in one batch."""
    return decode_rows(bodies, lambda body, rows: _report(rows, body, received_ns))


def _report(rows: Rows, body: bytes, received_ns: int) -> Report:
    """Add the spans of one body to the rows."""
    writer = SpanWriter(rows, received_ns)
    start, broken = len(rows), rows.broken
    lost = {"no_ids": 0}
    if not (_JSON_LIST.match(body) and add_plain(body, rows, writer, received_ns)):
        for count, span in enumerate(read(body, lost), 1):
            check_spans(count, len(body))
            for one in zipkin_v1.convert(span) if zipkin_v1.is_v1(span) else (span,):
                lost["no_ids"] += not writer.add(one)
    writer.share(start)
    report = Report("", writer.reporter or Reporter(NAME), slice(start, len(rows)))
    for reason, count in lost.items():
        say_dropped(report, reason, count, _LOST[reason])
    say_broken(report, rows.broken - broken)
    return report


_LOST = {
    "no_ids": "without trace id and span id",
    "malformed": "that cannot be read",
    "span_too_large": f"of more than {SPAN_BYTES_MAX} bytes",
}


def read(body: bytes, lost: dict[str, int]) -> Iterator[ZipkinSpan]:
    """The spans of a body in any form, one by one; how many were lost is counted under the reason why.

    Raises:
        BadReport: no form of Zipkin.
        TooLarge: more values than are worth reading.
    """
    if not body:
        return iter(())
    if _JSON_LIST.match(body):
        return _read_json(body, lost)
    if body[0] == 0x0A:
        return _read_protobuf(body, lost)
    if body[0] == 0x0C:
        return zipkin_v1.read_thrift(body)
    if b'"batch"' in body and body.lstrip()[:1] == b"{":
        raise BadReport("this is Jaeger's JSON, not a list of Zipkin spans; send it by gRPC or as Thrift")
    if body.lstrip()[:1] == b"{":
        raise BadReport("not Zipkin: a JSON object; spans come in an array, one, too: [{…}]")
    raise BadReport("not Zipkin: neither a JSON array, nor protobuf, nor a Thrift list")


def _read_json(body: bytes, lost: dict[str, int]) -> Iterator[ZipkinSpan]:
    """One element after the other: an odd text or number does not cost the others, nor is more than one in memory."""
    check_values(body, VALUE_BYTES_MIN)
    try:
        elements: Iterable[Any] = emptied(_ELEMENTS.decode(body.removeprefix(b"\xef\xbb\xbf")))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        elements = read_elements(body)
    found = malformed = 0
    for element in elements:
        span = _from_json(element)
        if span is None:
            malformed += 1
        else:
            found += 1
            if isinstance(span.tags, list):
                span.tags = _keyed(span.tags)
            yield span
    if malformed and not found:
        raise BadReport("not Zipkin: a JSON array without spans")
    lost["malformed"] = malformed


def _keyed(tags: list[Any]) -> dict[str, Any]:
    """Tags that are a list of keys and values, as Jaeger and OTLP have them."""
    pairs = ((one.get("key"), one.get("value")) for one in tags if isinstance(one, dict))
    return {key: value for key, value in pairs if isinstance(key, str)}


def _from_json(element: Any) -> ZipkinSpan | None:
    """A span; None for what is no object."""
    if isinstance(element, msgspec.Raw):
        check_values(memoryview(element), PART_VALUE_BYTES_MIN)
        try:
            span: ZipkinSpan = _READER.decode(element)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            span = ZipkinSpan()  # an odd text or number in it
        if span.trace_id is not None:
            return span
        (element,) = read_elements(b"[%b]" % element)  # slower, and more patient
    if not isinstance(element, dict):
        return None
    if "trace_id" in element:  # protobuf's names, where JSON has others
        element = {_CAMEL.get(name, name): _in_camel(value) for name, value in element.items()}
    return ZipkinSpan(**{_FIELDS[name]: element[name] for name in _FIELDS.keys() & element.keys()})


def _in_camel(value: Any) -> Any:
    """An endpoint, with its name where it should be."""
    if isinstance(value, dict) and "service_name" in value:
        return value | {"serviceName": value["service_name"]}
    return value


def _read_protobuf(body: bytes, lost: dict[str, int]) -> Iterator[ZipkinSpan]:
    encoded = read_submessages(body, {1})[1]
    check_spans(len(encoded), len(body))
    if hold_more([body], EVENT_BYTES_MIN, (10,), _annotations):
        raise TooLarge("more annotations than a report of this size can hold")
    lost |= {"malformed": 0, "span_too_large": 0}
    for one in encoded:
        if len(one) > SPAN_BYTES_MAX:
            lost["span_too_large"] += 1
            continue
        if is_crowded_span(one):
            raise TooLarge("a span has more values than one of its size can hold")
        try:
            span = _from_protobuf(pb.Span.FromString(one))
        except DecodeError:
            lost["malformed"] += 1
        else:
            yield span
    if lost["malformed"] and lost["malformed"] + lost["span_too_large"] == len(encoded):
        raise BadReport("not a ListOfSpans: none of its spans can be read")


def _annotations(body: bytes) -> Iterator[Range]:
    for span in messages_in(body, (0, len(body)), (1,)):
        yield from messages_in(body, span, (10,))


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
