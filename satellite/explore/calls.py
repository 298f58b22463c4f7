"""Calls that both sides reported: which client and server spans are two halves of one, and how far their clocks differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satellite.model.spans import Kind, SpanBatch
from satellite.store.assembled import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """The calls among the spans of a trace."""

    batch: SpanBatch
    parent: Ints
    """The row above each; -1: none."""
    service: Ints
    """The number of each row's service."""

    def halves(self) -> dict[int, int]:
        """The other half of each row that has one: a client span's only child serves the same operation elsewhere."""
        parent, kind, name = self.parent, self.batch.column("kind"), self.batch.column("name")
        only = np.bincount(parent[parent >= 0], minlength=len(parent)) == 1
        server = np.flatnonzero((parent >= 0) & (kind == np.uint8(Kind.SERVER)))
        client = parent[server]
        fits = only[client] & (kind[client] == np.uint8(Kind.CLIENT)) & (name[client] == name[server])
        fits &= self.service[client] != self.service[server]
        pairs = list(zip(client[fits].tolist(), server[fits].tolist(), strict=True))
        return dict(pairs) | {server: client for client, server in pairs}

    def shifts_ns(self, order: Sequence[int]) -> list[int]:
        """What puts each row where its caller's clock would; `order`: parents before children, negative for no row.

        What serves a call belongs within it, in its middle where it fits (as Jaeger does it); what runs on the same
        clock moves along.
        """
        start = self.batch.column("start_ns").tolist()
        length = np.maximum(self.batch.column("duration_ns"), 0).tolist()
        kind, service = self.batch.column("kind").tolist(), self.service.tolist()
        shifts = [0] * len(start)
        parent = self.parent.tolist()
        for row in order:
            above = parent[row] if row >= 0 else -1
            if above < 0:
                continue
            if service[row] == service[above]:
                shifts[row] = shifts[above]
            elif kind[row] == Kind.SERVER and kind[above] == Kind.CLIENT:
                begin = start[above] + shifts[above]
                spare = length[above] - length[row]
                if start[row] < begin or (spare >= 0 and start[row] + length[row] > begin + length[above]):
                    shifts[row] = begin + max(spare, 0) // 2 - start[row]
        return shifts
