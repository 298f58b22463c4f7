from __future__ import annotations

from satellite.explore.services import Service, services
from satellite.query import parse
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests import bookinfo


def test_all_services_alphabetically(store: RecallStore) -> None:
    assert services(store, "p", ALL) == [
        Service(bookinfo.DETAILS, 12, 0, 1),
        Service(bookinfo.GATEWAY, 12, 0, 1),
        Service(bookinfo.PRODUCTPAGE, 36, 0, 3),
        Service(bookinfo.RATINGS, 8, 1, 1),
        Service(bookinfo.REVIEWS, 20, 1, 2),
    ]


def test_only_matching_spans_count(store: RecallStore) -> None:
    plan = parse('"http.status_code" IN ("500")').plan
    assert services(store, "p", plan) == [
        Service(bookinfo.RATINGS, 1, 1, 1),
        Service(bookinfo.REVIEWS, 1, 1, 1),
    ]


def test_an_empty_project(store: RecallStore) -> None:
    assert services(store, "nobody", ALL) == []
