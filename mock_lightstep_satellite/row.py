"""A row of an answer: a request, a reporter, a fault, a service."""

from __future__ import annotations

from typing import Any


class Row(dict[str, Any]):
    """What the satellite says of one of them, by name: `row["status"]`, and `row.status` where no method of a dict has that name."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no {name!r} in this row, which has {', '.join(self)}") from None
