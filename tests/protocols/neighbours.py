"""What each decoder of a wire protocol owes the reports that come beside a bad one."""

from __future__ import annotations

from collections.abc import Callable

from satellite.errors import BadReport, SatelliteError
from satellite.model.report import Decoded, Report


def stay_whole(decode: Callable[..., Decoded], good: bytes, bad: bytes, *kinds: type[SatelliteError]) -> None:
    """Fails unless the good ones on both sides are all there, and the bad one is refused, as a BadReport unless said."""
    decoded = decode([good, bad, good], 1_700_000_001_000_000_000)
    first, fault, last = decoded.reports
    assert isinstance(first, Report)
    assert isinstance(fault, kinds or BadReport)
    assert isinstance(last, Report)
    spans = first.rows.stop
    assert spans > 0
    assert (first.rows, last.rows) == (slice(0, spans), slice(spans, 2 * spans))
    assert len(decoded.batch) == 2 * spans
