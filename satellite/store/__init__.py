"""The boundary between the product and the engines that keep spans.

An engine answers questions about one project; it does not hand out rows to loop over. Its methods block and are
called from worker threads, several at a time; each sees all writes that returned before it began. What a name
means is said here once, and `tests/store/conformance/` holds every engine to it.

Traces are told apart by their whole ids. A tracer of 64-bit ids leaves the upper half 0: its spans belong to the trace
with that lower half; should several have it among the spans looked at, to the one with the smallest upper half. So n
upper halves beside one lower half are n traces, with or without spans that lack theirs; those alone are one trace.

An engine may be shared by several satellites (`satellite.storage.Engine.shared`). What one acknowledged all see, and a
report that came after a mark was taken anywhere has higher ones everywhere. But two satellites that write at the same
moment may become visible in another order than that of their marks: `since` may miss a span that was on its way when
the mark was taken. A span sent to two at the same moment is there twice until one of them sees the other's
(docs/scaling.md says how long).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from satellite.model.span import Span

if TYPE_CHECKING:
    from satellite.model.spans import SpanBatch
    from satellite.query.plan import Plan
    from satellite.store.assembled import Assembled, Ints

Order = Literal["-latency", "latency", "-start", "start", "arrival", "-arrival"]
"""Ties: by latency descending → start descending, span id; the mark decides what is left."""


class ByValue(msgspec.Struct, frozen=True):
    """The order of spans by their value of a key: the one by which `groups` groups them.

    Numbers stand before other texts and compare as numbers: digits with at most one point in them, up to NUMBER_MAX
    characters with the sign. Other texts compare by their UTF-8, of which the first COMPARED characters count. Spans
    without a value come last in both directions. Ties: latency descending → span id; the mark decides what is left.
    """

    key: str
    descending: bool = False


COMPARED = 256
NUMBER_MAX = 16
NUMBER = r"^-?[0-9]+([.][0-9]+)?$"

GroupOrder = Literal[
    "-avg_latency_us",
    "avg_latency_us",
    "-count",
    "count",
    "-errors",
    "errors",
    "-error_ratio",
    "error_ratio",
    "-sum_us",
    "sum_us",
    "-p50_us",
    "p50_us",
    "-p95_us",
    "p95_us",
    "-p99_us",
    "p99_us",
    "-traces",
    "traces",
    "values",
]
"""`-` is descending. Groups with a None value come last in every order; ties: values ascending."""

SuggestionKind = Literal["service", "operation", "key", "value"]


class Written(msgspec.Struct, frozen=True):
    """What became of one written batch."""

    mark: int
    """The mark after its last span; marks of one project only grow."""
    stored: int = 0
    """Spans that are new. The other rows are counted below."""
    duplicates: int = 0
    """Rows that said the same as a span held."""
    replaced: int = 0
    """Rows that were another version of a span held: one of the two is left, see `identity`."""
    merged: int = 0
    """Parts that were added to their span, and spans that took up a part held."""

    def kept_once(self) -> dict[str, int]:
        """What the ledger says of rows that made no new span, by its reasons."""
        return {"duplicate": self.duplicates, "replaced": self.replaced, "merged": self.merged}


class Page(msgspec.Struct, frozen=True):
    """Some of the matching spans, in order."""

    spans: list[Span]
    total: int
    """All matching spans, this page or not."""
    next_cursor: str | None
    """Continues after the last span; None at the end. Spans that arrive between pages are in neither."""
    mark: int
    """The project's mark when the first page was made."""


class Bucket(msgspec.Struct, frozen=True):
    """One bar: durations in [from_us, to_us), see explorer.md §7."""

    index: int
    from_us: float
    to_us: float
    count: int
    errors: int


class Histogram(msgspec.Struct, frozen=True):
    """Over every matching span."""

    buckets: list[Bucket]
    """Ascending; empty ones left out."""
    percentiles: dict[str, int]
    """"p50", "p95", "p99", "p99.9" in µs, nearest rank; empty without spans."""
    count: int
    errors: int
    traces: int
    """Distinct traces."""
    oldest_us: int | None
    """The first start among them; None without spans."""
    newest_us: int | None
    """The last start."""


class Cell(msgspec.Struct, frozen=True):
    """A bucket of the histogram's axis that holds spans; its edges are 10^(index/20) and 10^((index + 1)/20) µs."""

    index: int
    count: int
    errors: int


class Column(msgspec.Struct, frozen=True):
    """The matching spans that start in one step of time."""

    from_us: int
    count: int
    errors: int
    percentiles: dict[str, int]
    """As in Histogram."""
    cells: list[Cell]
    """Ascending; empty ones left out."""


class Group(msgspec.Struct, frozen=True):
    """The matching spans that share their values of the keys grouped by."""

    values: list[str | None]
    """One per key, canonical text; None: the span has no such key."""
    count: int
    exemplars: int
    """Spans that it is told from: fewer than `count` where a snapshot left traces out (explorer.md §6.2)."""
    errors: int
    error_ratio: float
    avg_latency_us: float
    sum_us: int
    p50_us: int
    p95_us: int
    p99_us: int
    traces: int
    """Distinct traces."""
    exemplar_span_ids: list[str]
    """Up to 5, slowest first."""
    buckets: list[Cell]
    """Its own distribution, ascending; empty ones left out."""


class Groups(msgspec.Struct, frozen=True):
    """Some of the groups, in order."""

    groups: list[Group]
    total: int
    """All groups, these or not."""


DISTINCT_MAX = 100
"""Values of a key are counted so far: this many or more."""


class Suggestion(msgspec.Struct, frozen=True):
    """A name that occurs, and in how many matching spans."""

    value: str
    spans: int
    errors: int = 0
    """How many of them are error spans."""
    distinct: int | None = None
    """Of a tag's key: how many values it has among the matching spans, 100 for more too; None for everything else, fields of logs (`log:…`) included."""


class Ledger(msgspec.Struct, frozen=True):
    """`received = stored + sum(dropped) + evicted`, always."""

    received: int = 0
    """Spans that arrived for this project."""
    stored: int = 0
    """Spans it holds now."""
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    """By reason. Arrivals that made no span of their own: "duplicate" for exact repeats, "replaced" for versions of
    which another one is kept, "merged" for parts that were added to their span. The rest could not be kept."""
    evicted: int = 0
    """Stored once, gone since: the byte budget, or a reset."""
    duplicates: int = 0
    """The same number as dropped["duplicate"]."""


class ServiceWindow(msgspec.Struct, frozen=True):
    """How far back a service can be seen."""

    service: str
    spans: int
    recall_window_us: int
    """Since the arrival of the oldest that is no error; errors are kept longer."""


class ProjectStats(msgspec.Struct, frozen=True):
    """One project at a glance."""

    project: str
    spans: int
    bytes: int
    recall_window_us: int
    """Time between the arrivals of the oldest and the newest span held."""
    mark: int
    ledger: Ledger
    disk_bytes: int = 0
    """Bytes of its files in the data directory."""
    services: list[ServiceWindow] = msgspec.field(default_factory=list)
    """Those with the most spans."""
    oldest_arrived_us: int | None = None
    """When the oldest span held arrived; None: none is held."""


class Questions(Protocol):
    """What can be asked about the spans of a project: those held now, or those that a snapshot kept of it.

    A project it never heard of is empty.
    """

    def find(
        self, project: str, plan: Plan, *, order: Order | ByValue, limit: int, cursor: str | None = None
    ) -> Page:
        """Up to `limit` matching spans in order. Raises BadRequest for a cursor it did not make."""
        ...

    def batches(self, project: str, plan: Plan) -> Sequence[SpanBatch]:
        """All matching spans, whole, in order of arrival; for writing them out again.

        Those of one moment, however often one goes through them; each batch is made when it is asked for.
        """
        ...

    def traces(self, project: str, trace_ids: Sequence[tuple[int | None, int]]) -> list[list[Span]]:
        """Per id (upper half or None for any, lower half) all spans of that trace, by start, then span id."""
        ...

    def over(
        self,
        project: str,
        traces: Assembled,
        *,
        exact: Mapping[Plan, Histogram] | None = None,
        recall_window_us: int = 0,
    ) -> Questions:
        """The same questions about these spans alone, as if they were the project's; they are held in memory.

        Where traces were left out, histogram, groups and timeline count each span as many times as it stands for;
        pages, counts, funnels and suggestions are of the spans that are there. `exact`: answers known already.
        """
        ...

    def recall_window_us(self, project: str) -> int:
        """Time between the arrivals of the oldest and the newest span held."""
        ...

    def assemble(
        self, project: str, plan: Plan, *, traces_max: int, seed: int = 0, bare: bool = False
    ) -> Assembled:
        """The traces of the matching spans, each with all its spans; meta events only when the plan asks for them.

        More than `traces_max`: exemplars, chosen as explorer.md §6.2 says; the same for the same spans and seed. Of
        traces that share the lower half of their ids one is chosen, the others are added while there is room.
        At most `assembled.SPANS_MAX` spans of all traces. `bare`: without their tags and logs.
        """
        ...

    def trace_batch(
        self, project: str, trace_ids: Sequence[tuple[int | None, int]]
    ) -> tuple[SpanBatch, Ints]:
        """All spans of these traces (ids as for `traces`) in order of arrival, and the mark of each.

        The dictionaries may hold what is none of theirs.
        """
        ...

    def count(self, project: str, plan: Plan) -> int:
        """How many spans match."""
        ...

    def funnel(self, project: str, plan: Plan) -> list[int]:
        """How many spans match the plan's bounds with its first 0, 1, … all terms."""
        ...

    def histogram(self, project: str, plan: Plan) -> Histogram:
        """Latencies of all matching spans."""
        ...

    def groups(
        self,
        project: str,
        plan: Plan,
        by: Sequence[str],
        *,
        order: GroupOrder = "-avg_latency_us",
        limit: int | None = None,
        offset: int = 0,
    ) -> Groups:
        """The matching spans by the values of one or more keys: "service", "operation", or a tag.

        `limit` groups (None: all) from the one at `offset` on.
        """
        ...

    def timeline(
        self, project: str, plan: Plan, *, from_ns: int, step_ns: int, columns: int, by: Sequence[str] = ()
    ) -> dict[tuple[str | None, ...], list[Column]]:
        """The matching spans that start in [from_ns, from_ns + columns · step_ns), step by step, empty ones too.

        By the values of keys, as in `groups`; only those that occur. Without keys all under ().
        """
        ...

    def suggest(
        self,
        project: str,
        kind: SuggestionKind,
        plan: Plan,
        *,
        key: str = "",
        text: str = "",
        limit: int = 100,
    ) -> list[Suggestion]:
        """Services, operations, tag keys, or the values of `key`, among the matching spans.

        A list is shown by its elements, unless it is empty, and `distinct` counts what would be shown for a key.
        Keys of logs (`log:…`) are shown where `text` begins so.
        Only those that contain `text`, letter case aside; by span count descending, then name.
        """
        ...


class Store(Questions, Protocol):
    """An engine: takes spans, answers the questions, lets go."""

    def write(
        self, project: str, batch: SpanBatch, *, arrived_ns: int, dropped: Mapping[str, int] | None = None
    ) -> Written:
        """Keep the spans of one batch, visible to queries when it returns.

        What is a repeat, another version or a part of a span that is held `satellite.store.identity` says; looked
        for among the spans of the duplicate window only, without one each row is a span.
        `dropped` are spans of the same reports that nobody will write; they enter the ledger with the batch.

        Raises:
            Overloaded: the engine takes no more now; nothing was kept or counted.
        """
        ...

    @property
    def write_waits(self) -> bool:
        """Whether `write` may wait: for a disk, or for another program. Else it takes as long as its spans need."""
        ...

    def mark(self, project: str) -> int:
        """The mark after the last span that arrived; 0 before the first."""
        ...

    def at_hand(self, project: str) -> bool:
        """Whether all it holds is in memory, and so little of it that a small question takes less time than to begin a thread."""
        ...

    def small_trace(
        self, project: str, trace_ids: Sequence[tuple[int | None, int]], spans_max: int
    ) -> tuple[SpanBatch, Ints] | None:
        """`trace_batch`, if the project is at hand and they have no more spans than that."""
        ...

    def projects(self) -> list[ProjectStats]:
        """All projects, by name."""
        ...

    def reset(self, project: str) -> int:
        """Empty it; its spans count as evicted, marks go on. Returns how many there were."""
        ...

    def drop(self, project: str) -> bool:
        """Forget it, ledger and all. False when there was none."""
        ...

    def close(self) -> None:
        """Free everything; no method is called afterwards."""
        ...
