"""A program that is tested in this process has OpenTelemetry and its loggers for itself: nothing of ours is in them."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import httpx
import pytest
from opentelemetry import trace

from mock_lightstep_satellite import AsyncClient, Client
from satellite import Satellite


class Provider(trace.TracerProvider):
    """Of the program; remembers who asked for a tracer."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_tracer(self, instrumenting_module_name: str, *_: Any, **__: Any) -> trace.Tracer:
        self.asked.append(instrumenting_module_name)
        return trace.NoOpTracer()


def test_a_satellite_does_not_trace_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with Satellite() as satellite:
        project = satellite.project()
        assert project.mark() == 0
        assert project.asked.explain("")["lines"]
    assert provider.asked == []


def test_nor_does_it_log_them_or_change_loggers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    access = logging.getLogger("uvicorn.access")
    handler = logging.NullHandler()
    monkeypatch.setattr(access, "handlers", [handler])
    monkeypatch.setattr(access, "propagate", True)
    with caplog.at_level(logging.INFO), Satellite() as satellite:
        assert httpx.get(f"{satellite.http_url}/ca.pem", trust_env=False).status_code == 200
        assert satellite.project().mark() == 0
        assert access.propagate
        assert handler in access.handlers
    assert [one for one in caplog.records if not one.name.startswith(("httpx", "satellite"))] == []


class Instrumented:
    """Sees the requests that a program's instrumentation of httpx would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        self.unseen: list[str] = []
        self._suppressed = False
        utils: Any = ModuleType("opentelemetry.instrumentation.utils")
        utils.suppress_instrumentation = self._suppress
        monkeypatch.setitem(sys.modules, utils.__name__, utils)

    @contextmanager
    def _suppress(self) -> Iterator[None]:
        self._suppressed = True
        yield
        self._suppressed = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        (self.unseen if self._suppressed else self.seen).append(request.url.path.rpartition("/")[2])
        return httpx.Response(200, headers={"x-satellite": "1"}, content=b'{"mark": 3}')


def test_nor_do_the_clients_trace_their_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    instrumented = Instrumented(monkeypatch)
    transport = httpx.MockTransport(instrumented)
    with Client("http://satellite.test", transport=transport) as client:
        assert client.project("p").mark() == 3
        assert list(client.project("p").export_stream()) == [b'{"mark": 3}']

    async def awaited() -> None:
        async with AsyncClient("http://satellite.test", transport=transport) as client:
            assert await client.project("p").mark() == 3
            assert [piece async for piece in client.project("p").export_stream()] == [b'{"mark": 3}']

    asyncio.run(awaited())
    assert instrumented.unseen == ["mark", "export", "mark", "export"]
    assert not instrumented.seen
