"""What LightStep tracers say of their process: `POST /metrics`. Accepted and counted; there are no spans in it.

`Report.counters` has `metrics.points` and, for each counter among the points, `metrics.<name>`: both are amounts since
the last report, so adding them up is right. Of gauges only the last value means anything: it goes, by name, into
`Report.reporter.detail["gauges"]`, beside the `idempotency_key`. A codec has no memory, so whether that key came before
is not known here; what a tracer re-sends is counted again (Java never does, others only when we failed).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from google.protobuf.message import DecodeError

from satellite.errors import BadReport, SatelliteError
from satellite.model.access_tokens import is_secret, without_token, without_tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.span import TagValue
from satellite.model.spans import SpanBuilder
from satellite.model.tag import text_of
from satellite.pb import lightstep_metrics_pb2 as metrics
from satellite.pb import lightstep_shallow_pb2 as shallow
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.refused import text_reply
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

NAME = "tracer_metrics"
PROTOBUF = "application/octet-stream"

NAMES_MAX = 256
"""Distinct counters and gauges, each, that are kept of one report; points beyond are only counted. Ours."""

NAME_CHARACTERS_MAX = 200

_COUNTER, _GAUGE = 1, 2


def decode(bodies: Sequence[bytes], _received_ns: int) -> Decoded:
    """One Report or BadReport per body; no spans."""
    return without_tokens(Decoded(SpanBuilder().build(), [_outcome(body) for body in bodies]))


def _outcome(body: bytes) -> Report | SatelliteError:
    try:
        request = metrics.IngestRequest.FromString(body)
        reporter = lightstep._reporter(b"".join(request.reporter))
    except DecodeError as error:
        return BadReport(f"not an IngestRequest: {error}")
    except BadReport as refusal:
        return refusal
    counters: dict[str, float] = {"metrics.points": len(request.points)}
    gauges: dict[str, TagValue] = {}
    unfit = untold = 0
    for point in request.points:
        field = point.WhichOneof("value")
        value = getattr(point, field) if field else None
        name = point.metric_name.decode("utf-8", "replace")[:NAME_CHARACTERS_MAX]
        if value is None or not name or not math.isfinite(value) or point.kind not in (_COUNTER, _GAUGE):
            unfit += 1
            continue
        name += _labels(point.labels)
        kept: dict[str, float] = gauges if point.kind == _GAUGE else counters
        key = name if point.kind == _GAUGE else f"metrics.{name}"
        if key not in kept and len(kept) >= NAMES_MAX:
            untold += 1
        elif point.kind == _GAUGE:
            kept[key] = float(value)
        else:
            kept[key] = kept.get(key, 0) + value
    detail = dict(reporter.detail)
    if gauges:
        detail["gauges"] = gauges
    if request.idempotency_key:
        detail["idempotency_key"] = request.idempotency_key.decode("utf-8", "replace")
    report = Report(
        token="",
        reporter=msgspec.structs.replace(reporter, protocol=NAME, detail=detail),
        rows=slice(0, 0),
        counters=counters,
    )
    if unfit:
        report.warnings.append(f"{unfit} points have no name, no finite value or no known kind")
    if untold:
        report.warnings.append(f"{untold} points beyond {NAMES_MAX} names were only counted")
    return report


def _labels(labels: Sequence[bytes]) -> str:
    """`{key=value,…}`; "" for none, and for those that cannot be read."""
    try:
        pairs = list(lightstep._fields([shallow.KeyValue.FromString(label) for label in labels]))
    except DecodeError:
        return ""
    text = ",".join(f"{key}={without_token(text_of(value))}" for key, value in pairs if not is_secret(key))
    return f"{{{text[:NAME_CHARACTERS_MAX]}}}" if pairs else ""


def encode(receipt: Receipt, _head: RequestHead) -> Reply:
    """An empty IngestResponse, which is no bytes at all; a reason in plain text where it was refused."""
    if receipt.refusal is not None:
        return text_reply(receipt.refusal)
    return Reply(200, PROTOBUF, b"")


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/metrics"),),
    grpc_methods=("/lightstep.metrics.MetricsService/Report",),
    content_types=(PROTOBUF, "application/x-protobuf", "application/protobuf"),
    decode=decode,
    encode=encode,
)
