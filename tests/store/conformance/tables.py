"""Histograms, groups and suggestions."""

from __future__ import annotations

import pytest

from satellite.model.spans import Status
from satellite.query.plan import ALL
from satellite.store import DISTINCT_MAX, Store, Suggestion
from tests import bookinfo
from tests.store.asking import ids, tag
from tests.store.rows import NOW_NS, OTHER_REPORTER, Row, batch_of, one, tagged, write_bookinfo


class Tables:
    # Histogram and groups

    def test_histogram_edges(self, store: Store) -> None:
        """Durations at the very edges of buckets, in ns: (duration, bucket)."""
        cases = [
            (-(10**15), 0),
            (-1, 0),
            (0, 0),
            (999, 0),
            (1_000, 0),
            (1_999, 0),
            (2_000, 6),
            (9_999, 19),
            (10_000, 20),
            (99_999, 39),
            (100_000, 40),
            (999_999_999, 119),
            (1_000_000_000, 120),
            (4_466_000, 72),
            (4_467_000, 73),
            (10**18, 300),
            (10**18 - 1, 299),
            (2**63 - 1, 319),
        ]
        rows: list[Row] = [{"span_id": i + 1, "duration_ns": ns} for i, (ns, _) in enumerate(cases)]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        expected: dict[int, int] = {}
        for _, index in cases:
            expected[index] = expected.get(index, 0) + 1
        histogram = store.histogram("p", ALL)
        assert {bucket.index: bucket.count for bucket in histogram.buckets} == expected
        for bucket in histogram.buckets:
            assert bucket.from_us == pytest.approx(10 ** (bucket.index / 20), rel=1e-9)
            assert bucket.to_us == pytest.approx(10 ** ((bucket.index + 1) / 20), rel=1e-9)

    @pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 100, 999, 1000, 1001])
    def test_percentiles_are_nearest_ranks(self, store: Store, count: int) -> None:
        rows: list[Row] = [
            {
                "span_id": i,
                "duration_ns": i * 1000 + i % 1000,
                "status": Status.ERROR if i % 3 == 0 else Status.OK,
            }
            for i in range(count, 0, -1)
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        thousandths = {"p50": 500, "p95": 950, "p99": 990, "p99.9": 999}
        expected = {name: -(-part * count // 1000) for name, part in thousandths.items()}
        histogram = store.histogram("p", ALL)
        assert histogram.percentiles == expected
        assert histogram.errors == sum(bucket.errors for bucket in histogram.buckets) == count // 3
        (group,) = store.groups("p", ALL, ["service"]).groups
        assert (group.p50_us, group.p95_us, group.p99_us) == tuple(list(expected.values())[:3])
        assert group.sum_us == count * (count + 1) // 2
        assert group.avg_latency_us == pytest.approx((count + 1) / 2)
        assert group.errors == count // 3
        assert group.error_ratio == pytest.approx((count // 3) / count)
        assert group.exemplar_span_ids == [f"{i:016x}" for i in range(count, max(count - 5, 0), -1)]

    def test_groups_by_several_keys(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1, "duration_ns": 5_000, "tags": [("tag", "a")]},
            {"span_id": 2, "duration_ns": 7_000, "tags": [("tag", "a")], "trace_low": 2},
            {"span_id": 3, "duration_ns": 6_000, "tags": [("tag", "b")]},
            {"span_id": 4, "duration_ns": 6_000, "tags": [("tag", 1)], "reporter": OTHER_REPORTER},
            {"span_id": 5, "duration_ns": 90_000},
            {"span_id": 6, "duration_ns": 9_000, "tags": [("tag", "")]},
        ]
        for row in rows:
            store.write("p", one(**row), arrived_ns=NOW_NS)
        found = store.groups("p", ALL, ["service", "tag"]).groups
        assert [(group.values, group.count, group.sum_us, group.traces) for group in found] == [
            (["shop", ""], 1, 9, 1),
            (["bank", "1"], 1, 6, 1),
            (["shop", "a"], 2, 12, 2),
            (["shop", "b"], 1, 6, 1),
            (["shop", None], 1, 90, 1),
        ]
        assert [
            group.values for group in store.groups("p", tag("tag", "a"), ["tag", "operation"]).groups
        ] == [["a", "buy"]]

    def test_exemplars_are_the_slowest(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": i + 1, "duration_ns": duration, "start_ns": start}
            for i, (duration, start) in enumerate([(1, 0), (9, 0), (9, 5), (3, 0), (9, 0), (2, 0), (8, 0)])
        ]
        for row in rows:
            store.write("p", one(**row), arrived_ns=NOW_NS)
        (group,) = store.groups("p", ALL, ["operation"]).groups
        assert [int(span_id, 16) for span_id in group.exemplar_span_ids] == [3, 2, 5, 7, 4]

    # Suggestions

    def test_suggestions(self, store: Store) -> None:
        write_bookinfo(store, 5)
        assert store.suggest("p", "service", ALL) == [
            Suggestion(bookinfo.PRODUCTPAGE, 36),
            Suggestion(bookinfo.REVIEWS, 20, errors=1),
            Suggestion(bookinfo.DETAILS, 12),
            Suggestion(bookinfo.GATEWAY, 12),
            Suggestion(bookinfo.RATINGS, 8, errors=1),
        ]
        assert store.suggest("p", "service", ALL, text="PAGE") == [Suggestion(bookinfo.PRODUCTPAGE, 36)]
        assert store.suggest("p", "service", ALL, limit=2) == [
            Suggestion(bookinfo.PRODUCTPAGE, 36),
            Suggestion(bookinfo.REVIEWS, 20, errors=1),
        ]
        assert store.suggest("p", "operation", bookinfo.Q1.plan) == [
            Suggestion(bookinfo.DETAILS_CALL, 12),
            Suggestion(bookinfo.PAGE_CALL, 12),
            Suggestion(bookinfo.REVIEWS_CALL, 12),
        ]
        assert store.suggest("p", "key", bookinfo.Q3.plan) == [
            Suggestion("component", 2, errors=2, distinct=1),
            Suggestion("error", 2, errors=2, distinct=1),
            Suggestion("http.method", 2, errors=2, distinct=1),
            Suggestion("http.status_code", 2, errors=2, distinct=1),
            Suggestion("span.kind", 2, errors=2, distinct=2),
            Suggestion("istio.canonical_revision", 1, errors=1, distinct=1),
        ]
        assert store.suggest("p", "key", ALL, text="HTTP") == [
            Suggestion("http.method", 88, errors=2, distinct=1),
            Suggestion("http.status_code", 88, errors=2, distinct=2),
        ]
        assert store.suggest("p", "value", ALL, key="http.status_code") == [
            Suggestion("200", 86),
            Suggestion("500", 2, errors=2),
        ]
        assert store.suggest("p", "value", bookinfo.Q3.plan, key="http.status_code", text="0") == [
            Suggestion("500", 2, errors=2)
        ]
        assert store.suggest("p", "value", ALL, key="nowhere") == []
        assert store.suggest("p", "value", tag("component", "none"), key="span.kind") == []

    def test_distinct_values_are_counted_so_far(self, store: Store) -> None:
        """As texts, lists by their elements; of a key that a span repeats the last value."""
        lists = [[str(a), str(b)] for a in range(25) for b in range(25)]
        for i in range(0, 625, 25):
            rows: list[Row] = [
                {
                    "span_id": 1 + i + k,
                    "tags": [
                        ("many", i + k),
                        ("few", i % 7),
                        ("alike", [1, "1", 1.0][(i + k) % 3]),
                        ("list", lists[i + k]),
                        ("again", f"first {k}"),
                        ("again", "last"),
                    ],
                    "status": Status.UNSET if k else Status.ERROR,
                }
                for k in range(25)
            ]
            store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        found = {each.value: each for each in store.suggest("p", "key", ALL)}
        assert {key: each.distinct for key, each in found.items()} == {
            "many": DISTINCT_MAX,
            "few": 7,
            "alike": 1,
            "list": 25,
            "again": 1,
        }
        assert {each.errors for each in found.values()} == {25}
        assert {each.distinct for each in store.suggest("p", "value", ALL, key="few")} == {None}
        one = {each.value: each.distinct for each in store.suggest("p", "key", tag("many", "3", "4"))}
        assert one == {"many": 2, "few": 1, "alike": 1, "list": 3, "again": 1}

    def test_suggestions_look_for_plain_text_letter_case_aside(self, store: Store) -> None:
        texts = ["ÄRGER", "ärgerlich", "a.c", "abc", "50%", "(x", "Ящик"]
        store.write("p", tagged(*({"tag": text, text: 1} for text in texts)), arrived_ns=NOW_NS)
        for text, expected in {
            "ärger": ["ÄRGER", "ärgerlich"],
            "ÄRGERL": ["ärgerlich"],
            "A.C": ["a.c"],
            "%": ["50%"],
            "(": ["(x"],
            "ящ": ["Ящик"],
            "_": [],
        }.items():
            for kind in ("key", "value"):
                found = store.suggest("p", kind, ALL, key="tag", text=text)
                assert sorted(name.value for name in found) == sorted(expected)
                assert {name.spans for name in found} <= {1}

    def test_the_parent_tag_and_reporter_attributes_are_not_suggested(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1, "parent_id": 9, "tags": [("parent_span_guid", "9"), ("tag", "x")]},
            {"span_id": 2, "tags": [("parent_span_guid", "9")]},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert store.suggest("p", "key", ALL) == [Suggestion("tag", 1, distinct=1)]
        assert store.suggest("p", "value", ALL, key="host") == []
        assert ids(store, tag("parent_span_guid", "9")) == [1, 2]

    def test_errors_are_found_by_what_they_are(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1, "status": Status.ERROR, "tags": [("error", "True")]},
            {"span_id": 2, "status": Status.ERROR},
            {"span_id": 3, "tags": [("error", False)]},
            {"span_id": 4},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert ids(store, tag("error", "true")) == [1, 2]
        assert ids(store, tag("error", "true", negated=True)) == [3, 4]
        assert ids(store, tag("error", "True")) == [1]
        assert ids(store, tag("error", "false")) == [3]
        assert ids(store, tag("error", "true", "false")) == [1, 2, 3]
