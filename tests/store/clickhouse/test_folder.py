"""Folders of ClickHouse, opened and opened again; each test has its own, and a process has one at a time."""

from __future__ import annotations

import fcntl
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mock_lightstep_satellite.cli import app
from satellite.query.plan import ALL
from satellite.store import ByValue, Store
from satellite.store.clickhouse import columns, eviction, schema
from satellite.store.clickhouse.columns import table_of
from satellite.store.clickhouse.commits import number_of
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.engine import ClickHouseStore
from satellite.store.clickhouse.retention import Retention
from satellite.store.durable.directory import BadDataDirectory
from tests import bookinfo
from tests.store.asking import answers, assert_balanced, fates, stats, tag
from tests.store.clickhouse.conftest import opened_at
from tests.store.naive import NaiveStore
from tests.store.rows import NOW_NS, SECOND_NS, numbered, one
from tests.store.test_durable import opened


def test_nothing_is_lost_or_doubled_when_it_is_opened_again(packages: str, tmp_path: Path) -> None:
    store = opened_at(tmp_path)
    store.write("p", bookinfo.batch(), arrived_ns=NOW_NS, dropped={"no_id": 2})
    store.write("p", bookinfo.batch(range(1)).with_tags({"v": 2}), arrived_ns=NOW_NS)
    store.write("gone", bookinfo.batch(range(1)), arrived_ns=NOW_NS)
    store.drop("gone")
    store.write("emptied", bookinfo.batch(range(1)), arrived_ns=NOW_NS)
    store.reset("emptied")
    before = (answers(store, "p", ALL), [(one.project, one.mark, one.ledger) for one in store.projects()])
    # What a satellite leaves that died between its insert and the row that makes it count.
    torn = table_of(
        number_of("p"), bookinfo.batch(range(2)), store.mark("p") + 1 + np.arange(14), np.full(14, NOW_NS)
    )
    store.connection.insert("spans", torn)
    store.close()
    again = opened_at(tmp_path)
    try:
        assert (
            answers(again, "p", ALL),
            [(one.project, one.mark, one.ledger) for one in again.projects()],
        ) == before
        assert fates(again.write("p", bookinfo.batch(range(1, 3)), arrived_ns=NOW_NS + SECOND_NS)) == (
            0,
            16,
            0,
            0,
        )
        assert again.write("gone", one(), arrived_ns=NOW_NS).mark > 6
        assert_balanced(again)
        again.check()
        assert again.damage == []
    finally:
        again.close()


def test_the_oldest_go_when_the_budget_is_full(
    packages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eviction, "BUDGET_INSERTS", 4)
    store = opened_at(tmp_path, retention=Retention(disk_bytes_per_project=1, disk_overrides={"kept": 2**40}))
    try:
        for i in range(6):
            store.write("p", numbered(40).slice(i % 40, i % 40 + 1), arrived_ns=NOW_NS + i * 200 * SECOND_NS)
        store.write("kept", numbered(40), arrived_ns=NOW_NS)
        assert stats(store, "kept").spans == 40
        now = stats(store)
        assert now.spans < 6
        assert now.ledger.evicted == 6 - now.spans
        assert_balanced(store)
    finally:
        store.close()


def test_spans_go_when_their_time_is_up(packages: str, tmp_path: Path) -> None:
    now_ns = time.time_ns()
    clock = [0.0]
    kept = Retention(seconds_per_project=3_600, seconds_overrides={"short": 60, "long": 10**6})
    store = ClickHouseStore(
        Connection(tmp_path), clock_seconds=lambda: clock[0], retention=kept, duplicate_window_seconds=0
    )
    ages = {"a": 7_200, "b": 3_000, "c": 0}  # seconds
    try:
        for project in ("short", "long", "other"):
            for name, age in ages.items():
                batch = numbered(10).with_tags({"age": name})
                store.write(project, batch, arrived_ns=now_ns - age * SECOND_NS)
        clock[0] = kept.look_seconds or 0.0
        store._errand(store._idle)
        assert {
            project: [store.count(project, tag("age", name)) for name in ages]
            for project in ("short", "long", "other")
        } == {"short": [0, 0, 10], "long": [10, 10, 10], "other": [0, 10, 10]}
        assert stats(store, "other").ledger.evicted == 10
        assert_balanced(store)
        assert store._projects.holdings.count("spans", "1") == 60
        floors = [home.moment.floor for home in store._projects.known.values()]
        store._errand(store._eviction.keep_times)  # nothing more is due
        assert [home.moment.floor for home in store._projects.known.values()] == floors
    finally:
        store.close()


def test_tables_of_an_older_satellite_are_brought_up_to_date(
    packages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(store: Store) -> tuple[Any, ...]:
        by = ["http.status_code", "since"]
        page = store.find("p", ALL, order=ByValue("http.status_code"), limit=100)
        return (
            store.histogram("p", asked),
            store.groups("p", ALL, by),
            store.suggest("p", "key", ALL),
            [span.span_id for span in page.spans],
        )

    asked = tag("http.status_code", "200")
    with monkeypatch.context() as before:  # version 1 knew no rare values
        before.setattr(columns, "RARE_FROM_SPANS", 2**62)
        store = opened_at(tmp_path)
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        expected = told(store)
    added = [name for _, _, text in schema.files()[1:] for name in schema.columns(text).get("spans", ())]
    for index in ("rare", "found"):
        store.connection.run(f"ALTER TABLE spans DROP INDEX {index} SETTINGS mutations_sync = 1")
    dropped = ", ".join(f"DROP COLUMN {name}" for name in added)
    store.connection.run(f"ALTER TABLE spans {dropped} SETTINGS mutations_sync = 1")
    store.connection.run("ALTER TABLE spans ADD INDEX said answers TYPE bloom_filter(0.01)")
    store.connection.run("TRUNCATE TABLE schema_versions")
    store.connection.run("INSERT INTO schema_versions VALUES (1, '001_spans.sql')")
    store.close()
    again = opened_at(tmp_path)
    try:
        assert schema.version_of(again.connection) == schema.files()[-1][0]
        assert told(again) == expected
        assert len(expected[1].groups) > 1
        later = bookinfo.batch().slice(0, 40).with_tags({"http.status_code": "204", "since": "5"})
        oracle = NaiveStore()
        oracle.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        for one_of_both in (oracle, again):
            one_of_both.write("p", later, arrived_ns=NOW_NS)
        assert told(again) == told(oracle)
        monkeypatch.setattr(columns, "RARE_FROM_SPANS", 1)
        monkeypatch.setattr(columns, "RARE_FROM_VALUES", 1)
        again.write("p", numbered(3).with_tags({"id": "x"}), arrived_ns=NOW_NS)
        assert again.count("p", tag("id", "x")) == 3
    finally:
        again.close()


def test_a_folder_is_begun_by_an_import_and_looked_after(packages: str, tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        done = CliRunner().invoke(app, ["data", *map(str, arguments)])
        assert done.exit_code == 0, done.output
        return done.output

    own, folder, file = tmp_path / "own", tmp_path / "chdb", tmp_path / "spans.json"
    with closing(opened(own)) as store:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
    place = f"chdb://{folder}"
    assert "p: 88 new spans, 0 that were here" in run("import", place, own)
    assert (folder / "clickhouse").is_dir()
    assert "p: 0 new spans, 88 that were here" in run("import", folder, own)
    assert "p: 88 spans" in run("check", place)
    run("compact", place)
    assert "88 spans" in run("export", place, file, "--project", "p")
    assert "q: 88 new spans" in run("import", place, file, "--project", "q")
    assert "q: 88 new spans" in run("import", tmp_path / "back", place)


def test_a_process_has_one_folder(packages: str, tmp_path: Path) -> None:
    with closing(opened_at(tmp_path / "one")):
        with pytest.raises(
            BadDataDirectory, match="this process has another folder of ClickHouse open"
        ) as refusal:
            opened_at(tmp_path / "two")
        assert "two" in refusal.value.message
        opened_at(tmp_path / "one").close()


def test_tables_of_a_newer_satellite_are_refused(packages: str, tmp_path: Path) -> None:
    store = opened_at(tmp_path)
    store.connection.run("INSERT INTO schema_versions VALUES (99, 'later')")
    store.close()
    with pytest.raises(BadDataDirectory, match="version 99"):
        opened_at(tmp_path)


def test_a_folder_that_cannot_be_is_refused(packages: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadDataDirectory, match="file cannot be opened"):
        opened_at(tmp_path / "file")


def test_a_folder_that_another_process_has_is_refused(packages: str, tmp_path: Path) -> None:
    with (tmp_path / "status").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BadDataDirectory, match="another process uses it"):
            opened_at(tmp_path)
    opened_at(tmp_path).close()
