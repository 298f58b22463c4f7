"""Rules that are there again after a restart, where the data directory lasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from satellite import Satellite
from satellite.faults.book import Faults
from satellite.faults.rule import Fault
from satellite.faults.scope import Request
from satellite.store.durable.state import State

REPORT = Request("http", "/v1/traces", 8181, "10.0.0.1:5", "otlp")


def hits(faults: Faults, project: str, number: int) -> list[bool]:
    return [faults.of_report(REPORT, project) is not None for _ in range(number)]


def test_they_go_on_where_they_were(state: State) -> None:
    now_ns = 1_000
    first = Faults(lambda: now_ns, state=state)
    first.add([Fault(status=503, times=3), Fault(delay_ms=5, for_ms=1)], "p")
    first.add([Fault(status=500, probability=0.5, seed=7)], "q")
    first.add([Fault(tls="expired", port=9292)], None)
    whole = Faults(lambda: now_ns)
    whole.add([Fault(status=500, probability=0.5, seed=7)], "q")
    assert hits(first, "p", 2) == [True, True]
    expected = hits(whole, "q", 40)
    assert hits(first, "q", 20) == expected[:20]
    first.keep()

    told: list[bool] = []
    second = Faults(lambda: now_ns + 2_000_000, state=state, tell=told.append)
    assert told == [True]
    (refused, late) = second.all("p")
    assert (refused.id, refused.fault, refused.applied, refused.active) == (
        "f1",
        Fault(status=503, times=3),
        2,
        True,
    )
    assert not late.active  # its time went on
    assert hits(second, "p", 2) == [True, False]
    assert hits(second, "q", 20) == expected[20:]  # the same chances as without a restart
    assert [one.fault.tls for one in second.all(None)] == ["expired"]
    (added,) = second.add([Fault(status=500)], "p")
    assert added.id == "f3"


def test_what_was_removed_does_not_come_back(state: State) -> None:
    first = Faults(lambda: 1, state=state)
    first.add([Fault(status=503)], "p")
    first.add([Fault(status=503)], "q")
    first.add([Fault(status=500)], None, lasting=False)
    first.remove("p")
    first.drop("q")
    first.keep()
    second = Faults(lambda: 1, state=state)
    assert (second.all("p"), second.all("q"), second.all(None)) == ([], [], [])
    assert not second.late


def test_rules_of_another_version_are_left_out(state: State) -> None:
    Faults(lambda: 1, state=state).add([Fault(status=503), Fault(status=429)], "p")
    (name, value) = next(iter(state.read("faults", "p").items()))
    state.write("faults", "p", {name: value.replace(b'"status":503', b'"earthquake":9')})
    assert [one.fault.status for one in Faults(lambda: 1, state=state).all("p")] == [429]


def test_a_satellite_with_a_data_directory(tmp_path: Path) -> None:
    lasting: dict[str, Any] = {"data_dir": tmp_path, "faults": "typical"}
    with Satellite(**lasting) as satellite:
        satellite.client.project("shop").add_fault(status=503, times=2)
        satellite.client.add_fault(connection="refuse", port=8184)
    with Satellite(**lasting) as satellite:
        (one,) = satellite.client.project("shop").faults()
        assert (one["fault"], one["active"]) == ({"status": 503, "times": 2}, True)
        everywhere = [one["fault"] for one in satellite.client.faults()]
        assert everywhere == [
            {"connection": "refuse", "port": 8184},
            {"delay_ms": 1.0, "name": "typical"},  # of the setting, and not twice
        ]
        satellite.client.project("shop").remove_faults()
    with Satellite(**lasting) as satellite:
        assert satellite.client.project("shop").faults() == []
