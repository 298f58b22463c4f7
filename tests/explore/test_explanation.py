from __future__ import annotations

from collections.abc import Sequence

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
        Step('service IN ("reviews.default")', 20),
        Step('"http.status_code" IN ("201")', 0),
    ]
    assert found.failing == 1
    assert found.nearest == [Suggestion("200", 19), Suggestion("500", 1)]
    assert found.lines == [
        'service IN ("reviews.default")     ->   20 spans',
        'AND "http.status_code" IN ("201")  ->    0 spans   <- fails here',
        '    values seen for "http.status_code": 200 (19), 500 (1)',
        (
            "so far: 88 spans, from productpage.default (36), reviews.default (20), details.default (12), "
            "istio-ingressgateway.istio-system (12), ratings.default (8)"
        ),
    ]


def test_a_similar_name_comes_before_frequent_ones(store: RecallStore) -> None:
    found = explained(store, 'service IN ("rating.default")')
    assert found.nearest[0] == Suggestion("ratings.default", 8)


def test_a_key_that_no_span_has(store: RecallStore) -> None:
    found = explained(store, '"http.code" IN ("200")')
    assert found.nearest == []
    assert '    none of these spans has "http.code"' in found.lines


def test_ids_have_no_nearest_values(store: RecallStore) -> None:
    found = explained(store, 'lightstep.span_id IN ("1")')
    assert (found.failing, found.nearest) == (0, [])


def test_enough_matches_but_not_enough_of_them(store: RecallStore) -> None:
    found = explained(store, 'service IN ("ratings.default")')
    assert found.failing is None
    assert found.terms == [Step('service IN ("ratings.default")', 8)]


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
