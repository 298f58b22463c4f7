"""Which spans a plan means: its terms and bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from satellite.model.reporter import Reporter
from satellite.model.span import TagValue
from satellite.model.spans import encode_log
from satellite.pb import satellite_model_pb2 as pb
from satellite.query.plan import ALL, Field, Plan, Term
from satellite.store import Store, Suggestion
from tests.store.asking import find, ids, matches, tag, where
from tests.store.rows import NOW_NS, OTHER_REPORTER, Row, batch_of, tagged, write_bookinfo


class Matching:
    # Terms

    @pytest.mark.parametrize(
        ("plan", "expected"),
        [
            (where(Field.SERVICE, "shop"), [1, 3]),
            (where(Field.SERVICE, "Shop"), []),
            (where(Field.SERVICE, "shop", negated=True), [2]),
            (where(Field.SERVICE, "bank", "shop"), [1, 2, 3]),
            (where(Field.OPERATION, "buy/*"), [1]),
            (where(Field.OPERATION, "buy/*", negated=True), [2, 3]),
            (where(Field.TRACER_ID, "f00d"), [1, 3]),
            (where(Field.TRACER_ID, "fffffffffffffffe"), [2]),
            (Plan((Term(Field.SERVICE, "service", patterns=("b.*", "x")),)), [2]),
            (Plan((Term(Field.OPERATION, "operation", patterns=("buy.*",)),)), [1, 2]),
            (Plan((Term(Field.OPERATION, "operation", patterns=("buy.",), negated=True),)), [1, 3]),
        ],
    )
    def test_service_operation_and_tracer(self, store: Store, plan: Plan, expected: list[int]) -> None:
        rows: list[Row] = [
            {"span_id": 1, "operation": "buy/*"},
            {"span_id": 2, "operation": "buy2", "reporter": OTHER_REPORTER},
            {"span_id": 3, "operation": "продать"},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert ids(store, plan) == expected

    @pytest.mark.parametrize(
        "text",
        [
            *("500", "-7", "0", "true", "false", "0.5", "", "AP8=", '["a",1]', '{"k":true}'),
            *("NaN", "Infinity", "-Infinity"),
        ],
    )
    def test_a_value_matches_by_its_text_whatever_its_type(self, store: Store, text: str) -> None:
        values: dict[str, list[TagValue]] = {
            "500": ["500", 500, 500.0],
            "-7": ["-7", -7, -7.0],
            "0": ["0", 0, 0.0, -0.0],
            "true": ["true", True],
            "false": ["false", False],
            "0.5": ["0.5", 0.5],
            "": ["", None],
            "AP8=": ["AP8=", b"\x00\xff"],
            '["a",1]': ['["a",1]', ["a", 1]],
            '{"k":true}': ['{"k":true}', {"k": True}],
            "NaN": ["NaN", float("nan"), float("-nan")],
            "Infinity": ["Infinity", float("inf")],
            "-Infinity": ["-Infinity", float("-inf")],
        }
        everything = [value for group in values.values() for value in group]
        store.write("p", tagged(*({"tag": value} for value in everything), {"gat": text}), arrived_ns=NOW_NS)
        expected = [
            i + 1 for i, value in enumerate(everything) if any(value is same for same in values[text])
        ]
        rest = [i for i in range(1, len(everything) + 2) if i not in expected]
        assert ids(store, tag("tag", text)) == expected
        assert ids(store, tag("tag", text, "no such value")) == expected
        assert ids(store, tag("tag", text, negated=True)) == rest
        groups = {group.values[0]: group.count for group in store.groups("p", ALL, ["tag"]).groups}
        assert groups == {same: len(group) for same, group in values.items()} | {None: 1}
        as_list = sum(isinstance(everything[i - 1], list) for i in expected)  # shown by its elements
        assert Suggestion(text, len(expected) - as_list) in store.suggest("p", "value", ALL, key="tag")

    def test_a_list_is_found_by_its_elements(self, store: Store) -> None:
        """In tags, in attributes of the reporter, which stand in for a tag only, and in what is suggested."""
        blue = Reporter("otlp", "shop", 1, (("tags", ["blue", "x"]), ("n", [7, 0.5, True, None])))
        rows: list[Row] = [
            {"tags": [("tags", ["blue", "sale", "sale"])]},
            {"tags": [("tags", "sale")]},
            {"tags": [("tags", {"sale": "sale"})]},
            {"tags": [("tags", [["sale"], "big sale"])]},
            {"reporter": blue},
            {"reporter": blue, "tags": [("tags", [])]},
        ]
        store.write(
            "p", batch_of([{**row, "span_id": i} for i, row in enumerate(rows, 1)]), arrived_ns=NOW_NS
        )
        assert ids(store, tag("tags", "sale")) == [1, 2]
        assert ids(store, tag("tags", "sale", negated=True)) == [3, 4, 5, 6]
        assert ids(store, tag("tags", '["sale"]')) == [4]
        assert ids(store, tag("tags", '["blue","sale","sale"]', "[]")) == [1, 6]
        assert ids(store, tag("tags", "blue")) == [1, 5]
        assert ids(store, matches("tags", "s.*", "b..e")) == [1, 2, 5]
        assert ids(store, matches("tags", "big .*", negated=True)) == [1, 2, 3, 5, 6]
        assert [ids(store, tag("n", text)) for text in ("7", "0.5", "true", "", "8")] == [[5, 6]] * 4 + [[]]
        shown = {each.value: each.spans for each in store.suggest("p", "value", ALL, key="tags")}
        assert shown == {"blue": 1, "sale": 2, '{"sale":"sale"}': 1, '["sale"]': 1, "big sale": 1, "[]": 1}

    def test_logs_are_asked_by_a_prefix(self, store: Store) -> None:
        """`log:` before the field's name; an event's name is its field `event`, unless it has such a field."""
        thrown = encode_log(NOW_NS, [("type", "OutOfStock"), ("n", 7), ("of", ["a", "b"])], "exception")
        odd = thrown + pb.Log(fields=[b"\x12\x01v\x0a\x01k"], dropped_count=300).SerializeToString()
        rows: list[Row] = [
            {"logs": [encode_log(NOW_NS, [("event", "start")]), thrown]},
            {"logs": [thrown, encode_log(NOW_NS, [("type", "T"), ("type", "Ä" * 200)])]},
            {"tags": [("log:type", "OutOfStock"), ("type", "T")]},
            {"tags": [("exception", "OutOfStock")]},
            {"logs": [encode_log(NOW_NS, [("event", "end")], "exception"), b"\xff", b""]},
            {"logs": [odd, odd]},
        ]
        store.write(
            "p", batch_of([{**row, "span_id": i} for i, row in enumerate(rows, 1)]), arrived_ns=NOW_NS
        )
        assert ids(store, tag("log:type", "OutOfStock")) == [1, 2, 3, 6]
        assert ids(store, tag("log:type", "OutOfStock", negated=True)) == [4, 5]
        assert ids(store, tag("log:type", "T")) == []  # the last of a repeated field counts
        assert ids(store, matches("log:type", "Ä+")) == [2]
        assert ids(store, tag("log:event", "exception")) == [1, 2, 6]
        assert ids(store, tag("log:event", "end", "start")) == [1, 5]
        assert ids(store, tag("log:n", "7")) == ids(store, tag("log:of", "a")) == [1, 2, 6]
        assert ids(store, tag("log:k", "v")) == [6]
        assert ids(store, matches("log:satellite.malformed_log", ".*")) == [5]
        assert ids(store, tag("type", "OutOfStock")) == []
        values = {each.value: each.spans for each in store.suggest("p", "value", ALL, key="log:type")}
        assert values == {"OutOfStock": 4, "Ä" * 200: 1}
        of = {each.value: each.spans for each in store.suggest("p", "value", ALL, key="log:of")}
        assert of == {"a": 3, "b": 3}
        keys = {each.value: each.spans for each in store.suggest("p", "key", ALL, text="log:")}
        assert keys == {
            "log:type": 4,
            "log:event": 4,
            "log:n": 3,
            "log:of": 3,
            "log:k": 1,
            "log:satellite.malformed_log": 1,
        }
        assert not any(each.value == "log:n" for each in store.suggest("p", "key", ALL))

    def test_values_are_exact(self, store: Store) -> None:
        texts = ["GET", "get", "GET ", "GETS", "GE", "ġet", "x\ny", "5e2", "0500", "500.0"]
        store.write("p", tagged(*({"tag": text} for text in texts)), arrived_ns=NOW_NS)
        for i, text in enumerate(texts):
            assert ids(store, tag("tag", text)) == [i + 1]
        assert ids(store, tag("tag", "500", "G.*", "*")) == []

    def test_keys_are_exact(self, store: Store) -> None:
        keys = ["a", "ab", "A", "a.b", "ключ", "k" * 127, "k" * 128, "k" * 300, ""]
        store.write("p", tagged(*({key: "1"} for key in keys)), arrived_ns=NOW_NS)
        for i, key in enumerate(keys):
            assert ids(store, tag(key, "1")) == [i + 1]

    def test_long_values(self, store: Store) -> None:
        texts = ["x" * length for length in (126, 127, 128, 129, 16383, 16384, 100_000)]
        store.write("p", tagged(*({"tag": text} for text in texts)), arrived_ns=NOW_NS)
        for i, text in enumerate(texts):
            assert ids(store, tag("tag", text)) == [i + 1]
        assert ids(store, matches("tag", "x{128}", "x{127}")) == [2, 3]
        assert {found.value for found in store.suggest("p", "value", ALL, key="tag")} == set(texts)

    def test_whole_numbers_beyond_a_float(self, store: Store) -> None:
        numbers = [2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64]
        store.write("p", tagged(*({"tag": number} for number in numbers)), arrived_ns=NOW_NS)
        for i, number in enumerate(numbers):
            assert ids(store, tag("tag", str(number))) == [i + 1]

    def test_absent_is_not_empty(self, store: Store) -> None:
        store.write("p", tagged({"tag": ""}, {"tag": None}, {"other": "x"}), arrived_ns=NOW_NS)
        assert ids(store, tag("tag", "")) == [1, 2]
        assert ids(store, tag("tag", "", negated=True)) == [3]
        assert ids(store, tag("tag", "x", negated=True)) == [1, 2, 3]
        assert ids(store, matches("tag", ".*")) == [1, 2]
        assert ids(store, matches("tag", ".*", negated=True)) == [3]
        assert ids(store, tag("nowhere", "", negated=True)) == [1, 2, 3]

    def test_patterns_match_the_whole_value(self, store: Store) -> None:
        texts: list[TagValue] = ["GET", "GETS", "forGET", "get", "GET\n", 500, 50, "a|b", True]
        store.write("p", tagged(*({"tag": text} for text in texts)), arrived_ns=NOW_NS)
        assert ids(store, matches("tag", "GET")) == [1]
        assert ids(store, matches("tag", "GET|get")) == [1, 4]
        assert ids(store, matches("tag", "GE", "T")) == []
        assert ids(store, matches("tag", ".*GET.*")) == [1, 2, 3]
        assert ids(store, matches("tag", "(?s).*GET.*")) == [1, 2, 3, 5]
        assert ids(store, matches("tag", "(?i)get")) == [1, 4]
        assert ids(store, matches("tag", "5..", "[ab]|t.*")) == [6, 9]
        assert ids(store, matches("tag", r"a\|b", "5.")) == [7, 8]
        assert ids(store, matches("tag", "5..", negated=True)) == [1, 2, 3, 4, 5, 7, 8, 9]

    def test_the_last_of_a_repeated_key_counts(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1, "tags": [("tag", "a"), ("other", "x"), ("tag", "b")]},
            {"span_id": 2, "tags": [("tag", "b"), ("tag", "a")]},
            {"span_id": 3, "tags": [("tag", "a"), ("tag", "a")]},
            {"span_id": 4, "tags": [("tag", "c"), ("tag", 5), ("tag", "5")]},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert ids(store, tag("tag", "a")) == [2, 3]
        assert ids(store, tag("tag", "b")) == [1]
        assert ids(store, tag("tag", "c")) == []
        assert ids(store, tag("tag", "a", negated=True)) == [1, 4]
        assert ids(store, matches("tag", "[ac]")) == [2, 3]
        assert find(store, tag("tag", "b"))[0].tags == {"tag": "b", "other": "x"}
        assert {group.values[0]: group.count for group in store.groups("p", ALL, ["tag"]).groups} == {
            "a": 2,
            "b": 1,
            "5": 1,
        }
        assert store.suggest("p", "value", ALL, key="tag") == [
            Suggestion("a", 2),
            Suggestion("5", 1),
            Suggestion("b", 1),
        ]
        assert store.suggest("p", "key", ALL) == [
            Suggestion("tag", 4, distinct=3),
            Suggestion("other", 1, distinct=1),
        ]

    def test_reporter_attributes_stand_in_for_tags(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1},
            {"span_id": 2, "tags": [("host", "own")]},
            {"span_id": 3, "reporter": OTHER_REPORTER},
            {"span_id": 4, "tags": [("host", None)]},
            {"span_id": 5, "reporter": Reporter("lightstep", "none")},
            {"span_id": 6, "reporter": Reporter("lightstep", "two", 1, (("host", "h1"), ("host", "h3")))},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert ids(store, tag("host", "h1")) == [1]
        assert ids(store, tag("host", "h1", negated=True)) == [2, 3, 4, 5, 6]
        assert ids(store, tag("host", "own", "h2")) == [2, 3]
        assert ids(store, matches("host", "h.")) == [1, 3, 6]
        assert ids(store, tag("weight", "7")) == [1, 2, 4]
        assert {group.values[0]: group.count for group in store.groups("p", ALL, ["host"]).groups} == {
            "h1": 1,
            "own": 1,
            "h2": 1,
            "": 1,
            None: 1,
            "h3": 1,
        }

    def test_ids(self, store: Store) -> None:
        rows: list[Row] = [
            {"trace_low": 2**63 + 1, "span_id": 2**64 - 1},
            {"trace_low": 2**63 + 1, "span_id": 2, "trace_high": 0xABC},
            {"trace_low": 5, "span_id": 3, "trace_high": 2**64 - 1},
            {"trace_low": 5, "span_id": 4},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        most = 2**64 - 1
        assert ids(store, where(Field.SPAN_ID, "ffffffffffffffff", "2")) == [most, 2]
        assert ids(store, where(Field.SPAN_ID, "2", negated=True)) == [most, 3, 4]
        assert ids(store, where(Field.SPAN_ID, "no id")) == []
        assert ids(store, where(Field.TRACE_ID, "8000000000000001")) == [most, 2]
        assert ids(store, where(Field.TRACE_ID, "5", negated=True)) == [most, 2]
        assert ids(store, where(Field.TRACE_ID, "no id", negated=True)) == [most, 2, 3, 4]

    def test_trace_ids_of_128_bits(self, store: Store) -> None:
        """An upper half that one side lacks does not count; the tag that keeps a cut id does (explorer.md §4.4)."""
        full = "abc8000000000000001"
        rows: list[Row] = [
            {"span_id": 1, "trace_low": 2**63 + 1, "trace_high": 0xABC},
            {"span_id": 2, "trace_low": 2**63 + 1, "trace_high": 0xABD},
            {"span_id": 3, "trace_low": 2**63 + 1},
            {"span_id": 4, "trace_low": 9, "tags": [("otlp.trace_id", full.zfill(32).upper())]},
            {"span_id": 5, "trace_low": 9, "trace_high": 0xABC},
            {"span_id": 6, "trace_low": 9, "tags": [("otel.trace_id", full.zfill(32))]},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert ids(store, where(Field.TRACE_ID, full)) == [1, 3, 4, 6]
        assert ids(store, where(Field.TRACE_ID, full, negated=True)) == [2, 5]
        assert ids(store, where(Field.TRACE_ID, "8000000000000001")) == [1, 2, 3]
        assert ids(store, tag("otlp.trace_id", full.zfill(32).upper())) == [4]

    def test_terms_are_all_needed_and_funnel_counts_them(self, store: Store) -> None:
        spans = tagged({"a": 1}, {"a": 1, "b": 2}, {"b": 2}, {"a": 1, "b": 2, "c": 3})
        first = store.write("p", spans.slice(0, 1), arrived_ns=NOW_NS)
        store.write("p", spans.slice(1, 4), arrived_ns=NOW_NS)
        plan = Plan(tag("a", "1").terms + tag("b", "2").terms + tag("c", "3", negated=True).terms)
        assert ids(store, plan) == [2]
        assert store.funnel("p", plan) == [4, 3, 2, 1]
        assert store.funnel("p", replace(plan, since=first.mark)) == [3, 2, 2, 1]
        assert store.funnel("p", ALL) == [4]

    # Bounds

    def test_bounds(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": i + 1, "start_ns": NOW_NS + i, "duration_ns": i - 2} for i in range(6)
        ]  # durations: -2, -1, 0, 1, 2, 3 ns
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert ids(store, Plan(oldest_ns=NOW_NS + 2)) == [3, 4, 5, 6]
        assert ids(store, Plan(youngest_ns=NOW_NS + 2)) == [1, 2]
        assert ids(store, Plan(oldest_ns=NOW_NS + 2, youngest_ns=NOW_NS + 3)) == [3]
        assert ids(store, Plan(oldest_ns=NOW_NS + 3, youngest_ns=NOW_NS + 3)) == []
        assert ids(store, Plan(min_duration_ns=0)) == [3, 4, 5, 6]
        assert ids(store, Plan(max_duration_ns=0)) == [1, 2]
        assert ids(store, Plan(min_duration_ns=-1, max_duration_ns=2)) == [2, 3, 4]
        assert ids(store, Plan(oldest_ns=NOW_NS + 10)) == []
        assert ids(store, Plan(youngest_ns=NOW_NS)) == []
        histogram = store.histogram("p", Plan(min_duration_ns=2, oldest_ns=NOW_NS + 5))
        assert histogram.count == 1

    def test_marks_bound(self, store: Store) -> None:
        marks = [0]
        for first in (1, 4, 7):
            rows: list[Row] = [{"span_id": first + i} for i in range(3)]
            written = store.write("p", batch_of(rows), arrived_ns=NOW_NS)
            assert written.mark == store.mark("p") > marks[-1]
            marks.append(written.mark)
        assert ids(store, Plan(since=marks[1])) == [4, 5, 6, 7, 8, 9]
        assert ids(store, Plan(until=marks[1])) == [1, 2, 3]
        assert ids(store, Plan(since=marks[1], until=marks[2])) == [4, 5, 6]
        assert ids(store, Plan(since=marks[3])) == []
        assert ids(store, Plan(until=0)) == []
        assert store.count("p", Plan(since=marks[3] - 1)) == 1
        assert store.count("p", Plan(since=marks[3] + 100)) == 0
        assert store.count("p", Plan(until=marks[3] + 100)) == 9
        assert store.histogram("p", Plan(since=marks[2])).count == 3
        assert store.suggest("p", "service", Plan(until=marks[2])) == [Suggestion("shop", 6)]

    def test_marks_grow_with_arrival(self, store: Store) -> None:
        write_bookinfo(store, 5)
        marks = [span.mark for span in find(store)]
        assert marks == sorted(set(marks))
        assert marks[-1] == store.mark("p")
        for mark in (marks[0], marks[40], marks[-1]):
            assert [span.mark for span in find(store, Plan(since=mark))] == [m for m in marks if m > mark]
            assert [span.mark for span in find(store, Plan(until=mark))] == [m for m in marks if m <= mark]
