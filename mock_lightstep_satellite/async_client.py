"""`Client` and `Project` with methods to await."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from mock_lightstep_satellite import calls
from mock_lightstep_satellite.calls import DEFAULT_URL, Bound, Call, Content, Count, Latency, Missed, Query, T
from mock_lightstep_satellite.errors import NotFound, is_told
from mock_lightstep_satellite.replay import TIMEOUT_S, Replayed, replay_aside
from mock_lightstep_satellite.trace import Trace, TracedSpan
from mock_lightstep_satellite.watch import AsyncWatch

__tracebackhide__ = is_told


class AsyncClient:
    """`Client` with methods to await."""

    def __init__(self, url: str = DEFAULT_URL, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self.notes: list[str] = []
        """What the satellite noted of the last query, which was right, but perhaps not what was meant."""
        self._http = httpx.AsyncClient(**calls.options(url, transport))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """As `Client.send`."""
        try:
            reply = await self._http.request(
                call.method,
                call.path,
                params=call.params,
                json=call.body,
                content=call.content,
                timeout=calls.patience(call),
            )
        except httpx.HTTPError as error:
            raise calls.failed(self.url, error) from error
        self.notes = calls.notes(call, reply, self.notes)
        return calls.read(call, reply)

    async def stream(self, call: Call[bytes]) -> AsyncIterator[bytes]:
        """As `Client.stream`."""
        try:
            async with self._http.stream(
                call.method, call.path, params=call.params, timeout=calls.patience(call)
            ) as reply:
                if not reply.is_success:
                    await reply.aread()
                    calls.read(call, reply)
                async for piece in reply.aiter_bytes():
                    yield piece
        except httpx.HTTPError as error:
            raise calls.failed(self.url, error) from error

    async def projects(self) -> list[dict[str, Any]]:
        """As `Client.projects`."""
        projects: list[dict[str, Any]] = (await self.send(Call(dict, "GET", "/api/v1/projects")))["projects"]
        return projects

    async def canonical(self, query: Query) -> str:
        """As `Client.canonical`."""
        params = {"query": str(query), "lenient": True}
        predicate: str = (await self.send(Call(dict, "GET", "/api/v1/query", params)))["predicate"]
        return predicate

    async def requests(self, **which: Bound) -> list[dict[str, Any]]:
        """As `Client.requests`."""
        found: list[dict[str, Any]] = (await self.send(calls.requests(None, **which)))["requests"]
        return found

    async def request(self, number: int) -> dict[str, Any]:
        """As `Client.request`."""
        return await self.send(calls.requests(None, number))

    async def request_body(self, number: int) -> bytes:
        """As `Client.request_body`."""
        return await self.send(calls.request_body(None, number))

    async def decode_request(self, number: int) -> dict[str, Any]:
        """As `Client.decode_request`."""
        return await self.send(calls.requests(None, f"{number}/decoded"))

    async def replay(
        self,
        number: int,
        to: str,
        *,
        token: str | None = None,
        ca_file: str | Path | None = None,
        timeout: float = TIMEOUT_S,  # noqa: ASYNC109 - of the request, in its thread
    ) -> Replayed:
        """As `Client.replay`."""
        detail, body = await self.request(number), await self.request_body(number)
        return await replay_aside(detail, body, to, token=token, ca_file=ca_file, timeout=timeout)

    async def faults(self) -> list[dict[str, Any]]:
        """As `Client.faults`."""
        found: list[dict[str, Any]] = (await self.send(calls.faults("GET", None)))["faults"]
        return found

    async def add_fault(self, profile: str | None = None, **fault: Any) -> list[str]:
        """As `Client.add_fault`."""
        added = (await self.send(calls.fault(None, profile, fault)))["faults"]
        return [one["id"] for one in added]

    async def remove_faults(self, *fault_ids: str) -> None:
        """As `Client.remove_faults`."""
        for call in calls.without_faults(None, fault_ids):
            await self.send(call)

    @asynccontextmanager
    async def fault(self, profile: str | None = None, **fault: Any) -> AsyncIterator[list[str]]:
        """As `Client.fault`."""
        added = await self.add_fault(profile, **fault)
        try:
            yield added
        finally:
            with suppress(NotFound):
                await self.remove_faults(*added)

    def project(self, name: str) -> AsyncProject:
        """As `Client.project`."""
        return AsyncProject(self, name)


@dataclass(frozen=True, slots=True)
class AsyncProject:
    """`Project` with methods to await."""

    client: AsyncClient
    name: str

    async def services(self, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """As `Project.services`."""
        call = calls.of_project(
            dict, "GET", self.name, "services", query=calls.text_of_query(query), **bounds
        )
        services: list[dict[str, Any]] = (await self.client.send(call))["services"]
        return services

    async def service(self, name: str, **bounds: Bound) -> dict[str, Any]:
        """As `Project.service`."""
        return await self.client.send(
            calls.of_project(dict, "GET", self.name, f"services/{quote(name, safe='')}", **bounds)
        )

    async def tail(
        self, query: Query = "", *, since: int | None = None
    ) -> AsyncIterator[TracedSpan | Missed]:
        """As `Project.tail`."""
        rest = b""
        async for piece in self.client.stream(calls.tail(self.name, query, since)):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line:
                    yield calls.told(line)

    async def spans(
        self,
        query: Query | None = None,
        *,
        order: str = "-latency",
        limit: int | None = None,
        **bounds: Bound,
    ) -> list[TracedSpan]:
        """As `Project.spans`."""
        pages = calls.pages(self.name, query, limit, {"order": order, **bounds})
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                spans: list[TracedSpan] = end.value
                return spans
            page = await self.client.send(call)

    async def export(
        self,
        query: Query | None = None,
        *,
        format: str = "otlp-json",  # noqa: A002
        **bounds: Bound,
    ) -> bytes:
        """As `Project.export`."""
        return await self.client.send(calls.export(self.name, query, format, bounds))

    def export_stream(
        self,
        query: str = "",
        *,
        format: str = "otlp-json",  # noqa: A002
        **bounds: Bound,
    ) -> AsyncIterator[bytes]:
        """As `Project.export_stream`."""
        return self.client.stream(calls.export(self.name, query, format, bounds))

    async def import_(self, content: Content, *, format: str = "auto") -> dict[str, Any]:  # noqa: A002
        """As `Project.import_`."""
        return await self.client.send(calls.import_(self.name, content, format))

    async def trace(self, trace_id: str) -> Trace:
        """As `Project.trace`."""
        pages = calls.trace_pages(self.name, trace_id)
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                return Trace(end.value)
            page = await self.client.send(call)

    async def trace_tree(self, trace_id: str, **params: Bound) -> dict[str, Any]:
        """As `Project.trace_tree`."""
        pages = calls.tree_pages(self.name, trace_id, params)
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                tree: dict[str, Any] = end.value
                return tree
            page = await self.client.send(call)

    async def span(self, trace_id: str, span_id: str, **params: Bound) -> dict[str, Any]:
        """As `Project.span`."""
        return await self.client.send(
            calls.of_trace(dict, self.name, trace_id, f"spans/{quote(span_id, safe='')}", **params)
        )

    async def trace_html(self, trace_id: str) -> str:
        """As `Project.trace_html`."""
        return (await self.client.send(calls.of_trace(bytes, self.name, trace_id, "html"))).decode()

    async def correlations(
        self, query: Query | None = None, *, of: str = "latency", **bounds: Bound
    ) -> dict[str, Any]:
        """As `Project.correlations`."""
        return await self.client.send(
            calls.of_project(
                dict, "GET", self.name, "correlations", query=calls.text_of_query(query), of=of, **bounds
            )
        )

    async def explain(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """As `Project.explain`."""
        return await self.client.send(
            calls.of_project(dict, "GET", self.name, "explain", query=calls.text_of_query(query), **bounds)
        )

    async def diagram(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """As `Project.diagram`."""
        return await self.client.send(
            calls.of_project(dict, "GET", self.name, "diagram", query=calls.text_of_query(query), **bounds)
        )

    async def draw_diagram(self, query: Query | None = None, *, format: str = "svg", **bounds: Bound) -> str:  # noqa: A002
        """As `Project.draw_diagram`."""
        return (await self.client.send(calls.drawing(self.name, query, format, bounds))).decode()

    async def traces(self, query: Query | None = None, **bounds: Bound) -> list[Trace]:
        """As `Project.traces`."""
        found = await self.spans(query, order="arrival", limit=None, **bounds)
        return [await self.trace(trace_id) for trace_id in dict.fromkeys(span.trace_id for span in found)]

    async def faults(self) -> list[dict[str, Any]]:
        """As `Project.faults`."""
        found: list[dict[str, Any]] = (await self.client.send(calls.faults("GET", self.name)))["faults"]
        return found

    async def add_fault(self, profile: str | None = None, **fault: Any) -> list[str]:
        """As `Project.add_fault`."""
        added = (await self.client.send(calls.fault(self.name, profile, fault)))["faults"]
        return [one["id"] for one in added]

    async def remove_faults(self, *fault_ids: str) -> None:
        """As `Project.remove_faults`."""
        for call in calls.without_faults(self.name, fault_ids):
            await self.client.send(call)

    @asynccontextmanager
    async def fault(self, profile: str | None = None, **fault: Any) -> AsyncIterator[list[str]]:
        """As `Project.fault`."""
        added = await self.add_fault(profile, **fault)
        try:
            yield added
        finally:
            with suppress(NotFound):
                await self.remove_faults(*added)

    async def requests(self, **which: Bound) -> list[dict[str, Any]]:
        """As `Project.requests`."""
        found: list[dict[str, Any]] = (await self.client.send(calls.requests(self.name, **which)))["requests"]
        return found

    async def request(self, number: int) -> dict[str, Any]:
        """As `Project.request`."""
        return await self.client.send(calls.requests(self.name, number))

    async def request_body(self, number: int) -> bytes:
        """As `Project.request_body`."""
        return await self.client.send(calls.request_body(self.name, number))

    async def decode_request(self, number: int) -> dict[str, Any]:
        """As `Project.decode_request`."""
        return await self.client.send(calls.requests(self.name, f"{number}/decoded"))

    async def replay(
        self,
        number: int,
        to: str,
        *,
        token: str | None = None,
        ca_file: str | Path | None = None,
        timeout: float = TIMEOUT_S,  # noqa: ASYNC109 - of the request, in its thread
    ) -> Replayed:
        """As `Project.replay`."""
        detail, body = await self.request(number), await self.request_body(number)
        return await replay_aside(
            detail, body, to, token=self.name if token is None else token, ca_file=ca_file, timeout=timeout
        )

    async def checks(self, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """As `Project.checks`."""
        call = calls.of_project(dict, "GET", self.name, "checks", query=calls.text_of_query(query), **bounds)
        found: list[dict[str, Any]] = (await self.client.send(call))["findings"]
        return found

    async def reporters(self) -> list[dict[str, Any]]:
        """As `Project.reporters`."""
        call = calls.of_project(dict, "GET", self.name, "reporters")
        found: list[dict[str, Any]] = (await self.client.send(call))["reporters"]
        return found

    async def latency(self, query: Query | None = None, **bounds: Bound) -> Latency:
        """As `Project.latency`."""
        return calls.latency(await self.histogram(query, **bounds))

    async def histogram(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """As `Project.histogram`."""
        return await self.client.send(
            calls.of_project(dict, "GET", self.name, "histogram", query=calls.text_of_query(query), **bounds)
        )

    async def groups(self, by: str, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """As `Project.groups`."""
        call = calls.of_project(
            dict, "GET", self.name, "groups", by=by, query=calls.text_of_query(query), **bounds
        )
        groups: list[dict[str, Any]] = (await self.client.send(call))["groups"]
        return groups

    async def heat_map(
        self, query: Query | None = None, *, columns: int = 60, **bounds: Bound
    ) -> dict[str, Any]:
        """As `Project.heat_map`."""
        return await self.client.send(
            calls.of_project(
                dict, "GET", self.name, "heatmap", query=calls.text_of_query(query), columns=columns, **bounds
            )
        )

    async def run(
        self, query: Query = "", *, name: str = "", limit: int = 50, **bounds: Bound
    ) -> dict[str, Any]:
        """As `Project.run`."""
        return await self.client.send(
            calls.run(self.name, {"query": str(query), "name": name, "limit": limit, **bounds})
        )

    async def snapshots(self) -> list[dict[str, Any]]:
        """As `Project.snapshots`."""
        kept: list[dict[str, Any]] = (
            await self.client.send(calls.of_project(dict, "GET", self.name, "snapshots"))
        )["snapshots"]
        return kept

    async def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        """As `Project.snapshot`."""
        return await self.client.send(calls.snapshot(dict, "GET", self.name, snapshot_id))

    async def change_snapshot(
        self, snapshot_id: str, *, name: str | None = None, pinned: bool | None = None
    ) -> dict[str, Any]:
        """As `Project.change_snapshot`."""
        body = {"name": name, "pinned": pinned}
        return await self.client.send(
            replace(calls.snapshot(dict, "POST", self.name, snapshot_id), body=body)
        )

    async def delete_snapshot(self, snapshot_id: str) -> None:
        """As `Project.delete_snapshot`."""
        await self.client.send(calls.snapshot(type(None), "DELETE", self.name, snapshot_id))

    async def export_snapshot(self, snapshot_id: str) -> bytes:
        """As `Project.export_snapshot`."""
        return await self.client.send(calls.snapshot(bytes, "GET", self.name, snapshot_id, "/file"))

    async def import_snapshot(self, content: bytes) -> dict[str, Any]:
        """As `Project.import_snapshot`."""
        return await self.client.send(calls.snapshot_file(self.name, content))

    async def compare(self, before: str, after: str, *, by: str = "") -> dict[str, Any]:
        """As `Project.compare`."""
        return await self.client.send(
            calls.snapshot(dict, "GET", self.name, before, f"/compare/{after}", by=by)
        )

    async def create_stream(self, query: Query, *, name: str = "", backfill: bool = False) -> dict[str, Any]:
        """As `Project.create_stream`."""
        return await self.client.send(calls.stream(self.name, query, name, backfill=backfill))

    async def streams(self, query: Query | None = None) -> list[dict[str, Any]]:
        """As `Project.streams`."""
        call = calls.of_project(dict, "GET", self.name, "streams", query=calls.text_of_query(query))
        streams: list[dict[str, Any]] = (await self.client.send(call))["streams"]
        return streams

    async def stream_series(self, stream_id: str, **range_: int | None) -> dict[str, Any]:
        """As `Project.stream_series`."""
        return await self.client.send(
            calls.of_project(dict, "GET", self.name, f"streams/{stream_id}/series", **range_)
        )

    async def delete_stream(self, stream_id: str) -> None:
        """As `Project.delete_stream`."""
        await self.client.send(calls.of_project(type(None), "DELETE", self.name, f"streams/{stream_id}"))

    async def suggest(
        self, kind: str, *, key: str | None = None, text: str = "", query: Query = ""
    ) -> list[dict[str, Any]]:
        """As `Project.suggest`."""
        call = calls.of_project(
            dict, "GET", self.name, "suggest", kind=kind, key=key, q=text, query=calls.text_of_query(query)
        )
        suggestions: list[dict[str, Any]] = (await self.client.send(call))["suggestions"]
        return suggestions

    async def mark(self) -> int:
        """As `Project.mark`."""
        return (await self.client.send(calls.of_project(calls.AtMark, "POST", self.name, "mark"))).mark

    async def expect(
        self,
        query: Query,
        count: Count = ">=1",
        *,
        timeout: float = 5.0,  # noqa: ASYNC109 - its timeout is the satellite's
        quiet: float = 0.0,
        since: int | None = None,
        trace: dict[str, Any] | None = None,
    ) -> list[TracedSpan]:
        """As `Project.expect`."""
        return (
            await self.client.send(calls.expectation(self.name, query, count, timeout, quiet, since, trace))
        ).spans

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncWatch]:
        """As `Project.watch`."""
        yield AsyncWatch(self, await self.mark())

    async def reset(self) -> int:
        """As `Project.reset`."""
        return (await self.client.send(calls.of_project(calls.Removed, "POST", self.name, "reset"))).removed

    async def drop(self) -> None:
        """As `Project.drop`."""
        await self.client.send(calls.of_project(type(None), "DELETE", self.name, ""))
