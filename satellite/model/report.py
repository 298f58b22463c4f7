"""One message of spans (Report), and our answer to it (Receipt)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from satellite.errors import SatelliteError
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBatch

if TYPE_CHECKING:
    from satellite.faults.decision import Decision


@dataclass(slots=True)
class Report:
    """One body, decoded: a slice of the batch that its call decoded, and what was said beside the spans."""

    token: str
    """The access token as sent, "" for none. A secret: never logged."""
    reporter: Reporter
    rows: slice
    """Its rows in `Decoded.batch`."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Spans that could not be kept, by reason."""
    warnings: list[str] = field(default_factory=list)
    """For the sender, about this report."""
    counters: dict[str, float] = field(default_factory=dict)
    """What the client counted, by its own name: `spans.dropped` and others."""
    echo: Any = None
    """What the protocol's answer must repeat of the request (Thrift: the sequence id)."""


@dataclass(slots=True)
class Decoded:
    """What one decoding call made of its bodies."""

    batch: SpanBatch
    """The kept spans of all bodies, in the order of the bodies."""
    reports: list[Report | SatelliteError]
    """One per body, same order: BadReport (or TooLarge) where the body was none."""


@dataclass(slots=True)
class Receipt:
    """What became of one report; the codec turns it into its protocol's answer."""

    received_ns: int
    """When the request was complete; ns since the epoch."""
    answered_ns: int
    """Just before the answer is written."""
    refusal: SatelliteError | None = None
    """Why nothing of it was kept; None when it was kept."""
    stored: int = 0
    """Spans kept, those included that were kept already."""
    kept_once: dict[str, int] = field(default_factory=dict)
    """Of imports that were written together, said to the first: spans that made no new one, by the ledger's reasons."""
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    echo: Any = None
    """`Report.echo`; None when the body was no report."""
    fault: Decision | None = None
    """What is to go wrong with the answer; None nearly always."""
    project: str = ""
    """Whose it was; "" when it did not come so far that it had one."""
    service: str = ""
    """The reporter's, once that was read."""
    reporter_id: int = 0
    mark: int = 0
    """The project's mark after its spans; 0 when nothing was written."""
