"""The real OpenTelemetry SDKs for Python and JavaScript and `telemetrygen` report; their spans are found by query."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mock_lightstep_satellite.remote import free_port
from mock_lightstep_satellite.spans import Spans
from satellite import Satellite, Span
from satellite.errors import Overloaded
from satellite.intake.intake import Delivery, Intake
from satellite.intake.queue import Waiter
from satellite.model.report import Receipt
from satellite.model.span import Reference
from tests.interop.conftest import environment, interpreter
from tests.interop.matrix import Proof, keep
from tests.interop.processes import PATIENCE_S, Tracer
from tests.interop.processes import environment as process_environment
from tests.interop.relay import first_answer_lost

SOON_MS = 50
"""Between two reports of an SDK, where tests want to see several."""
NEVER_MS = 3_600_000
"""The SDK reports when it is told to, and when it ends."""

RESOURCE = {"service.name": "shop", "pod": "shop-7d4", "replica": 3}
FAR = ("ab000000000000000000000000000007", "0000000000000009")
"""Trace and span that the program's link points to."""


@dataclass(frozen=True)
class Sdk:
    """An SDK with one of its exporters."""

    language: str
    exporter: str
    """As its program calls it."""
    package: str
    """Where it comes from and what it is called there."""
    version: str
    protocol: str
    """What it sends, for people."""
    retries: bool = True
    """Whether it sends a report again when nobody answered; else it lets go of its spans."""

    @property
    def name(self) -> str:
        return f"{self.language}-{self.exporter}".replace("_", "-")

    @property
    def zipkin(self) -> bool:
        return self.exporter.startswith("zipkin")

    @property
    def grpc(self) -> bool:
        return self.exporter == "otlp_grpc"

    def start(
        self,
        target: str,
        token: str,
        *,
        ca_file: Path | None,
        delay_ms: int = SOON_MS,
        hurried: bool = False,
        **more: str,
    ) -> Tracer:
        """A program that reports to host:port, over TLS when there is a CA; `more` is environment for it.

        `hurried`: its exporter does not wait before it tries again, it only notes for how long it would (Python).
        """
        url = f"{'http' if ca_file is None else 'https'}://{target}"
        version = "v1" if self.exporter.endswith("_v1") else "v2"
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"lightstep-access-token={token}",
            "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"{url}/api/{version}/spans",
            **more,
        }
        if ca_file is not None:
            # Zipkin's exporters have no setting for it; their runtimes have.
            names = (
                ["REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"]
                if self.zipkin
                else ["OTEL_EXPORTER_OTLP_CERTIFICATE"]
            )
            env |= dict.fromkeys(names, str(ca_file))
        # Zipkin's exporters send no headers of ours, so the token is a tag.
        resource = RESOURCE | ({"lightstep.access_token": token} if self.zipkin else {})
        if self.language == "js":
            modules = environment("opentelemetry-js") / "node_modules"
            program, script = Path("node"), "opentelemetry_js.cjs"
            env["NODE_PATH"] = str(modules)
        else:
            script = "opentelemetry_python.py"
            program = interpreter("opentelemetry-zipkin-python" if self.zipkin else "opentelemetry-python")
        options: dict[str, Any] = {"exporter": self.exporter, "delay_ms": delay_ms, "hurried": hurried}
        return Tracer(program, script, env=env, resource=resource, **options)


_JS = "npm @opentelemetry/exporter"
_PYTHON = "PyPI opentelemetry-exporter"
OTLP = [
    Sdk("python", "otlp_grpc", f"{_PYTHON}-otlp-proto-grpc", "1.45.2", "OTLP protobuf"),
    Sdk("python", "otlp_http", f"{_PYTHON}-otlp-proto-http", "1.45.2", "OTLP protobuf"),
    Sdk("js", "otlp_grpc", f"{_JS}-trace-otlp-grpc", "0.223.1", "OTLP protobuf", retries=False),
    Sdk("js", "otlp_http", f"{_JS}-trace-otlp-proto", "0.223.1", "OTLP protobuf"),
    Sdk("js", "otlp_json", f"{_JS}-trace-otlp-http", "0.223.1", "OTLP JSON"),
]
ZIPKIN = [
    Sdk("python", "zipkin_json", f"{_PYTHON}-zipkin-json", "1.45.1", "Zipkin v2 JSON", retries=False),
    Sdk("python", "zipkin_json_v1", f"{_PYTHON}-zipkin-json", "1.45.1", "Zipkin v1 JSON", retries=False),
    Sdk(
        "python",
        "zipkin_proto",
        f"{_PYTHON}-zipkin-proto-http",
        "1.45.1",
        "Zipkin v2 protobuf",
        retries=False,
    ),
    Sdk("js", "zipkin_json", f"{_JS}-zipkin", "2.12.1", "Zipkin v2 JSON", retries=False),
]


def proven(sdk: Sdk, aspect: str, *, tls: bool) -> None:
    """Write down, at a test's end, what it has shown."""
    keep(Proof(sdk.package, sdk.version, sdk.protocol, "gRPC" if sdk.grpc else "HTTP", tls, aspect))


def each(sdks: list[Sdk]) -> Callable[..., Any]:
    return pytest.mark.parametrize("sdk", sdks, ids=lambda sdk: sdk.name)


secure = pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])

Start = Callable[..., Tracer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program with an SDK that reports to a satellite."""
    with ExitStack() as started:

        def start(
            sdk: Sdk, satellite: Any, token: str, *, tls: bool = False, target: str = "", **options: Any
        ) -> Tracer:
            if sdk.grpc:
                own = satellite.grpc_target if tls else satellite.grpc_plain_target
            else:
                own = (satellite.https_url if tls else satellite.http_url).partition("//")[2]
            ca_file = satellite.ca_file if tls else None
            return started.enter_context(sdk.start(target or own, token, ca_file=ca_file, **options))

        yield start


@secure
@each(OTLP)
def test_spans_are_found_by_what_they_say(start: Start, spans: Spans, sdk: Sdk, tls: bool) -> None:
    program = start(sdk, spans.satellite, spans.token, tls=tls)
    before_us = time.time_ns() // 1000
    told = program.do("checkout")
    spans.expect(count=2)
    after_us = time.time_ns() // 1000

    (checkout,) = spans.find('service IN ("shop") AND operation IN ("checkout")')
    assert ids(checkout) == told["checkout"]
    assert len(checkout.trace_id) == 32
    assert checkout.parent_span_id is None
    assert checkout.kind == "server"
    assert not checkout.error
    assert checkout.protocol == "otlp"
    assert checkout.marks == []
    scope = {"otel.scope.name": "shop.checkout", "otel.scope.version": "1.2.3"}
    assert checkout.tags == {
        "http.status_code": 503,
        "retry": True,
        "ratio": 0.5,
        "note": "Grüße ☃",
        "list": ["a", "b"],
        "numbers": [1, 2],
        "span.kind": "server",
        "otel.status_code": "OK",
        **scope,
    }
    (miss,) = checkout.logs
    assert miss.fields == {"event": "cache.miss", "attempt": 2, "key": "cart"}
    assert checkout.references == [Reference("follows_from", *FAR, {"why": "batch", "position": 2})]

    (charge,) = spans.find('"error" IN ("true")')
    assert ids(charge) == told["charge"]
    assert charge.operation == "charge"
    assert charge.error
    assert charge.kind == "client"
    assert charge.trace_id == checkout.trace_id
    assert charge.parent_span_id == checkout.span_id
    assert charge.references == [Reference("child_of", checkout.trace_id, checkout.span_id)]
    assert charge.tags == {
        "span.kind": "client",
        "error": True,
        "otel.status_description": "card declined",
        **scope,
    }
    (exception,) = charge.logs
    assert exception.fields["event"] == "exception"
    assert exception.fields["exception.type"] == ("RangeError" if sdk.language == "js" else "ValueError")
    assert exception.fields["exception.message"] == "card declined"
    assert "checkout" in str(exception.fields["exception.stacktrace"])

    # JavaScript reads whole milliseconds when a span starts, and measures from there.
    blur_us = 1000 if sdk.language == "js" else 0
    assert before_us - blur_us <= checkout.start_us <= charge.start_us <= exception.time_us
    assert exception.time_us <= end_us(charge) <= end_us(checkout) + blur_us <= after_us + 2 * blur_us
    assert checkout.start_us <= miss.time_us <= end_us(checkout)

    for query, found in [
        ('"http.status_code" IN ("503")', [checkout]),
        ('"retry" IN ("true") AND "ratio" IN ("0.5")', [checkout]),
        ('"note" IN ("Grüße ☃")', [checkout]),
        ('"span.kind" IN ("client")', [charge]),
        ('"otel.status_description" IN ("card declined")', [charge]),
        ('"pod" IN ("shop-7d4") AND operation IN ("checkout")', [checkout]),
        ('operation IN ("checkout") AND "error" IN ("true")', []),
    ]:
        assert spans.find(query) == found, query
    in_trace = spans.trace(
        checkout.trace_id
    )  # by start, which is the same when both are in one millisecond of JS
    assert sorted(in_trace, key=lambda span: span.operation) == [charge, checkout]
    assert all_kept(spans, 2)
    # JavaScript's gRPC exporter finds fault with a CA alone; a partial success would be a warning, too.
    assert [text for text in program.do("said") if not text.startswith("Client key and certificate")] == []
    proven(sdk, "full", tls=tls)


def test_the_reporter_says_who_it_is(start: Start, spans: Spans) -> None:
    """Its attributes are those of the resource, typed."""
    for sdk in OTLP:
        start(sdk, spans.satellite, spans.token).do("many", 1, sdk.name)
    for sdk in OTLP:
        (one,) = spans.expect(f'operation IN ("{sdk.name}")', count=1)
        attributes = dict(one.reporter.attributes)
        assert len(str(attributes.pop("service.instance.id", "x" * 36))) == 36
        language, version = ("nodejs", "2.12.1") if sdk.language == "js" else ("python", "1.45.2")
        assert attributes == RESOURCE | {
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.language": language,
            "telemetry.sdk.version": version,
        }


@each(OTLP)
def test_what_only_otlp_has_is_kept(start: Start, spans: Spans, sdk: Sdk) -> None:
    program = start(sdk, spans.satellite, spans.token)
    trace_id, span_id = "c0ffee00000000000000000000000001", "00000000000000f1"
    told = program.do("join", operation="ship", trace_id=trace_id, span_id=span_id, state="vendor=opaque")
    (ship,) = spans.expect(count=1)
    assert ids(ship) == told
    assert ship.trace_id == trace_id
    assert ship.parent_span_id == span_id
    assert ship.kind == "internal"
    assert ship.extra["trace_state"] == "vendor=opaque"
    assert int(ship.extra["flags"]) & 0x300 == 0x300  # it is known that the parent is remote
    scope = dict(ship.extra["scope"])
    assert scope.pop("schema_url") == "https://example.org/schema"
    assert scope == {"name": "shop.checkout", "version": "1.2.3"} | (
        {"attributes": [["stage", "beta"]]} if sdk.language == "python" else {}
    )


@each(OTLP + ZIPKIN)
def test_kinds_and_times_are_kept(start: Start, spans: Spans, sdk: Sdk) -> None:
    program = start(sdk, spans.satellite, spans.token)
    told = program.do("kinds")
    program.do("at", "buy", *times_for(sdk, 1_700_000_000_250_000_000, 1_700_000_000_251_500_000))
    found = {span.operation: span for span in spans.expect(count=6)}
    buy = found.pop("buy")
    assert (buy.start_us, buy.duration_us) == (1_700_000_000_250_000, 1500)
    for name, span in found.items():
        unsaid = name == "internal" and sdk.zipkin  # Zipkin has no such kind
        if sdk.exporter != "zipkin_json_v1":  # which has none at all
            assert span.kind == (None if unsaid else name)
            assert span.tags.get("span.kind") == span.kind
        assert ids(span) == told[name]
        assert span.parent_span_id is None
        assert span.references == []


def times_for(sdk: Sdk, *times_ns: int) -> list[int | str]:
    return [str(time_ns) if sdk.language == "js" else time_ns for time_ns in times_ns]


@each(OTLP)
def test_thousands_of_spans(start: Start, spans: Spans, sdk: Sdk) -> None:
    program = start(sdk, spans.satellite, spans.token, tls=True, OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    told = program.do("many", 2000, "tick")
    spans.expect('operation IN ("tick")', count=2000, timeout=30)
    found = spans.find()
    assert {span.span_id for span in found} == {one["span_id"] for one in told}
    assert sorted(span.tags["number"] for span in found) == [*range(2000)]
    assert all_kept(spans, 2000)


@each(OTLP + ZIPKIN)
def test_what_the_sdk_left_out_is_counted(start: Start, spans: Spans, sdk: Sdk) -> None:
    limits = {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "4"}
    start(sdk, spans.satellite, spans.token, **limits).do("checkout")
    spans.expect(count=2)
    (checkout,) = spans.find('operation IN ("checkout")')
    tried = {"http.status_code", "retry", "ratio", "note", "list", "numbers"}
    assert len(tried & checkout.tags.keys()) == 4
    if not sdk.zipkin:
        assert checkout.extra["dropped_attributes_count"] == 2
    else:
        assert checkout.tags["otel.dropped_attributes_count"] == "2"
    proven(sdk, "counters", tls=False)


@each([OTLP[0], OTLP[1], OTLP[3], ZIPKIN[0]])
def test_a_program_that_ends_sends_what_is_left(start: Start, spans: Spans, sdk: Sdk) -> None:
    program = start(sdk, spans.satellite, spans.token, delay_ms=NEVER_MS)
    program.do("many", 50, "tick")
    program.end()
    spans.expect('operation IN ("tick")', count=50)


@each(OTLP + ZIPKIN)
def test_a_restart_loses_nothing_that_was_not_acknowledged(
    start: Start, spans: Spans, tmp_path: Path, sdk: Sdk
) -> None:
    same: Any = {"http_secure_port": free_port(), "grpc_secure_port": free_port(), "cert_dir": tmp_path}
    with Satellite(**same) as satellite:
        program = start(sdk, satellite, spans.token, tls=True, delay_ms=NEVER_MS)
        program.do("many", 5, "before")
        assert program.do("flush")
        assert program.do("outcome") == {"spans": 5, "result": "SUCCESS"}
        satellite.client.project(spans.token).expect('operation IN ("before")', count=5)
    told = program.do("many", 7, "meanwhile")
    program.do("flush_later")
    if sdk.retries:
        program.do("retried")
    else:
        assert program.do("outcome")["result"] in {"FAILURE", "RAISED"}
    with Satellite(**same) as satellite:
        project = satellite.client.project(spans.token)
        if sdk.retries:
            assert program.do("outcome") == {"spans": 7, "result": "SUCCESS"}
            found = project.expect('operation IN ("meanwhile")', count=7)
            assert {span.span_id for span in found} == {one["span_id"] for one in told}
        deliver(program, "after")
        project.expect('operation IN ("after")', count=1)
        program.end()
        kept = 8 if sdk.retries else 1
        (shown,) = satellite.client.projects()
    assert shown["ledger"] == {"received": kept, "stored": kept, "dropped": {}, "evicted": 0, "duplicates": 0}
    proven(sdk, "restart", tls=True)


def deliver(program: Tracer, operation: str) -> None:
    """Make spans until one is delivered: for a second grpc-js does not try to reach who was not there before."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        program.do("many", 1, operation)
        program.do("flush_later")
        if program.do("outcome")["result"] == "SUCCESS":
            return
    raise AssertionError(program.do("said"))


@each([sdk for sdk in OTLP if sdk.retries])
def test_a_report_whose_answer_was_lost_is_kept_once(start: Start, spans: Spans, sdk: Sdk) -> None:
    satellite = spans.satellite
    own = satellite.grpc_plain_target if sdk.grpc else satellite.http_url.partition("//")[2]
    with first_answer_lost(own) as (target, lost):
        program = start(sdk, satellite, spans.token, target=target, delay_ms=NEVER_MS)
        told = program.do("many", 4, "tick")
        assert program.do("flush")
        assert program.do("outcome") == {"spans": 4, "result": "SUCCESS"}
        assert lost.is_set()
        program.end()
    assert {span.span_id for span in spans.expect(count=4)} == {one["span_id"] for one in told}
    ledger = project_of(spans)["ledger"]
    assert ledger == {"received": 8, "stored": 4, "dropped": {"duplicate": 4}, "evicted": 0, "duplicates": 4}
    proven(sdk, "resent", tls=False)


@each([sdk for sdk in OTLP if sdk.retries])
def test_spans_refused_in_a_rush_come_later_and_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, sdk: Sdk
) -> None:
    rush = threading.Event()
    rush.set()
    original = Intake.hand_over

    def hand_over(intake: Intake, delivery: Delivery, waiter: Waiter) -> None:
        if not rush.is_set():
            original(intake, delivery, waiter)
            return
        now_ns = time.time_ns()
        waiter.set_result(
            Receipt(now_ns, now_ns, Overloaded("too many reports are waiting; send again later"))
        )

    monkeypatch.setattr(Intake, "hand_over", hand_over)
    with Satellite() as satellite:
        program = start(sdk, satellite, "shop", delay_ms=NEVER_MS)
        program.do("many", 5, "tick")
        program.do("flush_later")
        program.do("retried")
        rush.clear()
        assert program.do("outcome") == {"spans": 5, "result": "SUCCESS"}
        satellite.client.project("shop").expect("", count=5)


@each(OTLP)
def test_an_unknown_token_is_refused_for_good(start: Start, sdk: Sdk) -> None:
    with Satellite(access_tokens={"known-9a7e": "bookshop"}) as satellite:
        refused = start(sdk, satellite, "unknown-4f1c", delay_ms=NEVER_MS)
        refused.do("many", 3, "tick")
        refused.do("flush_later")
        assert refused.do("outcome") == {"spans": 3, "result": "FAILURE"}
        known = start(sdk, satellite, "known-9a7e", delay_ms=NEVER_MS)
        known.do("many", 2, "tick")
        known.do("flush")
        assert known.do("outcome") == {"spans": 2, "result": "SUCCESS"}
        satellite.client.project("bookshop").expect("", count=2)
        assert [one["project"] for one in satellite.client.projects()] == ["bookshop"]
        said = str(refused.do("said"))
    assert "unknown-4f1c" not in said
    if sdk.language == "python":
        assert "retrying" not in said
        if sdk.grpc:
            assert "unknown access token" in said
    proven(sdk, "token", tls=False)


# Zipkin


@secure
@each(ZIPKIN)
def test_zipkin_spans_are_found_by_what_they_say(start: Start, spans: Spans, sdk: Sdk, tls: bool) -> None:
    program = start(sdk, spans.satellite, spans.token, tls=tls)
    before_us = time.time_ns() // 1000
    told = program.do("checkout")
    spans.expect(count=2)
    after_us = time.time_ns() // 1000

    (checkout,) = spans.find('service IN ("shop") AND operation IN ("checkout")')
    (charge,) = spans.find('"error" IN ("card declined")')
    assert ids(checkout) == told["checkout"]
    assert ids(charge) == told["charge"]
    assert checkout.parent_span_id is None
    assert charge.parent_span_id == checkout.span_id
    assert charge.references == [Reference("child_of", checkout.trace_id, checkout.span_id)]
    assert (checkout.error, charge.error) == (False, True)
    assert checkout.protocol == charge.protocol == "zipkin"
    v1 = sdk.exporter == "zipkin_json_v1"  # its kinds are annotations that this exporter does not send
    assert (checkout.kind, charge.kind) == ((None, None) if v1 else ("server", "client"))
    address = {} if sdk.language == "js" else {"ipv4": "192.0.2.7", "port": 8080}
    assert checkout.reporter.attributes == address

    # Zipkin knows texts only, and each exporter writes lists as it likes.
    from_resource = {"pod": "shop-7d4", "replica": "3", "service.name": "shop"}
    expected = {
        "http.status_code": "503",
        "retry": "true",
        "ratio": "0.5",
        "note": "Grüße ☃",
        "otel.status_code": "OK",
        **from_resource,
    }
    if not v1:
        expected["span.kind"] = "server"
    if sdk.language == "js":
        expected |= {"list": "a,b", "numbers": "1,2"}
    else:
        expected |= {"list": '["a","b"]', "numbers": '["1","2"]'}
        expected |= {f"otel.{word}.name": "shop.checkout" for word in ("scope", "library")}
        expected |= {f"otel.{word}.version": "1.2.3" for word in ("scope", "library")}
    tags = {
        key: value
        for key, value in checkout.tags.items()
        if not key.startswith(("telemetry.", "service.inst"))
    }
    assert tags == expected
    assert spans.token not in str(spans.find())

    (miss,) = checkout.logs
    event = "cache.miss" if sdk.language == "js" else '{"cache.miss": {"attempt": 2, "key": "cart"}}'
    assert miss.fields == {"event": event}
    (exception,) = charge.logs
    assert "exception" in exception.fields["event"]
    blur_us = 1000 if sdk.language == "js" else 1  # rounded to µs one by one
    assert before_us - blur_us <= checkout.start_us <= charge.start_us <= exception.time_us
    assert end_us(charge) <= end_us(checkout) + blur_us <= after_us + 2 * blur_us
    in_trace = spans.trace(
        checkout.trace_id
    )  # by start, which is the same when both are in one millisecond of JS
    assert sorted(in_trace, key=lambda span: span.operation) == [charge, checkout]
    assert all_kept(spans, 2)
    proven(sdk, "full", tls=tls)


# telemetrygen


@secure
@pytest.mark.parametrize("over", ["grpc", "http"])
def test_telemetrygen(spans: Spans, over: str, tls: bool) -> None:
    if over == "grpc":
        target = spans.grpc_target if tls else spans.grpc_plain_target
    else:
        target = (spans.https_url if tls else spans.http_url).partition("//")[2]
    command: list[str | Path] = [
        environment("telemetrygen") / "telemetrygen",
        "traces",
        *("--otlp-endpoint", target, "--otlp-header", f'lightstep-access-token="{spans.token}"'),
        *(("--ca-cert", spans.ca_file) if tls else ("--otlp-insecure",)),
        *(("--otlp-http",) if over == "http" else ()),
        *("--traces", "100", "--child-spans", "2", "--rate", "0", "--span-duration", "1500us"),
        *("--service", "shop", "--status-code", "Error", "--span-links", "1"),
        *("--otlp-attributes", 'pod="shop-7d4"', "--otlp-attributes", "replica=3"),
        *("--telemetry-attributes", "retry=true", "--telemetry-attributes", "attempt=2"),
    ]
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
        env=process_environment(),
    )
    assert ran.returncode == 0, ran.stderr
    spans.expect(count=300)

    roots = spans.find('operation IN ("lets-go")')
    assert len(roots) == len({span.trace_id for span in roots}) == 100
    trace = spans.trace(roots[0].trace_id)
    root, *children = sorted(trace, key=lambda span: span.operation)  # the first two start at once
    assert root == roots[0]
    assert (root.kind, root.parent_span_id, root.duration_us) == ("client", None, 3000)
    assert [span.operation for span in children] == ["okey-dokey-0", "okey-dokey-1"]
    for span in children:
        assert (span.kind, span.parent_span_id, span.duration_us) == ("server", root.span_id, 1500)
        assert [one.kind for one in span.references] == ["child_of", "follows_from"]
        assert span.references[1].attributes == {"link.type": "random", "link.index": 0}
        assert span.tags == {
            "network.peer.address": "1.2.3.4",
            "service.peer.name": "telemetrygen-client",
            "retry": True,
            "attempt": 2,
            "span.kind": "server",
            "error": True,
            "otel.scope.name": "telemetrygen",
        }
    assert root.reporter.attributes == RESOURCE
    assert all(span.error and span.service == "shop" and span.marks == [] for span in spans.find())
    assert all_kept(spans, 300)
    package = "Go github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen"
    transport = "gRPC" if over == "grpc" else "HTTP"
    keep(Proof(package, "0.161.0", "OTLP protobuf", transport, tls, "full"))


def ids(span: Span) -> dict[str, str]:
    return {"trace_id": span.trace_id, "span_id": span.span_id}


def end_us(span: Span) -> int:
    return span.start_us + span.duration_us


def project_of(spans: Spans) -> dict[str, Any]:
    """What diagnostics say of the project of this test."""
    asked = httpx.get(f"{spans.satellite.url}/diagnostics?format=json", trust_env=False).raise_for_status()
    return next(one for one in asked.json()["projects"] if one["project"] == spans.project)


def all_kept(spans: Spans, count: int) -> bool:
    """Whether nothing was dropped or came twice: there was nothing to say in a partial success."""
    expected = {"received": count, "stored": count, "dropped": {}, "evicted": 0, "duplicates": 0}
    return bool(project_of(spans)["ledger"] == expected)
