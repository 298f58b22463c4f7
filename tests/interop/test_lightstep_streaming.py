"""The streaming tracer: spans are found while its streams are open; its recorded bytes do the same on any Python."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from mock_lightstep_satellite.remote import free_port
from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from satellite.pb.lightstep_collector_pb2 import ReportRequest
from tests.interop.gate import nobody_home
from tests.interop.matrix import Proof, keep
from tests.interop.processes import PATIENCE_S, ROOT
from tests.interop.test_lightstep_tracers import TYPED, diagnostics, project_named
from tests.interop.tracers import STREAMING, Program, target

RECORDED = (ROOT / "tests/protocols/data/lightstep/real-python-streaming.http").read_bytes()
TOKEN = b"developer"
STREAMS = 8
"""So many a tracer holds open."""

real = pytest.mark.skipif(
    (ROOT / ".interop/lightstep-streaming.missing").exists(), reason="its recorded streams are sent instead"
)


def proven(aspect: str) -> None:
    keep(
        Proof(
            STREAMING.package,
            STREAMING.version,
            STREAMING.format,
            STREAMING.transport,
            tls=False,
            aspect=aspect,
        )
    )


def end(program: Program) -> None:
    """Close its streams; it complains when they are not answered and closed as it wants."""
    counts = program.do("close")
    assert counts["dropped"] == 0
    program.end()
    assert "Error" not in program.said


@real
def test_a_trace_in_full(spans: Spans) -> None:
    with STREAMING.start(target(spans.http_url), spans.token) as program:
        before_us = time.time_ns() // 1000
        told = program.do("checkout")
        after_us = time.time_ns() // 1000
        at = program.do("at", "buy", 1_700_000_000_250_000, 1_700_000_000_252_000)
        spans.expect(count=3, timeout=PATIENCE_S)  # its streams are open
        (checkout,) = spans.find('service IN ("shop") AND operation IN ("checkout")')
        (charge,) = spans.find('"error" IN ("true")')
        (buy,) = spans.find('operation IN ("buy")')
        end(program)
    for span, name, kind in ((checkout, "checkout", "server"), (charge, "charge", "client")):
        assert (span.trace_id, span.span_id) == (told[name]["trace_id"], told[name]["span_id"])
        assert (span.operation, span.kind, span.protocol, span.marks) == (name, kind, "lightstep", [])
        assert before_us <= span.start_us <= span.start_us + span.duration_us <= after_us
    assert (checkout.error, charge.error) == (False, True)
    assert (checkout.parent_span_id, charge.parent_span_id) == (None, checkout.span_id)
    assert checkout.tags == TYPED
    assert charge.tags == {"span.kind": "client", "error": True}
    (log,) = checkout.logs
    assert log.fields == {"event": "cache.miss", "attempt": "2"}  # a text of every value, in logs only
    assert checkout.start_us <= log.time_us <= checkout.start_us + checkout.duration_us
    (log,) = charge.logs
    assert log.fields == {"event": "error", "error.kind": "ValueError", "message": "card declined"}
    assert checkout.extra == {"baggage": {"customer": "7"}}
    assert (buy.span_id, buy.duration_us) == (at["span_id"], 2000)
    assert 0 <= 1_700_000_000_250_000 - buy.start_us <= 1  # it cuts what its floats did not hold
    attributes = checkout.reporter.attributes
    assert attributes["lightstep.tracer_platform"] == "c++"
    assert isinstance(attributes["lightstep.tracer_platform_version"], int)
    assert attributes["lightstep.tracer_version"] == "0.14.0"
    assert attributes["pod"] == "shop-7d4"
    (reporter,) = project_named(spans.satellite, spans.project)["reporters"]
    assert (reporter["id"], reporter["service"], reporter["spans"]) == (checkout.reporter.id, "shop", 3)
    assert reporter["counters"] == {"spans.dropped": 0}
    proven("full")
    proven("counters")


@real
def test_the_token_names_the_project() -> None:
    with Satellite(access_tokens={"known-9a7e": "bookshop"}) as satellite:
        with STREAMING.start(target(satellite.http_url), "unknown-4f1c") as program:
            program.do("many", 3, "lost")
            deadline = time.monotonic() + PATIENCE_S
            while not (refusals := diagnostics(satellite)["refusals"]):
                assert time.monotonic() < deadline
        with STREAMING.start(target(satellite.http_url), "known-9a7e") as program:
            program.do("many", 2, "tick")
            satellite.client.project("bookshop").expect("", count=2, timeout=PATIENCE_S)
            end(program)
        assert [one["project"] for one in satellite.client.projects()] == ["bookshop"]
        assert satellite.client.projects()[0]["ledger"]["received"] == 2
        assert {one["code"] for one in refusals} == {"access_denied"}
    proven("token")


@real
def test_the_satellite_restarts_while_it_reports(spans: Spans) -> None:
    port = free_port()
    with ExitStack() as started:
        with Satellite(http_plain_port=port) as satellite:
            program = started.enter_context(STREAMING.start(target(satellite.http_url), spans.token))
            told = program.do("many", 5, "before")
            found = satellite.client.project(spans.token).expect("", count=5, timeout=PATIENCE_S)
            assert {span.span_id for span in found} == {one["span_id"] for one in told}
        with nobody_home(port) as tried:
            assert tried.wait(PATIENCE_S)
        with Satellite(http_plain_port=port) as satellite:
            told = program.do("many", 3, "after")
            project = satellite.client.project(spans.token)
            found = project.expect('operation IN ("after")', count=3, timeout=PATIENCE_S)
            assert {span.span_id for span in found} == {one["span_id"] for one in told}
            program.do("close")
            (listed,) = satellite.client.projects()
            assert (listed["ledger"]["received"], listed["ledger"]["duplicates"]) == (3, 0)
    proven("restart")


# Its recorded bytes


def recorded(token: str) -> tuple[bytes, list[bytes]]:
    """(head of the request, its chunks), for this token."""
    head, _, rest = RECORDED.partition(b"\r\n\r\n")
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        chunks.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    assert chunks[-1] == b""
    first, *more = chunks
    report = ReportRequest.FromString(first)
    at = first.index(TOKEN) - 4  # the message Auth: its tag, its length, and the same of its field
    auth = ReportRequest(auth={"access_token": token}).SerializeToString()
    assert report.auth.access_token.encode() == TOKEN
    first = first[:at] + auth + first[at + 4 + len(TOKEN) :]
    return head + b"\r\n\r\n", [first, *more]


def framed(chunk: bytes, *, first: bool) -> bytes:
    """A chunk as it writes it: the size of the first is shorter than that of others."""
    size = f"{len(chunk):X}" if first else f"{len(chunk):08x}" if chunk else "0"
    return size.encode() + b"\r\n" + chunk + b"\r\n"


def connect(spans: Spans) -> socket.socket:
    host, _, port = target(spans.http_url).rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def test_spans_are_found_as_their_chunks_arrive(spans: Spans) -> None:
    head, (first, *chunks, last) = recorded(spans.token)
    sent = [one for chunk in chunks for one in ReportRequest.FromString(chunk).spans]
    assert sorted(span.operation_name for span in sent) == ["charge", "checkout"]
    with connect(spans) as stream:
        stream.sendall(head + framed(first, first=True))
        for count, chunk in enumerate(chunks, start=1):
            stream.sendall(framed(chunk, first=False))
            spans.expect(count=count, timeout=PATIENCE_S)
        stream.sendall(framed(last, first=False))
        answer = b"".join(iter(lambda: stream.recv(65_536), b""))  # until the satellite closes
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    found = spans.find()
    assert {int(span.span_id, 16) for span in found} == {span.span_context.span_id for span in sent}
    (checkout,) = (span for span in found if span.operation == "checkout")
    assert checkout.tags == TYPED
    (reporter,) = project_named(spans.satellite, spans.project)["reporters"]
    assert reporter["counters"] == {"spans.dropped": 0}


@pytest.mark.parametrize("cut_bytes", [1, 40])
def test_a_stream_that_breaks_off_keeps_what_was_complete(spans: Spans, cut_bytes: int) -> None:
    head, (first, *chunks, _) = recorded(spans.token)
    with connect(spans) as stream:
        stream.sendall(head + framed(first, first=True))
        stream.sendall(framed(chunks[0], first=False))
        stream.sendall(framed(chunks[1], first=False)[: -2 - cut_bytes])
    (kept,) = spans.expect(count=1, quiet=0.2, timeout=PATIENCE_S)
    assert int(kept.span_id, 16) == ReportRequest.FromString(chunks[0]).spans[0].span_context.span_id


def test_idle_streams_are_answered_and_hold_nothing(spans: Spans) -> None:
    head, (first, *_, last) = recorded(spans.token)
    for _ in range(STREAMS):
        with connect(spans) as stream:
            stream.sendall(head + framed(first, first=True) + framed(last, first=False))
            answer = b"".join(iter(lambda stream=stream: stream.recv(65_536), b""))  # type: ignore[misc]
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert spans.find() == []
    (reporter,) = project_named(spans.satellite, spans.project)["reporters"]
    assert (reporter["reports"], reporter["spans"]) == (STREAMS, 0)
