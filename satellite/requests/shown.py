"""Requests as the API, the CLI and the pages show them, and which of them are meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from satellite.faults.decision import Decision
from satellite.model.access_tokens import path_without_token, without_token
from satellite.model.spans import id_text
from satellite.requests.entry import Entry, Outcome, unpacked
from satellite.requests.log import RequestLog

LIMIT_MAX = 1000


class FaultApplied(msgspec.Struct, frozen=True):
    """What went wrong on purpose."""

    rules: list[str]
    """Ids of the faults that hit."""
    did: list[str]
    """What they did, as `field=value`."""


class LoggedRequest(msgspec.Struct, frozen=True):
    """A request at a port for reports, and what became of it."""

    number: int
    """Its place in the log: grows over all projects."""
    began_us: int
    """When its head was there, µs since 1970."""
    took_us: int
    """From then until its answer."""
    transport: str
    """http, grpc."""
    method: str
    path: str
    port: int
    """Ours; 0 where the engine does not tell (`grpc_engine = grpcio`)."""
    peer: str
    protocol: str
    """The wire protocol's name, as in metrics; "" when its path is none's."""
    project: str
    """"" when it did not come so far that it had one."""
    service: str
    """Its reporter's; "" when the body was not read."""
    reporter: str
    """The reporter's id, 16 hex digits."""
    status: int
    """The HTTP status; 0 when nothing was answered."""
    grpc_status: str | None
    """Over gRPC the name of the status, `OK` or another."""
    outcome: Outcome
    """stored: taken, perhaps without a span. refused: nothing of it was kept. aborted: no answer could be given. other: no report."""
    stored: int
    """Spans kept."""
    dropped: dict[str, int]
    """Spans that were not kept, by reason."""
    error: str | None
    """The code of what was wrong."""
    message: str
    fault: FaultApplied | None
    body_bytes: int
    """As sent."""
    answer_bytes: int
    encoding: str
    """How the body is compressed; "" when it is not."""
    cut: bool
    """Whether only the beginning of the body was kept, since it was too large for the log."""


class Header(msgspec.Struct, frozen=True):
    """One field of a head."""

    name: str
    value: str


class RequestList(msgspec.Struct, frozen=True):
    """Requests in the order in which they were answered."""

    requests: list[LoggedRequest]
    """The newest `limit` that fit."""
    total: int
    """All that fit and are kept."""
    logged: bool
    """False when the log is switched off (`request_log_bytes` 0)."""


class RequestDetail(msgspec.Struct, frozen=True):
    """A request with its head and its answer; its body is a file of its own."""

    request: LoggedRequest
    headers: list[Header]
    """In the order sent, the values of secrets removed."""
    answer_type: str
    answer_text: str | None
    """The answer's body; None when it is no text."""
    answer_hex: str | None
    """The answer's body, when it is no text; its first 4 KiB."""


class Wanted(msgspec.Struct, frozen=True):
    """Which requests are meant; None: any."""

    protocol: str | None = None
    transport: str | None = None
    path: str | None = None
    """`*` at its end stands for any rest."""
    status: str | None = None
    """A status of HTTP or the name of one of gRPC; `4xx` and the like: any of them."""
    outcome: str | None = None
    service: str | None = None
    reporter: str | None = None
    since: int | None = None
    """After this mark."""
    after: int | None = None
    """After the request of this number."""

    def fits(self, entry: Entry) -> bool:
        """Whether it is meant, its place in the log apart."""
        return (
            (self.protocol is None or entry.protocol == self.protocol)
            and (self.transport is None or entry.transport == self.transport)
            and (self.path is None or _is_path(self.path, entry.path))
            and (self.status is None or _is_status(self.status, entry))
            and (self.outcome is None or entry.outcome == self.outcome)
            and (self.service is None or entry.service == self.service)
            and (self.reporter is None or id_text(entry.reporter_id) == self.reporter.lower().zfill(16))
        )


def listed(log: RequestLog, project: str, wanted: Wanted, limit: int) -> RequestList:
    """Those that are meant, of a project or (NOBODY) of none."""
    after = wanted.after or 0
    entries = log.entries(project) if wanted.since is None else log.since(project, wanted.since)
    fitting = [entry for entry in entries if entry.number > after and wanted.fits(entry)]
    return RequestList([shown(entry) for entry in fitting[-limit:]], len(fitting), log.on)


def shown(entry: Entry) -> LoggedRequest:
    """One of them."""
    return LoggedRequest(
        entry.number,
        entry.began_ns // 1000,
        max(0, entry.answered_ns - entry.began_ns) // 1000,
        entry.transport,
        entry.method,
        path_without_token(entry.path),
        entry.port,
        entry.peer,
        entry.protocol,
        entry.project,
        entry.service,
        id_text(entry.reporter_id),
        entry.status,
        entry.grpc_status or None,
        entry.outcome,
        entry.stored,
        entry.dropped or {},
        entry.error or None,
        entry.message,
        None if entry.fault is None else _applied(entry.fault),
        entry.body_bytes,
        entry.answer_bytes,
        entry.encoding,
        entry.body_bytes > len(entry.body),
    )


def detail(entry: Entry) -> RequestDetail:
    """One of them in full."""
    text = _text(entry.answer)
    return RequestDetail(
        shown(entry),
        [Header(name, without_token(value)) for name, value in unpacked(entry.fields)],
        entry.answer_type,
        text,
        entry.answer[:4096].hex() if text is None else None,
    )


def _text(answer: bytes) -> str | None:
    try:
        text = answer.decode()
    except UnicodeDecodeError:
        return None
    return text if all(character.isprintable() or character in "\r\n\t" for character in text) else None


def _applied(fault: Decision) -> FaultApplied:
    did = [
        f"{name}={_shown(value)}"
        for name in fault.__dataclass_fields__
        if name not in {"rules", "drop_seed"}
        and (value := getattr(fault, name)) != fault.__dataclass_fields__[name].default
    ]
    return FaultApplied(list(fault.rules), did)


def _shown(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_path(wanted: str, path: str) -> bool:
    path = path.partition("?")[0]
    return path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted


def _is_status(wanted: str, entry: Entry) -> bool:
    if entry.transport == "grpc" and not wanted[:1].isdigit():
        return entry.grpc_status == wanted.upper()
    if len(wanted) == 3 and wanted.endswith("xx"):
        return entry.transport == "http" and str(entry.status)[:1] == wanted[0]
    return entry.transport == "http" and str(entry.status) == wanted
