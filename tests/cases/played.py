"""The cases played on a satellite without sockets: bodies through the real intake into an engine, then asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import Intake
from satellite.intake.tokens import Tokens
from satellite.intake.writer import Writer
from satellite.model.report import Receipt
from satellite.model.span import Span
from satellite.protocols import PROTOCOLS
from satellite.protocols.jaeger import batches as jaeger
from satellite.protocols.jaeger import json as jaeger_json
from satellite.query import parse
from satellite.query.plan import ALL
from satellite.store import Ledger
from satellite.store.recall.engine import RecallStore

BY_NAME = {protocol.name: protocol for protocol in reversed(PROTOCOLS)}
BY_NAME |= {"jaeger_json": jaeger_json.PROTOCOL, "jaeger_thrift": jaeger.THRIFT_PROTOCOL}
"""Of two with one name the first: LightStep's Thrift is the binary form, Jaeger's is protobuf."""


class Played:
    """An empty satellite; everything goes to one project."""

    def __init__(self) -> None:
        """Starts the intake."""
        self.store = RecallStore()
        writer = Writer(self.store, Tokens.open(), Arrivals(), clock_ns=time.time_ns)
        self._intake = Intake(writer, clock_ns=time.time_ns, max_waiting_bytes=1 << 28)

    def send(self, protocol: str, *bodies: bytes) -> Receipt:
        """The receipt of the last; all are taken."""
        for body in bodies:
            receipt = asyncio.run(self._intake.submit(BY_NAME[protocol], body, project="p"))
            assert receipt.refusal is None, receipt.refusal
        return receipt

    def spans(self, query: str = "") -> list[Span]:
        """Those that a query finds, by start."""
        plan = parse(query).plan if query else ALL
        return self.store.find("p", plan, order="start", limit=1000).spans

    @property
    def ledger(self) -> Ledger:
        """The project's, balanced."""
        (project,) = self.store.projects()
        ledger = project.ledger
        assert ledger.received == ledger.stored + sum(ledger.dropped.values()) + ledger.evicted
        return ledger

    def close(self) -> None:
        """Ends the threads."""
        self._intake.close(10)
        self.store.close()


@contextmanager
def played(protocol: str = "", *bodies: bytes) -> Iterator[Played]:
    """A satellite that got these bodies."""
    satellite = Played()
    try:
        if bodies:
            satellite.send(protocol, *bodies)
        yield satellite
    finally:
        satellite.close()
