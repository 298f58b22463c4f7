"""Spans that come line by line, held until there are enough for a request."""

from __future__ import annotations

from satellite.protocols.files.console import Json, grouped

HELD_MAX, HELD_BYTES_MAX = 1000, 1 << 20
"""Spans of one request, and bytes of their lines; a span that has more alone is over. Ours."""


class Held:
    """Complete spans, each with its resource and scope, and the size of the lines since the last request."""

    def __init__(self) -> None:
        """None came yet."""
        self._spans: list[tuple[Json, Json, Json]] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether the lines since the last request are as many as may be kept."""
        return self._bytes > HELD_BYTES_MAX

    def count(self, line: str) -> None:
        """A line came that belongs to a span."""
        self._bytes += len(line)

    def add(self, resource: Json, scope: Json, span: Json) -> None:
        """A span is complete."""
        self._spans.append((resource, scope, span))

    def request(self, *, last: bool) -> bytes:
        """An OTLP request of these spans, once there are many; `last`: of all. b"" for none."""
        if not self._spans or not (last or len(self._spans) >= HELD_MAX or self.full):
            return b""
        spans, self._spans, self._bytes = self._spans, [], 0
        return grouped(spans)
