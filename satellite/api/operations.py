"""What operators look at: `/readyz`, `/livez`, `/metrics` and the diagnostics, whose page is Status.

Everything shown is asked for when somebody looks; nothing here watches or keeps, but for the connections that came
to nothing, which nobody else remembers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from satellite.api.traps import Traps
from satellite.store import ProjectStats
from satellite.store.durable.files import Damage


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that answers."""

    setting: str
    """The setting that names it."""
    purpose: str
    address: str
    """`host:port`, as bound."""
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective setting; secrets are masked already."""

    name: str
    value: Any
    origin: str


class Written(Protocol):
    """What diagnostics ask of what writes reports."""

    @property
    def refusals(self) -> Iterable[Any]: ...
    def reporters(self, project: str) -> Sequence[Any]: ...


@dataclass
class Diagnostics:
    """Where to ask for each part of the diagnostics; App fills it in."""

    version: str
    started_ns: int
    clock_ns: Callable[[], int]
    why_not_ready: Callable[[], str]
    """"" when ready, else the reason."""
    projects: Callable[[], Sequence[ProjectStats]]
    writer: Written
    waiting_bytes: Callable[[], int]
    """Of reports that were not answered yet."""
    waiting_bytes_max: int
    token_mode: str
    certificates: Callable[[], Sequence[Any]]
    certificate_warnings: Callable[[], Sequence[str]]
    certificate_notes: Callable[[], Sequence[str]]
    """What is missing of certificates that are served all the same."""
    traps: Traps
    settings: Sequence[Setting] = ()
    notes: list[str] = field(default_factory=list)
    """What is worth knowing of the configuration, and no mistake: settings without effect, listeners left out."""
    problems: Sequence[str] = ()
    """What is wrong with the configuration, found at start."""
    damage: Callable[[], Sequence[Damage]] = list
    """What could not be read of the data directory."""
    listeners: list[Listener] = field(default_factory=list)

    def collect(self) -> dict[str, Any]:
        """All of it as plain values; asks the store, so not to be called in the event loop."""
        reason = self.why_not_ready()
        problems = [*self.problems, *self.certificate_warnings()]
        damage = self.damage()
        damaged = [str(one) for one in damage if not one.torn]
        parts = {
            "version": self.version,
            "started_us": self.started_ns // 1000,
            "now_us": self.clock_ns() // 1000,
            "checks": {
                "ready": not reason,
                "alive": True,
                "configuration": not problems,
                "data": not damaged,
            },
            "not_ready_because": reason,
            "problems": problems,
            "damaged": damaged,
            "notes": [
                *self.notes,
                *self.certificate_notes(),
                *(f"cut off: {one}" for one in damage if one.torn),
            ],
            "listeners": self.listeners,
            "certificates": self.certificates(),
            "tokens": self.token_mode,
            "waiting": {"bytes": self.waiting_bytes(), "bytes_max": self.waiting_bytes_max},
            "projects": [
                {**msgspec.to_builtins(stats), "reporters": self.writer.reporters(stats.project)}
                for stats in self.projects()
            ],
            "refusals": list(reversed(list(self.writer.refusals))),
            "traps": {
                "counts": dict(self.traps.counts),
                "lines": self.traps.lines,
                "last": list(reversed(self.traps.last)),
            },
            "settings": self.settings,
        }
        plain: dict[str, Any] = msgspec.to_builtins(parts, enc_hook=str)
        return plain


READY_PATHS, LIVE_PATHS = ("/readyz", "/_ready"), ("/livez", "/_live")
"""As Kubernetes calls them, and as LightStep's satellites did."""
WAIT_SECONDS_MAX = 60
"""For readiness; longer waits would outlive proxies."""
_LOOK_SECONDS = 0.05
"""How often a wait looks."""


def health(diagnostics: Diagnostics) -> list[Route]:
    """READY_PATHS and LIVE_PATHS."""

    async def ready(request: Request) -> Response:
        """200 when reports are taken right now, or within `wait` seconds, else 503; a balancer should then use another instance."""
        wait = request.query_params.get("wait", "0")
        if not (wait.isdecimal() and len(wait) < 4 and int(wait) <= WAIT_SECONDS_MAX):
            return PlainTextResponse(f"wait: a whole number of seconds from 0 to {WAIT_SECONDS_MAX}\n", 400)
        looks = int(int(wait) / _LOOK_SECONDS)
        while (reason := diagnostics.why_not_ready()) and looks > 0:
            looks -= 1
            await asyncio.sleep(_LOOK_SECONDS)  # what makes it ready is many things: none of them tells
        return PlainTextResponse(f"not ready: {reason}\n" if reason else "ready\n", 503 if reason else 200)

    async def live(_: Request) -> Response:
        """200 as long as the process answers at all; says nothing of its health."""
        return PlainTextResponse("alive\n")

    return [Route(path, ready) for path in READY_PATHS] + [Route(path, live) for path in LIVE_PATHS]


def create_admin(diagnostics: Diagnostics, exposition: Callable[[str], tuple[bytes, str]]) -> Starlette:
    """The admin ports: health, `/metrics` (`exposition`: Accept header → body, content type)."""
    threads = ThreadPoolExecutor(1, "metrics")

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        body, content_type = await asyncio.get_running_loop().run_in_executor(threads, exposition, accept)
        return Response(body, headers={"content-type": content_type})

    return Starlette(routes=[*health(diagnostics), Route("/metrics", metrics)])


def create_explorer(diagnostics: Diagnostics, api: ASGIApp, ca_pem: Callable[[], bytes | None]) -> ASGIApp:
    """Behind the pages at the Explorer's port: health, diagnostics and CA beside the API."""
    threads = ThreadPoolExecutor(1, "diagnostics")

    async def show(_: Request) -> Response:
        parts = await asyncio.get_running_loop().run_in_executor(threads, diagnostics.collect)
        return Response(msgspec.json.encode(parts), media_type="application/json")

    async def ca(_: Request) -> Response:
        pem = ca_pem()
        if pem is None:
            return PlainTextResponse("there is no CA to offer\n", 404)
        return Response(pem, media_type="application/x-pem-file")

    beside = Starlette(routes=[*health(diagnostics), Route("/diagnostics", show), Route("/ca.pem", ca)])
    paths = frozenset(route.path for route in beside.routes if isinstance(route, Route))

    async def explorer(scope: Scope, receive: Receive, send: Send) -> None:
        await (beside if scope["path"] in paths else api)(scope, receive, send)

    return explorer
