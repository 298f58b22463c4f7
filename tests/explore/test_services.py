from __future__ import annotations

import pytest

from satellite.errors import BadRequest, NotFound
from satellite.explore.services import Service, service, services
from satellite.explore.slots import SLOTS, Slots, slot_of_name
from satellite.query import parse
from satellite.query.plan import ALL, Plan
from satellite.store.durable.state import State
from satellite.store.recall.engine import RecallStore
from tests import bookinfo


def directory(store: RecallStore, plan: Plan = ALL, project: str = "p") -> list[Service]:
    return services(store, project, plan, Slots())


def counts(found: list[Service]) -> list[tuple[str, int, int, int]]:
    return [(row.service, row.spans, row.errors, row.operations) for row in found]


def test_all_services_alphabetically(store: RecallStore) -> None:
    assert counts(directory(store)) == [
        (bookinfo.DETAILS, 12, 0, 1),
        (bookinfo.GATEWAY, 12, 0, 1),
        (bookinfo.PRODUCTPAGE, 36, 0, 3),
        (bookinfo.RATINGS, 8, 1, 1),
        (bookinfo.REVIEWS, 20, 1, 2),
    ]
    assert directory(store)[3].avg_latency_us == 216_625
    assert directory(store)[3].error_ratio == 0.125


def test_only_matching_spans_count(store: RecallStore) -> None:
    plan = parse('"http.status_code" IN ("500")').plan
    assert counts(directory(store, plan)) == [(bookinfo.RATINGS, 1, 1, 1), (bookinfo.REVIEWS, 1, 1, 1)]


def test_an_empty_project(store: RecallStore) -> None:
    assert directory(store, project="nobody") == []


def test_over_time(store: RecallStore) -> None:
    (ratings,) = services(store, "p", parse('service IN ("ratings.default")').plan, Slots(), series=5)
    assert ratings.series is not None
    assert [point.count for point in ratings.series] == [2, 2, 1, 1, 2]
    assert [point.p99_us for point in ratings.series][-1] == 900_000
    with pytest.raises(BadRequest):
        services(store, "p", ALL, Slots(), series=201)


def test_the_rate_beside_a_series_is_that_of_the_series(store: RecallStore) -> None:
    plain, shown = (
        next(
            one for one in services(store, "p", ALL, Slots(), series=steps) if one.service == bookinfo.GATEWAY
        )
        for steps in (0, 10)
    )
    assert plain.ops_per_s is None  # all arrived at once
    assert shown.ops_per_s == pytest.approx(12 / 11, rel=0.01)  # from the first start to the last
    one = service(store, "p", ALL, Slots(), bookinfo.GATEWAY, series=10)
    assert [row.ops_per_s for row in one.operations] == [pytest.approx(12 / 11, rel=0.01)]


def test_operations_of_a_service(store: RecallStore) -> None:
    found = service(store, "p", ALL, Slots(), bookinfo.REVIEWS, series=2)
    assert found.platforms == ["c++"]
    assert [(row.operation, row.kind, row.direction, row.spans) for row in found.operations] == [
        (bookinfo.REVIEWS_CALL, "server", "ingress", 12),
        (bookinfo.RATINGS_CALL, "client", "egress", 8),
    ]
    assert all(row.series is not None and len(row.series) == 2 for row in found.operations)
    with pytest.raises(NotFound):
        service(store, "p", ALL, Slots(), "nobody")


# Slots


def test_slots_are_given_once_in_order_of_arrival(store: RecallStore) -> None:
    slots = Slots()
    found = {row.service: row.slot for row in services(store, "p", ALL, slots)}
    assert len(set(found.values())) == 5
    assert found[bookinfo.GATEWAY] == slot_of_name(bookinfo.GATEWAY)  # the first to arrive had its choice
    store.reset("p")
    store.write("p", bookinfo.batch(range(1, 2)), arrived_ns=2)
    again = {row.service: row.slot for row in services(store, "p", ALL, slots)}
    assert again == {name: found[name] for name in again}


def test_slots_outlive_the_process(store: RecallStore, state: State) -> None:
    found = Slots(state).of(store, "p", [bookinfo.RATINGS])
    everybody = [bookinfo.GATEWAY, bookinfo.RATINGS]
    assert Slots(state).of(store, "p", everybody)[bookinfo.RATINGS] == found[bookinfo.RATINGS]
    slots = Slots(state)
    slots.drop("p")
    assert state.projects("slots") == []


def test_more_services_than_slots(store: RecallStore) -> None:
    names = [f"s{i}" for i in range(40)]
    given = Slots().of(store, "p", names)
    assert len({given[name] for name in names[:SLOTS]}) == SLOTS
    assert all(0 <= slot < SLOTS for slot in given.values())


def test_the_hash_of_a_name() -> None:
    assert slot_of_name("") == (0x811C9DC5 >> 16) % 14  # FNV-1a's own test vectors
    assert slot_of_name("foobar") == (0xBF9CF968 >> 16) % 14
