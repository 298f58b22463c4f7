from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from mock_lightstep_satellite import to_arrow, to_pandas
from tests.kit.test_trace import span

SPANS = [span(1, service="web", tags={"n": 1, "ok": True}), span(2, 1, service="db", error=True)]


def test_a_row_for_each_span() -> None:
    table = to_arrow(SPANS)
    rows = table.to_pylist()
    assert [row["service"] for row in rows] == ["web", "db"]
    assert [row["error"] for row in rows] == [False, True]
    assert rows[0]["tags"] == [("n", "1"), ("ok", "true")]
    assert rows[0]["parent_span_id"] is None
    assert to_arrow([]).schema == table.schema


def test_as_pandas_where_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no dependency of the tests; a stand-in takes what its DataFrame would."""
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))
    frame = to_pandas(SPANS)
    assert frame["service"] == ["web", "db"]
    assert frame["tags"][0] == {"n": "1", "ok": "true"}
