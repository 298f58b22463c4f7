from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import trustme
import typer
from typer.testing import CliRunner, Result

from satellite.cli.demo import demo
from satellite.mesh.bookinfo import SPANS_PER_REPORT, Bookinfo
from satellite.mesh.sender import METHOD, Sender, Undeliverable
from satellite.pb.lightstep_collector_pb2 import Reference, ReportRequest, ReportResponse, Span

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
TAGS = {
    "component",
    "downstream_cluster",
    "guid:x-request-id",
    "http.method",
    "http.protocol",
    "http.status_code",
    "http.url",
    "istio.canonical_revision",
    "istio.canonical_service",
    "istio.mesh_id",
    "istio.namespace",
    "node_id",
    "peer.address",
    "request_size",
    "response_flags",
    "response_size",
    "span.kind",
    "upstream_cluster",
    "upstream_cluster.name",
    "user_agent",
    "zone",
}


def service_of(report: ReportRequest) -> str:
    return {tag.key: tag.string_value for tag in report.reporter.tags}["lightstep.component_name"]


def tags_of(span: Span) -> dict[str, str]:
    assert all(tag.WhichOneof("value") == "string_value" for tag in span.tags)
    assert len({tag.key for tag in span.tags}) == len(span.tags)
    return {tag.key: tag.string_value for tag in span.tags}


def everything(bookinfo: Bookinfo, seconds: int) -> list[ReportRequest]:
    return [*bookinfo.reports(START_NS + seconds * SECOND_NS), *bookinfo.rest()]


def traces_of(reports: list[ReportRequest]) -> list[dict[int, tuple[str, Span]]]:
    """Per trace, in order of arrival: span id → (service, span)."""
    traces: dict[int, dict[int, tuple[str, Span]]] = defaultdict(dict)
    for report in reports:
        for span in report.spans:
            context = span.span_context
            assert context.span_id not in traces[context.trace_id]
            traces[context.trace_id][context.span_id] = (service_of(report), span)
    return list(traces.values())


def parent_id(span: Span) -> int:
    return span.references[0].span_context.span_id if span.references else 0


def start_us(span: Span) -> int:
    nanoseconds: int = span.start_timestamp.ToNanoseconds()
    assert nanoseconds % 1_000 == 0
    return nanoseconds // 1_000


@pytest.fixture(scope="module")
def reports() -> list[ReportRequest]:
    return everything(Bookinfo(7, start_ns=START_NS, requests_per_second=20), 60)


def outline(trace: dict[int, tuple[str, Span]], parent: int = 0) -> list[object]:
    """(service, kind, operation, …children) for each child of a span, in order of start."""
    children = [(service, span) for service, span in trace.values() if parent_id(span) == parent]
    children.sort(key=lambda entry: start_us(entry[1]))
    return [
        (service, tags_of(span)["span.kind"], span.operation_name, *outline(trace, span.span_context.span_id))
        for service, span in children
    ]


PRODUCTPAGE, DETAILS, REVIEWS, RATINGS = (
    f"{name}.default.svc.cluster.local:9080{path}"
    for name, path in (
        ("productpage", "/productpage"),
        ("details", "/*"),
        ("reviews", "/*"),
        ("ratings", "/*"),
    )
)


def calls(gateway: bool, ratings: bool) -> list[object]:
    rating = ("reviews.default", "client", RATINGS, ("ratings.default", "server", RATINGS))
    page = (
        "productpage.default",
        "server",
        PRODUCTPAGE,
        ("productpage.default", "client", DETAILS, ("details.default", "server", DETAILS)),
        (
            "productpage.default",
            "client",
            REVIEWS,
            ("reviews.default", "server", REVIEWS, *([rating] if ratings else [])),
        ),
    )
    return [("istio-ingressgateway.istio-system", "client", PRODUCTPAGE, page)] if gateway else [page]


@pytest.mark.parametrize("gateway", [True, False])
def test_span_trees(gateway: bool) -> None:
    traces = traces_of(
        everything(Bookinfo(7, start_ns=START_NS, requests_per_second=20, gateway=gateway), 30)
    )
    sizes = Counter(len(trace) for trace in traces)
    assert [size for size, _ in sizes.most_common(2)] == [7 + gateway, 5 + gateway]
    for trace in traces:
        if len(trace) in {5 + gateway, 7 + gateway} and not any(
            tags_of(span)["http.status_code"] == "503" for _, span in trace.values()
        ):
            assert outline(trace) == calls(gateway, len(trace) == 7 + gateway)


def test_children_lie_within_their_parents(reports: list[ReportRequest]) -> None:
    for trace in traces_of(reports):
        for _, span in trace.values():
            if not parent_id(span):
                continue
            parent = trace[parent_id(span)][1]
            assert span.references[0].relationship == Reference.CHILD_OF
            assert span.references[0].span_context.trace_id == parent.span_context.trace_id
            assert start_us(parent) <= start_us(span)
            assert start_us(span) + span.duration_micros <= start_us(parent) + parent.duration_micros


def test_tags(reports: list[ReportRequest]) -> None:
    for report in reports:
        for span in report.spans:
            tags = tags_of(span)
            assert set(tags) - {"error"} == TAGS
            assert ("error" in tags) == (tags["http.status_code"] in {"500", "503"})
            assert tags.get("error", "true") == "true"
            app, namespace = service_of(report).split(".")
            assert tags["istio.canonical_service"] == app
            assert tags["istio.namespace"] == namespace
            role, ip, pod, domain = tags["node_id"].split("~")
            assert role == ("router" if app == "istio-ingressgateway" else "sidecar")
            assert pod.startswith(app)
            assert pod.endswith(f".{namespace}")
            assert domain == f"{namespace}.svc.cluster.local"
            assert ip.startswith("10.244.")
            side = "outbound" if tags["span.kind"] == "client" else "inbound"
            assert tags["upstream_cluster"].startswith(f"{side}|9080||")
    assert tags_of(reports[0].spans[0])["guid:x-request-id"][14] == "9"


def test_one_request_id_for_a_trace(reports: list[ReportRequest]) -> None:
    traces = traces_of(reports)
    ids = [{tags_of(span)["guid:x-request-id"] for _, span in trace.values()} for trace in traces]
    assert all(len(one) == 1 for one in ids)
    assert len(set.union(*ids)) == len(traces)


def test_a_reporter_for_each_proxy(reports: list[ReportRequest]) -> None:
    nodes_by_reporter: dict[int, set[str]] = defaultdict(set)
    for report in reports:
        nodes_by_reporter[report.reporter.reporter_id] |= {tags_of(span)["node_id"] for span in report.spans}
        tags = {tag.key: tag for tag in report.reporter.tags}
        assert tags["lightstep.tracer_platform"].string_value == "c++"
        assert tags["lightstep.tracer_platform_version"].WhichOneof("value") == "int_value"
        assert tags["lightstep.tracer_platform_version"].int_value == 201103
        assert tags["lightstep.tracer_version"].string_value
        assert tags["lightstep.opentracing_version"].string_value
    assert len(nodes_by_reporter) == 7
    assert all(len(nodes) == 1 for nodes in nodes_by_reporter.values())
    services = Counter(service_of(report) for report in {r.reporter.reporter_id: r for r in reports}.values())
    assert services["reviews.default"] == 3


def test_latencies_are_those_of_the_pages(reports: list[ReportRequest]) -> None:
    durations_ms: dict[tuple[str, str], list[float]] = defaultdict(list)
    for trace in traces_of(reports):
        for service, span in trace.values():
            tags = tags_of(span)
            what = (f"{service} {tags['istio.canonical_revision']}", tags["span.kind"])
            durations_ms[what].append(span.duration_micros / 1_000)
    medians = {what: statistics.median(values) for what, values in durations_ms.items()}
    assert medians["details.default v1", "server"] == pytest.approx(3, rel=0.1)
    assert medians["ratings.default v1", "server"] == pytest.approx(2, rel=0.1)
    assert medians["reviews.default v1", "server"] == pytest.approx(5, rel=0.1)
    assert medians["reviews.default v2", "server"] == pytest.approx(13, rel=0.15)
    assert medians["reviews.default v3", "server"] == pytest.approx(13, rel=0.15)
    assert medians["productpage.default v1", "server"] == pytest.approx(25, rel=0.2)


def test_something_to_find(reports: list[ReportRequest]) -> None:
    """A slow start of each reviews, errors of two kinds, slow ratings calls of reviews v3 and of no other."""
    found = Counter[str]()
    slow_callers = Counter[str]()
    for trace in traces_of(reports):
        for service, span in trace.values():
            tags = tags_of(span)
            found[f"{service} {tags['span.kind']} {tags['http.status_code']} {tags['response_flags']}"] += 1
            if service == "ratings.default" and span.duration_micros > 100_000:
                slow_callers[tags_of(trace[parent_id(span)][1])["istio.canonical_revision"]] += 1
            if service == "reviews.default" and tags["span.kind"] == "server":
                found["start-up"] += 800_000 < span.duration_micros < 1_500_000
    assert found["start-up"] >= 3
    assert found["ratings.default server 500 -"] == found["reviews.default client 500 -"] > 0
    assert found["productpage.default client 503 UF"] > 0
    assert found["ratings.default server 200 -"] > 10 * found["ratings.default server 500 -"]
    assert set(slow_callers) == {"v3"}


def test_the_first_visits_are_slow() -> None:
    traces = traces_of(
        everything(Bookinfo(1, start_ns=START_NS, requests_per_second=1, requests_max=12), 120)
    )
    traces.sort(key=lambda trace: min(start_us(span) for _, span in trace.values()))
    slowest_us = [max(span.duration_micros for _, span in trace.values()) for trace in traces]
    assert all(duration_us > 800_000 for duration_us in slowest_us[:3])


def test_the_same_seed_makes_the_same_reports_whenever_asked() -> None:
    at_once = Bookinfo(42, start_ns=START_NS, requests_per_second=30, requests_max=200)
    in_steps = Bookinfo(42, start_ns=START_NS, requests_per_second=30, requests_max=200)
    once = at_once.reports(START_NS + 20 * SECOND_NS)
    steps = [
        report for tenth in range(201) for report in in_steps.reports(START_NS + tenth * SECOND_NS // 10)
    ]
    assert at_once.exhausted
    assert [report.SerializeToString(deterministic=True) for report in once] == [
        report.SerializeToString(deterministic=True) for report in steps
    ]
    assert at_once.rest() == []
    other = Bookinfo(43, start_ns=START_NS, requests_per_second=30, requests_max=200)
    assert other.reports(START_NS + 20 * SECOND_NS) != once


def test_a_report_each_second_and_proxy_and_no_span_before_its_end() -> None:
    bookinfo = Bookinfo(3, start_ns=START_NS, requests_per_second=20)
    for second in range(1, 11):
        until_ns = START_NS + second * SECOND_NS
        reports = bookinfo.reports(until_ns)
        assert max(Counter(report.reporter.reporter_id for report in reports).values()) == 1
        for report in reports:
            for span in report.spans:
                assert start_us(span) + span.duration_micros <= until_ns // 1_000


def test_many_spans_make_several_reports() -> None:
    reports = everything(Bookinfo(3, start_ns=START_NS, requests_per_second=500), 2)
    sizes = [len(report.spans) for report in reports]
    assert max(sizes) == SPANS_PER_REPORT
    assert 500 * 2 * 5 < sum(sizes) < 500 * 2 * 9


def test_rest_ends_it() -> None:
    bookinfo = Bookinfo(3, start_ns=START_NS, requests_per_second=20)
    bookinfo.reports(START_NS + SECOND_NS // 2)
    visits = bookinfo.requests
    assert bookinfo.rest()
    assert bookinfo.exhausted
    assert bookinfo.reports(START_NS + 60 * SECOND_NS) == []
    assert bookinfo.requests == visits


class Collector:
    """A server that keeps the reports; what it answers can be set."""

    def __init__(self) -> None:
        self.reports: list[ReportRequest] = []
        self.authorities: set[str] = set()
        self.metadata_keys: set[str] = set()
        self.refuse_with: tuple[grpc.StatusCode, str] | None = None
        self.refuse_spans = False
        self.ca = trustme.CA()
        certificate = self.ca.issue_cert("localhost", "127.0.0.1")
        chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
        credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
        self.server = grpc.server(ThreadPoolExecutor(2))
        handler = grpc.unary_unary_rpc_method_handler(
            self._report,
            request_deserializer=ReportRequest.FromString,
            response_serializer=ReportResponse.SerializeToString,
        )
        service, method = METHOD.strip("/").split("/")
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        self.tls = f"localhost:{self.server.add_secure_port('127.0.0.1:0', credentials)}"
        self.plain = f"localhost:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def _report(self, request: ReportRequest, context: grpc.ServicerContext) -> ReportResponse:
        # No public way to see :authority on the server's side.
        self.authorities.add(context._rpc_event.call_details.host.decode())  # type: ignore[attr-defined]
        self.metadata_keys |= {key for key, _ in context.invocation_metadata()}
        if self.refuse_with and (request.spans or not self.refuse_spans):
            context.abort(*self.refuse_with)
        self.reports.append(request)
        return ReportResponse()


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.server.stop(None).wait()


def run(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    app = typer.Typer()
    app.command()(demo)
    return CliRunner().invoke(app, list(arguments), env=environment or {})


@pytest.fixture
def ca_file(collector: Collector, tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    collector.ca.cert_pem.write_to_path(str(file))
    return str(file)


def test_demo_over_tls_as_envoy_does_it(collector: Collector, ca_file: str) -> None:
    result = run(
        *("--address", collector.tls, "--ca", ca_file, "--rate", "2000", "--traces", "25"),
        *("--token", "my-token", "--seed", "5", "--format", "json"),
    )
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    sent = [report for report in collector.reports if report.spans]
    assert answer["requests"] == len(traces_of(sent)) == 25
    assert answer["spans_sent"] == sum(len(report.spans) for report in sent)
    assert answer["reports_sent"] == len(sent)
    assert answer["spans_refused"] == answer["reports_refused"] == 0
    assert answer["seed"] == 5
    assert collector.authorities == {"lightstep"}
    assert {report.auth.access_token for report in collector.reports} == {"my-token"}
    assert not any("token" in key for key in collector.metadata_keys)


def test_demo_without_tls_for_a_time(collector: Collector) -> None:
    result = run("--address", collector.plain, "--plain", "--rate", "200", "--duration", "0.2")
    assert result.exit_code == 0, result.output
    assert "0 refused" in result.stdout
    assert "satellite spans 'service IN" in result.stdout
    assert len(result.stdout.splitlines()) == 1
    assert {report.auth.access_token for report in collector.reports} == {""}


def test_demo_finds_what_serve_made(collector: Collector, ca_file: str) -> None:
    """Beside a satellite with the same settings only they are needed: port, certificate directory, token."""
    environment = {
        "COLLECTOR_CERT_DIR": str(Path(ca_file).parent),
        "COLLECTOR_GRPC_SECURE_PORT": collector.tls.rpartition(":")[2],
        "COLLECTOR_ACCESS_TOKENS": '{"listed-token": "shop"}',
    }
    result = run("--rate", "2000", "--traces", "3", environment=environment)
    assert result.exit_code == 0, result.output
    assert {report.auth.access_token for report in collector.reports} == {"listed-token"}
    assert "listed-token" not in result.output


def test_refused_spans_are_counted_and_shown(collector: Collector) -> None:
    collector.refuse_with, collector.refuse_spans = (grpc.StatusCode.UNAVAILABLE, "queues are full"), True
    result = run("--address", collector.plain, "--plain", "--rate", "2000", "--traces", "10")
    assert result.exit_code == 1
    assert "0 spans of 10 visits sent" in result.output
    assert "queues are full" in result.output


@pytest.mark.parametrize(
    ("case", "advice"),
    [
        ("nothing there", "Is the satellite running?"),
        ("another CA", "Which CA?"),
        ("a CA file without a certificate", "holds no certificate"),
        ("TLS to a plain port", "does not speak TLS"),
        ("plain to a TLS port", "leave --plain out"),
        ("no CA file", "--ca FILE"),
        ("refused", "INVALID_ARGUMENT: unknown access token"),
    ],
)
def test_why_nothing_can_be_delivered(
    case: str, advice: str, collector: Collector, ca_file: str, tmp_path: Path
) -> None:
    arguments = ["--address", collector.tls, "--ca", ca_file, "--token", "secret-token"]
    if case == "nothing there":
        collector.server.stop(None).wait()
    elif case == "another CA":
        trustme.CA().cert_pem.write_to_path(ca_file)
    elif case == "a CA file without a certificate":
        Path(ca_file).write_text("nothing")
    elif case == "TLS to a plain port":
        arguments[1] = collector.plain
    elif case == "plain to a TLS port":
        arguments.append("--plain")
    elif case == "no CA file":
        arguments[2:4] = []
    else:
        collector.refuse_with = (grpc.StatusCode.INVALID_ARGUMENT, "unknown access token")
    result = run(*arguments, environment={"COLLECTOR_CERT_DIR": str(tmp_path / "empty")})
    assert result.exit_code == 1
    assert advice in result.output
    assert "secret-token" not in result.output
    assert not any(report.spans for report in collector.reports)


def test_a_server_name_other_than_the_host(collector: Collector) -> None:
    address = collector.tls.replace("localhost", "127.0.0.1")
    ca_pem = collector.ca.cert_pem.bytes()
    reporter = Bookinfo(1, start_ns=START_NS).proxies[0].reporter
    wrong = Sender(address, ca_pem=ca_pem, server_name="elsewhere")
    with pytest.raises(Undeliverable, match="does not have this host's name"):
        wrong.check(reporter, "")
    wrong.finish()
    right = Sender(address, ca_pem=ca_pem, server_name="localhost")
    right.check(reporter, "")
    assert right.finish().spans_sent == 0
