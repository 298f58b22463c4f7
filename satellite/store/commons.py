"""What the satellites of a pool have in common besides spans: named values (snapshots, streams), kept by their engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Common(msgspec.Struct, frozen=True):
    """A value, as some satellite put it."""

    project: str
    name: str
    version: int
    age_seconds: float
    """Since it was put, by the engine's clock."""
    value: bytes
    """b"" where values were not asked for."""


class Commons(Protocol):
    """Values by (kind, project, name). Safe for several threads; what returned is so for every satellite of the pool."""

    def put(self, kind: str, project: str, name: str, value: bytes, *, version: int) -> None:
        """Keep it in the place of those with the same name and a lower version. Raises StoreFailed."""
        ...

    def read(
        self, kind: str, project: str | None = None, name: str | None = None, *, values: bool = True
    ) -> Sequence[Common]:
        """Those of a kind, of a project, or one, by project and name. Raises StoreFailed."""
        ...

    def remove(self, kind: str, project: str, name: str) -> None:
        """Forget it, if it is there. Raises StoreFailed."""
        ...
