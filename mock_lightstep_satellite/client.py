"""Asking a satellite from a program: `Client` and its projects, the questions of `async_client` for a thread that waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import httpx

from mock_lightstep_satellite.async_client import AsyncProject, AsyncQuestions
from mock_lightstep_satellite.calls import DEFAULT_URL
from mock_lightstep_satellite.connection import (
    BlockingConnection,
    blocking,
    blocking_context,
    blocking_iterator,
)
from mock_lightstep_satellite.errors import is_told
from mock_lightstep_satellite.watch import Watch

__tracebackhide__ = is_told


class Client:
    """Asks the satellite whose Explorer is at this URL. Close it, or use it as a context manager."""

    def __init__(self, url: str = DEFAULT_URL, *, transport: httpx.BaseTransport | None = None) -> None:
        self._awaited = AsyncQuestions(url, BlockingConnection(url, transport))
        self.url = self._awaited.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def notes(self) -> list[str]:
        """What the satellite noted of the last query, which was right, but perhaps not what was meant."""
        return self._awaited.notes

    def project(self, name: str) -> Project:
        """One project's questions; it need not exist yet."""
        return Project(self, name)

    close = blocking(AsyncQuestions.close)
    send = blocking(AsyncQuestions.send)
    stream = blocking_iterator(AsyncQuestions.stream)
    projects = blocking(AsyncQuestions.projects)
    canonical = blocking(AsyncQuestions.canonical)
    requests = blocking(AsyncQuestions.requests)
    request = blocking(AsyncQuestions.request)
    request_body = blocking(AsyncQuestions.request_body)
    decode_request = blocking(AsyncQuestions.decode_request)
    replay = blocking(AsyncQuestions.replay)
    faults = blocking(AsyncQuestions.faults)
    add_fault = blocking(AsyncQuestions.add_fault)
    remove_faults = blocking(AsyncQuestions.remove_faults)
    fault = blocking_context(AsyncQuestions.fault)


@dataclass(frozen=True, slots=True)
class Project:
    """Asks about one project; `bounds` and the rest are those of `AsyncProject`."""

    client: Client
    name: str

    @property
    def _awaited(self) -> AsyncProject:
        return AsyncProject(self.client._awaited, self.name)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Take a mark: `with project.watch() as watched: act(); watched.expect(…)` counts what arrives from here on."""
        yield Watch(self, self.mark())

    # Waiting
    mark = blocking(AsyncProject.mark)
    expect = blocking(AsyncProject.expect)
    fence = blocking(AsyncProject.fence)
    explain = blocking(AsyncProject.explain)
    tail = blocking_iterator(AsyncProject.tail)

    # Spans and traces
    spans = blocking(AsyncProject.spans)
    traces = blocking(AsyncProject.traces)
    trace = blocking(AsyncProject.trace)
    list_traces = blocking(AsyncProject.list_traces)
    critical_path = blocking(AsyncProject.critical_path)
    trace_tree = blocking(AsyncProject.trace_tree)
    trace_html = blocking(AsyncProject.trace_html)
    span = blocking(AsyncProject.span)
    export = blocking(AsyncProject.export)
    export_stream = blocking_iterator(AsyncProject.export_stream)
    import_ = blocking(AsyncProject.import_)
    reset = blocking(AsyncProject.reset)
    drop = blocking(AsyncProject.drop)

    # Explorer
    services = blocking(AsyncProject.services)
    service = blocking(AsyncProject.service)
    latency = blocking(AsyncProject.latency)
    histogram = blocking(AsyncProject.histogram)
    groups = blocking(AsyncProject.groups)
    heat_map = blocking(AsyncProject.heat_map)
    correlations = blocking(AsyncProject.correlations)
    diagram = blocking(AsyncProject.diagram)
    draw_diagram = blocking(AsyncProject.draw_diagram)
    suggest = blocking(AsyncProject.suggest)
    run = blocking(AsyncProject.run)
    snapshots = blocking(AsyncProject.snapshots)
    snapshot = blocking(AsyncProject.snapshot)
    change_snapshot = blocking(AsyncProject.change_snapshot)
    delete_snapshot = blocking(AsyncProject.delete_snapshot)
    export_snapshot = blocking(AsyncProject.export_snapshot)
    import_snapshot = blocking(AsyncProject.import_snapshot)
    compare = blocking(AsyncProject.compare)
    create_stream = blocking(AsyncProject.create_stream)
    streams = blocking(AsyncProject.streams)
    stream_series = blocking(AsyncProject.stream_series)
    delete_stream = blocking(AsyncProject.delete_stream)

    # Reports and what goes wrong with them
    reporters = blocking(AsyncProject.reporters)
    checks = blocking(AsyncProject.checks)
    requests = blocking(AsyncProject.requests)
    request = blocking(AsyncProject.request)
    request_body = blocking(AsyncProject.request_body)
    decode_request = blocking(AsyncProject.decode_request)
    replay = blocking(AsyncProject.replay)
    faults = blocking(AsyncProject.faults)
    add_fault = blocking(AsyncProject.add_fault)
    remove_faults = blocking(AsyncProject.remove_faults)
    fault = blocking_context(AsyncProject.fault)
