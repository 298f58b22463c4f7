"""What goes from decoding to writing: one decoding call's spans, and what became of each body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from satellite.errors import SatelliteError
from satellite.intake.head import NOWHERE, Head
from satellite.model.report import Decoded, Receipt


class Origin(NamedTuple):
    """What is known of a body besides what it holds."""

    size_bytes: int
    header_token: str = ""
    """A secret."""
    peer: str = ""
    project: str | None = None
    """Where its spans go, whatever token they bring; None for reporters."""
    head: Head = NOWHERE
    received_ns: int = 0
    """When it was complete; ns since the epoch."""
    fences: int = 0
    """How many there were when its sender began to send it, as far as the edge knows: else when it was complete."""


@dataclass(slots=True)
class Parcel:
    """Bodies of one protocol, decoded in one call."""

    protocol: str
    """Its name."""
    arrived_ns: int
    """When they were decoded; ns since the epoch."""
    origins: list[Origin]
    decoded: Decoded
    """One report or error for each origin, same order."""


class Destination(Protocol):
    """Where decoded reports go; methods may be called from any thread."""

    @property
    def waits(self) -> bool:
        """Whether `write` may wait, as no event loop should."""
        ...

    def write(self, parcel: Parcel, answer: Callable[[list[Receipt]], None]) -> None:
        """Have the spans become visible; then `answer` is called, with one receipt for each origin, in any thread.

        May wait while too much is under way.
        """
        ...

    def refused(
        self, protocol: str, error: SatelliteError, *, size_bytes: int, peer: str, project: str
    ) -> None:
        """Remember a body of which nothing will be kept, and which comes in no parcel."""
        ...

    def failed(self, what: str, error: Exception) -> None:
        """Remember what should not have happened."""
        ...
