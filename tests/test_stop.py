"""SIGTERM in the middle of traffic: every report is acknowledged or refused, none is cut off, and what was acknowledged is kept."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.processes import Process

SENDERS = 8
NEVER_SENT = ("failed to connect", "Connection refused", "connections to all backends failing", "stopping")
"""What gRPC's client, or the satellite, says of a call that nobody took."""


def _report(number: int) -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name=f"span {number}")
    span.trace_id, span.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
    span.start_time_unix_nano = span.end_time_unix_nano = 1_700_000_000_000_000_000
    return request.SerializeToString()


class _Sender:
    """Sends one report after another until nobody takes them any more."""

    def __init__(self, target: str, first: int) -> None:
        self.acknowledged = 0
        self.fault = ""
        self.is_under_way = threading.Event()
        self._next = first
        self._channel = grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self) -> None:
        with self._channel:
            export: Any = self._channel.unary_unary(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            )
            while not self.fault:
                self._next += 1
                try:
                    export(_report(self._next), metadata=(("lightstep-access-token", "stop"),), timeout=30)
                except grpc.RpcError as error:
                    call: Any = error
                    self.fault = f"{call.code().name}: {call.details()}"
                else:
                    self.acknowledged += 1
                self.is_under_way.set()


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ["edge", "grpcio"])
def test_a_stop_in_mid_traffic(engine: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"data_dir": tmp_path, "grpc_engine": engine}
    with Process(listens=["grpc_plain_port"], **given) as satellite:
        target = satellite.listeners["grpc_plain_port"]
        senders = [_Sender(target, number * 1_000_000) for number in range(1, SENDERS + 1)]
        for sender in senders:
            assert sender.is_under_way.wait(60)
        assert satellite.stop() == 0
        for sender in senders:
            sender.thread.join(60)
    faults = Counter(sender.fault for sender in senders)
    refusals = (
        NEVER_SENT if engine == "edge" else (*NEVER_SENT, "CANCELLED")
    )  # gRPC's core says that to the last ones
    assert all(any(words in fault for words in refusals) for fault in faults), faults
    with Process(**given) as again:
        kept = httpx.get(f"{again.url('explorer_port')}/api/v1/projects/stop/spans", params={"limit": 1})
        acknowledged = sum(sender.acknowledged for sender in senders)
        cancelled = sum("CANCELLED" in sender.fault for sender in senders)
        assert acknowledged <= kept.json()["total"] <= acknowledged + cancelled
