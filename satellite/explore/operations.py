"""Whose work each span of a batch is: service, operation and kind, as numbers and names."""

from __future__ import annotations

import numpy as np

from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.spans import Kind, SpanBatch
from satellite.store.assembled import Ints


def reporters_of(batch: SpanBatch) -> list[Reporter]:
    """The reporters that its column points to."""
    return [decode_reporter(encoded) for encoded in batch.reporters.to_pylist()]


def services_of(batch: SpanBatch) -> tuple[Ints, list[str]]:
    """(for each row the position of its service, the distinct services by name)."""
    names = [reporter.service for reporter in reporters_of(batch)]
    distinct = sorted(set(names))
    places = {name: i for i, name in enumerate(distinct)}
    return np.array([places[name] for name in names], np.int64)[batch.column("reporter")], distinct


def operations_of(batch: SpanBatch) -> tuple[list[tuple[str, str, str | None]], Ints]:
    """(distinct service, operation and kind; for each row the position of its own), by service."""
    service, services = services_of(batch)
    name, kind = batch.column("name").astype(np.int64), batch.column("kind").astype(np.int64)
    keys = (service * max(len(batch.names), 1) + name) * len(Kind) + kind
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    names = [
        (services[service[row]], batch.names[int(name[row])].as_py().decode(), kind_text(int(kind[row])))
        for row in first.tolist()
    ]
    return names, place


def kind_text(kind: int) -> str | None:
    """client, server, …; None when the sender did not say."""
    return Kind(kind).name.lower() if kind else None
