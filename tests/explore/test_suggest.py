from __future__ import annotations

import pytest

from satellite.errors import BadRequest
from satellite.explore.suggest import suggest
from satellite.query import parse
from satellite.store import SuggestionKind
from satellite.store.recall.engine import RecallStore
from tests import bookinfo


def asked(store: RecallStore, kind: SuggestionKind, query: str = "", **more: str) -> list[tuple[str, int]]:
    return [(found.value, found.spans) for found in suggest(store, "p", kind, parse(query).plan, **more)]


def test_services_by_spans_then_name(store: RecallStore) -> None:
    assert asked(store, "service") == [
        (bookinfo.PRODUCTPAGE, 36),
        (bookinfo.REVIEWS, 20),
        (bookinfo.DETAILS, 12),
        (bookinfo.GATEWAY, 12),
        (bookinfo.RATINGS, 8),
    ]


def test_operations_of_the_chosen_service(store: RecallStore) -> None:
    assert asked(store, "operation", 'service IN ("reviews.default")') == [
        (bookinfo.REVIEWS_CALL, 12),
        (bookinfo.RATINGS_CALL, 8),
    ]


def test_a_chip_on_the_field_itself_does_not_restrict(store: RecallStore) -> None:
    assert len(asked(store, "service", 'service IN ("reviews.default")')) == 5
    query = '"http.status_code" IN ("500") AND service IN ("ratings.default")'
    assert asked(store, "value", query, key="http.status_code") == [("200", 7), ("500", 1)]


def test_a_chip_on_another_key_restricts_values(store: RecallStore) -> None:
    assert asked(store, "value", '"error" IN ("true")', key="http.status_code") == [("500", 2)]


def test_keys_and_part_of_a_name_in_any_case(store: RecallStore) -> None:
    assert ("istio.canonical_revision", 20) in asked(store, "key", text="CANONICAL")
    assert all("canonical" in key for key, _ in asked(store, "key", text="CANONICAL"))


def test_values_need_a_key(store: RecallStore) -> None:
    with pytest.raises(BadRequest, match="key"):
        asked(store, "value")
