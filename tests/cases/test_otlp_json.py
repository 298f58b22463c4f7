"""OTLP's JSON as other tools write it (K3, K7)."""

from __future__ import annotations

from satellite.explore.whole_trace import whole_trace
from tests.cases import case
from tests.cases.played import played


def test_times_as_pairs_of_halves() -> None:
    with played("otlp_json") as satellite:
        receipt = satellite.send("otlp_json", case("otlp-longs.json"))
        (span,) = satellite.spans()
        assert (span.start_us, span.duration_us) == (1_794_300_000_000_000, 350_000)
        assert span.logs[0].time_us == span.start_us + 1
        assert "startTimeUnixNano" in receipt.warnings[0]


def test_ids_in_base64() -> None:
    with played("otlp_json", case("otlp-base64-ids.json")) as satellite:
        found = whole_trace(satellite.store, "p", "7c1e5a90b3d24f6886f0c2d4e6a81b35").batch.spans()
        assert [span.span_id for span in found] == ["a1b2c3d4e5f60001", "a1b2c3d4e5f60002"]
        assert found[1].parent_span_id == found[0].span_id


def test_ids_in_capitals() -> None:
    with played("otlp_json", case("otlp-plain.json")) as satellite:
        assert len(whole_trace(satellite.store, "p", "7c1e5a90b3d24f6886f0c2d4e6a81b35").batch) == 1
