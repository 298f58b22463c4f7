from __future__ import annotations

from typing import Any

import pytest

from satellite.errors import BadRequest, NotFound
from satellite.faults.book import RULES_MAX, Faults
from satellite.faults.profiles import profile
from satellite.faults.rule import Fault
from satellite.faults.scope import Request
from satellite.model.reporter import Reporter

SHOP = Reporter(protocol="lightstep", service="shop", id=0xE1, attributes=(("zone", "z1"), ("n", 5)))
REPORT = Request("grpc", "/c/Report", 9292, "10.0.0.1:4711", "lightstep", SHOP)


class Clock:
    now_ns = 1_000

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> Faults:
    return Faults(clock)


def hits(faults: Faults, times: int, request: Request = REPORT, project: str = "p") -> list[bool]:
    return [faults.of_report(request, project) is not None for _ in range(times)]


def test_nothing_while_there_are_none(faults: Faults) -> None:
    assert not faults.early
    assert not faults.late
    assert faults.of_report(REPORT, "p") is None
    assert faults.of_connection(9292, "10.0.0.1") is None


def test_after_and_times(faults: Faults) -> None:
    [added] = faults.add([Fault(status=503, after=1, times=2)], "p")
    assert hits(faults, 5) == [False, True, True, False, False]
    [listed] = faults.all("p")
    assert (listed.id, listed.seen, listed.applied, listed.active) == (added.id, 3, 2, False)


def test_it_never_leaks_into_another_project(faults: Faults) -> None:
    faults.add([Fault(status=503)], "p")
    assert hits(faults, 1, project="other") == [False]
    faults.remove("p")
    assert not faults.late
    assert hits(faults, 1) == [False]


def test_for_a_while(faults: Faults, clock: Clock) -> None:
    faults.add([Fault(status=503, for_ms=1)], "p")
    clock.now_ns += 999_999
    assert hits(faults, 1) == [True]
    clock.now_ns += 1
    assert hits(faults, 1) == [False]


def test_a_seed_hits_the_same_requests(clock: Clock) -> None:
    runs = []
    for seed in (7, 7, 8):
        faults = Faults(clock)
        faults.add([Fault(status=503, probability=0.5, seed=seed)], "p")
        runs.append(hits(faults, 64))
    assert runs[0] == runs[1] != runs[2]
    assert {True, False} == set(runs[0])


@pytest.mark.parametrize(
    ("scope", "fits"),
    [
        ({"protocol": "lightstep", "transport": "grpc", "port": 9292, "peer": "10.0.0.1"}, True),
        ({"protocol": "otlp"}, False),
        ({"transport": "http"}, False),
        ({"port": 8184}, False),
        ({"peer": "10.0.0.2"}, False),
        ({"path": "/c/Report"}, True),
        ({"path": "/c/*"}, True),
        ({"path": "/c/"}, False),
        ({"reporter": 'service IN ("shop", "x")'}, True),
        ({"reporter": 'service NOT IN ("shop")'}, False),
        ({"reporter": '"zone" IN ("z1") AND "n" IN ("5")'}, True),
        ({"reporter": '"zone" MATCHES REGEXP ("z.")'}, True),
        ({"reporter": '"nothing" NOT IN ("z1")'}, True),
        ({"reporter": '"nothing" IN ("z1")'}, False),
        ({"reporter": 'lightstep.tracer_id IN ("e1")'}, True),
    ],
)
def test_scope(faults: Faults, scope: dict[str, Any], fits: bool) -> None:
    faults.add([Fault(status=503, **scope)], "p")
    assert hits(faults, 1) == [fits]


def test_of_several_rules_the_first_with_a_say_has_it_and_delays_add_up(faults: Faults) -> None:
    faults.add(
        [Fault(delay_ms=125), Fault(grpc_status="ABORTED", delay_ms=125), Fault(status=503, skew_ms=9)], "p"
    )
    faults.add([Fault(infos=("everywhere",))], None)
    decision = faults.of_report(REPORT, "p")
    assert decision is not None
    assert decision.rules == ("s1", "f1", "f2", "f3")
    assert (decision.delay_s, decision.grpc_status, decision.status, decision.skew_ms) == (
        0.25,
        "ABORTED",
        None,
        9,
    )
    assert decision.infos == ("everywhere",)
    assert (decision.http_status, decision.grpc_code) == (409, "ABORTED")


def test_before_a_request_was_read(faults: Faults) -> None:
    faults.add([Fault(connection="refuse", port=9292, times=1), Fault(read_delay_ms=20, path="/api/*")], None)
    assert (faults.early, faults.late) == (True, False)
    assert faults.of_connection(8184, "10.0.0.1") is None
    refused = faults.of_connection(9292, "10.0.0.1")
    assert refused is not None
    assert refused.connection == "refuse"
    assert faults.of_connection(9292, "10.0.0.1") is None
    slow = faults.of_head(Request("http", "/api/v2/reports", 8181, "::1"))
    assert slow is not None
    assert slow.read_delay_s == 0.02
    assert faults.of_report(REPORT, "p") is None


@pytest.mark.parametrize("peer", ["10.0.0.1", "10.0.0.1:80"])
def test_a_peer_with_or_without_its_port(faults: Faults, peer: str) -> None:
    faults.add([Fault(status=503, peer="10.0.0.1")], "p")
    assert hits(faults, 1, REPORT._replace(peer=peer)) == [True]


@pytest.mark.parametrize("peer", ["::1", "[::1]:80"])
def test_a_peer_of_ipv6(faults: Faults, peer: str) -> None:
    faults.add([Fault(status=503, peer="::1")], "p")
    assert hits(faults, 1, REPORT._replace(peer=peer)) == [True]


def test_removing(faults: Faults) -> None:
    first, second = faults.add([Fault(status=503), Fault(delay_ms=1)], "p")
    assert faults.remove("p", first.id) == 1
    assert [one.id for one in faults.all("p")] == [second.id]
    with pytest.raises(NotFound, match="no fault f1"):
        faults.remove("p", first.id)
    assert faults.remove("p") == 1
    assert faults.remove("p") == 0
    assert faults.all("p") == []


def test_there_is_a_bound_and_none_of_a_bad_lot_is_added(faults: Faults) -> None:
    with pytest.raises(BadRequest, match="does nothing"):
        faults.add([Fault(status=503), Fault()], "p")
    assert faults.all("p") == []
    faults.add([Fault(delay_ms=1)] * RULES_MAX, "p")
    with pytest.raises(BadRequest, match="at most 100"):
        faults.add([Fault(delay_ms=1)], "p")
    faults.add(profile("overloaded"), "q")


def test_others_in_their_place(faults: Faults) -> None:
    faults.add([Fault(status=503), Fault(delay_ms=5)], "p")
    put = faults.replace([Fault(status=500)], "p")
    assert faults.all("p") == put
    with pytest.raises(BadRequest):
        faults.replace([Fault(status=400), Fault()], "p")
    assert faults.all("p") == put
    assert faults.replace([], "p") == []
    assert hits(faults, 1) == [False]
    assert not faults.late


def test_another_in_the_place_of_one_begins_anew(faults: Faults) -> None:
    first, second = faults.add([Fault(status=503, times=1), Fault(delay_ms=5)], "p")
    assert hits(faults, 1) == [True]
    changed = faults.change("p", first.id, Fault(status=500))
    assert faults.one("p", first.id) == changed
    assert [one.id for one in faults.all("p")] == [first.id, second.id]
    assert (changed.seen, changed.fault.status) == (0, 500)
    for wrong in ("f9", second.id + "x"):
        with pytest.raises(NotFound, match="there is no fault"):
            faults.change("p", wrong, Fault(status=500))
        with pytest.raises(NotFound, match="there is no fault"):
            faults.one("p", wrong)
