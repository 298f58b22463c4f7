"""Bookinfo traffic without a cluster: what Envoy's native LightStep tracer would report of it.

`Bookinfo` makes the reports; it is pure: a seed and times in, `ReportRequest` messages out. `sender` sends them, and
who decides when (the clock, the progress bar) is `satellite/cli/demo.py`.

The mesh played here is Istio 1.10 to 1.14, the last whose proxies have the native tracer and the first with all of its
tags: names and tags follow Istio's route decorators and Envoy's tracing code of those releases, latencies the figures
that Istio's LightStep page showed. `istio.cluster_id` is absent on purpose: it came with Istio 1.21.
"""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from satellite.pb.lightstep_collector_pb2 import (
    Auth,
    KeyValue,
    Reference,
    Reporter,
    ReportRequest,
    Span,
    SpanContext,
)

FLUSH_INTERVAL_NS = 1_000_000_000
"""Envoy's `tracing.lightstep.flush_interval_ms`."""
SPANS_PER_REPORT = 200
"""Envoy's `tracing.lightstep.min_flush_spans`: so many make a report at once."""

_USER_AGENTS = (
    "curl/7.88.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36",
)
_REVIEW_BYTES = {"v1": 358, "v2": 442, "v3": 438}
_PAGE_BYTES = {"v1": 4183, "v2": 5179, "v3": 5183, "": 4055}
"""Of the product page, by the version of reviews in it; "" when there are none."""
_UNREACHABLE_BYTES = 91
"""Envoy's own text for a 503 whose upstream could not be connected to."""
_POD_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes the random ends of pod names from."""

RATINGS_ERROR_SHARE = 0.05
"""Of the calls to ratings: 500 from the application; reviews answers 200 without stars."""
REVIEWS_UNREACHABLE_SHARE = 0.02
"""Of the calls to reviews: 503 with the flag UF, no server span; productpage tries once more."""
V3_SLOW_SHARE = 0.08
"""Of the ratings calls of reviews v3: hundreds of milliseconds instead of two."""


VISITS_PER_SECOND = 0.6
"""Of the hour that is sent at a click: enough for tails and errors to show, and there at once (ours)."""


@dataclass(slots=True)
class Proxy:
    """One Envoy: a sidecar or the gateway, with the constant part of its spans and the spans it has not reported yet."""

    workload: str
    """`reviews-v3`, `istio-ingressgateway`, …"""
    app: str
    version: str
    namespace: str
    kind: str
    """`sidecar` or `router`."""
    pod: str
    ip: str
    reporter: Reporter
    next_flush_ns: int
    warm: bool = False
    """Whether it has served a request; the first takes about a second in reviews (a JVM that wakes up)."""
    ended: list[tuple[int, Span]] = field(default_factory=list)
    """(end in ns, span), not yet reported."""

    @property
    def node_id(self) -> str:
        return f"{self.kind}~{self.ip}~{self.pod}.{self.namespace}~{self.namespace}.svc.cluster.local"


@dataclass(slots=True)
class _Hop:
    """What both spans of one HTTP call have in common."""

    operation: str
    url: str
    port: int
    host: str
    status: int = 200
    flags: str = "-"
    response_bytes: int = 0


@dataclass(slots=True)
class _Request:
    """One visit of the product page."""

    trace_id: int
    request_id: str
    user_agent: str
    start_ns: int


class Bookinfo:
    """Istio's sample application under load, as its proxies report it.

    Deterministic: the same arguments make the same reports, however often and at whatever times `reports` is asked.

    Args:
        seed: Of everything random, ids included: two runs with one seed make spans with the same ids.
        start_ns: When the first request comes; ns since the epoch.
        requests_per_second: On average; the gaps between them are exponential.
        requests_max: After so many no more come; None for no end.
        token: The access token of every report; a secret.
        gateway: Whether requests come through an ingress gateway (Istio 1.4 and later: 6 or 8 spans instead of 5 or 7).
    """

    def __init__(
        self,
        seed: int,
        *,
        start_ns: int,
        requests_per_second: float = 5.0,
        requests_max: int | None = None,
        token: str = "",
        gateway: bool = True,
    ) -> None:
        self._random = random.Random(seed)
        self._start_ns = start_ns
        self._next_request_ns = start_ns
        self._mean_gap_ns = 1e9 / requests_per_second
        self._requests_max = requests_max
        self.token = token
        self.requests = 0
        """Visits made so far, those in flight included."""
        self._gateway = (
            self._proxy("istio-ingressgateway", "", "istio-system", kind="router") if gateway else None
        )
        self._productpage = self._proxy("productpage", "v1")
        self._details = self._proxy("details", "v1")
        self._reviews = [self._proxy("reviews", version) for version in ("v1", "v2", "v3")]
        self._ratings = self._proxy("ratings", "v1")
        self.proxies = [self._gateway] if self._gateway else []
        self.proxies += [self._productpage, self._details, *self._reviews, self._ratings]
        self._turn = 0

    @property
    def exhausted(self) -> bool:
        """Whether all requests that will ever come have been made; their spans may still have to be reported."""
        return self._requests_max is not None and self.requests >= self._requests_max

    def reports(self, until_ns: int) -> list[ReportRequest]:
        """What the proxies report up to that time and have not yet, in order of time.

        A span is reported when it has ended, by its proxy's next flush: each second, or as soon as 200 spans wait.
        A proxy without spans reports nothing.
        """
        self._play(until_ns)
        due: list[tuple[int, ReportRequest]] = []
        for proxy in self.proxies:
            proxy.ended.sort(key=lambda entry: entry[0])
            while proxy.next_flush_ns <= until_ns:
                due += self._flush(proxy, proxy.next_flush_ns)
                proxy.next_flush_ns += FLUSH_INTERVAL_NS
        due.sort(key=lambda entry: entry[0])
        return [report for _, report in due]

    def rest(self) -> list[ReportRequest]:
        """What is left at the end, spans in flight included; no further requests come."""
        self._requests_max = self.requests
        reports: list[ReportRequest] = []
        for proxy in self.proxies:
            proxy.ended.sort(key=lambda entry: entry[0])
            if proxy.ended:
                reports += [report for _, report in self._flush(proxy, proxy.ended[-1][0])]
        return reports

    def _play(self, until_ns: int) -> None:
        while self._next_request_ns <= until_ns and not self.exhausted:
            self.requests += 1
            self._visit(self._next_request_ns)
            gap_ns = self._random.expovariate(1.0) * self._mean_gap_ns
            self._next_request_ns += max(1_000, int(gap_ns) // 1_000 * 1_000)

    def _flush(self, proxy: Proxy, at_ns: int) -> Iterator[tuple[int, ReportRequest]]:
        ready = sum(1 for ended_ns, _ in proxy.ended if ended_ns <= at_ns)
        for first in range(0, ready, SPANS_PER_REPORT):
            chunk = proxy.ended[first : min(first + SPANS_PER_REPORT, ready)]
            sent_ns = chunk[-1][0] if len(chunk) == SPANS_PER_REPORT else at_ns
            report = ReportRequest(
                reporter=proxy.reporter,
                auth=Auth(access_token=self.token),
                spans=[span for _, span in chunk],
            )
            yield sent_ns, report
        del proxy.ended[:ready]

    # --- the mesh ---

    def _proxy(self, app: str, version: str, namespace: str = "default", *, kind: str = "sidecar") -> Proxy:
        workload = f"{app}-{version}" if version else app
        replica_set = "".join(self._random.choices(_POD_ALPHABET, k=10))
        pod_end = "".join(self._random.choices(_POD_ALPHABET, k=5))
        reporter = Reporter(
            reporter_id=self._id(),
            tags=[
                KeyValue(key="lightstep.tracer_version", string_value="0.14.0"),
                KeyValue(key="lightstep.tracer_platform", string_value="c++"),
                KeyValue(key="lightstep.tracer_platform_version", int_value=201103),
                KeyValue(key="lightstep.opentracing_version", string_value="1.5.1"),
                KeyValue(key="lightstep.component_name", string_value=f"{app}.{namespace}"),
            ],
        )
        return Proxy(
            workload=workload,
            app=app,
            version=version or "latest",
            namespace=namespace,
            kind=kind,
            pod=f"{workload}-{replica_set}-{pod_end}",
            ip=f"10.244.{self._random.randrange(4)}.{self._random.randrange(2, 255)}",
            reporter=reporter,
            # Proxies do not flush at the same moment: each timer runs since its pod started.
            next_flush_ns=self._start_ns + self._random.randrange(1, FLUSH_INTERVAL_NS),
        )

    def _id(self) -> int:
        return self._random.randrange(1, 1 << 64)

    # --- one visit; all offsets and durations are µs since it began ---

    def _visit(self, start_ns: int) -> None:
        request = _Request(
            trace_id=self._id(),
            request_id=self._request_id(),
            user_agent=self._random.choice(_USER_AGENTS),
            start_ns=start_ns,
        )
        page = _Hop(
            operation="productpage.default.svc.cluster.local:9080/productpage",
            url="http://bookinfo.example/productpage",
            port=9080,
            host="productpage.default.svc.cluster.local",
        )
        root_id, server_id = (self._id() if self._gateway else 0), self._id()
        before, after = self._hop_us() if self._gateway else (0, 0)

        at = before + self._latency_us(3_300)
        at = self._call_details(request, server_id, at)
        at += self._latency_us(3_300)
        at, reviews_version = self._call_reviews(request, server_id, at)
        end = at + self._latency_us(2_000, sigma=0.5)

        page.response_bytes = _PAGE_BYTES[reviews_version]
        downstream = self._gateway
        self._span(request, self._productpage, page, "server", server_id, root_id, before, end, downstream)
        if self._gateway:
            self._span(request, self._gateway, page, "client", root_id, 0, 0, end + after, None)

    def _call_details(self, request: _Request, parent_id: int, at: int) -> int:
        hop = _service_call("details", response_bytes=178)
        client_id, server_id = self._id(), self._id()
        before, after = self._hop_us()
        end = at + before + self._latency_us(3_000)
        self._span(request, self._productpage, hop, "client", client_id, parent_id, at, end + after, None)
        self._span(
            request, self._details, hop, "server", server_id, client_id, at + before, end, self._productpage
        )
        return end + after

    def _call_reviews(self, request: _Request, parent_id: int, at: int) -> tuple[int, str]:
        """When productpage has its answer, and the version that gave it ("" after two failures)."""
        for _ in range(2):
            reviews = self._reviews[self._turn % 3]
            self._turn += 1
            client_id = self._id()
            if self._random.random() < REVIEWS_UNREACHABLE_SHARE:
                hop = _service_call("reviews", status=503, flags="UF", response_bytes=_UNREACHABLE_BYTES)
                end = at + self._latency_us(1_200)
                self._span(request, self._productpage, hop, "client", client_id, parent_id, at, end, None)
                at = end + self._latency_us(900)
                continue
            hop = _service_call("reviews", response_bytes=_REVIEW_BYTES[reviews.version])
            server_id = self._id()
            before, after = self._hop_us()
            end = at + before
            if not reviews.warm:
                reviews.warm = True
                end += self._latency_us(1_000_000, sigma=0.06)
            if reviews.version == "v1":
                end += self._latency_us(5_000)
            else:
                end = self._call_ratings(request, reviews, server_id, end + self._latency_us(8_000))
                end += self._latency_us(2_300)
            self._span(request, self._productpage, hop, "client", client_id, parent_id, at, end + after, None)
            self._span(
                request, reviews, hop, "server", server_id, client_id, at + before, end, self._productpage
            )
            return end + after, reviews.version
        return at, ""

    def _call_ratings(self, request: _Request, reviews: Proxy, parent_id: int, at: int) -> int:
        hop = _service_call("ratings", response_bytes=48)
        if self._random.random() < RATINGS_ERROR_SHARE:
            hop.status, hop.response_bytes = 500, 43
        slow = reviews.version == "v3" and self._random.random() < V3_SLOW_SHARE
        client_id, server_id = self._id(), self._id()
        before, after = self._hop_us()
        end = at + before + self._latency_us(2_000)
        if slow:
            end += self._latency_us(350_000, sigma=0.4)
        self._span(request, reviews, hop, "client", client_id, parent_id, at, end + after, None)
        self._span(request, self._ratings, hop, "server", server_id, client_id, at + before, end, reviews)
        return end + after

    def _span(
        self,
        request: _Request,
        proxy: Proxy,
        hop: _Hop,
        kind: str,
        span_id: int,
        parent_id: int,
        start: int,
        end: int,
        downstream: Proxy | None,
    ) -> None:
        """Let the proxy finish one span; `downstream` is the proxy that called it, None for a client in its own pod."""
        if downstream is not None:
            peer_address = downstream.ip
        else:
            peer_address = "10.244.0.1" if proxy.kind == "router" or kind == "server" else proxy.ip
        upstream_cluster = f"outbound|{hop.port}||{hop.host}" if kind == "client" else f"inbound|{hop.port}||"
        tags = {
            "node_id": proxy.node_id,
            "zone": "",
            "guid:x-request-id": request.request_id,
            "http.url": hop.url,
            "http.method": "GET",
            "downstream_cluster": "-",
            "user_agent": request.user_agent,
            "http.protocol": "HTTP/1.1",
            "peer.address": peer_address,
            "istio.canonical_revision": proxy.version,
            "istio.canonical_service": proxy.app,
            "istio.mesh_id": "cluster.local",
            "istio.namespace": proxy.namespace,
            "request_size": "0",
            "response_size": str(hop.response_bytes),
            "component": "proxy",
            "upstream_cluster": upstream_cluster,
            "upstream_cluster.name": upstream_cluster,
            "http.status_code": str(hop.status),
            "response_flags": hop.flags,
            "span.kind": kind,
        }
        if hop.status >= 500:
            tags["error"] = "true"
        start_ns, end_ns = request.start_ns + start * 1_000, request.start_ns + end * 1_000
        span = Span(
            span_context=SpanContext(trace_id=request.trace_id, span_id=span_id),
            operation_name=hop.operation,
            duration_micros=end - start,
            tags=[KeyValue(key=key, string_value=value) for key, value in tags.items()],
        )
        span.start_timestamp.FromNanoseconds(start_ns)
        if parent_id:
            parent = SpanContext(trace_id=request.trace_id, span_id=parent_id)
            span.references.append(Reference(relationship=Reference.CHILD_OF, span_context=parent))
        proxy.ended.append((end_ns, span))

    def _latency_us(self, median_us: int, *, sigma: float = 0.25) -> int:
        return int(self._random.lognormvariate(math.log(median_us), sigma))

    def _hop_us(self) -> tuple[int, int]:
        """The way there and back between two proxies: 400 to 800 µs together."""
        both = self._random.randrange(400, 801)
        there = int(both * self._random.uniform(0.4, 0.6))
        return there, both - there

    def _request_id(self) -> str:
        """A UUID whose 15th character is 9: Envoy's mark for «sampled»."""
        text = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        return f"{text[:14]}9{text[15:]}"


def an_hour(until_ns: int) -> Iterator[bytes]:
    """The reports of an hour of visits that ends at a time, in the order sent; other ones for another time."""
    bookinfo = Bookinfo(
        until_ns & 0xFFFFFFFF, start_ns=until_ns - 3_600_000_000_000, requests_per_second=VISITS_PER_SECOND
    )
    for minutes_left in range(59, -1, -1):  # the first are there before the last are made up
        for report in bookinfo.reports(until_ns - max(minutes_left * 60_000_000_000, FLUSH_INTERVAL_NS)):
            yield report.SerializeToString()
    for report in bookinfo.rest():
        yield report.SerializeToString()


def _service_call(service: str, *, status: int = 200, flags: str = "-", response_bytes: int = 0) -> _Hop:
    host = f"{service}.default.svc.cluster.local"
    return _Hop(
        operation=f"{host}:9080/*",
        url=f"http://{service}:9080/{service}/0",
        port=9080,
        host=host,
        status=status,
        flags=flags,
        response_bytes=response_bytes,
    )
