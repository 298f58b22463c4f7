"""What every engine must answer; an engine's test file subclasses StoreConformance and gives the `store` fixture.

Where the contract in `satellite/store/__init__.py` leaves room, this is what it means (ours):

* Orders, each with its ties: `-latency` is duration descending, start descending, span id ascending, mark ascending;
  `latency` is duration ascending, start ascending, span id, mark; `-start` is start descending, duration descending,
  span id, mark; `start` is start ascending, duration ascending, span id, mark; `arrival` is the mark, `-arrival` the mark from the last on. Times compare
  in ns, span ids as unsigned numbers. A trace is by start, then span id, then mark.
* A cursor pins the mark of its first page: what arrives later is on no later page and in no later total.
* What a repeat, a version and a part are `satellite/store/identity.py` says. Two arrivals of one identity are the same
  when all else is too, to the ns, types and order of tags included. A replaced version is gone from every answer; the
  version in its place has a mark of its own, as just arrived; so has a span that took up a part.
* A batch is worked through in order, as if each of its spans came alone.
* Statistics (percentiles, sums, means) are of whole µs, rounded down, as `Span.duration_us` shows them.
* Suggested keys and values are those of the spans' own tags, `parent_span_guid` aside; reporter attributes match in
  queries and group spans, but are not suggested. A span counts once per name.
* Traces of a group are counted by the lower halves of their ids. Its exemplars stand in the order `-latency`.
* Groups with a None come last, by mean latency descending among themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypedDict, Unpack, get_args

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from satellite.errors import BadRequest
from satellite.model.reporter import Reporter
from satellite.model.span import Span, TagValue
from satellite.model.spans import (
    SCHEMA,
    Kind,
    Marks,
    SpanBatch,
    SpanBuilder,
    Status,
    encode_log,
    encode_reference,
)
from satellite.model.tags import encode_tag
from satellite.pb import satellite_model_pb2 as pb
from satellite.query.plan import ALL, Field, Plan, Term
from satellite.store import DISTINCT_MAX, ByValue, GroupOrder, Order, ProjectStats, Store, Suggestion, Written
from satellite.store.assembled import Assembled
from tests import bookinfo

SECOND_NS = 1_000_000_000
NOW_NS = bookinfo.START_US * 1000
ORDERS: tuple[Order | ByValue, ...] = (
    *("-latency", "latency", "-start", "start", "arrival", "-arrival"),
    *(
        ByValue("http.status_code"),
        ByValue("istio.canonical_revision", descending=True),
        ByValue("operation"),
    ),
)

REPORTER = Reporter("lightstep", "shop", 0xF00D, (("host", "h1"), ("region", "eu"), ("weight", 7)))
OTHER_REPORTER = Reporter("lightstep", "bank", 2**64 - 2, (("host", "h2"),))


class Row(TypedDict, total=False):
    """What SpanBuilder.add takes; all of it has a default here."""

    reporter: Reporter
    operation: str
    trace_low: int
    trace_high: int
    span_id: int
    parent_id: int
    start_ns: int
    duration_ns: int
    kind: Kind
    status: Status
    marks: Marks
    tags: Sequence[tuple[str, TagValue]]
    logs: Sequence[bytes]
    references: Sequence[bytes]
    extra: dict[str, TagValue] | None


def batch_of(rows: Sequence[Row]) -> SpanBatch:
    """These rows; what a row does not say is the same for all."""
    builder = SpanBuilder()
    for row in rows:
        given: Row = {
            "reporter": REPORTER,
            "operation": "buy",
            "trace_low": 1,
            "span_id": 1,
            "start_ns": NOW_NS,
            "duration_ns": 1_000_000,
        }
        builder.add(**(given | row))
    return builder.build()


def one(**row: Unpack[Row]) -> SpanBatch:
    """A batch of one span."""
    return batch_of([row])


def tagged(*tags: dict[str, TagValue]) -> SpanBatch:
    """One span per dictionary of tags, span ids from 1."""
    return batch_of([{"span_id": i + 1, "tags": list(tags[i].items())} for i in range(len(tags))])


def where(field: Field, *values: str, negated: bool = False) -> Plan:
    """One term on something that is no tag."""
    return Plan((Term(field, field.value, values, negated=negated),))


def tag(key: str, *values: str, negated: bool = False) -> Plan:
    """One term on a tag."""
    return Plan((Term(Field.TAG, key, values, negated=negated),))


def matches(key: str, *patterns: str, negated: bool = False) -> Plan:
    """One term of patterns on a tag."""
    return Plan((Term(Field.TAG, key, patterns=patterns, negated=negated),))


def find(
    store: Store, plan: Plan = ALL, order: Order | ByValue = "arrival", project: str = "p"
) -> list[Span]:
    """All matching spans, which are few."""
    page = store.find(project, plan, order=order, limit=1000)
    assert page.total == len(page.spans)
    assert page.next_cursor is None
    return page.spans


def ids(store: Store, plan: Plan = ALL, order: Order | ByValue = "arrival") -> list[int]:
    """The span ids of all matching spans."""
    return [int(span.span_id, 16) for span in find(store, plan, order)]


def stats(store: Store, project: str = "p") -> ProjectStats:
    """One project's line of `projects()`."""
    return {found.project: found for found in store.projects()}[project]


def fates(written: Written) -> tuple[int, int, int, int]:
    """How many rows became new spans, said the same, were other versions, were parts."""
    return written.stored, written.duplicates, written.replaced, written.merged


def assert_balanced(store: Store) -> None:
    """The ledger's equation, and what the ledger and the other answers say of the same thing.

    An engine that merges in the background may let spans go for it, between two answers: it is to be done first.
    """
    if (settle := getattr(store, "settle", None)) is not None:
        settle()
    for found in store.projects():
        ledger = found.ledger
        assert ledger.received == ledger.stored + sum(ledger.dropped.values()) + ledger.evicted
        assert ledger.duplicates == ledger.dropped.get("duplicate", 0)
        assert ledger.stored == found.spans == store.count(found.project, ALL)
        assert found.mark == store.mark(found.project)


def paged(store: Store, project: str, plan: Plan, order: Order | ByValue, limit: int) -> list[Span]:
    """All matching spans, page by page."""
    found: list[Span] = []
    cursor = None
    while True:
        page = store.find(project, plan, order=order, limit=limit, cursor=cursor)
        assert len(page.spans) <= limit
        found += page.spans
        cursor = page.next_cursor
        if cursor is None:
            assert page.total == len(found)
            return found


def answers(store: Store, project: str, plan: Plan) -> dict[str, Any]:
    """The answer to every question about one plan, in a form that is equal for engines that agree.

    Marks are left out (only their order is promised) and floats rounded to 12 digits.
    """
    found: dict[str, Any] = {"count": store.count(project, plan), "funnel": store.funnel(project, plan)}
    by_value = (ByValue("tag"), ByValue("tag", descending=True), ByValue("service"))
    for order in (*ORDERS, *by_value):
        spans = paged(store, project, plan, order, limit=max(7, found["count"] // 6))
        found[f"find {order}"] = [msgspec.structs.replace(span, mark=0) for span in spans]
    found["histogram"] = store.histogram(project, plan)
    for by in (["service"], ["service", "operation"], ["tag"], ["host"], ["service", "tag"]):
        found[f"groups {by}"] = store.groups(project, plan, by)
    for group_order in get_args(GroupOrder):
        some = store.groups(project, plan, ["tag", "operation"], order=group_order, limit=2, offset=1)
        found[f"groups {group_order}"] = some
    for keys in ((), ("tag",), ("service", "tag")):
        steps = store.timeline(
            project, plan, from_ns=NOW_NS - SECOND_NS // 2, step_ns=SECOND_NS // 3, columns=5, by=keys
        )
        found[f"timeline {keys}"] = sorted(steps.items(), key=lambda entry: str(entry[0]))
    for kind in ("service", "operation", "key"):
        found[f"suggest {kind}"] = store.suggest(project, kind, plan)
    for key in ("tag", "host", "http.status_code"):
        found[f"suggest value {key}"] = store.suggest(project, "value", plan, key=key)
    found["suggest like"] = store.suggest(project, "key", plan, text="T", limit=2)
    for most in (2, 3000):
        found[f"assemble {most}"] = assembled_view(store.assemble(project, plan, traces_max=most, seed=7))
    return {question: rounded(msgspec.to_builtins(answer)) for question, answer in found.items()}


def assembled_view(found: Assembled) -> list[Any]:
    """An Assembled as plain values, marks aside; they ascend."""
    assert (np.diff(found.marks) > 0).all()
    spans = unmarked([found.batch.spans()])[0]
    columns = (found.trace.tolist(), found.matched.tolist(), found.weights.tolist())
    return [found.spans, found.errors, found.traces, found.held, list(zip(spans, *columns, strict=True))]


def rounded(answer: Any) -> Any:
    """The same with floats to 12 digits, whatever contains them."""
    match answer:
        case float() if math.isfinite(answer):
            return float(f"{answer:.12g}")
        case list() | tuple():
            return [rounded(part) for part in answer]
        case dict():
            return {key: rounded(part) for key, part in answer.items()}
        case _:
            return answer


class StoreConformance:
    """The suite; a subclass gives `store`, an empty engine."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """An empty engine, closed afterwards."""
        raise NotImplementedError

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
        "text", ["500", "-7", "0", "true", "false", "0.5", "", "AP8=", '["a",1]', '{"k":true}']
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

    # Order and pages

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            ("-latency", [5, 4, 3, 2, 1, 2**63 + 9, 6]),
            ("latency", [6, 1, 2**63 + 9, 2, 3, 4, 5]),
            ("-start", [4, 2, 1, 2**63 + 9, 6, 3, 5]),
            ("start", [5, 3, 6, 1, 2**63 + 9, 2, 4]),
            ("arrival", [2**63 + 9, 6, 5, 4, 3, 2, 1]),
            ("-arrival", [1, 2, 3, 4, 5, 6, 2**63 + 9]),
        ],
    )
    def test_orders_and_their_ties(self, store: Store, order: Order, expected: list[int]) -> None:
        rows: list[Row] = [
            {"span_id": 2**63 + 9, "start_ns": 50, "duration_ns": 1},
            {"span_id": 6, "start_ns": 40, "duration_ns": -8},
            {"span_id": 5, "start_ns": 10, "duration_ns": 2**62},
            {"span_id": 4, "start_ns": 50, "duration_ns": 9},
            {"span_id": 3, "start_ns": 20, "duration_ns": 9},
            {"span_id": 2, "start_ns": 50, "duration_ns": 2},
            {"span_id": 1, "start_ns": 50, "duration_ns": 1},
        ]
        for row in rows:
            store.write("p", one(**row), arrived_ns=NOW_NS)
        assert ids(store, ALL, order) == expected
        both = [int(span.span_id, 16) for span in paged(store, "p", ALL, order, limit=2)]
        assert both == expected

    def test_order_by_value(self, store: Store) -> None:
        numbers = ["-3", "-0.5", "0.25", "7", "40", "1234567890123456"]
        texts = ["", "+5", "12345678901234567", "1e3", "7 apples", "Ä", "é", "\U0001f600"]
        # Of two texts the first COMPARED characters count: these three are one value, the slowest first.
        long = ["x" * 256 + end for end in ("c", "a", "b")]
        wanted: list[Row] = [
            {"tags": [] if value is None else [("k", value)], "duration_ns": 1000 - i}
            for i, value in enumerate([*numbers, *texts[:5], *long, *texts[5:], None, None])
        ]
        rows = [row | Row(span_id=i + 1) for i, row in enumerate(wanted)]
        for row in [*rows[1::2], *rows[::2]]:
            store.write("p", one(**row), arrived_ns=NOW_NS)
        ascending = [*range(1, len(rows) + 1)]
        assert ids(store, ALL, ByValue("k")) == ascending
        long_ids = [12, 13, 14]
        descending = [17, 16, 15, *long_ids, *range(11, 0, -1), 18, 19]
        assert ids(store, ALL, ByValue("k", descending=True)) == descending
        for order, expected in ((ByValue("k"), ascending), (ByValue("k", descending=True), descending)):
            for limit in (1, 2, 7):
                both = [int(span.span_id, 16) for span in paged(store, "p", ALL, order, limit)]
                assert both == expected

    def test_an_order_by_value_has_cursors_of_its_own(self, store: Store) -> None:
        store.write("p", tagged({"k": "a"}, {"k": "b"}), arrived_ns=NOW_NS)
        cursor = store.find("p", ALL, order=ByValue("k"), limit=1).next_cursor
        others: tuple[Order | ByValue, ...] = ("-latency", ByValue("k", descending=True), ByValue("other"))
        for order in others:
            with pytest.raises(BadRequest):
                store.find("p", ALL, order=order, limit=1, cursor=cursor)
        assert store.find("nobody", ALL, order=ByValue("k"), limit=1).spans == []

    @pytest.mark.parametrize("order", ORDERS)
    def test_the_mark_decides_what_is_left(self, store: Store, order: Order | ByValue) -> None:
        arrived = [7, 3, 9, 1, 2**63]
        for trace in arrived:
            store.write("p", one(trace_low=trace), arrived_ns=NOW_NS)
        expected = arrived[::-1] if order == "-arrival" else arrived
        assert [int(span.trace_id, 16) for span in find(store, ALL, order)] == expected
        assert [int(span.trace_id, 16) for span in paged(store, "p", ALL, order, 1)] == expected

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("limit", [1, 12, 35, 36, 1000])
    def test_pages_make_the_whole(self, store: Store, order: Order | ByValue, limit: int) -> None:
        write_bookinfo(store, 5)
        plan = bookinfo.Q1.plan
        assert paged(store, "p", plan, order, limit) == find(store, plan, order)

    @pytest.mark.parametrize("order", ORDERS)
    def test_later_arrivals_are_on_no_page(self, store: Store, order: Order | ByValue) -> None:
        write_bookinfo(store, 12)
        whole = find(store, ALL, order)
        first = store.find("p", ALL, order=order, limit=30)
        extreme: list[Row] = [
            {"span_id": i + 1, "start_ns": NOW_NS + sign * 10**15, "duration_ns": sign * 10**15}
            for i, sign in enumerate((-1, 1))
        ]
        store.write("p", batch_of(extreme), arrived_ns=NOW_NS)
        second = store.find("p", ALL, order=order, limit=30, cursor=first.next_cursor)
        store.write("p", one(span_id=3), arrived_ns=NOW_NS)
        third = store.find("p", ALL, order=order, limit=30, cursor=second.next_cursor)
        assert first.spans + second.spans + third.spans == whole
        assert third.next_cursor is None
        assert [page.total for page in (first, second, third)] == [88, 88, 88]
        assert first.mark == second.mark == third.mark < store.mark("p")

    @pytest.mark.parametrize("cursor", ["nonsense", "AAAA", "{}", "☃", "1", "-1:-1"])
    def test_a_cursor_of_somebody_else(self, store: Store, cursor: str) -> None:
        store.write("p", one(), arrived_ns=NOW_NS)
        with pytest.raises(BadRequest):
            store.find("p", ALL, order="-latency", limit=10, cursor=cursor)

    # Traces

    def test_batches_hold_the_matches_whole(self, store: Store) -> None:
        write_bookinfo(store, 5)
        for plan in (ALL, tag("http.status_code", "500"), tag("no", "such")):
            batches = store.batches("p", plan)
            write_bookinfo(store, 1)  # of one moment, however often one goes through them
            assert [len(batch) for batch in batches] == [len(batches[i]) for i in range(len(batches))]
            found = [span for batch in batches for span in batch.spans()]
            page = store.find("p", plan, order="arrival", limit=1000).spans
            assert [msgspec.structs.replace(span, mark=0) for span in found] == [
                msgspec.structs.replace(span, mark=0) for span in page
            ]
        assert list(store.batches("unheard of", ALL)) == []

    def test_meta_events_count_only_where_they_are_asked_for(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1},
            {"span_id": 2, "marks": Marks.META_EVENT, "tags": [("lightstep.meta_event", True)]},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert ids(store) == [1]
        assert ids(store, tag("lightstep.meta_event", "true")) == [2]
        assert store.funnel("p", tag("lightstep.meta_event", "true")) == [2, 1]
        assert store.histogram("p", ALL).count == 1
        assert len(store.traces("p", [(None, 1)])[0]) == 2
        assert stats(store).ledger.stored == 2

    def test_traces(self, store: Store) -> None:
        rows: list[Row] = [
            {"trace_low": 1, "span_id": 4, "start_ns": 20},
            {"trace_low": 2**63, "span_id": 1, "start_ns": 0, "trace_high": 7},
            {"trace_low": 1, "span_id": 3, "start_ns": 20},
            {"trace_low": 1, "span_id": 2**63, "start_ns": 10, "trace_high": 7},
            {"trace_low": 1, "span_id": 1, "start_ns": 30, "trace_high": 8},
        ]
        for row in rows:
            store.write("p", one(**row), arrived_ns=NOW_NS)
        asked: list[tuple[int | None, int]] = [
            (None, 1),
            (7, 1),
            (0, 1),
            (9, 1),
            (None, 2**63),
            (None, 2),
            (None, 1),
        ]
        found = [[int(span.span_id, 16) for span in trace] for trace in store.traces("p", asked)]
        assert found == [[2**63, 3, 4, 1], [2**63], [3, 4], [], [1], [], [2**63, 3, 4, 1]]
        assert store.traces("p", []) == []

    # Assembled traces

    def test_assembled_traces_are_whole(self, store: Store) -> None:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        found = store.assemble("p", bookinfo.Q3.plan, traces_max=3000)
        assert (found.spans, found.errors, found.traces, found.held) == (2, 2, 1, 1)
        assert len(found.batch) == 8
        assert found.matched.tolist() == [False] * 6 + [True] * 2
        assert found.weights.tolist() == [1.0] * 8
        nothing = store.assemble("p", tag("no", "such"), traces_max=3000)
        assert (nothing.spans, nothing.traces, nothing.held, len(nothing.batch)) == (0, 0, 0, 0)
        assert store.assemble("nobody", ALL, traces_max=3000).spans == 0

    def test_of_too_many_traces_errors_and_every_latency_stay(self, store: Store) -> None:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        found = store.assemble("p", bookinfo.Q2.plan, traces_max=6)
        assert (found.spans, found.traces, found.held) == (12, 12, 6)
        latencies = found.batch.column("duration_ns")[found.matched] // 1000
        assert {905_300, 805_300, 15_300, 8_300} <= set(latencies.tolist())
        assert found.weights[found.matched].sum() == pytest.approx(12)
        again = store.assemble("p", bookinfo.Q2.plan, traces_max=6)
        assert found.marks.tolist() == again.marks.tolist()
        errors = store.assemble("p", ALL, traces_max=1)
        assert errors.batch.column("trace_low")[0] == bookinfo.trace_low(8)

    def test_both_widths_of_a_trace_id_are_one_trace(self, store: Store) -> None:
        rows: list[Row] = [{"trace_high": high, "span_id": i + 1} for i, high in enumerate((7, 0, 9))]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert store.assemble("p", ALL, traces_max=3000).trace.tolist() == [0, 0, 1]
        batch, marks = store.trace_batch("p", [(7, 1), (0, 1)])
        assert batch.column("span_id").tolist() == [1, 2]
        assert len(marks) == 2

    def test_traces_are_told_apart_by_their_whole_ids(self, store: Store) -> None:
        """A span without an upper half belongs to the trace with its lower half."""

        def write(project: str, *highs: int, at_once: bool = True) -> None:
            rows: list[Row] = [{"trace_high": high, "span_id": i + 1} for i, high in enumerate(highs)]
            for part in [rows] if at_once else [[row] for row in rows]:
                store.write(project, batch_of(part), arrived_ns=NOW_NS)

        for at_once in (True, False):
            for highs, traces in {
                (0, 0): 1,
                (7, 0): 1,
                (0, 2**64 - 1): 1,
                (7, 7): 1,
                (7, 9): 2,
                (9, 0, 7): 2,
                (7, 9, 0, 2**64 - 1, 9): 3,
            }.items():
                project = f"{highs} {at_once}"
                write(project, *highs, at_once=at_once)
                assert store.histogram(project, ALL).traces == traces
                assert [group.traces for group in store.groups(project, ALL, ["service"]).groups] == [traces]
                found = store.assemble(project, ALL, traces_max=3000)
                assert (found.traces, found.held) == (traces, traces)
                assert len(found.batch) == len(highs)
                again = store.over(project, found)
                assert again.histogram(project, ALL).traces == traces

    def test_groups_have_traces_of_their_own(self, store: Store) -> None:
        for i, (operation, high) in enumerate((("a", 7), ("a", 9), ("b", 9), ("b", 0), ("c", 0))):
            row: Row = {"operation": operation, "trace_high": high, "span_id": i + 1}
            store.write("p", batch_of([row]), arrived_ns=NOW_NS)
        found = store.groups("p", ALL, ["operation"], order="values").groups
        assert [group.traces for group in found] == [2, 1, 1]
        assert store.histogram("p", ALL).traces == 2

    def test_a_trace_with_the_same_lower_half_is_not_assembled(self, store: Store) -> None:
        for i, (operation, high) in enumerate((("a", 7), ("b", 9), ("b", 7), ("a", 11))):
            row: Row = {"operation": operation, "trace_high": high, "span_id": i + 1}
            store.write("p", batch_of([row]), arrived_ns=NOW_NS)
        found = store.assemble("p", where(Field.OPERATION, "a"), traces_max=3000)
        assert found.batch.column("span_id").tolist() == [1, 3, 4]
        assert (found.trace.tolist(), found.traces) == ([0, 0, 1], 2)
        fewer = store.assemble("p", where(Field.OPERATION, "a"), traces_max=1)
        assert fewer.batch.column("span_id").tolist() == [1, 3]
        assert (fewer.traces, fewer.held, fewer.weights.tolist()) == (2, 1, [2.0, 2.0])

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
        for i in range(0, 625, 5):
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
                for k in range(5)
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
        assert {each.errors for each in found.values()} == {125}
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

    # Duplicates

    @pytest.mark.parametrize("between", [0, 1, 40])
    def test_the_same_again_is_left_out(self, store: Store, between: int) -> None:
        first = store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        assert (first.stored, first.duplicates) == (88, 0)
        for i in range(between):
            store.write("p", one(span_id=i + 1), arrived_ns=NOW_NS)
        mark = store.mark("p")
        again = store.write("p", bookinfo.batch(), arrived_ns=NOW_NS + SECOND_NS)
        assert (again.stored, again.duplicates) == (0, 88)
        assert again.mark == store.mark("p") >= mark
        assert store.count("p", Plan(since=mark)) == 0
        assert store.count("p", ALL) == 88 + between
        assert stats(store).ledger.dropped == {"duplicate": 88}
        assert stats(store).ledger.received == 176 + between
        assert_balanced(store)

    @pytest.mark.parametrize("between", [0, 1, 40])
    def test_another_version_takes_the_place(self, store: Store, between: int) -> None:
        store.write("p", one(span_id=99, tags=[("v", 1)]), arrived_ns=NOW_NS)
        for i in range(between):
            store.write("p", one(span_id=i + 1), arrived_ns=NOW_NS)
        mark = store.mark("p")
        row: Row = {"span_id": 99, "tags": [("v", 2)], "duration_ns": 5_000, "operation": "sell"}
        written = store.write("p", one(**row), arrived_ns=NOW_NS)
        assert fates(written) == (0, 0, 1, 0)
        assert store.mark("p") > mark
        assert ids(store) == [*range(1, between + 1), 99]
        assert ids(store, Plan(since=mark)) == [99]
        assert store.count("p", tag("v", "1")) == 0
        assert store.count("p", tag("v", "2")) == 1
        assert store.suggest("p", "value", ALL, key="v") == [Suggestion("2", 1)]
        assert Suggestion("sell", 1) in store.suggest("p", "operation", ALL)
        assert len(store.traces("p", [(None, 1)])[0]) == between + 1
        assert store.histogram("p", tag("v", "2")).percentiles["p50"] == 5
        assert stats(store).ledger.dropped == {"replaced": 1}
        assert_balanced(store)

    def test_duplicates_within_a_batch(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1},
            {"span_id": 2, "tags": [("v", 1)]},
            {"span_id": 1},
            {"span_id": 3},
            {"span_id": 2, "tags": [("v", 2)]},
            {"span_id": 2, "tags": [("v", 3)]},
        ]
        written = store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert fates(written) == (3, 1, 2, 0)
        assert sorted(ids(store)) == [1, 2, 3]
        assert ids(store)[-1] == 2
        assert [span.tags for span in find(store, where(Field.SPAN_ID, "2"))] == [{"v": 3}]
        assert stats(store).ledger.dropped == {"duplicate": 1, "replaced": 2}
        assert_balanced(store)

    @pytest.mark.parametrize(
        "change",
        [
            {"operation": "other"},
            {"duration_ns": 1_000_001},
            {"parent_id": 3},
            {"kind": Kind.CLIENT},
            {"status": Status.ERROR},
            {"tags": [("a", 1), ("b", 3)]},
            {"tags": [("a", 1)]},
            {"tags": [("a", "1"), ("b", 2)]},
            {"logs": [encode_log(NOW_NS + 1, [("event", "x")])]},
            {"references": [encode_reference(follows=False, trace_high=0, trace_low=1, span_id=9)]},
            {"extra": {"state": "y"}},
            {"marks": Marks.BAD_UTF8},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_whatever_differs_makes_another_version(self, store: Store, change: Row) -> None:
        row: Row = {
            "tags": [("a", 1), ("b", 2)],
            "logs": [encode_log(NOW_NS, [("event", "x")])],
            "references": [encode_reference(follows=False, trace_high=0, trace_low=1, span_id=8)],
            "extra": {"state": "x"},
        }
        store.write("p", batch_of([{"span_id": 7}, row]), arrived_ns=NOW_NS)
        mark = store.mark("p")
        store.write("p", batch_of([{"span_id": 8}, row]), arrived_ns=NOW_NS)
        assert ids(store, Plan(since=mark)) == [8]
        mark = store.mark("p")
        changed = one(**(row | change))
        written = store.write("p", changed, arrived_ns=NOW_NS)
        assert fates(written) == (0, 0, 1, 0)
        (kept,) = find(store, Plan(since=mark))
        assert kept == changed.spans(first_mark=kept.mark)[0]
        assert store.count("p", ALL) == 3

    @pytest.mark.parametrize(
        "change",
        [
            {"trace_high": 4},
            {"trace_low": 2},
            {"trace_low": 0, "trace_high": 1},
            {"span_id": 8},
            {"marks": Marks.SHARED},
            {"reporter": OTHER_REPORTER},
            {"reporter": Reporter("lightstep", "shop", 0xF00E, REPORTER.attributes)},
            {"reporter": Reporter("lightstep", "shop", 0xF00D, (("host", "h2"), *REPORTER.attributes[1:]))},
            {"start_ns": NOW_NS + 1},
            {"trace_low": 1 ^ Marks.SHARED},
        ],
        ids=str,
    )
    def test_what_differs_in_its_identity_is_another_span(self, store: Store, change: Row) -> None:
        row: Row = {"span_id": 7, "tags": [("status", "503")]}
        both = batch_of([row, row | change, row | change | {"trace_high": 9, "trace_low": 0}, row])
        assert fates(store.write("p", both, arrived_ns=NOW_NS)) == (3, 1, 0, 0)
        assert fates(store.write("p", both, arrived_ns=NOW_NS)) == (0, 4, 0, 0)
        for each in (row, row | change):
            assert fates(store.write("q", one(**each), arrived_ns=NOW_NS)) == (1, 0, 0, 0)
        for project, kept in (("p", 3), ("q", 2)):
            assert len(find(store, project=project)) == kept
        assert_balanced(store)

    @pytest.mark.parametrize(
        "change",
        [
            {"reporter": Reporter("lightstep", "shop", 0xF00D, REPORTER.attributes[::-1])},
            {"reporter": Reporter("otlp", "shop", 0xF00D, REPORTER.attributes, {"schema_url": "x"})},
            {"start_ns": NOW_NS + 3_000, "marks": Marks.OFFSET_APPLIED, "extra": {"offset_us": 3}},
            {
                "start_ns": NOW_NS - 2_000,
                "marks": Marks.OFFSET_APPLIED | Marks.FUTURE,
                "extra": {"offset_us": -2},
            },
        ],
        ids=["order", "protocol", "clock", "clock back"],
    )
    def test_what_belongs_to_the_sending_is_not_the_spans(self, store: Store, change: Row) -> None:
        store.write("p", one(span_id=7), arrived_ns=NOW_NS)
        row: Row = {"span_id": 7}
        again = one(**(row | change))
        assert fates(store.write("p", again, arrived_ns=NOW_NS)) == (0, 1, 0, 0)
        assert fates(store.write("q", SpanBatch.concat([again, one(span_id=7)]), arrived_ns=NOW_NS)) == (
            1,
            1,
            0,
            0,
        )
        longer_row: Row = {"span_id": 7, "duration_ns": 5_000_000}
        longer = one(**(longer_row | change))
        assert fates(store.write("p", longer, arrived_ns=NOW_NS)) == (0, 0, 1, 0)
        assert [span.duration_us for span in find(store)] == [5_000]

    @pytest.mark.parametrize("marks", [Marks(0), Marks.OFFSET_APPLIED])
    def test_how_far_a_span_was_moved_is_no_content(self, store: Store, marks: Marks) -> None:
        moved: Row = {"extra": {"offset_us": 3, "state": "x"}}
        plain: Row = {"extra": {"state": "x"}}
        neighbour: Row = {"span_id": 8, "marks": marks}  # what one says is read without a look at others
        store.write("p", batch_of([plain, neighbour]), arrived_ns=NOW_NS)
        for rows in ([moved, neighbour], [neighbour, plain], [plain, moved]):
            assert fates(store.write("p", batch_of(rows), arrived_ns=NOW_NS)) == (0, 2, 0, 0)
        assert fates(store.write("q", batch_of([moved, plain, moved]), arrived_ns=NOW_NS)) == (1, 2, 0, 0)
        assert_balanced(store)

    def test_a_part_moves_nothing(self, store: Store) -> None:
        part: Row = {
            "marks": Marks.TIME_INVENTED,
            "tags": [("late", 1)],
            "extra": {"offset_us": 3, "state": "x"},
        }
        moved: Row = {"start_ns": NOW_NS + 9_000, "marks": Marks.OFFSET_APPLIED}
        for project, offset_us in (("p", 9), ("q", None)):
            span: Row = moved | {"extra": {"offset_us": offset_us} if offset_us else {}}
            store.write(project, one(**span), arrived_ns=NOW_NS)
            assert fates(store.write(project, one(**part), arrived_ns=NOW_NS)) == (0, 0, 0, 1)
            (kept,) = find(store, project=project)
            assert kept.extra == {"state": "x"} | ({"offset_us": offset_us} if offset_us else {})
            assert fates(store.write(project, one(**span), arrived_ns=NOW_NS)) == (0, 1, 0, 0)
            assert fates(store.write(project, batch_of([span, part]), arrived_ns=NOW_NS)) == (0, 2, 0, 0)
            assert len(find(store, project=project)) == 1
        assert_balanced(store)

    def test_progress_and_its_end_are_one_in_any_order(self, store: Store) -> None:
        begun: Row = {"span_id": 7, "duration_ns": 0, "tags": [("done", 10)]}
        further: Row = begun | {"tags": [("done", 50)]}
        ended: Row = {"span_id": 7, "tags": [("done", 100)]}
        for row in (begun, further, ended, begun, ended, further):
            store.write("p", one(**row), arrived_ns=NOW_NS)
        rows = [further, ended, begun, begun, ended]
        assert fates(store.write("q", batch_of(rows), arrived_ns=NOW_NS)) == (1, 1, 3, 0)
        for project in ("p", "q"):
            (kept,) = find(store, project=project)
            assert (kept.tags, kept.duration_us) == ({"done": 100}, 1_000)
        assert stats(store).ledger.dropped == {"duplicate": 1, "replaced": 4}
        assert_balanced(store)

    @pytest.mark.parametrize("together", [True, False])
    @pytest.mark.parametrize("order", ["span first", "part first", "part between"])
    @pytest.mark.parametrize(
        "sent_by",
        [
            REPORTER,
            Reporter("zipkin"),
            Reporter("zipkin", "shop"),
            Reporter("zipkin", "shop", 0, (("host", "h1"),)),
        ],
    )
    def test_a_part_without_a_time_adds_to_its_span(
        self, store: Store, sent_by: Reporter, order: str, together: bool
    ) -> None:
        span: Row = {"span_id": 7, "tags": [("path", "/")], "kind": Kind.CLIENT}
        part: Row = {
            "span_id": 7,
            "operation": "",
            "start_ns": NOW_NS + 77,
            "duration_ns": 0,
            "marks": Marks.TIME_INVENTED,
            "reporter": sent_by,
            "tags": [("error", "reset")],
            "logs": [encode_log(NOW_NS, [("event", "x")])],
            "status": Status.ERROR,
            "extra": {"debug": True},
        }
        rows = {
            "span first": [span, part, part, span],
            "part first": [part, span, part, span],
            "part between": [span, part, span, part],
        }[order]
        others: list[Row] = [{"span_id": 8}, part | {"span_id": 9}, {"trace_low": 5, "span_id": 7}]
        if together:
            store.write("p", batch_of([*others[:1], *rows, *others[1:]]), arrived_ns=NOW_NS)
        else:
            for row in (*others, *rows):
                store.write("p", one(**row), arrived_ns=NOW_NS)
        (found,) = find(store, Plan((*where(Field.SPAN_ID, "7").terms, *where(Field.TRACE_ID, "1").terms)))
        assert (found.operation, found.start_us, found.duration_us) == ("buy", NOW_NS // 1000, 1_000)
        assert found.tags == {"path": "/", "error": "reset"}
        assert (found.kind, found.error, len(found.logs)) == ("client", True, 1)
        assert (found.marks, found.extra) == (["merged"], {"debug": True})
        assert found.service == "shop"
        assert stats(store).ledger.dropped == {"merged": 1, "duplicate": 2}
        assert store.count("p", ALL) == 4
        longer = one(**(span | {"duration_ns": 9_000_000, "tags": [("path", "/end")]}))
        assert fates(store.write("p", longer, arrived_ns=NOW_NS)) == (0, 0, 1, 0)
        (found,) = find(store, tag("path", "/end"))
        assert (found.tags["error"], found.duration_us) == ("reset", 9_000)
        assert_balanced(store)

    def test_a_part_goes_to_the_span_of_its_own_reporter(self, store: Store) -> None:
        part: Row = {"duration_ns": 0, "marks": Marks.TIME_INVENTED, "tags": [("late", 1)]}
        spans: list[Row] = [
            {},
            {"reporter": OTHER_REPORTER},
            {"marks": Marks.SHARED},
            {"start_ns": NOW_NS + 5},
        ]
        store.write("p", batch_of(spans), arrived_ns=NOW_NS)
        for late in (
            part | {"reporter": OTHER_REPORTER},
            part | {"reporter": Reporter("zipkin", "nobody")},
            part,
        ):
            store.write("p", one(**late), arrived_ns=NOW_NS + 9)
        kept = find(store)
        assert len(kept) == 5
        assert [(span.service, span.tags) for span in kept[2:]] == [
            ("bank", {"late": 1}),
            ("nobody", {"late": 1}),
            ("shop", {"late": 1}),
        ]
        assert kept[-1].start_us == spans[3]["start_ns"] // 1000
        assert stats(store).ledger.dropped == {"merged": 2}

    def test_a_replaced_version_may_come_back(self, store: Store) -> None:
        for version in (1, 2, 1, 1, 2, 2, 2, 1):
            store.write("p", one(tags=[("v", version)]), arrived_ns=NOW_NS)
        assert [span.tags for span in find(store)] == [{"v": 1}]
        assert stats(store).ledger.dropped == {"duplicate": 3, "replaced": 4}
        assert_balanced(store)

    # Ledger, projects, reset, drop

    def test_ledger(self, store: Store) -> None:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS, dropped={"no_context": 2, "no_id": 1})
        store.write("p", batch_of([]), arrived_ns=NOW_NS, dropped={"no_id": 4})
        ledger = stats(store).ledger
        assert (ledger.received, ledger.stored, ledger.evicted) == (95, 88, 0)
        assert {reason: count for reason, count in ledger.dropped.items() if count} == {
            "no_context": 2,
            "no_id": 5,
        }
        assert_balanced(store)

    def test_projects(self, store: Store) -> None:
        assert store.projects() == []
        for i, project in enumerate(["zoo", "ärger", "Bär", "alpha"]):
            rows: list[Row] = [{"span_id": n + 1, "operation": project} for n in range(i + 1)]
            store.write(project, batch_of(rows), arrived_ns=NOW_NS)
        found = store.projects()
        assert [(each.project, each.spans) for each in found] == [
            ("Bär", 3),
            ("alpha", 4),
            ("zoo", 1),
            ("ärger", 2),
        ]
        assert all(each.bytes > 0 for each in found)
        assert {name.value for name in store.suggest("Bär", "operation", ALL)} == {"Bär"}
        assert [span.operation for span in find(store, project="zoo")] == ["zoo"]
        assert len(store.traces("alpha", [(None, 1)])[0]) == 4
        assert_balanced(store)

    def test_projects_do_not_see_each_other(self, store: Store) -> None:
        store.write("p", bookinfo.batch(range(6)), arrived_ns=NOW_NS)
        before = answers(store, "p", ALL)
        mark = store.mark("p")
        store.write("q", bookinfo.batch(), arrived_ns=NOW_NS)
        store.write("q", tagged({"tag": "x"}), arrived_ns=NOW_NS)
        assert answers(store, "p", ALL) == before
        assert store.mark("p") == mark
        store.reset("q")
        store.drop("q")
        assert answers(store, "p", ALL) == before

    def test_recall_window(self, store: Store) -> None:
        store.write("p", one(span_id=1), arrived_ns=NOW_NS)
        assert (stats(store).recall_window_us, stats(store).oldest_arrived_us) == (0, NOW_NS // 1000)
        store.write("p", one(span_id=2), arrived_ns=NOW_NS + 3 * SECOND_NS + 7_000)
        assert (stats(store).recall_window_us, stats(store).oldest_arrived_us) == (3_000_007, NOW_NS // 1000)
        store.reset("p")
        assert (stats(store).recall_window_us, stats(store).oldest_arrived_us) == (0, None)

    def test_a_clock_moved_back_shows_no_negative_window(self, store: Store) -> None:
        store.write("p", one(span_id=1), arrived_ns=NOW_NS)
        store.write("p", one(span_id=2), arrived_ns=NOW_NS - 365 * 86_400 * SECOND_NS)
        shown = stats(store)
        assert (shown.recall_window_us, store.recall_window_us("p")) == (0, 0)
        assert {service.recall_window_us for service in shown.services} <= {0}
        assert shown.spans == 2
        assert store.mark("p") == shown.mark >= 2  # a satellite of a pool leaves some out

    def test_reset(self, store: Store) -> None:
        write_bookinfo(store, 5)
        store.write("p", bookinfo.batch(range(1)), arrived_ns=NOW_NS, dropped={"no_id": 1})
        mark = store.mark("p")
        assert store.reset("p") == 88
        assert store.reset("p") == 0
        assert store.count("p", ALL) == 0
        assert store.mark("p") == mark
        assert store.traces("p", [(None, bookinfo.trace_low(0))]) == [[]]
        ledger = stats(store).ledger
        assert (ledger.received, ledger.stored, ledger.evicted) == (95, 0, 88)
        assert ledger.dropped == {"duplicate": 6, "no_id": 1}
        written = store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        assert (written.stored, written.duplicates) == (88, 0)
        assert store.count("p", Plan(since=mark)) == 88
        assert store.mark("p") > mark
        assert_balanced(store)

    def test_drop(self, store: Store) -> None:
        write_bookinfo(store)
        assert store.drop("p") is True
        assert store.drop("p") is False
        assert store.projects() == []
        assert store.count("p", ALL) == 0
        assert store.mark("p") == 0
        assert store.write("p", bookinfo.batch(), arrived_ns=NOW_NS).stored == 88
        assert stats(store).ledger.received == 88

    # Many spans, small and large batches, many threads

    def test_the_size_of_batches_does_not_matter(self, store: Store) -> None:
        whole = SpanBatch.concat([bookinfo.batch(), mixed(130)])
        store.write("large", whole, arrived_ns=NOW_NS)
        for i in range(len(whole)):
            store.write("tiny", whole.slice(i, i + 1), arrived_ns=NOW_NS + i)
        for i in range(0, len(whole), 90):
            store.write("middling", whole.slice(i, min(i + 90, len(whole))), arrived_ns=NOW_NS + i)
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


def write_bookinfo(store: Store, chunk: int = 12) -> None:
    """The fixture into project p, so many traces in a batch."""
    for first in range(0, bookinfo.TRACES, chunk):
        traces = range(first, min(first + chunk, bookinfo.TRACES))
        store.write("p", bookinfo.batch(traces), arrived_ns=NOW_NS + first * SECOND_NS)


def mixed(count: int) -> SpanBatch:
    """Spans of all sorts."""
    values: list[TagValue] = ["a", 3, 3.0, "3", None, True, "ä", 0.25, b"\x01", ["x"]]
    rows: list[Row] = [
        {
            "trace_low": i % 40 + 1,
            "trace_high": 6 if i % 40 == 7 else 0,
            "span_id": i + 1,
            "parent_id": i % 5,
            "start_ns": NOW_NS + i * 37 % 101,
            "duration_ns": (i * 7919 % 1009 - 10) * 5_003,
            "operation": f"op{i % 7}",
            "reporter": (REPORTER, OTHER_REPORTER, Reporter("otlp", "third"))[i % 3],
            "kind": Kind(i % 6),
            "status": Status(i % 3),
            "tags": [("tag", values[i % 10])] * (i % 4 > 0)
            + [("host", f"h{i % 6}")] * (i % 2)
            + [("tag", i % 3)] * (i % 11 == 0),
        }
        for i in range(count)
    ]
    return batch_of(rows)


def numbered(count: int) -> SpanBatch:
    """So many spans, made as columns: span i is in trace i // 7 + 1, lasts i µs, and has tag shard = i % 10."""
    i = np.arange(count, dtype=np.int64)
    zeros = np.zeros(count, np.int64)
    nothing = pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.binary()))
    codes = np.stack([i % 10, np.full(count, 10)], axis=1).ravel()
    offsets = np.arange(count + 1, dtype=np.int32) * 2
    columns = {
        "trace_high": zeros,
        "trace_low": i // 7 + 1,
        "span_id": i + 1,
        "parent_id": zeros,
        "start_ns": NOW_NS + i,
        "duration_ns": i * 1000,
        "name": zeros,
        "reporter": zeros,
        "extra": zeros,
        "kind": zeros,
        "status": zeros,
        "marks": zeros,
    }
    arrays = {name: pa.array(values).cast(SCHEMA.field(name).type) for name, values in columns.items()}
    arrays["tags"] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(codes.astype(np.int32)))
    arrays["logs"] = arrays["references"] = nothing
    tags = [encode_tag("shard", n) for n in range(10)] + [encode_tag("every", "one")]
    return SpanBatch(
        rows=pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA),
        tags=pa.array(tags, pa.binary()),
        names=pa.array([b"count"], pa.binary()),
        reporters=pa.array([REPORTER.encode()], pa.binary()),
        extras=pa.array([b""], pa.binary()),
    )


def unmarked(traces: Sequence[Sequence[Span]]) -> list[list[Span]]:
    """The same spans without their marks."""
    return [[msgspec.structs.replace(span, mark=0) for span in trace] for trace in traces]
