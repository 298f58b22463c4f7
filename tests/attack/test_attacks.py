"""Each attack for a moment: nothing ends, others are served, the ledger balances, and what is bad is refused."""

from __future__ import annotations

import pytest

from tests.attack.attacks import ATTACKS, run

REFUSED = {
    "groups": {400},
    "groups in OTLP": {400},
    "empty spans": {413},
    "empty resources": {413},
    "another site": {403},
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack(name: str) -> None:
    outcome = run(name, 1)
    assert outcome.reports
    if name in REFUSED:
        assert set(outcome.statuses) <= REFUSED[name] | {429, 503}
