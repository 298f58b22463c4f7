"""Texts that are no numbers as ids (K5), and ids as people copy them (K3)."""

from __future__ import annotations

import pytest

from satellite.explore.trace_tree import trace_tree
from satellite.explore.whole_trace import whole_trace
from tests.cases import case
from tests.cases.played import played


def test_odd_ids_find_their_trace() -> None:
    with played("jaeger_json", case("jaeger-odd-ids.json")) as satellite:
        assert len(whole_trace(satellite.store, "p", "order-77").batch) == 2
        assert len(satellite.spans('lightstep.trace_id IN ("order-77")')) == 2
        assert [span.operation for span in satellite.spans('lightstep.span_id IN ("step-2")')] == ["pay"]
        rows = trace_tree(whole_trace(satellite.store, "p", "order-77")).rows
        assert [(row.depth, row.operation) for row in rows][1:] == [(1, "pay")]
        order = next(span for span in satellite.spans() if span.parent_span_id is None)
        assert (order.extra["trace_id_text"], order.extra["span_id_text"]) == ("order-77", "step-1")


@pytest.mark.parametrize(
    "text",
    [
        "7C1E5A90B3D24F6886F0C2D4E6A81B35",
        "0x7c1e5a90b3d24f6886f0c2d4e6a81b35",
        "7c1e5a90-b3d2-4f68-86f0-c2d4e6a81b35",
        "00-7c1e5a90b3d24f6886f0c2d4e6a81b35-a1b2c3d4e5f60001-01",
        "fB5akLPST2iG8MLU5qgbNQ==",
    ],
)
def test_ids_as_people_copy_them(text: str) -> None:
    with played("otlp_json", case("otlp-base64-ids.json")) as satellite:
        assert len(whole_trace(satellite.store, "p", text).batch) == 2
        assert len(satellite.spans(f'lightstep.trace_id IN ("{text}")')) == 2
