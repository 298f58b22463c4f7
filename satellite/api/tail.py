"""Live tail: spans as they arrive, as server-sent events or as lines of JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from satellite.api.parameters import Project
from satellite.api.routes import Routes
from satellite.api.streaming import LongAnswer
from satellite.errors import Overloaded
from satellite.explore.tail import SPANS, News, tail
from satellite.explore.window import plan_of
from satellite.intake.arrivals import Arrivals
from satellite.model.tag import json_form
from satellite.store import Store

READERS_MAX = 100
"""Tails at once (ours)."""

_ENCODER = msgspec.json.Encoder(enc_hook=json_form)


class TailAsked(BaseModel):
    """Parameters of …/tail."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field("", max_length=65_536, description="The predicate; empty: all spans.")
    since: int | None = Field(
        None,
        ge=0,
        le=2**62,
        description="From this mark on; left out: from now on. Last-Event-ID goes before it: a browser that "
        "connects again goes on where it was.",
    )
    limit: int = Field(
        SPANS, ge=0, le=1000, description="Spans that one piece of news holds; 0: only their number."
    )
    format: Literal["sse", "ndjson"] | None = Field(
        None, description="Left out: `ndjson` when the request accepts application/x-ndjson, else `sse`."
    )

    def written(self, request: Request) -> Literal["sse", "ndjson"]:
        """How the news is written."""
        accepts = request.headers.get("accept", "")
        return self.format or ("ndjson" if "application/x-ndjson" in accepts else "sse")


def routes(store: Store, arrivals: Arrivals) -> Routes:
    """Its endpoint."""
    routes = Routes()
    readers: set[_Tail] = set()

    @routes.other("GET", "/projects/{project}/tail")
    async def live_tail(project: Project, asked: TailAsked, request: Request) -> Response:
        """Matching spans as they arrive, until you leave; a project that has received nothing yet will do.

        Server-sent events: `spans` with {spans, arrived, missed, mark}; the event's id is the mark, from which a
        reconnecting browser goes on. NDJSON: a span a line, and {"missed": number, "mark": mark} where you were too
        slow or more came at once than `limit`.
        """
        plan = plan_of(asked.query)
        if len(readers) >= READERS_MAX:
            raise Overloaded(f"{READERS_MAX} tails are read already", hint="end some, or try again later")
        last = request.headers.get("last-event-id", "")
        since = int(last) if last.isdecimal() and len(last) < 19 else asked.since
        if (
            since is None
        ):  # from before the answer's first byte: whoever sees it misses nothing that is sent then
            since = store.mark(project)
        news = tail(store, arrivals, project, plan, since=since, limit=asked.limit)
        written = asked.written(request)
        answer = _Tail(_WRITERS[written], news, _MEDIA_TYPES[written], readers.discard)
        readers.add(answer)
        return answer

    return routes


class _Tail(LongAnswer):
    def __init__(
        self,
        write: Callable[[News], bytes],
        news: AsyncGenerator[News],
        media_type: str,
        then: Callable[[_Tail], None],
    ) -> None:
        self._news = news
        super().__init__(
            _written(write, news),
            media_type=media_type,
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._then = then

    async def over(self) -> None:
        self._then(self)
        await self._news.aclose()


async def _written(write: Callable[[News], bytes], news: AsyncIterator[News]) -> AsyncIterator[bytes]:
    async for piece in news:
        yield write(piece)


def _event(news: News) -> bytes:
    if not news.arrived:
        return b": nothing new\nid: %d\n\n" % news.mark
    return b"event: spans\nid: %d\ndata: %s\n\n" % (news.mark, _ENCODER.encode(news))


def _lines(news: News) -> bytes:
    """A heartbeat is an empty line, which readers of lines of JSON leave out."""
    lines = [_ENCODER.encode(span) for span in news.spans]
    if news.missed:
        lines.append(_ENCODER.encode({"missed": news.missed, "mark": news.mark}))
    return b"\n".join([*lines, b""]) if lines else b"\n"


_WRITERS: dict[Literal["sse", "ndjson"], Callable[[News], bytes]] = {"sse": _event, "ndjson": _lines}
_MEDIA_TYPES = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}
