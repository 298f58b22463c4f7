"""Tables of a cluster of two shards, both in one process: ClickHouse's own Distributed engine splits, asks and puts together.

Replicas are not there: that what is inserted is on all of them when it is acknowledged is not shown.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from mock_lightstep_satellite.cli import app
from satellite.store.clickhouse import engine, schema
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.engine import TABLES, ClickHouseStore
from satellite.store.clickhouse.server import Server
from satellite.store.clickhouse.tables import Tables
from satellite.store.durable.directory import BadDataDirectory
from tests import bookinfo
from tests.store.asking import assert_balanced, fates, find
from tests.store.clickhouse.conftest import WHOLE, ClickHouse
from tests.store.clickhouse.server import CLUSTER, SPREAD
from tests.store.conformance import StoreConformance
from tests.store.rows import NOW_NS, numbered

DATABASE = SPREAD


def opened(clickhouse: ClickHouse, *, cluster: str = CLUSTER, database: str = DATABASE) -> ClickHouseStore:
    """One more satellite of the cluster."""
    target = Server.of(clickhouse.url(database=database))
    return ClickHouseStore(Connection(target, cluster=cluster), clock_seconds=time.monotonic)


@pytest.fixture(scope="module")
def joined(clickhouse: ClickHouse) -> Iterator[ClickHouseStore]:
    """A store whose tests do not wait for more to come."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "GATHER_SECONDS", 0.0)
        store = opened(clickhouse)
        yield store
        store.close()


class TestCluster(StoreConformance):
    """The suite, with tables made for a cluster."""

    many_spans = 70_000 if WHOLE else 2_100
    writes_each = 25 if WHOLE else 3

    @pytest.fixture
    def store(self, joined: ClickHouseStore) -> ClickHouseStore:
        """An empty engine."""
        joined._errand(joined._projects.known.clear)
        for table in TABLES:
            joined.connection.run(f"TRUNCATE TABLE {joined.connection.tables.own(table)}")
        return joined


def test_each_table_is_replicated_and_one_over_all_shards() -> None:
    tables = Tables("d", "c")
    made = [
        said
        for _, _, text in schema.files()
        for one in schema.statements(text)
        for said in tables.statements(one)
    ]
    for table in (*TABLES, "seats"):
        (own,) = (
            said
            for said in made
            if said.startswith(f"CREATE TABLE IF NOT EXISTS d.{table}_local ON CLUSTER 'c'")
        )
        version = ", version" if table == "commons" else ""
        path = f"'/clickhouse/tables/{{shard}}/{{database}}/{table}', '{{replica}}'"
        assert f"MergeTree({path}{version})" in own
        assert "non_replicated" not in own
        over = f"CREATE TABLE IF NOT EXISTS d.{table} ON CLUSTER 'c' AS d.{table}_local ENGINE = Distributed('c', 'd', '{table}_local',"
        assert any(said.startswith(over) for said in made)
    changed = tables.statements("ALTER TABLE spans ADD COLUMN more UInt8")
    assert changed[0] == "ALTER TABLE d.spans_local ON CLUSTER 'c' ADD COLUMN more UInt8"
    assert changed[1].startswith(
        "CREATE OR REPLACE TABLE d.spans ON CLUSTER 'c' AS d.spans_local ENGINE = Distributed("
    )


def test_the_next_satellite_knows_the_cluster_by_its_tables(
    clickhouse: ClickHouse, joined: ClickHouseStore
) -> None:
    joined.write("known", bookinfo.batch(), arrived_ns=NOW_NS)
    other = opened(clickhouse, cluster="")
    assert other.connection.tables == Tables(DATABASE, CLUSTER)
    assert other.connection._settings["insert_quorum"] == 2
    assert fates(other.write("known", bookinfo.batch(), arrived_ns=NOW_NS)) == (0, 88, 0, 0)
    assert len(find(other, project="known")) == 88
    assert_balanced(joined)
    other.compact()
    other.check()
    assert other.damage == []
    other.close()
    checked = CliRunner().invoke(app, ["data", "check", clickhouse.url(database=DATABASE)])
    assert checked.exit_code == 0, checked.output
    assert "known: 88 spans" in checked.output


def test_both_shards_have_spans_and_a_trace_is_on_one(joined: ClickHouseStore) -> None:
    joined.write("split", numbered(60), arrived_ns=NOW_NS)
    number = joined._projects.known["split"].moment.project
    shards = joined.connection.ask(
        f"SELECT trace_low, groupUniqArray(shardNum()) AS shards FROM spans WHERE project = {number} GROUP BY trace_low"
    ).to_pylist()
    assert {len(row["shards"]) for row in shards} == {1}
    assert {shard for row in shards for shard in row["shards"]} == {1, 2}
    assert len(find(joined, project="split")) == 60


def test_whoever_takes_a_seat_again_deletes_without_looking(
    clickhouse: ClickHouse, joined: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = opened(clickhouse)
    number = left._projects.seat_number
    left.close()
    said: list[str] = []
    run = Connection.run

    def noted(connection: Connection, statement: str) -> None:
        said.append(statement)
        run(connection, statement)

    monkeypatch.setattr(Connection, "run", noted)
    taken = opened(clickhouse)
    assert taken._projects.seat_number == number
    taken.close()
    for table in ("spans", "gone"):
        assert any(
            one.startswith(f"DELETE FROM {DATABASE}.{table}_local ON CLUSTER '{CLUSTER}'") for one in said
        )


def test_tables_of_one_node_are_not_those_of_a_cluster(clickhouse: ClickHouse) -> None:
    opened(clickhouse, cluster="", database="single").close()
    with pytest.raises(BadDataDirectory, match="are of one node"):
        opened(clickhouse, database="single")
    with pytest.raises(BadDataDirectory, match="knows no cluster other"):
        opened(clickhouse, cluster="other", database="elsewhere")
    with pytest.raises(BadDataDirectory, match=f"are of the cluster {CLUSTER}"):
        opened(clickhouse, cluster="other")
