"""A request's body, decoded once more for whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from satellite.errors import BadRequest, SatelliteError
from satellite.model.access_tokens import path_without_token
from satellite.model.span import Span
from satellite.protocols.wire import WireProtocol
from satellite.requests.entry import Entry

SPANS_MAX = 1000

Inflate = Callable[[bytes, str, int], bytes]
"""Body, how it is compressed, most bytes → what was compressed; raises SatelliteError."""


class DecodedRequest(msgspec.Struct, frozen=True):
    """What a body says, read as its protocol reads it."""

    protocol: str
    service: str
    attributes: dict[str, str]
    """The reporter's, as text; an access token is not among them."""
    spans: list[Span]
    """The first 1,000, as sent."""
    total: int
    """All of them."""
    dropped: dict[str, int]
    """Spans that could not be kept, by reason."""
    counters: dict[str, float]
    """What the client counted: `spans.dropped` and others."""
    warnings: list[str]
    error: str | None
    """Why it is no report; None when it is one."""


def decoded(
    entry: Entry, protocols: Sequence[WireProtocol], inflate: Inflate, *, bytes_max: int
) -> DecodedRequest:
    """The body's spans and what stands beside them.

    Raises:
        BadRequest: it was no report, or only its beginning was kept.
    """
    protocol = next((one for one in protocols if one.name == entry.protocol), None)
    if protocol is None:
        raise BadRequest(
            f"request {entry.number} is no report: no protocol takes {entry.method} {path_without_token(entry.path)}"
        )
    if entry.body_bytes > len(entry.body):
        raise BadRequest(
            f"only the first {len(entry.body)} of {entry.body_bytes} bytes of request {entry.number} were kept",
            hint="more are with a larger request_log_bytes_per_project",
        )
    try:
        body = inflate(entry.body, entry.encoding, bytes_max) if entry.encoding else entry.body
    except SatelliteError as error:
        return _unread(protocol, error)
    made = protocol.decode([body], entry.began_ns)
    report = made.reports[0]
    if isinstance(report, SatelliteError):
        return _unread(protocol, report.bare())
    rows = range(report.rows.start, report.rows.stop)
    return DecodedRequest(
        protocol.name,
        report.reporter.service,
        report.reporter.texts(),
        made.batch.spans(rows[:SPANS_MAX]),
        len(rows),
        report.dropped,
        report.counters,
        report.warnings,
        None,
    )


def _unread(protocol: WireProtocol, error: SatelliteError) -> DecodedRequest:
    return DecodedRequest(protocol.name, "", {}, [], 0, {}, {}, [], error.message)
