"""What came to nothing at the edges, or to the wrong place: remembered for diagnostics, a line per kind with a count."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping

import msgspec

OF_CONNECTIONS = frozenset(
    {
        "tls_client_on_plain_port",
        "plain_client_on_tls_port",
        "client_rejected_certificate",
        "tls_handshake_failed",
        "no_alpn",
        "http2_client_on_http1_port",
        "http2_fault",
        "too_many_connections",
        "not_http",
    }
)
"""Kinds of which no request is left to tell."""

TRAPS_REMEMBERED = 50
"""The last ones, each by itself (ours)."""
LINES_REMEMBERED = 200
"""Different ones; those that did not happen for longest go first (ours)."""

HINTS: Mapping[str, str] = {
    "tls_client_on_plain_port": "the client speaks TLS: give it a secure port, or turn TLS off in it",
    "plain_client_on_tls_port": "the client speaks no TLS: give it a plain port, or turn TLS on in it",
    "client_rejected_certificate": "the client does not trust our CA, or calls us by a name that is not in the certificate",
    "tls_client_on_plain_port_served": "served all the same (mixed_tls): the client speaks TLS to a port for plain clients",
    "plain_client_on_tls_port_served": "served all the same (mixed_tls): the client speaks no TLS to a port for TLS; "
    "its reports and access token can be read on the way",
    "tls_handshake_failed": "the connection ended before TLS stood",
    "http2_client_on_http1_port": "a client of HTTP/2 (gRPC, perhaps) at a port that takes no reports",
    "http1_at_grpc_path": "a gRPC method was asked for over HTTP/1: a proxy before us speaks HTTP/1 to us, or the client is none of gRPC "
    "(pages report by gRPC-Web: content type application/grpc-web)",
    "no_alpn": "the client left once TLS stood: it spoke of neither h2 nor http/1.1, or heard what it did not want",
    "unknown_grpc_method": "a gRPC method that nobody serves here",
    "http2_fault": "the client broke a rule of HTTP/2",
    "http2_flood": "the client sent a flood of frames that bring nothing, and was cut off; after some of these its address waits",
    "peer_waits": "an address whose connections came to nothing or brought floods: five of its new ones are served a second",
    "answers_wait": "an address asked for what brings nothing (400, 404, 405, unknown gRPC methods), more often than is answered at once: "
    "these answers wait up to five seconds, reports do not",
    "too_many_connections": "more connections than a port takes, of all clients or of one address",
    "no_descriptors": "the process has nearly all the files open that it may: raise the limit, or find who opens so many connections; "
    "ports for reports take no more, and idle connections are closed",
    "reading_full": "bodies that had begun and not ended held all the memory there is for them, or all that one address may hold",
    "slow_reader": "the client did not take its answers, and was let go",
    "slow_body": "what the client sends comes too slowly, and was given up",
    "client_vanished": "the client gave no sign of life for more than a minute",
    "not_http": "what came is no HTTP",
    "left_in_mid_report": "the client closed the connection before its report was complete",
    "unknown_path": "a request with a path that no protocol has",
    "wrong_method": "a request with a method that its path does not take",
    "wrong_content_type": "a report in a form that its path does not take",
    "wrong_content_encoding": "a report compressed in a way that is not taken",
    "report_at_wrong_port": "a report at a port that takes none",
    "wrong_protocol": "a body of another protocol than its path's",
}
"""What a trap means and what to do; by its kind."""


class Trap(msgspec.Struct, frozen=True):
    """A connection or request that came to nothing, or was served at a port that is not for it."""

    time_ns: int
    kind: str
    port: int
    peer: str
    detail: str


class TrapLine(msgspec.Struct):
    """All traps of one kind at one port with the same detail."""

    kind: str
    port: int
    detail: str
    """What came."""
    right: str
    """What would have been right."""
    count: int
    first_ns: int
    last_ns: int
    peer: str
    """The last one's."""


class Traps:
    """Counts what went wrong and remembers the last of it; belongs to one event loop."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        """None yet; `clock_ns` stamps them."""
        self._clock_ns = clock_ns
        self.counts: Counter[str] = Counter()
        self.last: deque[Trap] = deque(maxlen=TRAPS_REMEMBERED)
        self._lines: dict[tuple[str, int, str], TrapLine] = {}

    def note(self, kind: str, port: int, peer: str, detail: str, right: str = "") -> TrapLine:
        """One more; its line."""
        now_ns = self._clock_ns()
        self.counts[kind] += 1
        self.last.append(Trap(now_ns, kind, port, peer, detail))
        key = (kind, port, detail)
        line = self._lines.pop(key, None) or TrapLine(
            kind, port, detail, right or HINTS.get(kind, ""), 0, now_ns, now_ns, peer
        )
        line.count += 1
        line.last_ns, line.peer = now_ns, peer
        self._lines[key] = line  # last in order: happened just now
        if len(self._lines) > LINES_REMEMBERED:
            del self._lines[next(iter(self._lines))]
        return line

    @property
    def lines(self) -> list[TrapLine]:
        """The last happened first."""
        return [*self._lines.values()][::-1]
