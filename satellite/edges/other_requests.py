"""What comes over HTTP and is no report of the port: questions beside reports, browsers' permissions, and whatever went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from satellite.edges import noted
from satellite.edges.http_request import Scope, media_type
from satellite.edges.paths import Paths, shown
from satellite.edges.pause import pause
from satellite.protocols.datadog import agent as datadog_agent
from satellite.requests.entry import EntryTaker

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_TEXT = b"text/plain; charset=utf-8"
EVERY_ANSWER: Headers = [(b"access-control-allow-origin", b"*")]
"""Headers for the listeners of these applications to put on every answer, also on those that are their own."""


_CA_PATH = "/ca.pem"
_SPANS_PATH = "/spans_received"
_DATADOG_PATH = "/v0.4/traces"
"""A port that takes it answers what Datadog's tracers ask beside."""


class OnTrap(Protocol):
    """Hears of what came to nothing: its kind, our port, the sender's address, what came, what would have been right."""

    def __call__(self, kind: str, port: int, peer: str, detail: str, right: str = "") -> None: ...


class OtherRequests:
    """Answers at a port for reports what is none: `/ca.pem`, what tracers ask beside, OPTIONS; 404 or 405 for the rest."""

    def __init__(
        self,
        paths: Paths,
        *,
        clock_ns: Callable[[], int],
        ca_pem: Callable[[], bytes | None],
        on_trap: OnTrap,
        vain_wait_seconds: Callable[[int, str], float],
        spans_received: Callable[[], int] | None,
        log: EntryTaker | None,
    ) -> None:
        """See `http.ReportsApp`, whose paths these are."""
        self._paths = paths
        self._clock_ns = clock_ns
        self._ca_pem = ca_pem
        self._on_trap = on_trap
        self._vain_wait_seconds = vain_wait_seconds
        self._spans_received = spans_received
        self._log = log

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer one request."""
        method, path = scope["method"], scope["path"]
        told = {**scope, "path": self._paths.told(path)}
        if self._log is not None:
            now_ns = self._clock_ns()
            send = noted.noting(self._log, noted.over_http(told, "", now_ns, now_ns, "", None, None), send)
        of_agent = datadog_agent.reply(method, path) if self._paths.methods(_DATADOG_PATH) else None
        if of_agent is not None:
            await answer(send, of_agent.status, of_agent.content_type.encode(), of_agent.body)
            return
        if path == _SPANS_PATH and method == "GET" and self._spans_received is not None:
            await answer(send, 200, _TEXT, b"%d" % self._spans_received())
            return
        allowed = ["GET", "HEAD"] if path == _CA_PATH else self._paths.methods(path)
        allow = b", ".join(name.encode() for name in [*allowed, "OPTIONS"])
        if path == _CA_PATH and method in allowed:
            pem = self._ca_pem()
            if pem is None:
                await answer(send, 404, _TEXT, b"there is no CA to offer\n")
            else:
                await answer(send, 200, b"application/x-pem-file", pem)
        elif method == "OPTIONS" and allowed:
            asked = dict(scope["headers"])
            extra = [
                (b"access-control-allow-methods", allow),
                (b"access-control-allow-headers", asked.get(b"access-control-request-headers", b"*")),
                (b"access-control-max-age", b"86400"),
                (b"allow", allow),
            ]
            if b"access-control-request-private-network" in asked:  # from a public page to this machine
                extra.append((b"access-control-allow-private-network", b"true"))
            await answer(send, 200, _TEXT, b"", *extra)
        else:
            right = self._paths.right(method, path)
            kind = "wrong_method" if allowed else "unknown_path"
            client, port = scope["client"], scope["server"][1]
            peer = f"{client[0]}:{client[1]}" if client else ""
            self._on_trap(kind, port, peer, shown(_came(told)), right)
            if seconds := self._vain_wait_seconds(port, peer):
                await pause(seconds)
            if allowed:
                await answer(send, 405, _TEXT, f"method not allowed; {right}\n".encode(), (b"allow", allow))
            else:
                said = f"no such path; this port takes reports of spans: {right}\n"
                await answer(send, 404, _TEXT, said.encode())


class ReportsElsewhere:
    """An application at a port that takes no reports: those that come all the same are told where to go, and named."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        paths: Paths,
        on_trap: OnTrap,
        right: Callable[[], str],
    ) -> None:
        """Args: `right` says at which port they would be taken."""
        self._app = app
        self._paths = paths
        self._on_trap = on_trap
        self._right = right

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if (
            scope["type"] != "http"
            or scope["method"] == "GET"
            or not self._paths.find(scope["method"], scope["path"])
        ):
            await self._app(scope, receive, send)
            return
        right = self._right()
        client = scope["client"]
        peer = f"{client[0]}:{client[1]}" if client else ""
        self._on_trap("report_at_wrong_port", scope["server"][1], peer, shown(_came(scope)), right)
        await answer(send, 404, _TEXT, f"this port takes no reports: {right}\n".encode())


def _came(scope: Scope) -> str:
    """A request in words, without its query string, which may hold a token."""
    content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    told = f" ({media_type(content_type)})" if content_type else ""
    return f"{scope['method']} {scope['path']}{told}"


async def answer(
    send: Send, status: int, content_type: bytes, body: bytes, *extra: tuple[bytes, bytes]
) -> None:
    """Send a whole answer."""
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
