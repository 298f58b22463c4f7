"""What an edge leaves to the request log: a request, what became of it, and what was answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from satellite.model.report import Receipt
from satellite.protocols.wire import Reply
from satellite.requests.entry import Entry, EntryTaker, packed, without_secrets

SERVICE_CHARACTERS = 200
"""What is kept of a service's name (ours)."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def over_http(
    scope: MutableMapping[str, Any],
    protocol: str,
    began_ns: int,
    answered_ns: int,
    encoding: str,
    receipt: Receipt | None,
    reply: Reply | None,
) -> Entry:
    """A request over HTTP/1 or HTTP/2; its body is still to be set. No reply: nothing was answered."""
    client = scope["client"]
    query: bytes = scope["query_string"]
    path: str = scope["path"]
    if query and scope["method"] != "GET":  # the query of a GET is its body
        path += f"?{without_secrets(query.decode('latin-1'))}"
    entry = Entry(
        began_ns,
        answered_ns,
        "http",
        scope["method"],
        path,
        scope["server"][1],
        f"{client[0]}:{client[1]}" if client else "",
        packed(scope["headers"]),
        b"",
        encoding,
        "aborted" if protocol else "other",
        protocol,
    )
    if reply is not None:
        entry.status, entry.answer_type, entry.answer = reply.status, reply.content_type, reply.body
    if receipt is not None:
        became(entry, receipt, answered=reply is not None)
    return entry


def became(entry: Entry, receipt: Receipt, *, answered: bool) -> None:
    """Say what the intake said of it."""
    refusal = receipt.refusal
    if refusal is not None:
        entry.outcome, entry.error, entry.message = "refused", refusal.code, refusal.message
    elif answered or receipt.fault is not None:
        entry.outcome = "stored"
    entry.project, entry.mark = receipt.project, receipt.mark
    entry.stored, entry.dropped, entry.fault = receipt.stored, receipt.dropped or None, receipt.fault
    entry.service, entry.reporter_id = receipt.service[:SERVICE_CHARACTERS], receipt.reporter_id


def noting(log: EntryTaker, entry: Entry, send: Send) -> Send:
    """The same `send`, which keeps the entry with the answer that it sends in two events."""

    async def note(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            entry.status = event["status"]
            fields = dict(event["headers"])
            entry.answer_type = fields.get(b"content-type", b"").decode("latin-1")
        else:
            entry.answer = event.get("body", b"")
            log.add(entry)
        await send(event)

    return note
