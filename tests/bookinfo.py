"""The Bookinfo fixture of explorer.md §15: 88 spans of 12 traces, and the answers that every engine must give.

The numbers here are the reference's, not computed from the spans: they are the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass

from satellite.model.reporter import Reporter
from satellite.model.spans import Kind, SpanBatch, SpanBuilder, Status
from satellite.query import parse
from satellite.query.plan import Plan

GATEWAY = "istio-ingressgateway.istio-system"
PRODUCTPAGE = "productpage.default"
DETAILS = "details.default"
REVIEWS = "reviews.default"
RATINGS = "ratings.default"

PAGE_CALL = "productpage.default.svc.cluster.local:9080/productpage"
DETAILS_CALL = "details.default.svc.cluster.local:9080/*"
REVIEWS_CALL = "reviews.default.svc.cluster.local:9080/*"
RATINGS_CALL = "ratings.default.svc.cluster.local:9080/*"

START_US = 1_700_000_000_000_000
"""Start of trace 0; trace k starts k seconds later."""
TRACES = 12
SPANS = 88
ERRORS = 2

_BASE = 0xB00C0000
_REPORTER_IDS = {
    GATEWAY: 0xE1A0,
    PRODUCTPAGE: 0xE1A1,
    DETAILS: 0xE1A2,
    REVIEWS: 0xE1A3,
    RATINGS: 2**63 + 0xE1A4,
}


def reporter(service: str) -> Reporter:
    """The sidecar of one service, with the attributes that the C++ tracer inside Envoy sends."""
    attributes = (
        ("lightstep.tracer_platform", "c++"),
        ("lightstep.tracer_platform_version", 201402),
        ("lightstep.tracer_version", "0.8.1"),
        ("lightstep.opentracing_version", "1.5.1"),
        ("lightstep.component_name", service),
    )
    return Reporter(protocol="lightstep", service=service, id=_REPORTER_IDS[service], attributes=attributes)


def trace_low(k: int) -> int:
    """The id of trace k."""
    return _BASE + k


def span_id(k: int, n: int) -> int:
    """The id of row n (of the table in §15.1) in trace k."""
    return (_BASE + k) * 16 + n


def batch(traces: range = range(TRACES)) -> SpanBatch:
    """The spans of these traces, trace by trace, rows in the table's order."""
    builder = SpanBuilder()
    for k in traces:
        _add_trace(builder, k)
    return builder.build()


def _add_trace(builder: SpanBuilder, k: int) -> None:
    version = f"v{k % 3 + 1}"
    ratings_us = {5: 800_000, 11: 900_000, 8: 3_000}.get(k, 5_000 if version == "v2" else 10_000)
    reviews_us = 4_000 + (0 if version == "v1" else ratings_us + 600)
    reviews_call_us = reviews_us + 700
    page_us = 6_500 + reviews_call_us
    rows = [  # n, service, operation, kind, parent, start after the trace's, duration
        (1, GATEWAY, PAGE_CALL, Kind.CLIENT, 0, 0, page_us + 1_000),
        (2, PRODUCTPAGE, PAGE_CALL, Kind.SERVER, 1, 500, page_us),
        (3, PRODUCTPAGE, DETAILS_CALL, Kind.CLIENT, 2, 1_500, 3_500),
        (4, DETAILS, DETAILS_CALL, Kind.SERVER, 3, 1_750, 3_000),
        (5, PRODUCTPAGE, REVIEWS_CALL, Kind.CLIENT, 2, 5_500, reviews_call_us),
        (6, REVIEWS, REVIEWS_CALL, Kind.SERVER, 5, 5_850, reviews_us),
        (7, REVIEWS, RATINGS_CALL, Kind.CLIENT, 6, 7_850, ratings_us + 600),
        (8, RATINGS, RATINGS_CALL, Kind.SERVER, 7, 8_150, ratings_us),
    ]
    for n, service, operation, kind, parent, after_us, duration_us in rows:
        if n >= 7 and version == "v1":
            continue
        failed = k == 8 and n >= 7
        tags = {"component": "proxy", "span.kind": kind.name.lower(), "http.method": "GET"}
        tags["http.status_code"] = "500" if failed else "200"
        if n in (6, 7):
            tags["istio.canonical_revision"] = version
        if failed:
            tags["error"] = "true"
        builder.add(
            reporter=reporter(service),
            operation=operation,
            trace_low=trace_low(k),
            span_id=span_id(k, n),
            parent_id=span_id(k, parent) if parent else 0,
            start_ns=(START_US + k * 1_000_000 + after_us) * 1_000,
            duration_ns=duration_us * 1_000,
            kind=kind,
            status=Status.ERROR if failed else Status.UNSET,
            tags=tags.items(),
        )


@dataclass(frozen=True)
class Answer:
    """One line of §15.2. Percentiles are None where the reference gives none."""

    name: str
    text: str
    """The query as written there (form A)."""
    spans: int
    traces: int
    errors: int
    p50_us: int | None = None
    p95_us: int | None = None
    p99_us: int | None = None

    @property
    def plan(self) -> Plan:
        """What the query means."""
        return parse(self.text).plan


Q1 = Answer("Q1", 'service IN ("productpage.default")', 36, 12, 0, 10300, 905300, 911800)
Q2 = Answer(
    "Q2",
    'service IN ("productpage.default") AND operation IN ("reviews.default.svc.cluster.local:9080/*")',
    12,
    12,
    0,
    10300,
    905300,
    905300,
)
Q3 = Answer("Q3", '"http.status_code" IN ("500")', 2, 1, 2, 3000, 3600, 3600)
Q4 = Answer("Q4", '"http.status_code" NOT IN ("200")', 2, 1, 2, 3000, 3600, 3600)
Q5 = Answer(
    "Q5", 'service NOT IN ("productpage.default", "details.default")', 40, 12, 2, 10000, 900600, 912800
)
Q6 = Answer("Q6", '"istio.canonical_revision" NOT IN ("v3")', 80, 12, 1, 5600, 812800, 912800)
Q7 = Answer(
    "Q7",
    'service IN ("reviews.default") AND "istio.canonical_revision" NOT IN ("v3")',
    12,
    8,
    0,
    5600,
    9600,
    9600,
)
Q8 = Answer(
    "Q8",
    'service IN ("reviews.default", "ratings.default") AND "span.kind" IN ("server")',
    20,
    12,
    1,
    7600,
    900000,
    904600,
)
Q9 = Answer("Q9", '"error" IN ("true")', 2, 1, 2, 3000, 3600, 3600)
Q10 = Answer("Q10", 'lightstep.trace_id IN ("00000000b00c0002")', 8, 1, 0)
Q11 = Answer("Q11", 'lightstep.span_id IN ("0000000b00c00025")', 1, 1, 0, 15300)
Q12 = Answer("Q12", "", 88, 12, 2)

ANSWERS = (Q1, Q2, Q3, Q4, Q5, Q6, Q7, Q8, Q9, Q10, Q11, Q12)

Q2_CHIPS = 'service:"productpage.default" operation:"reviews.default.svc.cluster.local:9080/*"'
Q2_CANONICAL = (
    'operation IN ("reviews.default.svc.cluster.local:9080/*") AND service IN ("productpage.default")'
)

INVALID = (
    'http.status_code IN ("500")',
    'service IN ("a") AND service IN ("b")',
    'service IN ("a") OR service IN ("b")',
    "error = true",
    "service IN ()",
)
"""Queries that are refused (§15.2)."""

Q2_BUCKETS = {73: 4, 78: 1, 80: 4, 83: 1, 118: 1, 119: 1}
"""Bucket index → spans (§15.3)."""
BUCKET_EDGES_US = {73: (4467, 5012), 83: (14125, 15849), 119: (891251, 1000000)}
"""Bucket index → edges, rounded to whole µs (§15.3)."""


@dataclass(frozen=True)
class GroupAnswer:
    """One row of §15.4."""

    value: str | None
    spans: int
    mean_us: float
    """Rounded to one digit."""
    error_ratio: float
    """Rounded to four digits."""


Q1_BY_OPERATION = (
    GroupAnswer(PAGE_CALL, 12, 156016.7, 0.0),
    GroupAnswer(REVIEWS_CALL, 12, 149516.7, 0.0),
    GroupAnswer(DETAILS_CALL, 12, 3500.0, 0.0),
)
ALL_BY_SERVICE = (
    GroupAnswer(RATINGS, 8, 216625.0, 0.125),
    GroupAnswer(REVIEWS, 20, 176180.0, 0.05),
    GroupAnswer(GATEWAY, 12, 157016.7, 0.0),
    GroupAnswer(PRODUCTPAGE, 36, 103011.1, 0.0),
    GroupAnswer(DETAILS, 12, 3000.0, 0.0),
)
"""All 88 spans: Q1 with «show all spans in traces»."""
ALL_BY_REVISION = (
    GroupAnswer("v3", 8, 430850.0, 0.125),
    GroupAnswer("v2", 8, 7600.0, 0.0),
    GroupAnswer("v1", 4, 4000.0, 0.0),
    GroupAnswer(None, 68, 108258.8, 0.0147),
)
"""The same by "istio.canonical_revision"."""
