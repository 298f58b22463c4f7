"""Datadog's real tracer for Python reports at its defaults; its spans are found by query."""

from __future__ import annotations

import time

import httpx

from mock_lightstep_satellite.remote import free_port
from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from tests.interop.conftest import interpreter
from tests.interop.matrix import Proof, keep
from tests.interop.processes import Tracer


def started(agent_url: str, token: str) -> Tracer:
    """A program that takes the satellite for its agent; the token is a tag, for the tracer knows no other way."""
    return Tracer(
        interpreter("ddtrace-python"),
        "ddtrace_python.py",
        env={"DD_TRACE_AGENT_URL": agent_url, "DD_TAGS": f"lightstep.access_token:{token}"},
    )


def proven(aspect: str) -> None:
    keep(Proof("PyPI ddtrace", "4.16.0", "Datadog MessagePack v0.5", "HTTP", tls=False, aspect=aspect))


def test_a_trace_in_full(spans: Spans) -> None:
    before_us = time.time_ns() // 1000
    with started(spans.http_url, spans.token) as program:
        told = program.do("checkout")
        after_us = time.time_ns() // 1000
        program.end()
    checkout, charge = sorted(spans.expect(count=2), key=lambda span: span.operation, reverse=True)

    assert {"trace_id": checkout.trace_id, "span_id": checkout.span_id} == told["checkout"]
    assert {"trace_id": charge.trace_id, "span_id": charge.span_id} == told["charge"]
    assert int(checkout.trace_id[:16], 16)
    assert (checkout.parent_span_id, charge.parent_span_id) == (None, checkout.span_id)
    assert (checkout.service, checkout.operation, checkout.kind) == ("shop", "checkout", "server")
    assert (charge.service, charge.operation, charge.kind) == ("bank", "charge", "client")
    assert (checkout.error, charge.error) == (False, True)
    assert checkout.protocol == charge.protocol == "datadog"
    assert before_us <= checkout.start_us <= charge.start_us
    assert (
        charge.start_us + charge.duration_us <= checkout.start_us + checkout.duration_us + 1 <= after_us + 2
    )
    assert (checkout.tags["note"], checkout.tags["http.status_code"], checkout.tags["ratio"]) == (
        "Grüße ☃",
        "503",
        0.5,
    )
    assert (checkout.tags["resource.name"], checkout.tags["span.type"]) == ("GET /checkout", "web")
    assert (charge.tags["error.message"], charge.tags["error.type"]) == (
        "card declined",
        "builtins.ValueError",
    )
    assert spans.trace(told["checkout"]["trace_id"]) == [checkout, charge]
    assert spans.token not in str(spans.find())
    proven("full")


def test_an_access_token_is_a_tag(spans: Spans) -> None:
    with Satellite(access_tokens={"known-9a7e": "bookshop"}) as satellite:
        for token, count in (("unknown-4f1c", 3), ("known-9a7e", 2)):
            with started(satellite.http_url, token) as program:
                program.do("many", count, "tick")
                program.end()
        satellite.client.project("bookshop").expect("", count=2)
        assert [one["project"] for one in satellite.client.projects()] == ["bookshop"]
    proven("token")


def test_spans_after_a_restart_arrive(spans: Spans) -> None:
    port = free_port()
    with started(f"http://127.0.0.1:{port}", spans.token) as program:
        with Satellite(http_plain_port=port) as satellite:
            program.do("many", 5, "before")
            program.do("flush")
            satellite.client.project(spans.token).expect('operation IN ("before")', count=5)
        with Satellite(http_plain_port=port) as satellite:
            told = program.do("many", 7, "after")
            program.end()
            found = satellite.client.project(spans.token).expect('operation IN ("after")', count=7)
    assert {(span.trace_id, span.span_id) for span in found} == {
        (one["trace_id"], one["span_id"]) for one in told
    }
    proven("restart")


def test_many_spans_are_each_kept_once(spans: Spans) -> None:
    with started(spans.http_url, spans.token) as program:
        program.do("many", 200, "tick")
        program.end()
    spans.expect(count=200)
    shown = httpx.get(f"{spans.satellite.url}/diagnostics?format=json", trust_env=False).raise_for_status()
    (project,) = [one for one in shown.json()["projects"] if one["project"] == spans.project]
    ledger = {"received": 200, "stored": 200, "dropped": {}, "evicted": 0, "duplicates": 0}
    assert project["ledger"] == ledger
