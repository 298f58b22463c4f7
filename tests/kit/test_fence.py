"""`fence` and `trace(root=…)` as a test uses them, against a whole satellite."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest
from typer.testing import CliRunner, Result

from mock_lightstep_satellite import AsyncSpans, BadRequest, NotFound, NotMet, Spans, q
from mock_lightstep_satellite.cli import app
from satellite import Satellite
from satellite.app import App
from satellite.pb import explorer_pb2
from satellite.pb import lightstep_collector_pb2 as pb


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite() as started:
        yield started


@pytest.fixture
def spans(satellite: Satellite) -> Spans:
    return satellite.project()


def body(spans: Spans, *, service: str = "shop", names: tuple[str, ...] = (), trace: int = 7) -> bytes:
    """A report; of several spans each is the child of the one before."""
    made = pb.ReportRequest()
    made.auth.access_token = spans.token
    made.reporter.reporter_id = len(service)
    made.reporter.tags.add(key="lightstep.component_name", string_value=service)
    for number, name in enumerate(names):
        span = made.spans.add(operation_name=name)
        span.span_context.trace_id, span.span_context.span_id = trace, trace * 100 + number
        span.start_timestamp.FromNanoseconds(time.time_ns())
        if number:
            reference = span.references.add(relationship=pb.Reference.CHILD_OF)
            reference.span_context.trace_id, reference.span_context.span_id = trace, trace * 100 + number - 1
    return made.SerializeToString()


http = httpx.Client(trust_env=False)


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    with http:
        yield


def report(spans: Spans, **what: Any) -> None:
    assert http.post(f"{spans.http_url}/api/v2/reports", content=body(spans, **what)).status_code == 200


def command(spans: Spans, *arguments: str) -> Result:
    place = ("--url", spans.satellite.url, "--project", spans.project)
    return CliRunner().invoke(app, [*arguments, *place], env={"TERM": "dumb"})


def report_over_grpc(spans: Spans, **what: Any) -> None:
    with grpc.insecure_channel(spans.grpc_plain_target) as channel:
        method: Any = channel.unary_unary("/lightstep.collector.CollectorService/Report")
        method(body(spans, **what))


class Idle:
    """Sends reports without a span, one after the other, as a tracer does that has nothing to tell, only faster."""

    def __init__(self, spans: Spans, send: Any = report, **what: Any) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: self._send(lambda: send(spans, **what)))

    def _send(self, send: Any) -> None:
        while not self._ended.wait(0.01):
            send()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


@pytest.mark.parametrize("send", [report, report_over_grpc])
def test_reports_without_a_span_pass_a_fence(spans: Spans, send: Any) -> None:
    send(spans, names=("checkout",))
    with Idle(spans, send):
        (one,) = spans.fence(timeout=30)
        assert (one["service"], one["spans"]) == ("shop", 1)
        assert spans.expect(q.error(), count=0, fence=True, timeout=30) == []
        assert len(spans.expect(count=1, fence=["shop"], timeout=30)) == 1
        with spans.watch() as watched:
            assert watched.expect(count=0, fence=True, timeout=30) == []


def test_a_clock_that_is_set_back_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count()
    defaults = App.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "clock_ns", lambda: 1_700_000_000_000_000_000 - next(looks) * 1_000_000)
    with Satellite() as satellite:
        spans = satellite.project()
        report(spans, names=("checkout",))
        with pytest.raises(NotMet, match="by shop"):
            spans.fence(timeout=0)  # the one report began before
        with Idle(spans):
            (one,) = spans.fence(timeout=30)
        assert one["service"] == "shop"


def test_a_fence_asked_for_in_other_ways(spans: Spans) -> None:
    with Idle(spans):
        assert asyncio.run(AsyncSpans(spans).fence("shop", timeout=30))[0]["service"] == "shop"
        result = command(spans, "fence", "--timeout", "30s")
        assert result.exit_code == 0
        assert result.stdout.splitlines()[1].startswith("shop\t")
        with grpc.insecure_channel(spans.grpc_plain_target) as channel:
            fence: Any = channel.unary_unary(
                "/satellite.explorer.v1.Explorer/Fence", response_deserializer=explorer_pb2.Fenced.FromString
            )
            request = explorer_pb2.FenceRequest(project=spans.project, timeout_ms=30_000)
            assert [one.service for one in fence(request.SerializeToString()).reporters] == ["shop"]


def test_a_report_that_was_under_way_passes_none(spans: Spans) -> None:
    def pieces() -> Iterator[bytes]:
        whole = body(spans, names=("late",))
        yield whole[:10]
        with pytest.raises(NotMet):  # its head came before
            spans.fence("shop", timeout=0.05)
        with ThreadPoolExecutor() as threads:
            fence = threads.submit(lambda: spans.fence("shop", timeout=0.5))
            yield whole[10:]
            with pytest.raises(NotMet, match="by shop"):
                fence.result()

    headers = {"content-type": "application/octet-stream"}
    with httpx.Client(trust_env=False) as client:
        answer = client.post(f"{spans.http_url}/api/v2/reports", content=pieces(), headers=headers)
    assert answer.status_code == 200


def test_a_fence_says_who_is_missing(spans: Spans) -> None:
    with pytest.raises(NotMet, match="by anybody") as error:
        spans.fence(timeout=0.01)
    assert "no span at all arrived" in str(error.value)
    report(spans, names=("checkout",))
    result = command(spans, "wait", "--fence", "--timeout", "10ms")
    assert result.exit_code == 1
    assert "begun within 0.01 s by shop (lightstep, last heard " in result.stderr
    with pytest.raises(BadRequest, match="fence is True or a list of services, not 'shop'"):
        spans.expect(fence="shop")
    with pytest.raises(BadRequest, match="timeout is a number of seconds"):
        spans.fence(timeout=-1)


def test_the_trace_with_a_root(spans: Spans) -> None:
    with pytest.raises(NotFound, match="no span at all arrived"):
        spans.trace(root=q.operation("checkout"))
    mark = spans.mark()
    report(spans, names=("checkout", "pay"))
    report(spans, names=("refund", "pay"), trace=8)
    with spans.watch() as watched:
        report(spans, names=("checkout", "pay"), trace=9)
        assert watched.trace(root=q.operation("checkout"))[0].span_id.endswith(f"{900:x}")
    refund = spans.trace(root=q.operation("refund"))
    assert [span.operation for span in refund] == ["refund", "pay"]
    assert spans.trace(refund.trace_id) == refund
    assert asyncio.run(AsyncSpans(spans).trace(root=q.operation("refund"))) == refund
    with pytest.raises(
        AssertionError, match=r'2 traces, not 1, have a root that is operation IN \("checkout"\)'
    ):
        spans.trace(root=q.operation("checkout"))
    with pytest.raises(
        NotFound, match=r'(?s)no trace has a root that is operation IN \("pay"\).*-> +3 spans'
    ):
        spans.trace(root=q.operation("pay"))
    with pytest.raises(BadRequest, match="by its id or by its root"):
        spans.trace(refund.trace_id, root="error")
    assert len(spans.asked.trace(root=q.operation("refund"), since=mark)) == 2
