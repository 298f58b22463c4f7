"""Each attack for a moment: nothing ends, others are served, the ledger balances, and what is bad is refused."""

from __future__ import annotations

import pytest

from tests.attack.attacks import ATTACKS, run
from tests.attack.crowd import SPANS, crowd
from tests.attack.floods import flood

REFUSED = {
    "groups": {400},
    "groups in OTLP": {400},
    "empty spans": {413},
    "empty resources": {413},
    "different tags": {413},
    "another site": {403},
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack(name: str) -> None:
    outcome = run(name, 1)
    assert outcome.reports
    if name in REFUSED:
        assert set(outcome.statuses) <= REFUSED[name] | {429, 503}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "trap"),
    [
        ("settings", "http2_flood"),
        ("unfinished messages", None),
        ("pipelined requests", "unknown_path"),
    ],
)
def test_a_flood(name: str, trap: str | None) -> None:
    harm = flood(name, 1)
    assert min(map(len, harm.seconds.values())) >= 1
    assert trap is None or harm.traps[trap]


@pytest.mark.thorough
def test_a_crowd() -> None:
    harm = crowd(0.5, senders=60)
    assert set(harm.crowd.statuses) <= {0, 200, 503}
    assert all("send again later" in said for said in harm.crowd.refusals)
    for outcome in (harm.before, harm.crowd, harm.after):
        assert set(outcome.small_statuses) <= {200, 503}
        assert outcome.small_statuses[200], "others are let in between"
    for ledger in harm.ledgers.values():
        assert ledger["received"] == ledger["stored"] + sum(ledger["dropped"].values()) + ledger["evicted"]
    assert harm.ledgers["few"]["received"] >= harm.before.kept * SPANS
    assert harm.ledgers["crowd"]["received"] >= harm.crowd.kept * SPANS
