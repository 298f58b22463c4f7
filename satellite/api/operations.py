"""What operators look at: `/_ready`, `/_live`, `/metrics`, the diagnostics and the start page.

Everything shown is asked for when somebody looks; nothing here watches or keeps, but for the connections that came
to nothing, which nobody else remembers. Pages need no script and nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from satellite.api.traps import Traps
from satellite.store import ProjectStats
from satellite.store.durable.files import Damage

ROWS_SHOWN = 200
"""Projects, and reporters of a project, on the page; the JSON has all."""


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


class Waiting(Protocol):
    """What diagnostics ask the intake."""

    @property
    def waiting_bytes(self) -> int: ...
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
    intake: Waiting
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
            "waiting": {"bytes": self.intake.waiting_bytes, "bytes_max": self.waiting_bytes_max},
            "projects": [
                {**msgspec.to_builtins(stats), "reporters": self.intake.reporters(stats.project)}
                for stats in self.projects()
            ],
            "refusals": list(reversed(list(self.intake.refusals))),
            "traps": {
                "counts": dict(self.traps.counts),
                "lines": self.traps.lines,
                "last": list(reversed(self.traps.last)),
            },
            "settings": self.settings,
        }
        plain: dict[str, Any] = msgspec.to_builtins(parts, enc_hook=str)
        return plain


def create_admin(diagnostics: Diagnostics, exposition: Callable[[str], tuple[bytes, str]]) -> Starlette:
    """The admin ports: `/_ready`, `/_live`, `/metrics` (`exposition`: Accept header → body, content type)."""

    async def ready(_: Request) -> Response:
        """200 when reports are taken right now, else 503; a balancer should then use another instance."""
        reason = diagnostics.why_not_ready()
        return PlainTextResponse(f"not ready: {reason}\n" if reason else "ready\n", 503 if reason else 200)

    async def live(_: Request) -> Response:
        """200 as long as the process answers at all; says nothing of its health."""
        return PlainTextResponse("alive\n")

    async def metrics(request: Request) -> Response:
        body, content_type = await asyncio.to_thread(exposition, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    return Starlette(
        routes=[Route("/_ready", ready), Route("/_live", live), Route("/metrics", metrics)],
    )


def create_explorer(diagnostics: Diagnostics, api: ASGIApp, ca_pem: Callable[[], bytes | None]) -> Starlette:
    """The Explorer's port: start page, diagnostics and CA beside the API."""

    async def start(_: Request) -> Response:
        return _page(start_page(await asyncio.to_thread(diagnostics.collect)))

    async def show(request: Request) -> Response:
        parts = await asyncio.to_thread(diagnostics.collect)
        if request.query_params.get("format") == "json":
            return Response(msgspec.json.encode(parts), media_type="application/json")
        return _page(diagnostics_page(parts))

    async def ca(_: Request) -> Response:
        pem = ca_pem()
        if pem is None:
            return PlainTextResponse("there is no CA to offer\n", 404)
        return Response(pem, media_type="application/x-pem-file")

    return Starlette(
        routes=[Route("/", start), Route("/diagnostics", show), Route("/ca.pem", ca), Mount("", api)]
    )


# Pages


def _page(html: str) -> Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return HTMLResponse(html, headers={"content-security-policy": policy, "cache-control": "no-store"})


_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}
th{border-bottom:1px solid #bbb;font-weight:600}td{border-bottom:1px solid #eee;overflow-wrap:anywhere}
td.number{text-align:right}code,pre{font:13px/1.5 ui-monospace,monospace}pre{background:#f4f4f4;padding:.7rem 1rem;overflow:auto}
.good{color:#16722f}.bad{color:#b3261e;font-weight:600}h1{font-size:1.5rem}h2{font-size:1.1rem;margin:1.5rem 0 0}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#252525}a{color:#8ab4f8}
td{border-color:#333}.good{color:#6dd58c}.bad{color:#f2867f}}
"""


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>\n<body>{body}</body></html>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "none") -> str:
    """Cells are escaped; numbers stand right."""
    lines = [
        "<tr>"
        + "".join(
            f'<td class="number">{cell:,}</td>'
            if isinstance(cell, int) and not isinstance(cell, bool)
            else f"<td>{escape(_text(cell))}</td>"
            for cell in row
        )
        + "</tr>"
        for row in rows
    ]
    if not lines:
        return f"<p>{escape(empty)}</p>"
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><tr>{heads}</tr>\n" + "\n".join(lines) + "</table>"


def _text(value: Any) -> str:
    if value in (None, "", [], (), {}):
        return "–"
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{key}: {_text(part)}" for key, part in value.items())
        case list() | tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def _moment(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span_of_time(duration_us: int) -> str:
    seconds = duration_us // 1_000_000
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def start_page(parts: Mapping[str, Any]) -> str:
    """What is here, and where to go on; `parts` is what `Diagnostics.collect` gives."""
    projects = parts["projects"]
    links = "".join(
        f'<li><a href="{target}">{escape(target)}</a> – {escape(text)}</li>'
        for target, text in (
            ("/api/v1/projects", "projects, spans, traces, histograms as JSON"),
            ("/api/v1/openapi.json", "the API's description"),
            ("/diagnostics", "checks, listeners, certificates, settings, ledgers, refusals"),
            ("/ca.pem", "the certificate that clients should trust"),
        )
    )
    shown = projects[:ROWS_SHOWN]
    table = _table(
        ("project", "spans", "bytes", "recall window"),
        (
            (one["project"], one["spans"], one["bytes"], _span_of_time(one["recall_window_us"]))
            for one in shown
        ),
        empty="No spans yet. A project begins with the first report that names it.",
    )
    rest = f"<p>and {len(projects) - len(shown):,} more</p>" if len(projects) > len(shown) else ""
    examples = """satellite demo                                    # Bookinfo traffic into this satellite
satellite services
satellite spans 'service IN ("productpage.default") AND "http.status_code" IN ("503")'
satellite wait 'service IN ("checkout")' --timeout 30s
satellite istio                                   # the settings that point Istio here"""
    state = _state("ready", good=parts["checks"]["ready"], otherwise=parts["not_ready_because"])
    return _document(
        "Mock LightStep satellite",
        f"<h1>Mock LightStep satellite {escape(parts['version'])}</h1>"
        f"<p>Takes spans as LightStep's satellites did, keeps all of them for a while, and answers questions. {state}</p>"
        f"<ul>{links}</ul><h2>Projects</h2>{table}{rest}"
        f"<h2>Spans come in at</h2>{_listeners(one for one in parts['listeners'] if 'reports' in one['purpose'])}"
        f"<h2>From the command line</h2><pre>{escape(examples)}</pre>",
    )


def diagnostics_page(parts: Mapping[str, Any]) -> str:
    """Everything that `Diagnostics.collect` gives, to read."""
    checks = "".join(
        f"<li>{_state(name, good=good, otherwise=parts['not_ready_because'] if name == 'ready' else '')}</li>"
        for name, good in parts["checks"].items()
    )
    lines = "".join(f'<li class="bad">{escape(text)}</li>' for text in parts["problems"])
    lines += "".join(f'<li class="bad">damaged, set aside: {escape(text)}</li>' for text in parts["damaged"])
    lines += "".join(f"<li>{escape(text)}</li>" for text in parts["notes"])
    waiting = parts["waiting"]
    traps = parts["traps"]
    summary = (
        f"Version {parts['version']}, started {_moment(parts['started_us'])}; access tokens: {parts['tokens']}; "
        f"{waiting['bytes']:,} of {waiting['bytes_max']:,} bytes of reports are waiting."
    )
    sections = [
        ("Checks", f"<ul>{checks}{lines}</ul><p>{escape(summary)}</p>"),
        ("Listeners", _listeners(parts["listeners"])),
        (
            "Certificates",
            _table(
                ("role", "subject", "names", "valid from", "until", "SHA-256", "file"),
                (
                    (
                        one["role"],
                        one["subject"],
                        one["names"],
                        one["not_before"][:10] + " UTC",
                        one["not_after"][:10] + " UTC",
                        one["sha256"],
                        one["file"],
                    )
                    for one in parts["certificates"]
                ),
            ),
        ),
        *(_project(one) for one in parts["projects"][:ROWS_SHOWN]),
        (
            "Last refusals",
            _table(
                ("time", "project", "protocol", "code", "reason", "from"),
                (
                    (
                        _moment(one["time_ns"] // 1000),
                        one.get("project", ""),
                        one["protocol"],
                        one["code"],
                        one["message"],
                        one["peer"],
                    )
                    for one in parts["refusals"]
                ),
            ),
        ),
        (
            "What came to nothing, or to the wrong place",
            _table(
                ("count", "kind", "port", "what came", "what would be right", "last from", "last"),
                (
                    (
                        one["count"],
                        one["kind"],
                        str(one["port"]),
                        one["detail"],
                        one["right"],
                        one["peer"],
                        _moment(one["last_ns"] // 1000),
                    )
                    for one in traps["lines"]
                ),
            ),
        ),
        (
            "Settings",
            _table(
                ("name", "value", "origin"),
                ((one["name"], _text(one["value"]), one["origin"]) for one in parts["settings"]),
            ),
        ),
    ]
    body = "".join(f"<h2>{escape(title)}</h2>{content}" for title, content in sections)
    return _document("Diagnostics", f'<h1>Diagnostics</h1><p><a href="/">start</a></p>{body}')


def _state(name: str, *, good: bool, otherwise: str = "") -> str:
    sign, style = ("✓", "good") if good else ("✗", "bad")
    return (
        f'<span class="{style}">{sign} {escape(name)}{escape(f": {otherwise}" if otherwise else "")}</span>'
    )


def _listeners(listeners: Iterable[Mapping[str, Any]]) -> str:
    return _table(
        ("address", "TLS", "what", "setting"),
        ((one["address"], one["tls"], one["purpose"], one["setting"]) for one in listeners),
    )


def _project(one: Mapping[str, Any]) -> tuple[str, str]:
    ledger = one["ledger"]
    figures = _table(
        (
            "spans",
            "bytes",
            "on disk",
            "recall window",
            "received",
            "stored",
            "evicted",
            "dropped",
            "duplicates",
        ),
        [
            (
                one["spans"],
                one["bytes"],
                one["disk_bytes"],
                _span_of_time(one["recall_window_us"]),
                ledger["received"],
                ledger["stored"],
                ledger["evicted"],
                ledger["dropped"],
                ledger["duplicates"],
            )
        ],
    )
    services = _table(
        ("service", "spans", "recall window"),
        (
            (known["service"], known["spans"], _span_of_time(known["recall_window_us"]))
            for known in one["services"]
        ),
        empty="no services",
    )
    reporters = _table(
        (
            "reporter",
            "service",
            "protocol",
            "last seen",
            "reports",
            "spans",
            "lost by the client",
            "counters",
            "gauges",
        ),
        (
            (
                who["id"],
                who["service"],
                who["protocol"],
                _moment(who["last_seen_ns"] // 1000),
                who["reports"],
                who["spans"],
                int(who["counters"].get("spans.dropped", 0)),
                {name: count for name, count in who["counters"].items() if name != "spans.dropped"},
                who["gauges"],
            )
            for who in one["reporters"][:ROWS_SHOWN]
        ),
        empty="no reporters",
    )
    return f"Project {one['project']}", figures + services + reporters
