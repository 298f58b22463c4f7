"""The real LightStep clients for Go, the JVM, Node and (with Thrift) Python; their spans are found by query."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from mock_lightstep_satellite.remote import free_port
from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from tests.interop.gate import Gate, nobody_home
from tests.interop.matrix import Proof, keep
from tests.interop.processes import PATIENCE_S
from tests.interop.tracers import CLIENTS, Client, Program, target

SOON_MS = 50
"""Between two reports of a tracer that reports by itself."""
CLOCK_US = 1000
"""Some of them have clocks that count milliseconds."""

Start = Callable[..., Program]
TLS = {"tls": True, "plain": False}


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a client; ends it after the test."""
    with ExitStack() as started:

        def start(client: Client, *arguments: Any, **named: Any) -> Program:
            return started.enter_context(client.start(*arguments, **named))

        yield start


def client_named(name: str) -> Client:
    return next(one for one in CLIENTS if one.name == name)


def clients(**wanted: Any) -> pytest.MarkDecorator:
    """The clients with these values, as parameters."""
    chosen = [one for one in CLIENTS if all(getattr(one, name) == value for name, value in wanted.items())]
    return pytest.mark.parametrize("client", chosen, ids=[one.name for one in chosen])


def proven(client: Client, aspect: str, *, tls: bool) -> None:
    """Write down, at a test's end, what it has shown."""
    keep(Proof(client.package, client.version, client.format, client.transport, tls, aspect))


def where(client: Client, satellite: Any, *, tls: bool) -> str:
    """`host:port` for this client."""
    if client.transport == "gRPC":
        address = satellite.grpc_target if tls else satellite.grpc_plain_target
        return str(address)
    return target(satellite.https_url if tls else satellite.http_url)


def port_setting(client: Client, *, tls: bool) -> str:
    return f"{'grpc' if client.transport == 'gRPC' else 'http'}_{'secure' if tls else 'plain'}_port"


def diagnostics(satellite: Any) -> dict[str, Any]:
    shown: dict[str, Any] = (
        httpx.get(f"{satellite.url}/diagnostics?format=json", trust_env=False).raise_for_status().json()
    )
    return shown


def project_named(satellite: Any, name: str) -> dict[str, Any]:
    """What diagnostics say of a project; nothing when it has not received spans."""
    return next((one for one in diagnostics(satellite)["projects"] if one["project"] == name), {})


def reporters(spans: Spans) -> list[dict[str, Any]]:
    """What diagnostics say of those who report to this project."""
    found: list[dict[str, Any]] = project_named(spans.satellite, spans.project)["reporters"]
    return found


# What each makes of the same trace

NOTE = {"note": "Grüße ☃"}
TYPED = {"span.kind": "server", "http.status_code": 503, "retry": True, "ratio": 0.5, **NOTE}
JS_TEXT = {"span.kind": "server", "http.status_code": "503", "retry": "true", "ratio": "0.5", **NOTE}
PYTHON_TEXT = {**JS_TEXT, "retry": "True"}
CHECKOUT_TAGS = {
    "go-grpc": TYPED,
    "go-http": TYPED,
    "go-0.15-http": TYPED,
    "java-grpc": TYPED,
    "java-http": TYPED,
    "js-proto": JS_TEXT,
    "js-thrift": JS_TEXT,
    "js-exporter": {**TYPED, "retry": "true"},
    "python-thrift": PYTHON_TEXT,
}
ERROR = {
    "go-grpc": True,
    "go-http": True,
    "go-0.15-http": True,
    "java-grpc": True,
    "java-http": True,
    "python-thrift": "True",
}
"""The tag of the failed span; "true" where it is not said."""
BASKET = {
    "lightstep-go": '{"tea":3}',
    "lightstep-go-0.15": '{"tea":3}',
    "lightstep-java": '"[tea, 3]"',
    "lightstep-js": '{\n  "tea": 3\n}',
    "lightstep-python": "{'tea': 3}",
}
"""A log field that is no scalar."""
PLATFORM = {
    "lightstep-go": {"lightstep.tracer_platform": "go"},
    "lightstep-go-0.15": {"lightstep.tracer_platform": "go"},
    "lightstep-java": {"lightstep.tracer_platform": "jre"},
    "lightstep-js": {"lightstep.tracer_platform": "node"},
    "lightstep-python": {"lightstep.tracer_platform": "python"},
}


@pytest.mark.parametrize("tls", TLS.values(), ids=TLS.keys())
@clients()
def test_a_trace_in_full(client: Client, tls: bool, start: Start, spans: Spans) -> None:
    program = start(
        client, where(client, spans, tls=tls), spans.token, ca_file=spans.ca_file if tls else None
    )
    before_us = time.time_ns() // 1000
    told = program.do("checkout")
    after_us = time.time_ns() // 1000
    at = program.do("at", "buy", 1_700_000_000_250_000, 1_700_000_000_252_000)
    assert program.do("flush")["failed"] == ""
    spans.expect(count=3)

    (checkout,) = spans.find(
        'service IN ("shop") AND operation IN ("checkout") AND "span.kind" IN ("server")'
    )
    (charge,) = spans.find('"error" IN ("true", "True") AND "span.kind" IN ("client")')
    for span, name, kind in ((checkout, "checkout", "server"), (charge, "charge", "client")):
        assert (span.trace_id, span.span_id) == (told[name]["trace_id"], told[name]["span_id"])
        assert (span.service, span.operation, span.kind) == ("shop", name, kind)
        assert (span.protocol, span.marks) == (client.protocol, [])
        assert before_us - CLOCK_US <= span.start_us
        assert span.start_us + span.duration_us <= after_us + 2 * CLOCK_US
        for log in span.logs:
            assert span.start_us - CLOCK_US <= log.time_us <= span.start_us + span.duration_us + CLOCK_US
    assert (checkout.error, charge.error) == (False, True)

    assert charge.parent_span_id == checkout.span_id
    (reference,) = charge.references
    assert (reference.kind, reference.trace_id, reference.span_id) == (
        "child_of",
        checkout.trace_id,
        checkout.span_id,
    )
    linked = told.get("before") or told.get("linked")
    if linked:  # these clients refer to more than a parent
        (reference,) = checkout.references
        assert (reference.kind, reference.span_id) == ("follows_from", linked["span_id"])
        assert reference.trace_id == linked["trace_id"]
        # Another trace has no parents for this one.
        assert checkout.parent_span_id == (linked["span_id"] if "before" in told else None)
    else:
        assert (checkout.references, checkout.parent_span_id) == ([], None)

    assert checkout.tags == CHECKOUT_TAGS[client.name]
    assert charge.tags == {"span.kind": "client", "error": ERROR.get(client.name, "true")}
    (log,) = checkout.logs
    attempt = "2" if client.text_only else 2
    fields = {"event": "cache.miss", "attempt": attempt, "basket": BASKET[client.environment]}
    if client.name == "js-exporter":  # attributes of its events are scalars
        del fields["basket"]
    assert log.fields == fields
    (log,) = charge.logs
    assert log.fields == {"event": "error", "error.kind": "ValueError", "message": "card declined"}

    (buy,) = spans.find('operation IN ("buy")')
    assert buy.span_id == at["span_id"]
    assert (buy.start_us, buy.duration_us) == (1_700_000_000_250_000, 2000)
    assert (buy.parent_span_id, buy.references, buy.tags, buy.logs) == (None, [], {}, [])

    assert {span.reporter.id for span in (checkout, charge, buy)} == {checkout.reporter.id}
    attributes = checkout.reporter.attributes
    assert attributes.items() >= PLATFORM[client.environment].items()
    assert attributes["lightstep.tracer_version"] == client.version
    if client.name != "js-thrift":  # it names the group, and nothing else
        assert attributes["lightstep.component_name"] == "shop"
    if client.name != "js-exporter":
        assert attributes["pod"] == "shop-7d4"
    (reporter,) = reporters(spans)
    assert (reporter["id"], reporter["service"]) == (checkout.reporter.id, "shop")
    assert (reporter["protocol"], reporter["spans"]) == (client.protocol, 3)
    assert {span.span_id for span in spans.trace(checkout.trace_id)} == {checkout.span_id, charge.span_id}

    program.end()
    assert len(spans.find()) == 3
    proven(client, "full", tls=tls)


@clients(buffers=True)
def test_spans_that_did_not_fit_are_counted(client: Client, start: Start, spans: Spans) -> None:
    program = start(client, where(client, spans, tls=True), spans.token, ca_file=spans.ca_file, max_spans=5)
    program.do("many", 12, "tick")
    assert program.do("flush")["failed"] == ""
    spans.expect(count=5)
    (reporter,) = reporters(spans)
    dropped = reporter["counters"].get("spans.dropped")
    assert dropped == (7 if client.counts else None)
    if client.counts:
        proven(client, "counters", tls=True)


@clients()
def test_the_token_names_the_project(client: Client, start: Start) -> None:
    unknown, known = "unknown-4f1c", "known-9a7e"
    with Satellite(access_tokens={known: "bookshop"}) as satellite:
        refused = start(client, where(client, satellite, tls=True), unknown, ca_file=satellite.ca_file)
        refused.do("many", 3, "tick")
        failed = refused.do("flush")["failed"]
        assert unknown not in failed
        # Thrift's reply has no refusal that this client would understand as one.
        assert failed or client.name == "python-thrift"
        assert satellite.client.projects() == []

        accepted = start(client, where(client, satellite, tls=True), known, ca_file=satellite.ca_file)
        accepted.do("many", 2, "tick")
        assert accepted.do("flush")["failed"] == ""
        satellite.client.project("bookshop").expect("", count=2)
        assert [one["project"] for one in satellite.client.projects()] == ["bookshop"]
        shown = diagnostics(satellite)
    assert {one["code"] for one in shown["refusals"]} == {"access_denied"}
    for token in (unknown, known):
        assert token not in str(shown)
    proven(client, "token", tls=True)


def test_a_value_that_go_cuts_within_a_character(start: Start, spans: Spans) -> None:
    client = client_named("go-grpc")
    program = start(client, where(client, spans, tls=True), spans.token, ca_file=spans.ca_file)
    program.do("cut_log", "long")
    program.do("many", 1, "tick")
    assert program.do("flush")["failed"] == ""
    (long,) = spans.find('operation IN ("long")')
    (log,) = long.logs
    event = str(log.fields["event"])
    assert event.startswith("é" * 500)
    assert event.endswith("\ufffd…")
    assert len(spans.find()) == 2


def test_a_span_that_java_finishes_twice(start: Start, spans: Spans) -> None:
    client = client_named("java-grpc")
    program = start(client, where(client, spans, tls=True), spans.token, ca_file=spans.ca_file)
    told = program.do("twice", "tick", 1_700_000_000_000_000, 250_000)
    assert program.do("flush")["failed"] == ""
    (tick,) = spans.find()
    assert (tick.span_id, tick.duration_us) == (told["span_id"], 2_500_000)


# The bad day


@pytest.mark.parametrize("name", ["java-grpc", "java-http"])
def test_java_counts_the_spans_of_a_report_that_failed(name: str, start: Start, spans: Spans) -> None:
    client, port = client_named(name), free_port()
    settings: dict[str, Any] = {port_setting(client, tls=False): port}
    program = start(client, f"127.0.0.1:{port}", spans.token, drop_on_failure=True)
    program.do("many", 4, "lost")
    assert program.do("flush")["failed"]
    with Satellite(**settings) as satellite:
        project = satellite.client.project(spans.token)
        deadline = time.monotonic() + PATIENCE_S
        while not project_named(satellite, spans.token):  # gRPC does not connect again at once
            assert time.monotonic() < deadline
            program.do("many", 1, "tick")
            program.do("flush")
        (reporter,) = project_named(satellite, spans.token)["reporters"]
        kept = {int(str(span.tags["number"])) for span in project.spans()}
        assert kept == {0}
        assert reporter["counters"]["spans.dropped"] >= 4
    proven(client, "counters", tls=False)


@clients()
def test_the_satellite_restarts_while_it_reports(
    client: Client, start: Start, spans: Spans, tmp_path: Path
) -> None:
    port = free_port()
    settings: dict[str, Any] = {port_setting(client, tls=True): port, "cert_dir": tmp_path}
    with Satellite(**settings) as satellite:
        program = start(
            client,
            where(client, satellite, tls=True),
            spans.token,
            ca_file=satellite.ca_file,
            period_ms=SOON_MS,
        )
        told = program.do("many", 5, "before")
        found = satellite.client.project(spans.token).expect("", count=5, timeout=PATIENCE_S)
        assert {span.span_id for span in found} == {one["span_id"] for one in told}
    with nobody_home(port) as tried:
        told = program.do("many", 7, "meanwhile")
        assert tried.wait(PATIENCE_S)
    with Satellite(**settings) as satellite:
        project = satellite.client.project(spans.token)
        told_after = program.do("many", 3, "after")
        project.expect('operation IN ("after")', count=3, timeout=PATIENCE_S)
        if client.resends:
            found = project.expect('operation IN ("meanwhile")', count=7, timeout=PATIENCE_S)
            assert {span.span_id for span in found} == {one["span_id"] for one in told}
        program.end()
        found = project.spans()
        after = {span.span_id for span in found if span.operation == "after"}
        assert after == {one["span_id"] for one in told_after}
        assert len({span.span_id for span in found}) == len(found)
        (listed,) = satellite.client.projects()
        assert listed["ledger"]["received"] == len(found)
        assert listed["ledger"]["duplicates"] == 0
    proven(client, "restart", tls=True)


@clients(resends=True)
def test_what_is_sent_again_is_kept_once(client: Client, start: Start, spans: Spans) -> None:
    with Gate(where(client, spans, tls=False)) as gate, ThreadPoolExecutor(1) as meanwhile:
        program = start(client, gate.target, spans.token)
        program.do("many", 1, "first")
        assert program.do("flush")["failed"] == ""
        gate.hold()
        told = program.do("many", 4, "tick")
        flushed = meanwhile.submit(program.do, "flush")
        spans.expect('operation IN ("tick")', count=4, timeout=PATIENCE_S)
        gate.cut()  # they are kept, but the client was not told so
        failed = flushed.result(PATIENCE_S)["failed"]
        deadline = time.monotonic() + PATIENCE_S
        while failed:  # gRPC does not connect again at once; an HTTP library may have tried again itself
            assert time.monotonic() < deadline, failed
            failed = program.do("flush")["failed"]
        found = spans.find('operation IN ("tick")')
        assert {span.span_id for span in found} == {one["span_id"] for one in told}
        program.end()
    assert len(spans.find()) == 5
    ledger = project_named(spans.satellite, spans.project)["ledger"]
    assert (ledger["received"], ledger["stored"], ledger["duplicates"]) == (9, 5, 4)
    proven(client, "resent", tls=False)
