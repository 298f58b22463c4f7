"""Many spans, small and large batches, many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from satellite.model.spans import SpanBatch
from satellite.query.plan import ALL, Field, Plan
from satellite.store import Store, Suggestion
from tests import bookinfo
from tests.store.asking import answers, assert_balanced, find, tag, unmarked, where
from tests.store.rows import NOW_NS, Row, batch_of, mixed, numbered


class Load:
    def test_the_size_of_batches_does_not_matter(self, store: Store) -> None:
        whole = SpanBatch.concat([bookinfo.batch(), mixed(70)])
        store.write("large", whole, arrived_ns=NOW_NS)
        for i in range(len(whole)):
            store.write("tiny", whole.slice(i, i + 1), arrived_ns=NOW_NS + i)
        for i in range(0, len(whole), 60):
            store.write("middling", whole.slice(i, min(i + 60, len(whole))), arrived_ns=NOW_NS + i)
        for plan in (
            ALL,
            bookinfo.Q4.plan,
            tag("tag", "3", negated=True),
            Plan(where(Field.SERVICE, "shop").terms, oldest_ns=NOW_NS + 50, max_duration_ns=2_000_000),
        ):
            expected = answers(store, "large", plan)
            assert answers(store, "tiny", plan) == expected
            assert answers(store, "middling", plan) == expected
        asked: list[tuple[int | None, int]] = [(None, trace) for trace in (1, 2, bookinfo.trace_low(3))]
        assert unmarked(store.traces("tiny", asked)) == unmarked(store.traces("large", asked))
        assert_balanced(store)

    many_spans = 70_000
    writes_each = 25
    """By each of several threads."""
    """More than a segment of 65,536 holds; a multiple of 70."""

    def test_many_spans(self, store: Store) -> None:
        """In one write and again in several."""
        count = self.many_spans
        large = numbered(count)
        store.write("p", large, arrived_ns=NOW_NS)
        for start in range(0, count, count * 3 // 7):
            store.write(
                "q", large.slice(start, min(start + count * 3 // 7, count)), arrived_ns=NOW_NS + start
            )
        for project in ("p", "q"):
            assert store.count(project, ALL) == count
            assert store.count(project, tag("shard", "3")) == count // 10
            slow = Plan(tag("shard", "3").terms, min_duration_ns=count // 7 * 6_000)
            assert store.count(project, slow) == count // 70
            histogram = store.histogram(project, ALL)
            thousandths = {"p50": 500, "p95": 950, "p99": 990, "p99.9": 999}
            assert histogram.percentiles == {
                name: -(-part * count // 1000) - 1 for name, part in thousandths.items()
            }
            assert sum(bucket.count for bucket in histogram.buckets) == count
            page = store.find(project, tag("shard", "9"), order="-latency", limit=3)
            assert [span.duration_us for span in page.spans] == [count - 1, count - 11, count - 21]
            assert page.total == count // 10
            first = store.find(project, tag("shard", "9"), order="arrival", limit=2)
            second = store.find(
                project, tag("shard", "9"), order="arrival", limit=2, cursor=first.next_cursor
            )
            assert [span.duration_us for span in first.spans + second.spans] == [9, 19, 29, 39]
            traces = store.traces(project, [(None, i // 7 + 1) for i in (0, 65_536 % count, count - 1)])
            for trace, start in zip(traces, (0, 65_536 % count // 7 * 7, count - 7), strict=True):
                assert [span.duration_us for span in trace] == list(range(start, start + 7))
            groups = store.groups(project, ALL, ["shard"]).groups
            assert [(group.values, group.count) for group in groups] == [
                ([str(shard)], count // 10) for shard in range(9, -1, -1)
            ]
            assert groups[0].traces == count // 10
            assert store.suggest(project, "value", ALL, key="shard", limit=1) == [
                Suggestion("0", count // 10)
            ]
        for start in (0, 65_530 % count, count - 10):
            written = store.write("p", large.slice(start, start + 10), arrived_ns=NOW_NS)
            assert (written.stored, written.duplicates) == (0, 10)
        assert_balanced(store)

    def test_readers_see_whole_batches(self, store: Store) -> None:
        size, writers, writes = 10, 3, self.writes_each

        def write(writer: int) -> None:
            for i in range(writes):
                rows: list[Row] = [
                    {"trace_low": writer + 1, "span_id": i * size + n + 1, "tags": [("n", n)]}
                    for n in range(size)
                ]
                written = store.write("p", batch_of(rows), arrived_ns=NOW_NS)
                assert written.stored == size
                assert store.count("p", where(Field.TRACE_ID, str(writer + 1))) == (i + 1) * size

        with ThreadPoolExecutor(writers) as pool:
            running = [pool.submit(write, writer) for writer in range(writers)]
            seen = 0
            while not all(future.done() for future in running):
                mark = store.mark("p")
                count = store.count("p", ALL)
                assert count % size == 0
                assert count >= seen
                assert store.count("p", Plan(until=mark)) <= count
                assert store.histogram("p", tag("n", "0", "9")).count % 2 == 0
                assert sum(group.count for group in store.groups("p", ALL, ["n"]).groups) % size == 0
                assert store.find("p", ALL, order="-latency", limit=3).total % size == 0
                assert sum(len(trace) for trace in store.traces("p", [(None, 1)])) % size == 0
                seen = count
            for future in running:
                future.result()
        assert store.count("p", ALL) == size * writers * writes
        marks = [span.mark for span in find(store)]
        assert marks == sorted(set(marks))
        assert_balanced(store)
