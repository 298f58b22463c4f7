from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_lightstep_satellite.selector import Selector, q, text_of
from satellite.errors import BadRequest
from satellite.explore.window import plan_of
from satellite.model import tag
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder, Status, encode_log
from satellite.query import parse
from satellite.store.recall.engine import RecallStore
from tests import bookinfo

VALUES: list[Any] = [
    "200", 200, 200.0, 0.5, -0.0, True, False, None, b"\x00\xff", "", "ü", 'a "b" \\', "line\nbreak",
    ["a", 1, True], {"k": [1, None]}, 2**63 - 1, 1e300, "true",
]  # fmt: skip


def test_it_prints_the_predicate() -> None:
    selector = q.service("reviews.default", "x").tag("http.status_code", 503).not_tag('od"d', "a\\b").error()
    assert str(selector) == (
        'service IN ("reviews.default", "x") AND "http.status_code" IN ("503") AND "od\\"d" NOT IN ("a\\\\b")'
        ' AND "error" IN ("true")'
    )
    assert parse(str(selector)).plan == parse(str(selector).replace(" AND ", "  AND ")).plan
    assert (str(q), repr(q)) == ("", "<q>")
    assert repr(q.service("x")) == '<q service IN ("x")>'


@pytest.mark.parametrize(
    "ask",
    [
        q.service,
        lambda: q.service("a").not_service("b"),
        lambda: q.tag("a", 1).tag("a", 2),
    ],
)
def test_what_the_predicate_refuses_is_refused_at_once(ask: Any) -> None:
    with pytest.raises(BadRequest):
        ask()


@pytest.mark.parametrize("value", VALUES)
def test_values_have_the_text_that_queries_compare(value: Any) -> None:
    assert text_of(value) == tag.text_of(value)


@pytest.fixture(scope="module")
def store() -> Iterator[RecallStore]:
    """Bookinfo's spans, and one for each odd value."""
    store = RecallStore()
    store.write("p", bookinfo.batch(), arrived_ns=1)
    builder = SpanBuilder()
    reporter = Reporter(protocol="t", service="odd", id=1, attributes=(("zone", "z1"),))
    for number, value in enumerate(VALUES):
        builder.add(
            reporter=reporter,
            trace_high=7,
            trace_low=number + 1,
            span_id=number + 1,
            operation="o",
            start_ns=number,
            duration_ns=1000,
            tags=[("v", value), ("error", value)],
            status=Status.ERROR if number % 3 else Status.UNSET,
            logs=[encode_log(0, [("v", value), ("n", number)], "seen"), encode_log(0, [("n", -1)])],
        )
    store.write("p", builder.build(), arrived_ns=1)
    yield store
    store.close()


def agree(store: RecallStore, selector: Selector) -> int:
    """How many spans both find; fails when they differ."""
    everything = store.find("p", plan_of(""), order="arrival", limit=1000).spans
    found = store.find("p", plan_of(str(selector)), order="arrival", limit=1000).spans
    assert [span.mark for span in everything if selector.matches(span)] == [span.mark for span in found]
    return len(found)


@pytest.mark.parametrize(
    ("selector", "spans"),
    [
        (q.service("ratings.default"), None),
        (q.not_service("odd").operation(bookinfo.PAGE_CALL), None),
        (q.tag("http.status_code", 200, "503"), None),
        (q.not_tag("http.status_code", 200), None),
        (q.error(), None),
        (q.not_tag("error", True), None),
        (q.tag("error", False, "boom"), None),
        (q.tag_matches("error", "tr.*"), None),
        (q.tag("v", "a"), 1),
        (q.tag_matches("v", "[a1]"), 1),
        (q.log("n", -1), len(VALUES)),
        (q.log("n", 3, 4), 2),
        (q.log("event", "seen").tag("log:v", "200"), 3),
        (q.not_tag("log:v", "a"), None),
        (q.has_tag("log:event"), len(VALUES)),
        (q.has_tag("v"), len(VALUES)),
        (q.tag("zone", "z1"), len(VALUES)),
        (q.tag_matches("v", "2.*", "tr.e"), None),
        (q.trace("b00c0002"), 8),
        (q.trace("0x00000000B00C0002"), 8),
    ],
)
def test_it_looks_at_spans_as_the_satellite_does(
    store: RecallStore, selector: Selector, spans: int | None
) -> None:
    found = agree(store, selector)
    assert found == spans if spans is not None else found > 0


@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=3), st.booleans())
def test_any_values(store: RecallStore, values: list[Any], negated: bool) -> None:
    for key in ("v", "error", "log:v"):
        agree(store, q.not_tag(key, *values) if negated else q.tag(key, *values))
