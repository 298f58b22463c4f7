from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_lightstep_satellite.selector import q
from mock_lightstep_satellite.trace import Trace, TracedSpan, assert_same_trace


def span(number: int, parent: int | None = None, **fields: Any) -> TracedSpan:
    service = fields.pop("service", f"s{number}")
    built: dict[str, Any] = {
        "trace_id": f"{7:016x}",
        "span_id": f"{number:016x}",
        "parent_span_id": None if parent is None else f"{parent:016x}",
        "service": service,
        "operation": f"o{number}",
        "kind": None,
        "start_us": number * 10,
        "duration_us": 100,
        "error": False,
        "tags": {},
        "logs": [],
        "references": [],
        "reporter": {"id": f"{1:016x}", "attributes": {}},
        "protocol": "t",
        "mark": number,
    }
    return msgspec.convert(built | fields, TracedSpan)


def test_relatives() -> None:
    trace = Trace([span(4, 2), span(1), span(3, 1), span(2, 1), span(5, 9)])
    one, two, three, four, five = trace
    assert (two.parent, one.parent, five.parent) == (one, None, None)
    assert one.children == [two, three]
    assert four.ancestors == [two, one]
    assert one.descendants == [two, four, three]
    assert (trace.roots, trace.orphans) == ([one], [five])
    assert trace.services == ["s1", "s2", "s3", "s4", "s5"]
    assert trace.duration_us == 140
    assert trace.span(q.service("s4")).parent is two
    assert_same_trace(one, five)


def test_the_halves_of_a_shared_id() -> None:
    trace = Trace(
        [span(1), span(2, 1), span(2, 2, service="server", start_us=25, marks=["shared"]), span(3, 2)]
    )
    client, server = trace.span(q.service("s2")), trace.span(q.service("server"))
    assert server.parent is client
    assert trace.span(q.service("s3")).parent is server
    trace.assert_complete()


def test_a_cycle_is_cut_at_its_latest_span() -> None:
    trace = Trace([span(1, 3), span(2, 1), span(3, 2)])
    assert [one.service for one in trace.roots] == ["s3"]
    assert [one.service for one in trace.roots[0].descendants] == ["s1", "s2"]


def test_a_span_that_is_its_own_parent_is_a_root() -> None:
    assert [one.service for one in Trace([span(1, 1)]).roots] == ["s1"]


def test_complete() -> None:
    Trace([span(1), span(2, 1)]).assert_complete()
    with pytest.raises(
        AssertionError, match=r"the parents of 1 span did not arrive: s2: o2 \(parent 0{15}9\)"
    ):
        Trace([span(1), span(2, 9)]).assert_complete()
    with pytest.raises(AssertionError, match="2 roots instead of 1"):
        Trace([span(1), span(2)]).assert_complete()
    with pytest.raises(AssertionError, match="0 roots instead of 1"):
        Trace([]).assert_complete()


def test_path() -> None:
    trace = Trace([span(1), span(2, 1, service="s1"), span(3, 2), span(4, 3), span(5, 2)])
    trace.assert_path("s1", "s3", "s4")
    trace.assert_path("s3", q.operation("o4"))
    trace.assert_path("s1", "s5")
    trace.assert_path()
    for wrong in (["s1", "s4"], ["s4", "s3"], ["s1", "s5", "s4"], ["nobody"]):
        with pytest.raises(AssertionError, match="no call goes"):
            trace.assert_path(*wrong)


def test_a_failure_shows_the_tree() -> None:
    trace = Trace([span(1, duration_us=22_800), span(2, 1, error=True), span(3, 2), span(4, 1)])
    with pytest.raises(AssertionError) as failed:
        trace.assert_path("s1", "s3")
    assert str(failed.value).splitlines() == [
        "no call goes s1 → s3; as far as it goes: s1",
        "trace 0000000000000007",
        "  s1: o1  22.8 ms",
        "  ├─ s2: o2  100 µs  ERROR",
        "  │  └─ s3: o3  100 µs",
        "  └─ s4: o4  100 µs",
    ]


def test_order() -> None:
    trace = Trace([span(1), span(2, 1), span(3, 1)])
    trace.assert_order(q.service("s1"), q.service("s3"))
    with pytest.raises(AssertionError, match=r'service IN \("s2"\) starts 10 µs before service IN \("s3"\)'):
        trace.assert_order(q.service("s3"), q.service("s2"))
    with pytest.raises(AssertionError, match="no span is"):
        trace.assert_order(q.service("x"))


def test_an_error_that_reaches_its_callers() -> None:
    trace = Trace([span(1), span(2, 1, error=True), span(3, 2, error=True)])
    trace.assert_error_reaches(q.service("s3"), q.service("s2"))
    with pytest.raises(AssertionError, match="the error stops below s1: o1"):
        trace.assert_error_reaches(q.service("s3"), q.service("s1"))
    with pytest.raises(AssertionError, match="s1: o1 did not fail"):
        trace.assert_error_reaches(q.service("s1"), q.service("s2"))


def test_a_text_is_no_selector() -> None:
    with pytest.raises(TypeError, match="a selector is wanted"):
        Trace([span(1)]).spans("service IN ('x')")  # type: ignore[arg-type]


def test_spans_of_different_traces() -> None:
    with pytest.raises(AssertionError, match="2 traces instead of 1"):
        assert_same_trace(span(1), span(2, trace_id=f"{8:016x}"))


@given(st.lists(st.tuples(st.integers(0, 8), st.none() | st.integers(0, 8), st.booleans()), max_size=12))
def test_every_span_has_one_place_in_the_forest(rows: list[tuple[int, int | None, bool]]) -> None:
    trace = Trace([span(one, parent, marks=["shared"] if shared else []) for one, parent, shared in rows])
    tops = [one for one in trace if one.parent is None]
    below = [one for top in tops for one in (top, *top.descendants)]
    assert sorted(map(id, below)) == sorted(map(id, trace))
    assert all(one in one.parent.children for one in trace if one.parent)
    assert str(trace).count("\n") == len(trace)


def test_ten_thousand_spans_deep() -> None:
    trace = Trace([span(number, number - 1 if number > 1 else None) for number in range(1, 10_001)])
    assert len(trace.roots[0].descendants) == 9_999
    trace.assert_path("s9998", "s9999", "s10000")
