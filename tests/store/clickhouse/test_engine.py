"""The engine over ClickHouse: the suite, the oracle's answers, and what it promises beyond them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satellite.errors import StoreFailed, TookTooLong
from satellite.model.span import TagValue
from satellite.model.spans import SpanBatch
from satellite.query.limit import limited
from satellite.query.plan import ALL, Plan
from satellite.store.clickhouse import columns, shelves, suggestions
from satellite.store.clickhouse.columns import batch_of as batch_of_rows
from satellite.store.clickhouse.columns import table_of
from satellite.store.clickhouse.engine import ClickHouseStore
from satellite.store.clickhouse.explained import statement_of
from tests import bookinfo
from tests.store.asking import answers, assert_balanced, fates, find, matches, stats, tag, unmarked
from tests.store.clickhouse.conftest import WHOLE, emptied
from tests.store.conformance import StoreConformance
from tests.store.naive import NaiveStore
from tests.store.rows import NOW_NS, mixed, numbered
from tests.store.strategies import TRACES, Question, Step, play, questions, steps


class TestClickHouse(StoreConformance):
    """The suite."""

    many_spans = 70_000 if WHOLE else 2_100
    writes_each = 25 if WHOLE else 3

    @pytest.fixture
    def store(self, store: ClickHouseStore) -> ClickHouseStore:
        """An empty engine."""
        return store


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "25")) if WHOLE else 2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not WHOLE,
)
@given(steps, st.lists(questions, min_size=1, max_size=4))
def test_answers_are_the_oracle_s(
    opened: ClickHouseStore, history: list[Step], asked: list[Question]
) -> None:
    assert_answers_of_the_oracle(opened, history, asked)


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "25")) if WHOLE else 3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not WHOLE,
)
@given(steps, st.lists(questions, min_size=1, max_size=4))
def test_so_are_those_about_values_that_few_spans_have(
    opened: ClickHouseStore, history: list[Step], asked: list[Question]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(columns, "RARE_FROM_SPANS", 1)
        patched.setattr(columns, "RARE_FROM_VALUES", 1)
        assert_answers_of_the_oracle(opened, history, asked)


def assert_answers_of_the_oracle(opened: ClickHouseStore, history: list[Step], asked: list[Question]) -> None:
    oracle = NaiveStore()
    expected_marks = play(oracle, "p", history)
    emptied(opened)
    marks = play(opened, "p", history)
    for question in [Question(ALL, None, None), *asked]:
        expected = answers(oracle, "p", question.for_marks(expected_marks))
        assert answers(opened, "p", question.for_marks(marks)) == expected
    ids: list[tuple[int | None, int]] = [(high, low) for low in TRACES for high in (None, 0, 7)]
    assert unmarked(opened.traces("p", ids)) == unmarked(oracle.traces("p", ids))
    assert [found.ledger for found in opened.projects()] == [found.ledger for found in oracle.projects()]
    assert_balanced(opened)


def test_rows_of_the_table_are_the_spans(packages: str) -> None:
    whole = SpanBatch.concat([bookinfo.batch(), mixed(130)])
    table = table_of(7, whole, 5 + np.arange(len(whole)), np.zeros(len(whole), np.int64))
    assert table["mark"].to_pylist() == [*range(5, 5 + len(whole))]
    assert batch_of_rows(table).spans() == whole.spans()


def test_values_of_a_key_that_has_few_are_rare_only_where_keys_are_many(packages: str) -> None:
    def rare(keys: int) -> int:
        parts = [
            span.with_tags({f"k{i % keys}": f"v{i}"})
            for i, span in ((i, numbered(600).slice(i, i + 1)) for i in range(600))
        ]
        table = table_of(7, SpanBatch.concat(parts), np.arange(600), np.zeros(600, np.int64))
        return sum(map(len, table["rare_keys"].to_pylist()))

    assert rare(60) == 0
    assert rare(600) >= 600


# Versions that were replaced, seen from pages that began before


def test_a_version_replaced_meanwhile_is_still_on_the_pages_that_began_before(store: ClickHouseStore) -> None:
    store.write("p", numbered(30), arrived_ns=NOW_NS)
    first = store.find("p", ALL, order="arrival", limit=20)
    batches = store.batches("p", ALL)
    changed = numbered(30).slice(25, 26).with_tags({"version": 2})
    assert fates(store.write("p", changed, arrived_ns=NOW_NS)) == (0, 0, 1, 0)
    second = store.find("p", ALL, order="arrival", limit=20, cursor=first.next_cursor)
    assert [len(first.spans), len(second.spans), second.total] == [20, 10, 30]
    assert [len(batch) for batch in batches] == [30]
    assert store.count("p", tag("version", "2")) == 1
    assert store.count("p", ALL) == 30


# Values that hardly any span has


@pytest.mark.parametrize("rare_from_spans", [1, 2**62])
def test_values_of_keys_are_counted_wherever_they_are(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch, rare_from_spans: int
) -> None:
    monkeypatch.setattr(columns, "RARE_FROM_SPANS", rare_from_spans)
    monkeypatch.setattr(columns, "RARE_FROM_VALUES", 1)
    spans, oracle = numbered(150), NaiveStore()
    parts = []
    for i in range(150):
        tags: dict[str, TagValue] = {
            "id": f"i{i}",
            "few": f"f{i % 90}",
            "some rare": "often" if i % 3 else f"r{i}",
            "list": ["a", f"e{i % 7}"] if i % 2 else "[]",
            "k" * 127: i % 2,
            "k" * 128: i % 3,
            "k" * 16_383: i % 4,
            "k" * 16_384: i % 5,
        }
        parts.append(spans.slice(i, i + 1).with_tags(tags))
    oracle.write("p", SpanBatch.concat(parts), arrived_ns=NOW_NS)
    store.write("p", SpanBatch.concat(parts), arrived_ns=NOW_NS)
    assert store.suggest("p", "key", ALL) == oracle.suggest("p", "key", ALL)
    asked = tag("k" * 127, "1")
    assert store.suggest("p", "key", asked) == oracle.suggest("p", "key", asked)
    for entries_max in (60, 200):
        monkeypatch.setattr(suggestions, "_ENTRIES_MAX", entries_max)
        assert store.suggest("p", "key", ALL) == oracle.suggest("p", "key", ALL)


@pytest.mark.parametrize("rare_from_values", [1, 2])
def test_a_value_of_one_span_is_found_without_reading_others(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch, rare_from_values: int
) -> None:
    monkeypatch.setattr(columns, "RARE_FROM_VALUES", rare_from_values)
    for i in range(3):
        spans = numbered(3_000).slice(i * 1_000, i * 1_000 + 1_000)
        with_id = spans.slice(7, 8).with_tags({"id": f"only {i}"})
        store.write(
            "p", SpanBatch.concat([spans.slice(0, 7), with_id, spans.slice(8, 1_000)]), arrived_ns=NOW_NS
        )
    asked = tag("id", "only 1")
    assert store.histogram("p", asked).count == 1
    statement = statement_of(lambda questions: questions.histogram("p", asked))
    explained = store.connection.ask(f"EXPLAIN indexes = 1 {statement}")["explain"].to_pylist()
    read = [line.split()[-1] for line in map(bytes.decode, explained) if "Granules:" in line]
    assert read[0] == "1", "\n".join(map(bytes.decode, explained))


def test_a_rare_value_is_kept_once_and_found_in_every_way(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "RARE_FROM_VALUES", 6)
    texts = ["x" * length for length in (0, 1, 127, 128, 16_383, 16_384)]
    spans = numbered(200)
    with_id = [spans.slice(i, i + 1).with_tags({"id": text}) for i, text in enumerate(texts)]
    store.write("p", SpanBatch.concat([*with_id, spans.slice(len(texts), 200)]), arrived_ns=NOW_NS)
    (left,) = store.connection.ask(
        "SELECT countIf(has(rare_keys, 'id')) AS rare, countIf(arrayExists(a -> startsWith(a, '\\n\\x02id'), answers)) AS others FROM spans"
    ).to_pylist()
    assert left == {"rare": len(texts), "others": 0}
    groups = store.groups("p", ALL, ["id"], order="values").groups
    expected: list[tuple[str | None, int]] = [*((text, 1) for text in texts), (None, 194)]
    assert [(group.values[0], group.count) for group in groups] == expected
    for text in texts:
        assert store.count("p", tag("id", text)) == 1
    assert store.count("p", matches("id", "x*")) == store.count("p", tag("id", *texts)) == len(texts)
    assert store.count("p", matches("id", "x{2,200}", "y")) == 2
    assert store.count("p", tag("id", texts[2], negated=True)) == 199
    assert store.count("p", tag("id", "y")) == 0


# Values on shelves


def test_keys_on_one_shelf_are_told_apart(store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "SHELVES", 1)
    keys = ["a", "", '"', "\\", 'k"a', "k%22a", "%", ":", ":x", ",", "}{", "=", "=a", "a\xfe", 'a":"=b']
    texts = [
        "",
        '"',
        'x"',
        "\\",
        '\\"',
        '"a":"=b',
        '\xff"a":"=b"',
        "\\u0041",
        "%22",
        "\n",
        "\0",
        "=",
        "é",
        "b",
    ]
    spans, oracle = numbered(200), NaiveStore()
    parts = []
    for i in range(200):
        tags: dict[str, TagValue] = {
            key: texts[(i * (place + 1)) % len(texts)]
            for place, key in enumerate(keys)
            if (i >> place % 7) % 3
        }
        parts.append(spans.slice(i, i + 1).with_tags(tags))
    for one in (oracle, store):
        one.write("p", SpanBatch.concat(parts), arrived_ns=NOW_NS)
    for key in keys:
        assert store.groups("p", ALL, [key]) == oracle.groups("p", ALL, [key]), key
    assert store.groups("p", ALL, keys[:3]) == oracle.groups("p", ALL, keys[:3])
    assert store.suggest("p", "key", ALL) == oracle.suggest("p", "key", ALL)


@pytest.mark.parametrize("looked_up_max", [0, 10**6])
def test_each_row_has_its_texts_and_each_text_is_made_once(
    monkeypatch: pytest.MonkeyPatch, looked_up_max: int
) -> None:
    monkeypatch.setattr(shelves, "_LOOKED_UP_MAX", looked_up_max)
    texts = pa.array([b"a", b"b", b"ab", b""], pa.binary())
    rows, codes = np.array([1, 1, 2, 4, 4, 5, 6, 6]), np.array([0, 1, 2, 0, 1, 3, 1, 0])
    found = shelves.joined(rows, codes, texts, 8)
    assert found.to_pylist() == [b"", b"ab", b"ab", b"", b"ab", b"", b"ba", b""]
    assert sorted(found.dictionary.to_pylist()) == [b"", b"ab", b"ba"]


def test_a_key_whose_values_are_few_is_grouped_without_its_tags(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = numbered(2_000)
    once = spans.slice(7, 8).with_tags({"code": "503"})
    often = [spans.slice(0, 7), once, spans.slice(8, 2_000)]
    store.write("p", SpanBatch.concat(often), arrived_ns=NOW_NS)
    asked: list[str] = []
    ask = store.connection.ask

    def listening(statement: str) -> pa.Table:
        asked.append(statement)
        return ask(statement)

    monkeypatch.setattr(store.connection, "ask", listening)
    found = store.groups("p", ALL, ["code"], order="values").groups
    assert [(group.values, group.count) for group in found] == [(["503"], 1), ([None], 1_999)]
    assert not [statement for statement in asked if "tags" in statement or "answers" in statement]


def test_a_pattern_is_looked_for_on_a_shelf_alone_where_spans_have_no_lists_and_logs(
    store: ClickHouseStore,
) -> None:
    asked = matches("code", "5..")
    statement = statement_of(lambda questions: questions.histogram("p", asked))

    def reads_answers() -> bool:
        lines = store.connection.ask(f"EXPLAIN actions = 1 {statement}")["explain"].to_pylist()
        explained = b"\n".join(lines)
        assert b"shelf_" in explained
        return b"answers" in explained

    store.write("p", numbered(100).with_tags({"code": "503"}), arrived_ns=NOW_NS)
    assert store.histogram("p", asked).count == 100
    assert not reads_answers()
    store.write("p", numbered(101).slice(100, 101).with_tags({"code": ["a", "504"]}), arrived_ns=NOW_NS)
    assert store.histogram("p", asked).count == 101
    assert reads_answers()


# When ClickHouse does not


def test_a_failed_insert_keeps_nothing_and_the_next_one_everything(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("p", bookinfo.batch(range(1)), arrived_ns=NOW_NS)
    before = stats(store).ledger
    insert, run = store.connection.insert, store.connection.run

    def fail(statement: str) -> None:
        if statement.startswith("INSERT INTO commits"):
            raise StoreFailed("no room")
        run(statement)

    monkeypatch.setattr(store.connection, "run", fail)  # the spans are in the table by then
    with pytest.raises(StoreFailed, match="no room"):
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
    assert store.problem == "no room"
    assert (stats(store).ledger, store.count("p", ALL)) == (before, 6)
    monkeypatch.setattr(store.connection, "run", run)
    assert fates(store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)) == (82, 6, 0, 0)
    assert store.problem == ""
    assert len(find(store)) == 88
    assert_balanced(store)
    assert insert == store.connection.insert


def test_while_the_disk_is_full_nothing_is_kept_and_then_all_goes_on(store: ClickHouseStore) -> None:
    store.write("p", bookinfo.batch(range(1)), arrived_ns=NOW_NS)
    before = stats(store).ledger
    for table in ("spans", "commits"):  # it says what it says on a full disk: that so much is not free
        store.connection.run(
            f"ALTER TABLE {table} MODIFY SETTING min_free_disk_bytes_to_perform_insert = {2**62}"
        )
    with pytest.raises(StoreFailed, match="no room left on its disk"):
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
    store._errand(store._idle)
    assert store.problem == "ClickHouse has no room left on its disk"
    assert (stats(store).ledger, store.count("p", ALL)) == (before, 6)
    for table in ("spans", "commits"):
        store.connection.run(f"ALTER TABLE {table} RESET SETTING min_free_disk_bytes_to_perform_insert")
    store._errand(store._idle)
    assert store.problem == ""
    assert fates(store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)) == (82, 6, 0, 0)
    assert_balanced(store)


@pytest.fixture
def stuck(store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Event, Event]]:
    """(that an insert began, that it may go on): the next ones of spans take so long."""
    began, go_on = Event(), Event()
    insert = store.connection.insert

    def late(table: str, rows: pa.Table) -> None:
        began.set()
        go_on.wait()
        insert(table, rows)

    monkeypatch.setattr(store.connection, "insert", late)
    yield began, go_on
    go_on.set()


def test_who_waits_for_a_stuck_clickhouse_is_told_to_try_later(
    store: ClickHouseStore, stuck: tuple[Event, Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = stuck
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(store.write, "p", bookinfo.batch(range(1)), arrived_ns=NOW_NS)
        began.wait()
        with monkeypatch.context() as patched:
            patched.setattr(store, "patience_seconds", -1.0)  # it began, so it takes too long
            assert store.problem == "ClickHouse does not answer"
            with pytest.raises(StoreFailed, match="ClickHouse does not answer"):
                store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        go_on.set()
        assert first.result().stored == 6
    assert fates(store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)) == (82, 6, 0, 0)
    assert store.problem == ""
    assert_balanced(store)


def test_what_waits_for_a_stuck_clickhouse_too_long_is_withdrawn(
    store: ClickHouseStore, stuck: tuple[Event, Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = stuck
    monkeypatch.setattr(store, "_clock_seconds", lambda: 0.0)  # nothing takes too long, but for who waits
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(store.write, "p", bookinfo.batch(range(1)), arrived_ns=NOW_NS)
        began.wait()
        with monkeypatch.context() as patched:
            patched.setattr(store, "patience_seconds", 0.01)
            with pytest.raises(StoreFailed, match="ClickHouse does not answer"):
                store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        go_on.set()
        assert first.result().stored == 6
    store._errand(lambda: None)
    assert store.count("p", ALL) == stats(store).ledger.received == 6
    assert_balanced(store)


def test_a_question_has_its_time(store: ClickHouseStore) -> None:
    store.write("p", numbered(20_000), arrived_ns=NOW_NS)
    with limited(0.0, lambda: 0.0), pytest.raises(TookTooLong):
        store.groups("p", matches("shard", ".*[0-9].*" * 50), ["shard", "host", "service"])


def test_what_is_explained_can_be_asked(store: ClickHouseStore) -> None:
    store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
    plan = Plan(matches("http.status_code", "5.*").terms, min_duration_ns=5)
    statement = statement_of(lambda asked: asked.count("p", plan))
    assert store.connection.ask(statement)["spans"].to_pylist() == [2]
