"""Several stores on one ClickHouse, as satellites of a pool have it: a server's HTTP interface around chDB."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from mock_lightstep_satellite.cli import app
from satellite.errors import StoreFailed
from satellite.explore.snapshots import Snapshots
from satellite.explore.streams import Streams
from satellite.query.plan import ALL, Plan
from satellite.store.clickhouse import engine, project, projects, schema, seats
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.engine import TABLES, ClickHouseStore
from satellite.store.clickhouse.inbox import Arrival, Errand
from satellite.store.clickhouse.predicates import SEATS
from satellite.store.clickhouse.projects import unheard_of
from satellite.store.clickhouse.server import Server
from satellite.store.durable.directory import BadDataDirectory
from tests import bookinfo
from tests.explore.commons import check
from tests.store.asking import assert_balanced, fates, find, stats
from tests.store.clickhouse.conftest import WHOLE, ClickHouse
from tests.store.conformance import StoreConformance
from tests.store.rows import NOW_NS, SECOND_NS, numbered, one


def joined(clickhouse: ClickHouse, **settings: object) -> ClickHouseStore:
    """One more satellite's store."""
    target = Server.of(clickhouse.url())
    return ClickHouseStore(Connection(target), clock_seconds=time.monotonic, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pool(clickhouse: ClickHouse) -> Iterator[tuple[ClickHouseStore, ClickHouseStore]]:
    """Two stores, whose tests do not wait for more to come."""
    patched = pytest.MonkeyPatch()
    patched.setattr(engine, "GATHER_SECONDS", 0.0)
    one, two = joined(clickhouse, host="one"), joined(clickhouse, host="two")
    yield one, two
    one.close()
    two.close()
    patched.undo()


@pytest.fixture
def both(pool: tuple[ClickHouseStore, ClickHouseStore]) -> tuple[ClickHouseStore, ClickHouseStore]:
    """Two stores on empty tables."""
    for store in pool:
        store._errand(store._projects.known.clear)
        store._errand(store._projects._unsettled.clear)
    for table in TABLES:
        pool[0].connection.run(f"TRUNCATE TABLE {table}")
    return pool


class TestPool(StoreConformance):
    """The suite, on one of two."""

    many_spans = 70_000 if WHOLE else 2_100
    writes_each = 25 if WHOLE else 3

    @pytest.fixture
    def store(self, both: tuple[ClickHouseStore, ClickHouseStore]) -> ClickHouseStore:
        """An empty engine."""
        return both[0]


def test_what_one_took_the_other_has(both: tuple[ClickHouseStore, ClickHouseStore]) -> None:
    one_store, other = both
    one_store.write("p", bookinfo.batch(range(3)), arrived_ns=NOW_NS)
    mark = other.mark("p")
    assert mark == one_store.mark("p") > 0
    other.write("p", bookinfo.batch(range(3, 12)), arrived_ns=NOW_NS)
    assert one_store.histogram("p", ALL) == other.histogram("p", ALL)
    assert one_store.groups("p", ALL, ["service"]) == other.groups("p", ALL, ["service"])
    assert one_store.count("p", ALL) == 88
    since = one_store.count("p", Plan(since=mark))
    assert since == other.count("p", Plan(since=mark)) == 88 - len(bookinfo.batch(range(3)))
    assert other.newest(["p", "nobody"]) == {"p": other.mark("p")}
    for store in both:
        assert_balanced(store)


def test_a_span_that_comes_again_elsewhere_is_known(both: tuple[ClickHouseStore, ClickHouseStore]) -> None:
    first, second = both
    first.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
    assert fates(second.write("p", bookinfo.batch(), arrived_ns=NOW_NS + SECOND_NS)) == (0, 88, 0, 0)
    changed = bookinfo.batch(range(1)).with_tags({"version": 2})
    assert fates(second.write("p", changed, arrived_ns=NOW_NS + SECOND_NS)) == (0, 0, 6, 0)
    assert fates(first.write("p", changed, arrived_ns=NOW_NS + SECOND_NS)) == (0, 6, 0, 0)
    assert first.count("p", ALL) == second.count("p", ALL) == 88
    assert stats(first).ledger == stats(second).ledger
    assert_balanced(first)


def look(*stores: ClickHouseStore) -> None:
    """At what others took."""
    for store in stores:
        store._errand(partial(_look, store))


def _look(store: ClickHouseStore) -> None:
    store._projects._unsettled["p"] = 0.0  # in the thread that writes: nobody else changes it meanwhile
    store._tend()


@pytest.fixture
def twins(
    both: tuple[ClickHouseStore, ClickHouseStore], monkeypatch: pytest.MonkeyPatch
) -> tuple[ClickHouseStore, ClickHouseStore]:
    """Two that took the same 20 spans beside one they know of, and saw nothing of the other; whose marks are lower is the first. They do not look by themselves."""
    monkeypatch.setattr(projects, "LOOK_SECONDS", 2.0**30)
    for store in both:
        store.write("p", one(span_id=99), arrived_ns=NOW_NS)
    with monkeypatch.context() as blind:
        for store in both:
            home = store._projects.known["p"]
            blind.setattr(store._projects, "looked_at", lambda names, now_ns=None, home=home: {"p": home})
        for store in both:
            assert fates(store.write("p", numbered(20), arrived_ns=NOW_NS)) == (20, 0, 0, 0)
    assert both[0].count("p", ALL) == 41
    lower, higher = sorted(both, key=lambda store: store._projects.known["p"].own)
    return lower, higher


@pytest.fixture
def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """When it is called, twins that are found have been there for so long."""
    return lambda: monkeypatch.setattr(project, "TWIN_SECONDS", -SEATS)


def assert_each_once(store: ClickHouseStore) -> None:
    assert store.count("p", ALL) == 21
    assert stats(store).ledger.dropped == {"duplicate": 21}
    assert_balanced(store)


def test_a_span_taken_by_two_at_the_same_moment_is_one_soon(
    twins: tuple[ClickHouseStore, ClickHouseStore],
) -> None:
    lower, higher = twins
    look(lower, lower, lower)  # the other is slow: it is not dead
    assert lower.count("p", ALL) == 41
    look(higher, lower)
    for store in twins:
        assert_each_once(store)
    for store in twins:  # both know the one that is left
        assert fates(store.write("p", numbered(20), arrived_ns=NOW_NS)) == (0, 20, 0, 0)


@pytest.mark.parametrize("retaken", [False, True])
def test_what_a_satellite_took_too_that_is_gone_goes(
    clickhouse: ClickHouse,
    both: tuple[ClickHouseStore, ClickHouseStore],
    monkeypatch: pytest.MonkeyPatch,
    a_minute_later: Callable[[], None],
    retaken: bool,
) -> None:
    monkeypatch.setattr(projects, "LOOK_SECONDS", 2.0**30)  # the third would let go in the same moment
    first, second = both
    dead = joined(clickhouse)
    first.write("p", one(span_id=99), arrived_ns=NOW_NS)
    with monkeypatch.context() as blind:  # it takes the same, sees nothing of it, and ends
        blind.setattr(
            dead._projects,
            "looked_at",
            lambda names, now_ns=None: {"p": dead._projects._home(unheard_of("p"))},
        )
        assert fates(dead.write("p", one(span_id=99), arrived_ns=NOW_NS)) == (1, 0, 0, 0)
        dead.close()
    with (
        closing(joined(clickhouse)) if retaken else nullcontext()
    ):  # who has its seat then hears nothing of the project
        look(first)
        assert first.count("p", ALL) == 2
        a_minute_later()
        look(second, first)
        assert first.count("p", ALL) == 1
    assert stats(first).ledger.dropped == {"duplicate": 1}
    assert_balanced(second)


def test_twins_are_found_though_all_satellites_took_other_seats(
    twins: tuple[ClickHouseStore, ClickHouseStore], a_minute_later: Callable[[], None]
) -> None:
    for store in twins:
        store._errand(store._projects.take_stock)
    look(*twins)
    assert twins[0].count("p", ALL) == 41
    a_minute_later()
    for store in twins:
        store._errand(store._projects.take_stock)
    look(*twins)
    assert_each_once(twins[0])
    for store in twins:
        assert fates(store.write("p", numbered(20), arrived_ns=NOW_NS)) == (0, 20, 0, 0)


def test_twins_that_nobody_knows_of_are_found_by_who_starts(
    clickhouse: ClickHouse,
    twins: tuple[ClickHouseStore, ClickHouseStore],
    monkeypatch: pytest.MonkeyPatch,
    a_minute_later: Callable[[], None],
) -> None:
    monkeypatch.setattr(projects, "LOOK_SECONDS", 0.0)
    a_minute_later()
    with closing(joined(clickhouse)) as third:  # nothing comes to it
        third._errand(third._tend)
        assert_each_once(third)


def test_who_never_rests_keeps_his_seat(clickhouse: ClickHouse) -> None:
    with closing(joined(clickhouse)) as store:
        seat = store._projects.seat
        assert seat is not None
        store.write("restless", one(span_id=1), arrived_ns=NOW_NS)
        before = seat.number
        seat._heard -= seats.BEAT_SECONDS + 1
        heard = seat._heard
        store.write("restless", one(span_id=2), arrived_ns=NOW_NS)
        assert (seat.number, seat._heard > heard) == (before, True)
        seat._heard -= seats.LEASE_SECONDS
        store.write("restless", one(span_id=3), arrived_ns=NOW_NS)
        assert seat.number != before
        assert store.mark("restless") % SEATS == seat.number
        assert store.count("restless", ALL) == 3


def test_pages_that_began_before_stay_as_they_were(both: tuple[ClickHouseStore, ClickHouseStore]) -> None:
    first, second = both
    first.write("p", numbered(20), arrived_ns=NOW_NS)
    second.write("p", numbered(30).slice(20, 30), arrived_ns=NOW_NS)
    page = first.find("p", ALL, order="-start", limit=20)
    second.write("p", numbered(40).slice(30, 40), arrived_ns=NOW_NS)
    rest = second.find("p", ALL, order="-start", limit=20, cursor=page.next_cursor)
    assert (len(page.spans), len(rest.spans), rest.total) == (20, 10, 30)


def test_emptied_and_dropped_is_so_for_all(both: tuple[ClickHouseStore, ClickHouseStore]) -> None:
    first, second = both
    first.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
    assert second.reset("p") == 88
    assert (first.count("p", ALL), stats(first).ledger.evicted) == (0, 88)
    assert fates(first.write("p", one(), arrived_ns=NOW_NS)) == (1, 0, 0, 0)
    mark = first.mark("p")
    assert first.drop("p")
    assert second.projects() == []
    assert not second.drop("p")
    second.write("p", one(), arrived_ns=NOW_NS)
    assert second.mark("p") > mark
    assert stats(first).ledger.received == 1
    assert len(find(first)) == 1


def test_what_was_not_committed_is_never_seen_and_goes_with_the_seat(
    clickhouse: ClickHouse, both: tuple[ClickHouseStore, ClickHouseStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = both
    third = joined(clickhouse)
    third.write("p", one(span_id=1), arrived_ns=NOW_NS)
    with monkeypatch.context() as failing:
        run = third.connection.run

        def fail(statement: str) -> None:
            if statement.startswith("INSERT INTO commits"):
                raise StoreFailed("no answer")
            run(statement)

        failing.setattr(third.connection, "run", fail)
        with pytest.raises(StoreFailed, match="no answer"):
            third.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
    left = third._projects.seat_number
    third._errand(third._idle)
    assert (third.problem, third._projects.seat_number) != ("no answer", left)
    assert fates(third.write("p", bookinfo.batch(), arrived_ns=NOW_NS)) == (88, 0, 0, 0)
    assert first.count("p", ALL) == 89
    assert_balanced(first)
    rows = first._projects.holdings.count("spans", "1")
    assert rows == 89 + 88
    third.close()
    monkeypatch.setattr(seats.Seat, "_free", lambda seat: (left, True))
    first.connection.run(
        f"INSERT INTO seats (seat, holder, left) SELECT seat, holder, 1 FROM seats WHERE seat = {left}"
    )
    fourth = joined(clickhouse)
    assert fourth._projects.seat_number == left
    assert first._projects.holdings.count("spans", "1") == 89
    fourth.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "http://writer:secret@127.0.0.1:1/satellite",
            "127.0.0.1:1/satellite does not answer: Connection refused",
        ),
        ("http://writer:wr0ng@127.0.0.1:{port}/satellite", "does not take the user or the password"),
        ("http://reader:secret@127.0.0.1:{port}/satellite", "lets this user only read"),
    ],
)
def test_a_server_that_does_not_take_us(
    clickhouse: ClickHouse, both: tuple[ClickHouseStore, ClickHouseStore], url: str, said: str
) -> None:
    with pytest.raises(BadDataDirectory, match=said) as refusal:
        ClickHouseStore(Connection(Server.of(url.format(port=clickhouse.port))), clock_seconds=time.monotonic)
    assert "wr0ng" not in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(502, b"Bad Gateway", r"not ClickHouse \(HTTP 502\)"), (200, b"<html>", "not ClickHouse")],
)
def test_something_else_that_answers_is_called_so(packages: str, status: int, body: bytes, said: str) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(BadDataDirectory, match=said):
                Connection(Server.of(f"http://writer:secret@127.0.0.1:{server.server_port}/satellite"))
        finally:
            server.shutdown()
            thread.join()


def test_tables_that_were_changed_are_found(clickhouse: ClickHouse) -> None:
    target = Server.of(clickhouse.url(database="changed"))
    ClickHouseStore(Connection(target), clock_seconds=time.monotonic).close()
    connection = Connection(target)
    assert schema.faults(connection) == []
    for changed in ("spans DROP COLUMN kind", "commits MODIFY COLUMN name String"):
        connection.run(f"ALTER TABLE {changed} SETTINGS mutations_sync = 1")
    connection.run("DROP TABLE gone SYNC")
    connection.close()
    checked = CliRunner().invoke(app, ["data", "check", clickhouse.url(database="changed")])
    assert checked.exit_code == 1
    for said in ("spans has no column kind", "there is no table gone", "commits.name is String"):
        assert said in str(checked.exception)
    assert "secret" not in str(checked.exception)


def test_tables_are_looked_at_while_satellites_use_them(
    clickhouse: ClickHouse, both: tuple[ClickHouseStore, ClickHouseStore]
) -> None:
    both[0].write("p", bookinfo.batch(), arrived_ns=NOW_NS)
    checked = CliRunner().invoke(app, ["data", "check", clickhouse.url()])
    assert checked.exit_code == 0, checked.output
    assert "p: 88 spans" in checked.output
    assert checked.output.endswith("all is whole\n")


def test_what_satellites_have_in_common(both: tuple[ClickHouseStore, ClickHouseStore]) -> None:
    one_has, other_has = (store.commons for store in both)
    assert one_has is not None
    assert other_has is not None
    check(one_has, other_has)


def test_a_snapshot_and_a_stream_of_one_are_the_other_s(
    both: tuple[ClickHouseStore, ClickHouseStore],
) -> None:
    both[0].write("p", bookinfo.batch(), arrived_ns=NOW_NS)

    def clock_ns() -> int:
        return (bookinfo.START_US + 30_000_000) * 1000

    mine, theirs = (Snapshots(store, clock_ns, commons=store.commons) for store in both)
    gathering, asked = (Streams(store, clock_ns, commons=store.commons) for store in both)
    found = mine.run("p", "", ALL)
    stream = gathering.create("p", "", backfill=True)
    assert both[1].reset("p") == 88
    source, plan = theirs.source("p", found.snapshot.id)
    assert source.find("p", plan, order="-latency", limit=50).spans == found.page.spans
    assert theirs.of("p") == [found.snapshot]
    assert asked.series("p", stream.id).count == 88


def test_small_reports_of_a_while_share_an_insert(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "GATHER_SECONDS", 60.0)
    store = joined(clickhouse)
    inserts: list[int] = []
    insert = store._insert

    def noted(arrivals: Sequence[Arrival]) -> None:
        inserts.append(len(arrivals))
        insert(arrivals)

    monkeypatch.setattr(store, "_insert", noted)
    store.write("shared", one(span_id=1), arrived_ns=NOW_NS)  # nothing came before: at once
    waits = threading.Semaphore(0)
    put = store._inbox.put

    def counted(one: Arrival | Errand) -> None:
        put(one)
        waits.release()

    monkeypatch.setattr(store._inbox, "put", counted)
    with ThreadPoolExecutor(5) as senders:
        waiting = [
            senders.submit(store.write, "shared", one(span_id=2 + i), arrived_ns=NOW_NS) for i in range(5)
        ]
        for _ in range(5):
            waits.acquire()
        store.reset("nobody")  # an errand does not wait
        assert sum(future.result().stored for future in waiting) == 5
    assert inserts == [1, 5]
    store.close()
