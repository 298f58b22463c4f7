from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from mock_lightstep_satellite.cli.check import check
from satellite.intake.arrivals import Arrivals
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.checks.test_spans import batch
from tests.serving import api_of, serving

app = typer.Typer()
app.command()(check)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Project default holds the Bookinfo spans, project odd what is odd."""
    store, arrivals = RecallStore(), Arrivals()
    store.write("default", bookinfo.batch(), arrived_ns=1)
    store.write("odd", batch({}, {"parent_id": 99}, {"span_id": 1, "start_ns": 7}), arrived_ns=1)
    with serving(api_of(store, arrivals)) as url:
        yield url
    store.close()


def test_nothing_odd(url: str) -> None:
    result = CliRunner().invoke(app, ["--url", url, "--strict"])
    assert (result.exit_code, result.stdout) == (0, "nothing is odd about these spans\n")


def test_findings(url: str) -> None:
    result = CliRunner().invoke(app, ["--url", url, "--project", "odd", "--strict"], env={"COLUMNS": "200"})
    assert result.exit_code == 4
    assert result.stdout.splitlines()[:3] == [
        "unknown-parent: its parent is not among the spans of its trace (1 span of shop)",
        "    report the parent too, or look for a lost report: are spans dropped before they are sent?",
        "    trace 0000000000000007 span 0000000000000002 shop: o",
    ]
    result = CliRunner().invoke(app, ["--url", url, "--project", "odd", "--format", "json"])
    assert [one["name"] for one in json.loads(result.stdout)["findings"]] == [
        "unknown-parent",
        "repeated-id",
        "several-roots",
    ]
    assert result.exit_code == 0
