"""`satellite data` on directories as a satellite leaves them."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mock_lightstep_satellite import cli
from satellite.query.plan import ALL
from satellite.settings import Settings
from satellite.storage import open_recall
from satellite.store.durable.directory import BadDataDirectory
from tests import bookinfo
from tests.store.rows import NOW_NS, one, tagged
from tests.store.test_durable import opened


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, ["data", *map(str, arguments)])


def filled(folder: Path) -> Path:
    with closing(opened(folder)) as store:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        store.write("p", tagged({"a": "b"}), arrived_ns=NOW_NS)
        store.write("p", tagged({"a": "c"}), arrived_ns=NOW_NS)  # in the place of the one before
        assert store._keeper is not None
        store._keeper.file_all(store._projects["p"])
        store.write("q", one(), arrived_ns=NOW_NS)
    return folder


def count(folder: Path, project: str) -> int:
    with closing(opened(folder)) as store:
        return store.count(project, ALL)


def test_check_says_what_is_there(tmp_path: Path) -> None:
    result = run("check", filled(tmp_path / "data"))
    assert result.exit_code == 0, result.output
    assert f"p: {len(bookinfo.batch()) + 1} spans" in result.output
    assert "q: 1 spans" in result.output
    assert "all is whole" in result.output


def test_check_sets_damage_aside_and_fails(tmp_path: Path) -> None:
    (file,) = (filled(tmp_path / "data") / "spans" / "p").iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    result = run("check", tmp_path / "data")
    assert result.exit_code == 1
    assert "damaged: p-" in result.output
    assert run("check", tmp_path / "data").exit_code == 0


def test_compact_puts_all_into_few_files(tmp_path: Path) -> None:
    folder = filled(tmp_path / "data")
    before = count(folder, "p")
    result = run("compact", folder)
    assert result.exit_code == 0, result.output
    assert count(folder, "p") == before
    assert sorted(path.parent.name for path in (folder / "spans").glob("*/*")) == ["p", "q"]


def test_export_and_import(tmp_path: Path) -> None:
    folder, file = filled(tmp_path / "data"), tmp_path / "spans.json"
    assert run("export", folder, file, "--project", "p").exit_code == 0
    result = run("import", tmp_path / "new", file, "--project", "r")
    assert result.exit_code == 0, result.output
    assert count(tmp_path / "new", "r") == count(folder, "p")


def test_import_of_another_directory(tmp_path: Path) -> None:
    folder = filled(tmp_path / "data")
    assert "p: " in run("import", tmp_path / "new", folder).output
    assert count(tmp_path / "new", "p") == count(folder, "p")
    assert count(tmp_path / "new", "q") == 1


def test_what_is_here_already_is_kept_once_however_long_ago_it_came(tmp_path: Path) -> None:
    folder = filled(tmp_path / "data")
    shutil.copytree(folder, tmp_path / "copy")
    result = run("import", folder, tmp_path / "copy")
    assert f"p: 0 new spans, {len(bookinfo.batch()) + 1} that were here" in result.output
    assert count(folder, "p") == len(bookinfo.batch()) + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "new", "nothing"), "there is no nothing"),
        (("import", "new", "chdb://nothing"), "nothing is no folder"),
        (("import", "new", "chdb://."), ". has no tables of ClickHouse"),
        (("compact", "nothing"), "nothing is no folder"),
        (("export", "chdb://.", "out"), ". has no tables of ClickHouse"),
        (("import", "http://u:secret@localhost/x", "."), "not for a server of ClickHouse"),
        (("export", "http://u:secret@localhost/x", "out"), "not for a server of ClickHouse"),
        (("check", "http://u:secret@localhost:x/x"), "its port is a number"),
    ],
)
def test_places_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1
    assert said in str(result.exception)
    assert "secret" not in str(result.exception)


def test_a_folder_has_spans_of_one_engine(tmp_path: Path) -> None:
    filled(tmp_path / "data")
    result = run("import", f"chdb://{tmp_path / 'data'}", tmp_path / "data")
    assert "is a data directory of the satellite's own engine" in str(result.exception)
    (tmp_path / "chdb" / "clickhouse").mkdir(parents=True)
    with pytest.raises(BadDataDirectory, match="has the tables of a ClickHouse"):
        open_recall(Settings(data_dir=tmp_path / "chdb"), time.monotonic)
    assert {path.name for path in (tmp_path / "chdb").iterdir()} == {"clickhouse"}


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "data")):
        result = run("check", tmp_path / "data")
    assert result.exit_code != 0
    assert "in use by another satellite" in str(result.exception)
