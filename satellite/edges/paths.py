"""Which protocols a request's path means: also a path that was typed with a slip, and for any other what would have been right."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from satellite.model.access_tokens import REMOVED, path_without_token
from satellite.protocols.grpc_web import BINARY
from satellite.protocols.wire import WireProtocol

SHOWN = 100
"""Characters of a path or content type that are repeated (ours)."""

_NEAR_CHARACTERS_MAX = 128
"""No longer path is like one of ours, or begins with one, and to find that out would take 40 ms for the longest that a head may hold."""

_SLASHES = re.compile("//+")
_OTHERS = {
    "/metrics": "metrics of the satellite itself are at the admin port",
    "/_ready": "health is answered at the admin port",
    "/_live": "health is answered at the admin port",
    "/diagnostics": "it is at the Explorer's port",
    "/": "reports go to {}",
}
"""What people look for at ports that take reports."""


class Paths:
    """The HTTP paths of every protocol."""

    def __init__(self, protocols: Sequence[WireProtocol]) -> None:
        self._routes: defaultdict[tuple[str, str], list[WireProtocol]] = defaultdict(list)
        for protocol in protocols:
            for route in protocol.http_routes:
                self._routes[route].append(protocol)
        self._methods: defaultdict[str, list[str]] = defaultdict(list)
        for method, path in self._routes:
            self._methods[path].append(method)
        self._grpc = {method for protocol in protocols for method in protocol.grpc_methods}
        longest_first = sorted(self._methods, key=len, reverse=True)
        known = "|".join(map(re.escape, longest_first))
        self._one_after_another = re.compile(f"(?:{known})*?({known})")
        self._through_known = re.compile(f".*?(?:{known})/")

    def find(self, method: str, path: str) -> tuple[str, Sequence[WireProtocol]] | None:
        """(the path as it is meant, the protocols that share it, the first for requests without a content type).

        Taken for a slip are slashes too many, and a path behind a known one: an exporter appends its path to an
        endpoint that held it already. None for any other.
        """
        if (found := self._routes.get((method, path))) is not None:
            return path, found
        meant = self.meant(path)
        return (meant, self._routes[method, meant]) if (method, meant) in self._routes else None

    def meant(self, path: str) -> str:
        """The known path that this one stands for; itself when there is none."""
        if path in self._methods:
            return path
        plain = _SLASHES.sub("/", f"/{path}").rstrip("/ ") or "/"
        if plain not in self._methods and (known := self._one_after_another.fullmatch(plain)):
            return known[1]
        return plain if plain in self._methods else path

    def told(self, path: str) -> str:
        """As it may be told to others: of one that is unknown, not what stands behind a known one, which may be a token."""
        known = self._through_known.match(_SLASHES.sub("/", path), 0, _NEAR_CHARACTERS_MAX)
        return f"{known[0]}{REMOVED}" if known and self.meant(path) not in self._methods else path

    def methods(self, path: str) -> list[str]:
        """The methods that the path takes; empty when it is unknown."""
        return self._methods.get(self.meant(path), [])

    def right(self, method: str, path: str) -> str:
        """What would have been right in place of a request that `find` does not know, as a sentence."""
        if methods := self.methods(path):
            return f"{self.meant(path)} takes {' and '.join(methods)}"
        plain = _SLASHES.sub("/", path).rstrip("/") or "/"
        if plain in self._grpc:
            return "this is a method of gRPC, which needs HTTP/2"
        if plain in _OTHERS and (method in ("GET", "HEAD") or plain == "/"):
            return _OTHERS[plain].format(self._usual())
        if plain.startswith(("/api/v1/projects", "/api/v1/openapi", "/api/v1/query")):
            return "Explorer's API is at the Explorer's port"
        near = [known for known in self._methods if plain.endswith(known)]
        if len(plain) <= _NEAR_CHARACTERS_MAX:
            near = get_close_matches(plain.lower(), self._methods, 1, 0.75) or near
        if near:
            return f"{self._methods[near[0]][0]} {near[0]} takes {self._names(near[0])}"
        return f"reports go to {self._usual()}"

    def _names(self, path: str) -> str:
        names = [protocol.name for method in self._methods[path] for protocol in self._routes[method, path]]
        return ", ".join(dict.fromkeys(names))

    def _usual(self) -> str:
        usual = ("/v1/traces", "/api/v2/spans", "/api/traces", "/api/v2/reports")
        return ", ".join(f"{path} ({self._names(path)})" for path in usual if path in self._methods)


def may_be_web(method: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request at a gRPC path is a page's: gRPC-Web, or a browser that asks whether the page may."""
    return method == b"OPTIONS" or any(
        name == b"content-type" and value.startswith(BINARY.encode()) for name, value in fields
    )


def shown(text: str) -> str:
    """A path or content type that is safe in a log line or on a page: short, printable, and without a token that it names."""
    text = path_without_token(text[: 4 * SHOWN])
    cut = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)
