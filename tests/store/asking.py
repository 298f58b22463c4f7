"""Plans to ask with, and answers in a form that can be compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import numpy as np

from satellite.model.span import Span
from satellite.model.tag import json_form
from satellite.query.plan import ALL, Field, Plan, Term
from satellite.store import ByValue, GroupOrder, Order, ProjectStats, Store, Written
from satellite.store.assembled import Assembled
from tests.store.rows import NOW_NS, SECOND_NS

ORDERS: tuple[Order | ByValue, ...] = (
    *("-latency", "latency", "-start", "start", "arrival", "-arrival"),
    *(
        ByValue("http.status_code"),
        ByValue("istio.canonical_revision", descending=True),
        ByValue("operation"),
    ),
)


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
        spans = paged(store, project, plan, order, limit=max(7, found["count"] // 3))
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
    return {
        question: rounded(msgspec.to_builtins(answer, enc_hook=json_form))
        for question, answer in found.items()
    }


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


def unmarked(traces: Sequence[Sequence[Span]]) -> list[list[Span]]:
    """The same spans without their marks."""
    return [[msgspec.structs.replace(span, mark=0) for span in trace] for trace in traces]
