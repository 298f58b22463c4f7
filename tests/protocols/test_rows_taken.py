"""What the spans of a report take until they are in columns is bounded by its size, whatever protocol they came in."""

from __future__ import annotations

import pytest

from satellite.errors import SatelliteError, TooLarge
from satellite.model.report import Report
from satellite.protocols import rows
from tests.protocols.soundness import CODECS, NOW_NS

BY_ROW = [
    name
    for name in CODECS
    if name.startswith(("zipkin", "jaeger", "datadog", "lightstep_thrift", "lightstep_json"))
]


def _outcome(name: str, body: bytes) -> Report | SatelliteError:
    [outcome] = CODECS[name].protocol.decode([body], NOW_NS).reports
    return outcome


@pytest.mark.parametrize("name", BY_ROW)
def test_every_protocol_that_reads_spans_one_by_one_is_bounded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = CODECS[name].good
    assert isinstance(_outcome(name, good), Report)
    monkeypatch.setattr(rows, "TAKES_FREE", 0)
    monkeypatch.setattr(rows, "TAKES_BYTES", 0)
    assert isinstance(_outcome(name, good), TooLarge)
