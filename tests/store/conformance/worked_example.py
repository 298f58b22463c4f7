"""The worked example (explorer.md §15), and spans that come back as they were sent."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from satellite.model.spans import Kind, Marks, Status, encode_log, encode_reference
from satellite.query.plan import ALL, Plan
from satellite.store import Store
from tests import bookinfo
from tests.store.asking import answers, find, tag
from tests.store.rows import NOW_NS, batch_of, one, write_bookinfo


class WorkedExample:
    # The worked example (explorer.md §15)

    @pytest.mark.parametrize("chunk", [12, 5, 1])
    @pytest.mark.parametrize("answer", bookinfo.ANSWERS, ids=lambda answer: answer.name)
    def test_bookinfo_query(self, store: Store, answer: bookinfo.Answer, chunk: int) -> None:
        write_bookinfo(store, chunk)
        histogram = store.histogram("p", answer.plan)
        spans = find(store, answer.plan)
        assert store.count("p", answer.plan) == histogram.count == len(spans) == answer.spans
        assert len({span.trace_id for span in spans}) == answer.traces
        assert histogram.errors == sum(span.error for span in spans) == answer.errors
        expected = {"p50": answer.p50_us, "p95": answer.p95_us, "p99": answer.p99_us}
        given = {name: value for name, value in expected.items() if value is not None}
        assert {name: histogram.percentiles[name] for name in given} == given

    def test_bookinfo_histogram(self, store: Store) -> None:
        write_bookinfo(store)
        histogram = store.histogram("p", bookinfo.Q2.plan)
        assert {bucket.index: bucket.count for bucket in histogram.buckets} == bookinfo.Q2_BUCKETS
        assert [bucket.index for bucket in histogram.buckets] == sorted(bookinfo.Q2_BUCKETS)
        edges = {bucket.index: (round(bucket.from_us), round(bucket.to_us)) for bucket in histogram.buckets}
        assert {index: edges[index] for index in bookinfo.BUCKET_EDGES_US} == bookinfo.BUCKET_EDGES_US
        assert set(histogram.percentiles) == {"p50", "p95", "p99", "p99.9"}

    @pytest.mark.parametrize(
        ("plan", "key", "expected"),
        [
            (bookinfo.Q1.plan, "operation", bookinfo.Q1_BY_OPERATION),
            (ALL, "service", bookinfo.ALL_BY_SERVICE),
            (ALL, "istio.canonical_revision", bookinfo.ALL_BY_REVISION),
        ],
        ids=["operation", "service", "revision"],
    )
    def test_bookinfo_groups(
        self, store: Store, plan: Plan, key: str, expected: Sequence[bookinfo.GroupAnswer]
    ) -> None:
        write_bookinfo(store, 5)
        found = [
            bookinfo.GroupAnswer(
                group.values[0], group.count, round(group.avg_latency_us, 1), round(group.error_ratio, 4)
            )
            for group in store.groups("p", plan, [key]).groups
        ]
        assert found == list(expected)

    def test_bookinfo_trace(self, store: Store) -> None:
        write_bookinfo(store, 5)
        traces = store.traces("p", [(None, bookinfo.trace_low(2)), (None, bookinfo.trace_low(0)), (None, 1)])
        assert [len(trace) for trace in traces] == [8, 6, 0]
        assert [int(span.span_id, 16) & 15 for span in traces[0]] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert traces[0][4].span_id == "0000000b00c00025"

    # Spans come back as they were sent

    def test_a_span_comes_back_whole(self, store: Store) -> None:
        batch = one(
            trace_high=0xAB,
            trace_low=2**64 - 1,
            span_id=2**63 + 5,
            parent_id=2**63 + 1,
            operation="покупка ☃ 𝄞",
            start_ns=NOW_NS + 1_234_567,
            duration_ns=-1_500,
            kind=Kind.SERVER,
            status=Status.ERROR,
            marks=Marks.NEGATIVE_DURATION | Marks.OFFSET_APPLIED,
            tags=[
                ("ключ", "värde"),
                ("n", 500),
                ("f", 0.5),
                ("b", True),
                ("raw", b"\x00\xff"),
                ("none", None),
            ],
            logs=[encode_log(NOW_NS, [("event", "x")])],
            references=[encode_reference(follows=True, trace_high=0, trace_low=77, span_id=78)],
            extra={"offset_us": 3},
        )
        store.write("p", batch, arrived_ns=NOW_NS)
        (span,) = find(store)
        assert span == batch.spans(first_mark=span.mark)[0]
        assert (span.trace_id, span.span_id) == ("00000000000000abffffffffffffffff", "8000000000000005")
        assert span.duration_us == -2
        assert span.mark == store.mark("p")

    def test_empty_batch(self, store: Store) -> None:
        written = store.write("p", batch_of([]), arrived_ns=NOW_NS)
        assert (written.mark, written.stored, written.duplicates) == (0, 0, 0)
        assert answers(store, "p", ALL)["count"] == 0

    def test_a_slice_is_written_without_the_rest(self, store: Store) -> None:
        whole = bookinfo.batch()
        store.write("p", whole.slice(8, 20), arrived_ns=NOW_NS)
        assert [msgspec.structs.replace(span, mark=0) for span in find(store)] == [
            msgspec.structs.replace(span, mark=0) for span in whole.spans(range(8, 20))
        ]
        assert {found.spans for found in store.suggest("p", "key", ALL) if found.value == "component"} == {12}

    def test_an_unknown_project_is_empty(self, store: Store) -> None:
        asked = answers(store, "nobody", tag("a", "b"))
        assert asked["count"] == 0
        assert asked["funnel"] == [0, 0]
        assert asked["histogram"] == {
            "buckets": [],
            "percentiles": {},
            "count": 0,
            "errors": 0,
            "traces": 0,
            "oldest_us": None,
            "newest_us": None,
        }
        assert all(
            answer == {"groups": [], "total": 0}
            for question, answer in asked.items()
            if question.startswith("gro")
        )
        assert not any(answer for question, answer in asked.items() if question.startswith(("find", "sug")))
        assert store.traces("nobody", [(None, 1), (0, 1)]) == [[], []]
        assert store.mark("nobody") == 0
        assert store.reset("nobody") == 0
        assert store.drop("nobody") is False
        assert "nobody" not in {found.project for found in store.projects()}
