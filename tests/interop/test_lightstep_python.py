"""The real LightStep tracer for Python, in a process of its own, reports over HTTP; its spans are found by query."""

from __future__ import annotations

import http.server
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from mock_lightstep_satellite.remote import free_port
from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from satellite.pb.lightstep_collector_pb2 import ReportRequest
from tests.interop.matrix import Proof, keep
from tests.interop.processes import Tracer

Start = Callable[..., Tracer]

SOON_S = 0.05
"""Between two reports of the tracer, where tests want to see several."""
NEVER_S = 3600
"""The tracer sends one report when it starts, and one when it ends."""


@pytest.fixture
def start(lightstep_python: Path) -> Iterator[Start]:
    """Starts a program with a tracer that reports to a URL."""
    with ExitStack() as started:

        def start(url: str, token: str, *, ca_file: Path | None = None, **options: Any) -> Tracer:
            address = urlsplit(url)
            options = {
                "component_name": "shop",
                "access_token": token,
                "collector_host": "localhost" if address.scheme == "https" else address.hostname,
                "collector_port": address.port,
                "collector_encryption": "tls" if address.scheme == "https" else "none",
                "periodic_flush_seconds": SOON_S,
                "timeout_seconds": 20,
            } | options
            return started.enter_context(
                Tracer(lightstep_python, "lightstep_python.py", ca_file=ca_file, **options)
            )

        yield start


def proved(aspect: str, *, tls: bool) -> None:
    keep(Proof("PyPI lightstep", "4.4.8", "LightStep protobuf", "HTTP", tls, aspect))


@pytest.fixture(params=["tls", "plain"])
def program(request: pytest.FixtureRequest, start: Start, spans: Spans) -> Tracer:
    """A program that reports to the project of this test."""
    tags = {"pod": "shop-7d4"}
    if request.param == "tls":
        return start(spans.https_url, spans.token, ca_file=spans.ca_file, tags=tags)
    return start(spans.http_url, spans.token, tags=tags)


def test_spans_are_found_by_what_they_say(program: Tracer, spans: Spans) -> None:
    before_us = time.time_ns() // 1000
    told = program.do("checkout")
    spans.expect(count=2)
    after_us = time.time_ns() // 1000

    (checkout,) = spans.find('service IN ("shop") AND operation IN ("checkout")')
    assert checkout.trace_id == told["checkout"]["trace_id"]
    assert checkout.span_id == told["checkout"]["span_id"]
    assert checkout.parent_span_id is None
    assert not checkout.error
    assert checkout.protocol == "lightstep"
    # This tracer makes a text of every value.
    assert checkout.tags == {
        "http.status_code": "503",
        "retry": "True",
        "ratio": "0.5",
        "note": "Grüße ☃",
        "none": "None",
        "list": "[1, 'a']",
    }
    (log,) = checkout.logs
    assert log.fields == {"event": "cache.miss", "attempt": "2"}

    (charge,) = spans.find('"error" IN ("True")')
    assert charge.operation == "charge"
    assert charge.error
    assert charge.trace_id == checkout.trace_id
    assert charge.span_id == told["charge"]["span_id"]
    assert charge.parent_span_id == checkout.span_id
    (log,) = charge.logs
    assert log.fields["error.kind"] == "ValueError"
    assert log.fields["error.object"] == "card declined"
    assert "raise ValueError" in str(log.fields["stack"])

    assert before_us <= checkout.start_us <= charge.start_us <= log.time_us
    assert log.time_us <= charge.start_us + charge.duration_us <= checkout.start_us + checkout.duration_us
    assert checkout.start_us + checkout.duration_us <= after_us

    for query, found in [
        ('"http.status_code" IN ("503")', [checkout]),
        ('"http.status_code" IN ("503", "200") AND "retry" IN ("True")', [checkout]),
        ('"note" IN ("Grüße ☃")', [checkout]),
        ('"http.status_code" NOT IN ("503")', [charge]),
        ('operation IN ("checkout") AND "error" IN ("True")', []),
    ]:
        assert spans.find(query) == found, query
    assert spans.trace(checkout.trace_id) == [checkout, charge]
    proved("full", tls=program.ca_file is not None)


def test_the_reporter_says_who_it_is(program: Tracer, spans: Spans) -> None:
    program.do("many", 1, "tick")
    (tick,) = spans.expect(count=1)
    attributes = tick.reporter.attributes
    assert attributes["lightstep.component_name"] == "shop"
    assert attributes["lightstep.tracer_platform"] == "python"
    assert attributes["lightstep.tracer_version"] == "4.4.8"
    assert attributes["pod"] == "shop-7d4"
    assert int(str(attributes["lightstep.guid"]), 16) == int(tick.reporter.id, 16)


def test_times_are_kept_to_the_microsecond(program: Tracer, spans: Spans) -> None:
    program.do("at", "buy", 1_700_000_000.25, 1_700_000_000.2515)
    (buy,) = spans.expect(count=1)
    assert (buy.start_us, buy.duration_us) == (1_700_000_000_250_000, 1500)


def test_thousands_of_spans_in_one_report(start: Start, spans: Spans) -> None:
    program = start(spans.https_url, spans.token, ca_file=spans.ca_file, max_span_records=20_000)
    told = program.do("many", 10_000, "tick")
    spans.expect('operation IN ("tick")', count=10_000, timeout=30)
    found = spans.find()
    assert {span.span_id for span in found} == {one["span_id"] for one in told}
    assert sorted(int(str(span.tags["number"])) for span in found) == [*range(10_000)]


@pytest.mark.parametrize("carrier", ["headers", "binary"])
def test_two_programs_share_a_trace(start: Start, spans: Spans, carrier: str) -> None:
    shop = start(spans.https_url, spans.token, ca_file=spans.ca_file)
    warehouse = start(spans.http_url, spans.token, component_name="warehouse")
    told = shop.do("checkout")
    joined = warehouse.do("join", operation="ship", **{carrier: told[carrier]})
    assert joined["baggage"] == {"customer": "7"}
    spans.expect(count=3)
    (ship,) = spans.find('service IN ("warehouse")')
    assert ship.operation == "ship"
    assert ship.parent_span_id == told["checkout"]["span_id"]
    trace = spans.trace(told["checkout"]["trace_id"])
    assert [span.service for span in trace] == ["shop", "shop", "warehouse"]
    assert len({span.reporter.id for span in trace}) == 2


def test_reports_without_spans_do_no_harm(program: Tracer, spans: Spans) -> None:
    kept: dict[str, Any] = {"failed": None, "errors": [], "warnings": [], "commands": 0, "timed": True}
    program.do("many", 1, "first")  # this tracer begins to report with its first span
    assert program.do("answered", 1) == [{"spans": 1, **kept}]
    for _ in range(3):
        assert program.do("outcome", spans=0) == {"spans": 0, **kept}
    program.do("many", 1, "second")
    assert program.do("answered", 1) == [{"spans": 1, **kept}]
    assert [span.operation for span in spans.find()] == ["first", "second"]
    (reporter,) = project(spans)["reporters"]
    assert reporter["spans"] == 2
    assert reporter["reports"] >= 5


def test_a_program_that_ends_sends_what_is_left(start: Start, spans: Spans) -> None:
    program = start(spans.https_url, spans.token, ca_file=spans.ca_file, periodic_flush_seconds=NEVER_S)
    program.do("many", 50, "tick")
    program.end()
    spans.expect('operation IN ("tick")', count=50)


def test_a_program_that_does_not_trust_us_is_shown(start: Start, spans: Spans) -> None:
    program = start(spans.https_url, spans.token)
    program.do("many", 1, "tick")
    # Nothing was delivered, so the tracer keeps its span for the next report.
    for _ in range(2):
        assert program.do("outcome", spans=1)["failed"] == "SSLError"
    assert diagnostics(spans.satellite.url)["traps"]["counts"]["client_rejected_certificate"] >= 1
    assert spans.find() == []


def test_an_unknown_token_is_refused_for_good(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    unknown = "unknown-4f1c"
    with (
        caplog.at_level(logging.WARNING, "satellite"),
        Satellite(access_tokens={"known-9a7e": "bookshop"}) as satellite,
    ):
        refused = start(satellite.https_url, unknown, ca_file=satellite.ca_file)
        refused.do("many", 3, "tick")
        for outcome in refused.do("answered", 3):
            assert outcome["timed"]
            assert "unknown access token" in outcome["errors"][0]
            assert outcome["commands"] == 0  # a `disable` would end it until its process restarts
        # It could read the answers, so it has let go of those spans.
        assert refused.do("outcome")["spans"] == 0

        known = start(satellite.https_url, "known-9a7e", ca_file=satellite.ca_file)
        known.do("many", 2, "tick")
        satellite.client.project("bookshop").expect("", count=2)
        assert [one["project"] for one in satellite.client.projects()] == ["bookshop"]
        proved("token", tls=True)

        shown = diagnostics(satellite.url)
        metrics = ask(f"{satellite.admin_url}/metrics").text
    assert {one["code"] for one in shown["refusals"]} == {"access_denied"}
    assert "satellite_access_tokens_invalid_total" in metrics
    assert "report.refused" in caplog.text
    for text in (str(shown), metrics, caplog.text):
        assert unknown not in text
        assert "known-9a7e" not in text


def test_spans_refused_in_a_rush_come_later_and_once(start: Start, spans: Spans) -> None:
    port = free_port()
    with Satellite(http_plain_port=port, max_waiting_bytes=1) as satellite:
        program = start(satellite.http_url, spans.token)
        program.do("many", 5, "tick")
        # 503 with a text that is no ReportResponse: what makes this tracer keep its spans.
        for _ in range(2):
            assert program.do("outcome", spans=5)["failed"] == "DecodeError"
        assert satellite.client.projects() == []
    with Satellite(http_plain_port=port) as satellite:
        satellite.client.project(spans.token).expect("", count=5, timeout=20, quiet=5 * SOON_S)


def test_a_restart_loses_nothing_that_was_not_acknowledged(start: Start, spans: Spans) -> None:
    port = free_port()
    with Satellite(http_plain_port=port) as satellite:
        program = start(satellite.http_url, spans.token)
        program.do("many", 5, "before")
        program.do("answered", 5)
        satellite.client.project(spans.token).expect('operation IN ("before")', count=5)
    program.do("outcome", failed="ConnectionError")
    told = program.do("many", 7, "meanwhile")
    assert program.do("outcome", spans=7)["failed"] == "ConnectionError"
    with Satellite(http_plain_port=port) as satellite:
        found = satellite.client.project(spans.token).expect("", count=7, timeout=20, quiet=5 * SOON_S)
        ledger = satellite.client.projects()[0]["ledger"]
    assert {span.span_id for span in found} == {one["span_id"] for one in told}
    assert ledger == {"received": 7, "stored": 7, "dropped": {}, "evicted": 0, "duplicates": 0}
    proved("restart", tls=False)


def test_a_report_whose_answer_was_lost_is_kept_once(start: Start, spans: Spans) -> None:
    with answers_lost_once(spans.http_url) as url:
        program = start(url, spans.token)
        told = program.do("many", 4, "tick")
        lost = program.do("outcome", failed="ConnectionError")["spans"]
        program.do("answered", 4)
    found = spans.expect(count=4, quiet=5 * SOON_S)
    assert {span.span_id for span in found} == {one["span_id"] for one in told}
    assert project(spans)["ledger"]["duplicates"] == lost > 0
    proved("resent", tls=False)


@contextmanager
def answers_lost_once(url: str) -> Iterator[str]:
    """A proxy before a satellite that keeps back its answer to the first report with spans."""
    lost = threading.Event()

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = httpx.post(url + self.path, content=body, headers=dict(self.headers), trust_env=False)
            if ReportRequest.FromString(body).spans and not lost.is_set():
                lost.set()
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()


def ask(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False).raise_for_status()


def diagnostics(url: str) -> dict[str, Any]:
    shown: dict[str, Any] = ask(f"{url}/diagnostics?format=json").json()
    return shown


def project(spans: Spans) -> dict[str, Any]:
    """What diagnostics say of the project of this test."""
    projects = diagnostics(spans.satellite.url)["projects"]
    return next(one for one in projects if one["project"] == spans.project)
