"""What real tracers do on a bad day: what they keep, send again, give up and count. docs/faults.md shows these tests."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from mock_lightstep_satellite.spans import Spans
from satellite.pb.lightstep_collector_pb2 import ReportRequest
from tests.interop.conftest import environment, interpreter
from tests.interop.envoy_proxy import opentelemetry_over_grpc, opentelemetry_over_http, zipkin
from tests.interop.processes import PATIENCE_S, Tracer
from tests.interop.processes import environment as process_environment
from tests.interop.test_envoy import Start, application, binary, each_tracer, get
from tests.interop.test_envoy import start as envoys
from tests.interop.test_opentelemetry import NEVER_MS, OTLP, Sdk
from tests.interop.tracers import CLIENTS, Program, target

__all__ = ["application", "binary", "envoys"]  # fixtures


@pytest.fixture
def started() -> Iterator[ExitStack]:
    """Ends every program that is entered into it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def python(started: ExitStack, spans: Spans) -> Tracer:
    """PyPI lightstep 4.4.8, which sends only when it is told to."""
    host, _, port = target(spans.http_url).rpartition(":")
    options: dict[str, Any] = {"collector_host": host, "collector_port": int(port)}
    options |= {"component_name": "shop", "access_token": spans.token, "collector_encryption": "none"}
    python = interpreter("lightstep-python")
    return started.enter_context(
        Tracer(python, "lightstep_python.py", periodic_flush_seconds=0, timeout_seconds=PATIENCE_S, **options)
    )


@pytest.fixture
def lightstep(started: ExitStack, spans: Spans) -> Callable[..., Program]:
    """Starts another LightStep tracer by its name in tracers.py."""

    def start(name: str, **options: Any) -> Program:
        client = next(one for one in CLIENTS if one.name == name)
        at = spans.grpc_plain_target if client.transport == "gRPC" else target(spans.http_url)
        return started.enter_context(client.start(at, spans.token, **options))

    return start


@pytest.fixture
def javascript(lightstep: Callable[..., Program]) -> Program:
    """npm lightstep-tracer 0.35.0, reporting each second; `step` is the end of the time for which it waits."""
    return lightstep("js-proto", period_ms=1000, stepped=True)


@pytest.fixture
def opentelemetry(started: ExitStack, spans: Spans) -> Callable[[str], Tracer]:
    """Starts OpenTelemetry 1.45.2 for Python with an exporter; it only notes how long it would wait before it tries again."""

    def start(exporter: str) -> Tracer:
        sdk: Sdk = next(one for one in OTLP if (one.language, one.exporter) == ("python", exporter))
        at = spans.grpc_plain_target if sdk.grpc else target(spans.http_url)
        patience = {"OTEL_EXPORTER_OTLP_TIMEOUT": str(PATIENCE_S)}
        return started.enter_context(
            sdk.start(at, spans.token, ca_file=None, delay_ms=NEVER_MS, hurried=True, **patience)
        )

    return start


def statuses(spans: Spans) -> list[Any]:
    """How each report of this test was answered, in order: the name of gRPC's status, or HTTP's."""
    return [request["grpc_status"] or request["status"] for request in spans.asked.requests()]


def last_report(spans: Spans) -> ReportRequest:
    """The newest report, as it was sent."""
    return ReportRequest.FromString(spans.asked.request_body(spans.asked.requests()[-1]["number"]))


# LightStep's tracers


def test_python_keeps_what_a_503_refuses(python: Tracer, spans: Spans) -> None:
    python.do("many", 5, "tick")
    with spans.fault(status=503, times=2):  # a text, which no tracer takes for the answer to a report
        assert python.do("flush")["failed"] == "DecodeError"
        assert python.do("flush")["failed"] == "DecodeError"
        assert python.do("flush")["failed"] is None
    spans.expect(count=5)
    assert statuses(spans) == [503, 503, 200]


def test_python_gives_up_what_a_400_refuses(python: Tracer, spans: Spans) -> None:
    with spans.fault(status=400, times=1):  # an answer that can be read, with `errors`
        python.do("many", 5, "lost")
        assert python.do("flush")["failed"] is None
    python.do("many", 1, "kept")
    python.do("flush")
    assert [span.operation for span in spans.expect()] == ["kept"]
    assert statuses(spans) == [400, 200]


def test_disable_stops_python_for_good(python: Tracer, spans: Spans) -> None:
    with spans.fault(commands=["disable"], times=1):
        python.do("many", 5, "before")
        python.do("flush")
    python.do("many", 5, "after")
    assert python.do("flush") is None  # no report is sent
    python.end()
    assert {span.operation for span in spans.expect(count=5)} == {"before"}
    assert statuses(spans) == [200]


def test_javascript_backs_off_by_its_schedule(javascript: Program, spans: Spans) -> None:
    with spans.fault(status=503, times=9):
        javascript.do("step")  # up to `delay_initial_report_millis`
        waited_ms = [javascript.do("step") for _ in range(10)]
    first, *further = waited_ms
    assert 0.75 * 350 <= first <= 1.25 * 350  # until it knows the satellite's clock
    for failures, waited in enumerate(further, start=1):
        assert 0.75 <= waited / (1000 * (1 + min(failures, 7))) <= 1.25
    assert statuses(spans) == [503] * 9 + [200]


def test_javascript_keeps_what_was_refused_and_ignores_disable(javascript: Program, spans: Spans) -> None:
    javascript.do("many", 5, "before")
    with spans.fault(status=400, times=1):
        assert "400" in javascript.do("flush")["failed"]
    with spans.fault(commands=["disable"]):
        assert javascript.do("flush")["failed"] == ""
        javascript.do("many", 2, "after")
        assert javascript.do("flush")["failed"] == ""
    assert [span.operation for span in spans.expect(count=7)].count("after") == 2
    assert statuses(spans) == [400, 200, 200]


@pytest.mark.parametrize("name", ["java-http"])
def test_java_gives_up_what_was_refused_and_counts_it(
    name: str, lightstep: Callable[..., Program], spans: Spans
) -> None:
    java = lightstep(name, drop_on_failure=True)  # its default
    with spans.fault(status=503, times=1):
        java.do("many", 4, "lost")
        assert java.do("flush")["failed"]
    java.do("many", 1, "kept")
    assert java.do("flush")["failed"] == ""
    assert [span.operation for span in spans.expect()] == ["kept"]
    (reporter,) = spans.asked.reporters()
    assert (reporter["reports"], reporter["refused"], reporter["dropped"]) == (1, 1, 4)


@pytest.mark.parametrize("name", ["go-grpc"])
def test_go_keeps_what_was_refused(name: str, lightstep: Callable[..., Program], spans: Spans) -> None:
    go = lightstep(name)
    go.do("many", 4, "tick")
    with spans.fault(status=400, times=2):
        assert go.do("flush")["failed"]
        assert go.do("flush")["failed"]
    assert go.do("flush")["failed"] == ""
    spans.expect(count=4)
    assert len(statuses(spans)) == 3


@pytest.mark.parametrize("name", ["go-http", "java-grpc"])
def test_disable_stops_go_and_java_for_good(
    name: str, lightstep: Callable[..., Program], spans: Spans
) -> None:
    tracer = lightstep(name)
    with spans.fault(commands=["disable"], times=1):
        tracer.do("many", 4, "before")
        tracer.do("flush")
    tracer.do("many", 4, "after")
    tracer.do("flush")
    tracer.end()
    assert {span.operation for span in spans.expect(count=4)} == {"before"}


@pytest.mark.parametrize("name", ["go-grpc", "python-thrift"])
def test_an_idle_tracer_passes_a_fence(name: str, lightstep: Callable[..., Program], spans: Spans) -> None:
    tracer = lightstep(name, period_ms=200)
    tracer.do("many", 1, "first")
    tracer.do("flush")
    assert len(spans.find()) == 1
    tracer.do("many", 1, "second")
    spans.fence(timeout=PATIENCE_S)
    assert len(spans.find()) == 2


@pytest.mark.parametrize("name", ["js-proto", "java-http"])
def test_the_offset_of_a_clock(name: str, lightstep: Callable[..., Program], spans: Spans) -> None:
    tracer = lightstep(name)
    # Sent at 1.0 s by the tracer's clock; in at 1.500040 and out at 1.500060 by the satellite's; back at 1.000120.
    tracer.do("sample", 1_000_000, 1_500_040, 1_500_060, 1_000_120)
    tracer.do("many", 1, "tick")
    tracer.do("flush")
    assert last_report(spans).timestamp_offset_micros == 499_990


def test_a_satellite_whose_clock_is_an_hour_ahead(javascript: Program, spans: Spans) -> None:
    hour_us, began = 3_600_000_000, time.monotonic()
    with spans.fault(skew_ms=3_600_000):
        for _ in range(5):  # it begins, and is answered four times
            javascript.do("step")
        javascript.do("many", 1, "tick")
        javascript.do("flush")
    report = last_report(spans)
    offset_us = report.timestamp_offset_micros
    assert (
        abs(offset_us - hour_us) <= (time.monotonic() - began) * 1e6
    )  # of all that it took half a report's way
    (tick,) = spans.expect()
    sent = report.spans[0].start_timestamp
    assert tick.start_us == sent.ToMicroseconds() + offset_us


# OpenTelemetry


RETRIED_OVER_GRPC = {
    "CANCELLED",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNAVAILABLE",
    "DATA_LOSS",
}
GIVEN_UP_OVER_GRPC = {
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "FAILED_PRECONDITION",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAUTHENTICATED",
}


def test_which_codes_opentelemetry_sends_again(opentelemetry: Callable[[str], Tracer], spans: Spans) -> None:
    tracer = opentelemetry("otlp_grpc")
    for code in sorted(RETRIED_OVER_GRPC | GIVEN_UP_OVER_GRPC):
        before = len(statuses(spans))
        with spans.fault(grpc_status=code, times=1):
            tracer.do("many", 1, code)
            tracer.do("flush")
        again = ["OK"] if code in RETRIED_OVER_GRPC else []
        assert statuses(spans)[before:] == [code, *again]
    assert {span.operation for span in spans.expect(count=7)} == RETRIED_OVER_GRPC


def test_which_statuses_opentelemetry_sends_again(
    opentelemetry: Callable[[str], Tracer], spans: Spans
) -> None:
    tracer = opentelemetry("otlp_http")
    retried = {429, 502, 503, 504}
    for status in [400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504]:
        before = len(statuses(spans))
        with spans.fault(status=status, times=1):
            tracer.do("many", 1, str(status))
            tracer.do("flush")
        assert statuses(spans)[before:] == [status, *([200] if status in retried else [])]
    assert {int(span.operation) for span in spans.expect(count=4)} == retried


@pytest.mark.parametrize("exporter", ["otlp_grpc", "otlp_http"])
def test_opentelemetry_backs_off_by_its_schedule(
    exporter: str, opentelemetry: Callable[[str], Tracer], spans: Spans
) -> None:
    tracer = opentelemetry(exporter)
    tracer.do("many", 1, "lost")
    with spans.fault(status=503):
        tracer.do("flush")
    assert tracer.do("outcome") == {"spans": 1, "result": "FAILURE"}
    for tries, waited_s in enumerate(tracer.do("waited")):
        assert 0.8 <= waited_s / 2**tries <= 1.2
    assert len(statuses(spans)) == 6


def test_opentelemetry_honours_retry_after_over_http(
    opentelemetry: Callable[[str], Tracer], spans: Spans
) -> None:
    tracer = opentelemetry("otlp_http")
    tracer.do("many", 1, "kept")
    with spans.fault(status=429, times=2, retry_after_ms=17_000):
        tracer.do("flush")
    assert tracer.do("waited") == [17, 17]
    spans.expect(count=1)


def test_python_does_not_read_retry_info(opentelemetry: Callable[[str], Tracer], spans: Spans) -> None:
    """Over gRPC it looks for the hint in a trailer of another name, which no collector sends."""
    tracer = opentelemetry("otlp_grpc")
    tracer.do("many", 1, "kept")
    with spans.fault(grpc_status="UNAVAILABLE", times=1, retry_after_ms=17_000):
        tracer.do("flush")
    (waited_s,) = tracer.do("waited")
    assert 0.8 <= waited_s <= 1.2
    spans.expect(count=1)


def test_go_honours_retry_info(spans: Spans) -> None:
    """OpenTelemetry's exporters for Go, in telemetrygen 0.161.0, give up at once when the hint is longer than a minute."""
    refused = {"grpc_status": "RESOURCE_EXHAUSTED"}
    with spans.fault(**refused):
        assert "retry" not in telemetrygen(
            spans, spans.grpc_plain_target
        )  # final, as it comes without a hint
    with spans.fault(**refused, retry_after_ms=100_000):
        assert "max retry time would elapse" in telemetrygen(spans, spans.grpc_plain_target)
    with spans.fault(status=503, retry_after_ms=100_000):
        assert "max retry time would elapse" in telemetrygen(spans, target(spans.http_url), "--otlp-http")
    assert statuses(spans) == ["RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", 503]


def telemetrygen(spans: Spans, at: str, *more: str) -> str:
    """What it says of one trace that it sends."""
    token = ("--otlp-header", f'lightstep-access-token="{spans.token}"')
    ran = subprocess.run(
        [
            environment("telemetrygen") / "telemetrygen",
            *("traces", "--traces", "1", "--otlp-endpoint", at, "--otlp-insecure", *token, *more),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
        env=process_environment(),
    )
    return "\n".join(line for line in str(ran.stderr).splitlines() if "traces export:" in line)


# Envoy


@each_tracer
def test_envoy_loses_what_was_refused(envoys: Start, spans: Spans, tracer: Any) -> None:
    envoy = envoys(tracer, spans.satellite, spans.token)
    with spans.fault(status=503, times=2):
        get(envoy, "/lost")
        refused = "UNAVAILABLE" if tracer is opentelemetry_over_grpc else 503
        envoy.stats_when("cluster.satellite.upstream_rq_completed", 2)
    get(envoy, "/kept")
    found = spans.expect(count=2)
    assert {str(span.tags["http.url"]).rpartition("/")[2] for span in found} == {"kept"}
    stats = envoy.stats_when("cluster.satellite.upstream_rq_completed", 4)
    assert statuses(spans)[:2] == [refused, refused]
    assert len(statuses(spans)) == 4  # nothing was sent again
    if tracer is zipkin:
        assert (stats["tracing.zipkin.reports_sent"], stats["tracing.zipkin.reports_dropped"]) == (2, 2)
    else:  # its own counters know of no loss
        assert stats["tracing.opentelemetry.spans_sent"] == 4
        assert stats["tracing.opentelemetry.spans_dropped"] == 0


@pytest.mark.parametrize("tracer", [opentelemetry_over_http, zipkin])
def test_envoy_loses_what_a_reset_connection_had(envoys: Start, spans: Spans, tracer: Any) -> None:
    envoy = envoys(tracer, spans.satellite, spans.token)
    with spans.fault(connection="reset-after", times=2):
        get(envoy, "/told")
        spans.expect(count=2)  # here they are; Envoy was not told so
        stats = envoy.stats_when("cluster.satellite.upstream_rq_503", 2)  # what it says to itself
    get(envoy, "/kept")
    spans.expect(count=4)
    assert sorted(statuses(spans)) == [0, 0, *([202, 202] if tracer is zipkin else [200, 200])]
    if tracer is zipkin:
        assert stats["tracing.zipkin.reports_dropped"] + stats["tracing.zipkin.reports_failed"] == 2
    else:
        assert stats["tracing.opentelemetry.spans_sent"] == 2
