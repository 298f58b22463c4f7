from __future__ import annotations

from collections.abc import Sequence

import pytest

from satellite.explore import explanation
from satellite.explore.explanation import Explanation, Step, explain
from satellite.query import parse
from satellite.store import Suggestion
from satellite.store.recall.engine import RecallStore


def explained(
    store: RecallStore, query: str, project: str = "p", others: Sequence[str] = (), since: int = 0
) -> Explanation:
    return explain(store, project, parse(query).plan.bounded(since=since), others)


def test_the_funnel_with_its_failing_term_and_the_values_seen(store: RecallStore) -> None:
    found = explained(store, 'service IN ("reviews.default") AND "http.status_code" IN ("201")')
    assert found.terms == [
        Step('service IN ("reviews.default")', 20, 20),
        Step('"http.status_code" IN ("201")', 0, 0),
    ]
    assert found.failing == 1
    assert found.nearest == [Suggestion("200", 19), Suggestion("500", 1, errors=1)]
    assert found.lines[:4] == [
        'service IN ("reviews.default")     ->   20 spans',
        'AND "http.status_code" IN ("201")  ->    0 spans   <- fails here',
        '    values seen for "http.status_code": 200 (19), 500 (1)',
        (
            "so far: 88 spans of 12 traces, from productpage.default (36), reviews.default (20), details.default (12), "
            "istio-ingressgateway.istio-system (12), ratings.default (8)"
        ),
    ]


def test_values_of_the_latest_spans_are_said_to_be_that(
    store: RecallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = 'service IN ("reviews.default") AND "http.status_code" IN ("201")'
    assert explained(store, query).nearest_among is None
    monkeypatch.setattr(explanation, "VALUES_AMONG", 20)
    found = explained(store, query)
    assert found.nearest_among == 5
    assert found.nearest == [Suggestion("200", 5)]
    assert found.lines[2] == '    values seen for "http.status_code" among the latest 5 spans: 200 (5)'
    monkeypatch.setattr(explanation, "VALUES_AMONG", 1)  # none of reviews, so all are looked at
    assert explained(store, query).nearest_among is None


def test_the_nearest_trace_is_drawn(store: RecallStore) -> None:
    found = explained(store, 'service IN ("reviews.default") AND "http.status_code" IN ("201")')
    assert found.lines[4] == f"nearest: trace {found.nearest_trace}"
    assert [line[2:] for line in found.lines[5:]] == found.tree
    assert found.tree[0].startswith("istio-ingressgateway.istio-system  ")
    assert found.tree[1].startswith("└─ productpage.default  ")
    assert any(line.lstrip("│├└─ ").startswith("reviews.default") for line in found.tree)
    assert found.tree[0].endswith("http.status_code=200")
    assert found.traces == 12
    assert found.explorer.startswith("/p/explorer?query=")


def test_a_similar_name_comes_before_frequent_ones(store: RecallStore) -> None:
    found = explained(store, 'service IN ("rating.default")')
    assert found.nearest[0] == Suggestion("ratings.default", 8, errors=1)


def test_terms_that_match_alone_but_not_together(store: RecallStore) -> None:
    found = explained(store, 'service IN ("details.default") AND "http.status_code" IN ("500")')
    assert [(step.spans, step.alone) for step in found.terms] == [(12, 12), (0, 2)]
    assert "(2 alone)   <- fails here" in found.lines[1]


def test_a_key_that_no_span_has(store: RecallStore) -> None:
    found = explained(store, '"http.code" IN ("200")')
    assert found.nearest == []
    assert [one.value for one in found.nearest_keys] == ["http.status_code", "http.method"]
    assert found.lines[1].startswith(
        '    no span has the key "http.code"; did you mean http.status_code (88)'
    )


def test_a_slip_of_a_built_in_key(store: RecallStore) -> None:
    found = explained(store, '"servce" IN ("x")')
    assert found.nearest_keys[0] == Suggestion("service", 88)


def test_a_key_that_only_other_spans_have(store: RecallStore) -> None:
    found = explained(store, 'service IN ("details.default") AND "istio.canonical_revision" IN ("v1")')
    assert found.nearest_keys == []
    assert '    none of these spans has "istio.canonical_revision"' in found.lines


def test_spans_outside_of_the_bounds(store: RecallStore) -> None:
    found = explain(store, "p", parse("").plan.bounded(oldest_ns=2**62), ())
    assert (found.arrived, found.held) == (0, 88)
    assert found.lines[0].startswith("88 spans are held, but none within these bounds")


def test_reports_that_were_refused_are_named(store: RecallStore) -> None:
    found = explain(store, "q", parse("").plan, (), ["otlp: unknown access token"])
    assert found.lines[1] == "refused lately: otlp: unknown access token"


def test_ids_have_no_nearest_values(store: RecallStore) -> None:
    found = explained(store, 'lightstep.span_id IN ("1")')
    assert (found.failing, found.nearest) == (0, [])


def test_enough_matches_but_not_enough_of_them(store: RecallStore) -> None:
    found = explained(store, 'service IN ("ratings.default")')
    assert found.failing is None
    assert found.terms == [Step('service IN ("ratings.default")', 8, 8)]


def test_nothing_at_all_is_said_first_with_who_else_received(store: RecallStore) -> None:
    found = explained(store, 'service IN ("a")', project="q", others=["q", "p"])
    assert found.other_projects == ["p"]
    assert found.failing is None
    assert found.lines[0].startswith("no span at all arrived so far")
    assert found.lines[1] == "projects that did receive spans lately: p"


def test_only_what_came_since_the_mark_counts(store: RecallStore) -> None:
    found = explained(store, 'service IN ("a")', since=store.mark("p"))
    assert found.arrived == 0
    assert found.lines[0].startswith("no span at all arrived since mark 88")
