"""Service diagram: who calls whom in the traces of a query, where their time goes, what fails (explorer.md §10)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from satellite.explore.critical_path import CriticalPath
from satellite.explore.forest import Forest
from satellite.explore.operations import operations_of, services_of
from satellite.model import compute as pc
from satellite.model.spans import Kind, SpanBatch, Status, id_text, trace_text
from satellite.model.tag import key_prefix
from satellite.model.tags import texts_of
from satellite.query.plan import Plan
from satellite.store import Questions
from satellite.store.assembled import TRACES_MAX, Assembled, Ints, Mask, Weights

INFERRED_BY = ("peer.service", "db.system", "messaging.system")
"""Tags of a call's last span that name who was called, when that reports no spans itself."""

LAYERS_MAX = 16
"""So deep no mesh is that does not call in circles."""

OPERATIONS_MAX = 50
"""Of one service in a diagram (as many as Explorer charts)."""


class NodeOperation(msgspec.Struct, frozen=True):
    """An operation of a service, and spans to look at."""

    operation: str
    kind: str | None
    span_count: int
    error_count: int
    avg_latency_us: float
    slowest_trace_id: str
    slowest_span_id: str
    """The slowest error if there is any."""


class Node(msgspec.Struct, frozen=True):
    """A service."""

    service_name: str
    span_count: int
    error_count: int
    avg_latency_us: float
    latency_contribution_us: float
    """Critical-path time spent in it below the matching spans."""
    latency_contribution_pct: float
    """Of the duration of all matching spans."""
    queried: bool
    """Matching spans are its own; False everywhere when the query has no term."""
    inferred: bool
    """It sent no spans: only what calls it says that it is there."""
    has_missing_parent: bool
    """A span of it names a parent that is not held: an edge may be missing."""
    layer: int
    """From the left, 0 for services that nobody calls."""
    operations: list[NodeOperation]
    """Those with most errors first, then by spans, mean latency, name; at most OPERATIONS_MAX."""
    operations_total: int


class Edge(msgspec.Struct, frozen=True):
    """Calls from one service to another."""

    from_: str = msgspec.field(name="from")
    to: str
    calls: int
    errors: int
    avg_latency_us: float
    """Of the spans called."""


class Diagram(msgspec.Struct, frozen=True):
    """Counts stand for all spans when there are exemplars only."""

    nodes: list[Node]
    """By layer, then name."""
    edges: list[Edge]
    """By the names of caller and called."""
    spans: int
    """Matching spans."""
    traces: int
    """Traces that they are in."""
    traces_used: int
    """Traces that the diagram is made of."""


def diagram(
    source: Questions,
    project: str,
    plan: Plan,
    *,
    inferred: bool = False,
    inferred_by: Sequence[str] = INFERRED_BY,
) -> Diagram:
    """The diagram of the traces of the matching spans.

    Args:
        source: who is asked.
        project: whose spans.
        plan: the matching spans.
        inferred: also services that only the tags of their callers name.
        inferred_by: those tags, the most telling first.
    """
    found = source.assemble(project, plan, traces_max=TRACES_MAX, bare=not inferred)
    return _drawn(found, queried=bool(plan.terms), inferred_by=inferred_by if inferred else ())


def _drawn(found: Assembled, *, queried: bool, inferred_by: Sequence[str]) -> Diagram:
    batch, weights = found.batch, found.weights
    service, services = services_of(batch)
    forest = Forest.of(batch, found.trace)
    calls = _calls(service, forest.parent)
    names = list(services)
    if inferred_by:
        guesses = _guesses(batch, forest.parent, inferred_by)
        names += sorted(set(guesses.values()) - set(services))
        places = {name: i for i, name in enumerate(names)}
        rows = np.array(list(guesses), np.int64)
        called = np.array([places[name] for name in guesses.values()], np.int64)
        calls = _Calls(
            *(np.concatenate(pair) for pair in zip(calls, (rows, service[rows], called), strict=True))
        )
    failed: Mask = batch.column("status") == np.uint8(Status.ERROR)
    duration_us = batch.column("duration_ns") / 1000
    edges = _edges(names, calls, weights, failed, duration_us)
    # A service that sent no spans is known by the spans that call it.
    silent = calls.to >= len(services)
    rows = np.concatenate([np.arange(len(batch)), calls.row[silent]])
    of_service = np.concatenate([service, calls.to[silent]])
    spans, errors, latency = _sums(of_service, len(names), weights[rows], failed[rows], duration_us[rows])
    path_us = _path_us(found, forest, service, len(names))
    whole_us = (np.maximum(duration_us, 0) * found.trace_weights()[found.trace])[found.matched].sum() or 1.0
    matched = np.bincount(service[found.matched], minlength=len(names)) > 0
    orphaned = np.bincount(service[forest.missing > 0], minlength=len(names)) > 0
    operations = _operations(batch, weights, failed, duration_us)
    layers = _layers(names, edges)
    nodes = [
        Node(
            name,
            round(spans[i]),
            round(errors[i]),
            float(latency[i]),
            float(path_us[i]),
            float(100 * path_us[i] / whole_us),
            bool(queried and matched[i]),
            inferred=i >= len(services),
            has_missing_parent=bool(orphaned[i]),
            layer=layers[name],
            operations=operations.get(name, [])[:OPERATIONS_MAX],
            operations_total=len(operations.get(name, [])),
        )
        for i, name in enumerate(names)
    ]
    nodes.sort(key=lambda node: (node.layer, node.service_name))
    return Diagram(nodes, edges, found.spans, found.traces, found.held)


class _Calls(NamedTuple):
    row: Ints
    """The span that says so."""
    from_: Ints
    to: Ints


def _calls(service: Ints, parent: Ints) -> _Calls:
    """Every span of another service than its parent's."""
    rows = np.flatnonzero(parent >= 0)
    rows = rows[service[parent[rows]] != service[rows]]
    return _Calls(rows, service[parent[rows]], service[rows])


def _guesses(batch: SpanBatch, parent: Ints, keys: Sequence[str]) -> dict[int, str]:
    """Who the calls without a span of the called went to, by row."""
    leaf = np.ones(len(batch), np.bool_)
    leaf[parent[parent >= 0]] = False
    leaf &= np.isin(batch.column("kind"), (np.uint8(Kind.CLIENT), np.uint8(Kind.PRODUCER)))
    lists = batch.rows.column("tags")
    of_row = np.repeat(np.arange(len(batch)), np.diff(lists.offsets.to_numpy()))
    codes = np.asarray(lists.flatten())
    found: dict[int, str] = {}
    for key in reversed(keys):
        here = np.flatnonzero(np.asarray(pc.starts_with(batch.tags, pattern=key_prefix(key))))
        texts = dict(
            zip(here.tolist(), texts_of(batch.tags.take(pa.array(here)), key).to_pylist(), strict=True)
        )
        places = np.flatnonzero(np.isin(codes, here) & leaf[of_row])
        found |= {int(of_row[at]): texts[int(codes[at])] for at in places.tolist() if texts[int(codes[at])]}
    return found


def _sums(
    of: Ints, number: int, weights: Weights, failed: Mask, duration_us: Weights
) -> tuple[Weights, Weights, Weights]:
    """(spans, errors, mean latency) of each of `number` things, by what each span stands for."""
    spans, errors, total = (
        np.bincount(of, values, number).astype(np.float64)
        for values in (weights, weights * failed, weights * duration_us)
    )
    return spans, errors, total / np.where(spans > 0, spans, 1)


def _path_us(found: Assembled, forest: Forest, service: Ints, number: int) -> Weights:
    """Critical-path time in each service below the matching spans."""
    batch = found.batch
    path = CriticalPath(
        forest.parent, batch.column("start_ns"), batch.column("duration_ns"), batch.column("span_id")
    )
    spent = path.spent(np.where(found.matched, found.trace_weights()[found.trace], 0.0))
    return np.bincount(service, spent / 1000, number).astype(np.float64)


def _edges(
    names: Sequence[str], calls: _Calls, weights: Weights, failed: Mask, duration_us: Weights
) -> list[Edge]:
    pairs, of = np.unique(calls.from_ * len(names) + calls.to, return_inverse=True)
    row = calls.row
    spans, errors, latency = _sums(of, len(pairs), weights[row], failed[row], duration_us[row])
    edges = [
        Edge(names[pair // len(names)], names[pair % len(names)], round(calls), round(wrong), float(mean))
        for pair, calls, wrong, mean in zip(pairs.tolist(), spans, errors, latency, strict=True)
    ]
    return sorted(edges, key=lambda edge: (edge.from_, edge.to))


def _operations(
    batch: SpanBatch, weights: Weights, failed: Mask, duration_us: Weights
) -> dict[str, list[NodeOperation]]:
    names, of = operations_of(batch)
    spans, errors, latency = _sums(of, len(names), weights, failed, duration_us)
    # Of each operation the first row: an error if there is one, then the slowest.
    ordered = np.lexsort((-batch.column("duration_ns"), ~failed, of))
    exemplars = ordered[np.searchsorted(of[ordered], np.arange(len(names)))]
    high, low, span_id = (batch.column(name)[exemplars] for name in ("trace_high", "trace_low", "span_id"))
    found: dict[str, list[NodeOperation]] = {}
    for i, (service, operation, kind) in enumerate(names):
        row = NodeOperation(
            operation,
            kind,
            round(spans[i]),
            round(errors[i]),
            float(latency[i]),
            trace_text(int(high[i]), int(low[i])),
            id_text(int(span_id[i])),
        )
        found.setdefault(service, []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (-row.error_count, -row.span_count, -row.avg_latency_us, row.operation))
    return found


def _layers(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """How far right each service stands: one further than the rightmost that calls it, cycles of calls aside.

    The search begins at services that nobody calls, then at what is left, by name; a call back to a service on the
    way to it is left out. Where many services call each other in circles that makes a chain of them: more than
    LAYERS_MAX, and each stands as near to where the search begins as its calls allow.
    """
    calls: dict[str, list[str]] = {name: [] for name in names}
    for edge in edges:
        calls[edge.from_].append(edge.to)
    called = {edge.to for edge in edges}
    done: list[str] = []
    entered: dict[str, bool] = {}
    """Whether a service is still on the way."""
    back: set[tuple[str, str]] = set()
    for start in sorted(names, key=lambda name: (name in called, name)):
        waiting = [] if start in entered else [(start, iter(calls[start]))]
        entered.setdefault(start, True)
        while waiting:
            name, left = waiting[-1]
            to = next(left, None)
            if to is None:
                entered[name] = False
                done.append(name)
                waiting.pop()
            elif to not in entered:
                entered[to] = True
                waiting.append((to, iter(calls[to])))
            elif entered[to]:
                back.add((name, to))
    layer = dict.fromkeys(names, 0)
    for name in reversed(done):
        for to in calls[name]:
            if (name, to) not in back:
                layer[to] = max(layer[to], layer[name] + 1)
    if max(layer.values(), default=0) < LAYERS_MAX:
        return layer
    near: dict[str, int] = {}
    for starts in ([name for name in names if name not in called], *([name] for name in sorted(names))):
        ahead = deque((name, 0) for name in starts)
        while ahead:
            name, far = ahead.popleft()
            if name not in near:
                near[name] = far
                ahead.extend((to, far + 1) for to in calls[name])
    return near
