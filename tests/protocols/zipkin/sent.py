"""Payloads of Zipkin's tracers, and one report read by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from satellite.model.report import Report
from satellite.model.span import Span
from satellite.protocols.zipkin.v2 import decode

NOW_NS = 1_700_000_001_000_000_000
DATA = Path(__file__).parents[1] / "data" / "zipkin"
V2 = (DATA / "v2.json").read_bytes()
HASKELL = (DATA / "haskell.json").read_bytes()
V1 = (DATA / "v1.json").read_bytes()


def decode_one(body: bytes) -> tuple[Report, list[Span]]:
    decoded = decode([body], NOW_NS)
    [report] = decoded.reports
    assert isinstance(report, Report)
    assert report.rows == slice(0, len(decoded.batch))
    return report, decoded.batch.spans()


def decode_span(**fields: Any) -> Span:
    [span] = decode_one(json.dumps([{"traceId": "1", "id": "2", "timestamp": 5} | fields]).encode())[1]
    return span
