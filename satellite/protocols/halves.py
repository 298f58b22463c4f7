"""A call whose two halves have one id, as Zipkin's and what comes of them: the server's becomes the child of the client's (ours)."""

from __future__ import annotations

import numpy as np

from satellite.model.spans import Kind, Marks, decode_extra, id_text
from satellite.protocols.rows import Rows

SHARED_PARENT = "shared_parent_id"
"""In `extra` of the server's half of a shared span: the parent that it, or both halves, named; 16 hex digits."""


def share(rows: Rows, start: int) -> None:
    """Find the halves of one span among those from a row on: the server's is shared though it did not say so.

    Its parent becomes its own id.
    """
    spans = rows.since(start)
    ids = spans["span_id"]
    servers = np.flatnonzero((spans["kind"] == Kind.SERVER) & (spans["marks"] & Marks.SHARED == 0))
    clients = np.flatnonzero((spans["kind"] == Kind.CLIENT) & (ids != 0))
    if not len(clients) or not len(servers):
        return
    sorted_ids = np.sort(ids[servers])
    near = np.minimum(np.searchsorted(sorted_ids, ids[clients]), len(sorted_ids) - 1)
    clients = clients[sorted_ids[near] == ids[clients]]
    if not len(clients):
        return
    identity = ["trace_high", "trace_low", "span_id"]
    named = set(spans[identity][clients].tolist())
    extras = rows.extras()
    for row in servers[np.isin(ids[servers], ids[clients])].tolist():
        span = spans[row]
        if span[identity].item() in named:
            if parent := int(span["parent_id"]):
                extra = decode_extra(extras[span["extra"]])
                span["extra"] = rows.packed(extra | {SHARED_PARENT: id_text(parent)})
            span["parent_id"] = span["span_id"]
            span["marks"] |= Marks.SHARED
