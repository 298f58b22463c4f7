"""One request and its answer, as an edge leaves them to the log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

from satellite.faults.decision import Decision

Transport = Literal["http", "grpc"]
Outcome = Literal["stored", "refused", "aborted", "other"]
"""stored: it was a report, and taken, perhaps without a span. refused: nothing of it was. aborted: its sender left, or was cut
off, before it was complete. other: it was no report."""

REMOVED = b"(removed)"
"""In place of a header's value that is a secret."""

_SECRET_NAME = re.compile(
    rb"authorization|token|secret|passw|ap(?:i|p|plication)[^a-z0-9]?key|cookie|credential|signature",
    re.IGNORECASE,
)
_NAMES_REMEMBERED = 2000
_END = b"\0"
"""No header can hold it."""

_hidden: dict[bytes, bool] = {}


class Entry(msgspec.Struct, gc=False):
    """What the log keeps; see `shown.Request` for what its fields mean to who asks. Holds nothing that refers to it."""

    began_ns: int
    """When its head was there."""
    answered_ns: int
    transport: Transport
    method: str
    path: str
    port: int
    peer: str
    fields: bytes
    """Header fields, see `packed`."""
    body: bytes
    """As sent: still compressed, for gRPC the message without its prefix."""
    encoding: str
    """How the body is compressed; "" when it is not."""
    outcome: Outcome
    protocol: str = ""
    project: str = ""
    """"" when it did not come so far that it had one."""
    service: str = ""
    reporter_id: int = 0
    status: int = 0
    """Of HTTP; 0 when nothing was answered."""
    grpc_status: str = ""
    answer_type: str = ""
    answer: bytes = b""
    error: str = ""
    """The code of what was wrong."""
    message: str = ""
    stored: int = 0
    dropped: dict[str, int] | None = None
    fault: Decision | None = None
    mark: int = 0
    """The project's mark after its spans; 0 when there were none."""
    number: int = 0
    """Given by the log."""
    body_bytes: int = 0
    """Of the whole body; more than `body` when that was cut."""
    answer_bytes: int = 0


class EntryTaker(Protocol):
    """Where edges leave entries."""

    def connected(self, number: int = 1) -> None:
        """So many more connected to a port for reports; -1: one was none, see `RequestLog`."""
        ...

    def add(self, entry: Entry) -> None:
        """One more request; from any thread."""
        ...


def packed(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header fields as one value, secrets left out."""
    hidden = _hidden
    parts: list[bytes] = []
    for name, value in fields:
        secret = hidden.get(name)
        if secret is None:
            secret = _is_secret(name)
        parts += (name, REMOVED if secret else value)
    return _END.join(parts)


def unpacked(fields: bytes) -> list[tuple[str, str]]:
    """The fields, names in lower case."""
    parts = [part.decode("latin-1") for part in fields.split(_END)] if fields else []
    return [(name.lower(), value) for name, value in zip(parts[::2], parts[1::2], strict=True)]


def without_secrets(query: str) -> str:
    """A query string, the values of names that sound like a secret left out."""
    parts = [part.partition("=") for part in query.split("&")]
    return "&".join(
        f"{name}={REMOVED.decode()}" if _is_secret(name.encode()) else f"{name}{joint}{value}"
        for name, joint, value in parts
    )


def _is_secret(name: bytes) -> bool:
    if len(_hidden) >= _NAMES_REMEMBERED:
        _hidden.clear()
    _hidden[name] = secret = _SECRET_NAME.search(name) is not None
    return secret
