from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from mock_lightstep_satellite.cli import files
from satellite.intake.arrivals import Arrivals
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.serving import api_of, serving

app = typer.Typer()
app.command("export")(files.export)
app.command("import")(files.import_)


def test_export_and_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, arrivals = RecallStore(), Arrivals()
    store.write("default", bookinfo.batch(), arrived_ns=1)
    file = tmp_path / "spans.json"

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "160", "TERM": "dumb"})

    with serving(api_of(store, arrivals)) as url:
        monkeypatch.setenv("SATELLITE_URL", url)
        written = run("export", '"error" IN ("true")', "-o", str(file))
        assert written.exit_code == 0, written.output
        taken = run("import", str(file), "--project", "imported")
        assert (taken.exit_code, taken.stderr) == (0, "2 spans taken (2 new, 0 repeated): OTLP JSON\n")
        assert store.count("imported", ALL) == 2
        assert (
            run("import", str(file), "--project", "imported").stderr
            == "2 spans taken (0 new, 2 repeated): OTLP JSON\n"
        )
        assert run("export", "--format", "zipkin-json").stdout.startswith("[{")
        assert "No such file" in run("import", str(tmp_path / "none")).output
        refused = run("import", str(file), "--format", "otlp-protobuf", "--project", "imported")
        assert (refused.exit_code, "not otlp-protobuf" in refused.stderr) == (2, True)
    store.close()
