from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from satellite.checks.finding import BY_NAME, CHECKS
from satellite.checks.spans import findings
from satellite.model.reporter import Reporter
from satellite.model.spans import Marks, SpanBatch, SpanBuilder
from tests import bookinfo

SHOP = Reporter(protocol="t", service="shop", id=1)


def batch(*spans: dict[str, Any]) -> SpanBatch:
    builder = SpanBuilder()
    for number, span in enumerate(spans, 1):
        fields: dict[str, Any] = {
            "reporter": SHOP,
            "operation": "o",
            "trace_low": 7,
            "span_id": number,
            "start_ns": number,
            "duration_ns": 1,
        }
        builder.add(**fields | span)
    return builder.build()


def names(*batches: SpanBatch) -> dict[str, int]:
    return {one.name: one.spans for one in findings(batches)}


def test_nothing_is_odd_about_bookinfo() -> None:
    found = names(bookinfo.batch())
    assert found == {}, found
    assert names() == {}


def test_what_codecs_marked() -> None:
    odd = batch(
        *({"marks": mark, "parent_id": 90} for mark in Marks if mark is not Marks.SHARED), {"span_id": 90}
    )
    assert names(odd) == {
        "zero-id": 1, "no-start-time": 1, "negative-duration": 1, "clamped-time": 1, "starts-in-future": 1, "bad-utf8": 1,
    }  # fmt: skip


def test_names() -> None:
    nameless = Reporter(protocol="t")
    assert names(batch({"operation": ""}, {"reporter": nameless, "parent_id": 1})) == {
        "no-service": 1,
        "no-operation": 1,
    }


def test_relations_over_several_batches() -> None:
    first = batch({"span_id": 1}, {"span_id": 2, "parent_id": 1})
    second = batch(
        {"span_id": 3, "parent_id": 2}, {"span_id": 4, "parent_id": 99}, {"span_id": 5, "parent_id": 5}
    )
    assert names(first, second) == {"unknown-parent": 1, "own-parent": 1}
    [unknown] = [one for one in findings([first, second]) if one.name == "unknown-parent"]
    assert unknown.services == ["shop"]
    assert [(one.trace_id, one.span_id, one.operation) for one in unknown.examples] == [
        ("0000000000000007", "0000000000000004", "o")
    ]


def test_ids_of_another_trace_are_others() -> None:
    same_low = batch(
        {"span_id": 1}, {"span_id": 1, "trace_high": 5}, {"span_id": 2, "parent_id": 1, "trace_high": 6}
    )
    assert names(same_low) == {"unknown-parent": 1}


def test_large_ids_that_differ_in_their_last_bits_are_others() -> None:
    large = 2**63 + 1
    assert names(batch({"span_id": large}, {"span_id": large + 1, "parent_id": large})) == {}
    assert names(batch({"span_id": large}, {"span_id": 5, "parent_id": large + 1})) == {"unknown-parent": 1}
    others = ({"trace_high": large + i, "trace_low": large + i, "span_id": 1} for i in range(3))
    assert names(batch(*others)) == {}


def test_a_shared_id_is_no_repeated_one() -> None:
    assert names(batch({"span_id": 1}, {"span_id": 1, "parent_id": 1, "marks": Marks.SHARED})) == {}
    assert names(batch({"span_id": 1}, {"span_id": 1, "parent_id": 9})) == {
        "repeated-id": 2,
        "unknown-parent": 1,
    }


def test_several_roots() -> None:
    assert names(batch({}, {}, {"trace_low": 8})) == {"several-roots": 2}


def test_every_check_is_well_said() -> None:
    assert len(BY_NAME) == len(CHECKS)
    for check in CHECKS:
        assert check.name == check.name.lower().replace(" ", "-")
        assert check.advice


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 3), st.integers(0, 4), st.booleans()),
        max_size=12,
    )
)
def test_relations_as_a_loop_would_find_them(rows: list[tuple[int, int, int, int, bool]]) -> None:
    spans = [
        {
            "trace_high": high,
            "trace_low": low,
            "span_id": span,
            "parent_id": parent,
            "marks": Marks.SHARED if shared else Marks(0),
        }
        for high, low, span, parent, shared in rows
    ]
    expected: Counter[str] = Counter()
    ids = Counter((high, low, span, shared) for high, low, span, _, shared in rows)
    roots = Counter((high, low) for high, low, _, parent, shared in rows if not parent and not shared)
    present = {(high, low, span) for high, low, span, _, _ in rows}
    for high, low, span, parent, shared in rows:
        own = parent == span and parent != 0 and not shared
        expected["own-parent"] += own
        expected["unknown-parent"] += parent != 0 and not own and (high, low, parent) not in present
        expected["repeated-id"] += ids[high, low, span, shared] > 1 and span != 0
        expected["several-roots"] += not parent and not shared and roots[high, low] > 1
    found = names(batch(*spans)) if spans else {}
    assert found == {name: number for name, number in expected.items() if number}
