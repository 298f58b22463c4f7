"""Who may ask at the Explorer's and the admin ports, and what a browser may do with the answers.

Anybody who reaches a port may ask; but a page of another site, open in a browser that reaches it, may not. Such a page
can send requests, and read the answers when it makes its own name lead here (DNS rebinding). So a request must call us by a
name of ours, and one that changes something must not come from a page of elsewhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANY_HOST = "*"

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_FORM_TYPES = (b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain")
_ASKING = ("/expect", "/fence", "/mark", "/snapshots")
"""Ends of paths that are posted to and change nothing that others have: what `curl -d` sends will do there."""

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"x-satellite": b"mock-lightstep-satellite",  # by which a client tells it from whatever else answers there
}
_FRAMES = b"frame-ancestors 'self'"


class Guard:
    """An application that lets another answer what may be asked."""

    def __init__(
        self, app: ASGIApp, names: Callable[[], Iterable[str]], allowed_hosts: Sequence[str]
    ) -> None:
        """Args:
        app: answers.
        names: the host names that the satellite is called by, as its certificate has them (`*.` before some).
        allowed_hosts: more of them, `.example.com` with all below it, `*` any.
        """
        self._app = app
        self._names = names
        self._allowed = tuple(name.lower() for name in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_policies(message.get("headers", ()))}
            await send(message)

        if not self._is_ours(_name_of(host)):
            shown = host[:100]
            await _refuse(
                guarded,
                f"no satellite is called {shown!r} here",
                f"call it by an address or a name of its certificate, or start it with --set allowed_hosts={_name_of(shown)}",
            )
        elif scope["method"] not in _SAFE_METHODS and (fault := self._cross_site(scope, headers, host)):
            await _refuse(guarded, *fault)
        else:
            await self._app(scope, receive, guarded)

    def _is_ours(self, name: str) -> bool:
        if ANY_HOST in self._allowed or name == "localhost" or name.endswith(".localhost"):
            return True
        # No page can make a name of its own out of an address.
        return _is_address(name) or any(_fits(name, known) for known in (*self._allowed, *self._names()))

    def _cross_site(self, scope: Scope, headers: dict[bytes, bytes], host: str) -> tuple[str, str] | None:
        """What is wrong with a request that may change something, and what would be right; None when nothing is."""
        origin = headers.get(b"origin")
        if origin is not None:
            page = urlsplit(origin.decode("latin-1")).netloc.lower()
            if page and (page == host.lower() or any(_fits(_name_of(page), one) for one in self._allowed)):
                return None
            return "a page of another site may not change anything here", "send it without an Origin header"
        kind = headers.get(b"content-type", b"").split(b";", 1)[0].strip().lower()
        if kind in _FORM_TYPES and not scope["path"].endswith(_ASKING):
            return (
                f"what changes something must not be sent as {kind.decode('latin-1')}, as forms of other sites can",
                "add the header content-type: application/json (or application/octet-stream)",
            )
        return None


@lru_cache(maxsize=64)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _fits(name: str, known: str) -> bool:
    """Whether a name is the known one, or below it when that begins with a dot, or with `*.` (one level)."""
    known = known.lower()
    if known.startswith("*."):
        return name.partition(".")[2] == known[2:] and bool(name.partition(".")[0])
    return name == known or (known.startswith(".") and (name.endswith(known) or name == known[1:]))


def _name_of(host: str) -> str:
    """The name or address in a Host header, without the port, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name = host.partition(":")[0] if host.count(":") == 1 else host
    return name.lower().rstrip(".")


def _with_policies(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with those of all answers that it does not have itself."""
    given = [(name.lower(), value) for name, value in headers]
    names = {name for name, _ in given}
    policies = [(name, value) for name, value in _HEADERS.items() if name not in names]
    found = [
        (name, value + b"; " + _FRAMES if b"frame-ancestors" not in value else value)
        if name == b"content-security-policy"
        else (name, value)
        for name, value in given
    ]
    if b"content-security-policy" not in names:
        policies.append((b"content-security-policy", _FRAMES))
    return [*found, *policies]


async def _refuse(send: Send, message: str, hint: str) -> None:
    body = msgspec.json.encode({"error": {"code": "forbidden", "message": message, "hint": hint}})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
