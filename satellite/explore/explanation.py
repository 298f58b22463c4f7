"""Why a query has no match, or a wait did not get its spans: what was seen, term by term (testing.md §7.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import NamedTuple
from urllib.parse import quote, urlencode

import msgspec
import numpy as np

from mock_lightstep_satellite.visible import in_one_line
from satellite.checks.finding import Finding
from satellite.checks.spans import findings
from satellite.errors import SatelliteError
from satellite.explore.drawn_trace import drawn
from satellite.explore.evidence import Evidence, nothing_arrived, refusal
from satellite.explore.standing import Gone
from satellite.explore.suggest import suggest
from satellite.explore.whole_trace import WholeTrace, whole_trace
from satellite.model.span import counted
from satellite.query.forms import canonical
from satellite.query.meaning import notes_on
from satellite.query.plan import ALL, Field, Plan, Term
from satellite.store import Page, Questions, Suggestion, SuggestionKind

NEAREST = 5
"""Values shown for the failing term."""

KEYS_LOOKED_AT = 2000
"""Keys that are compared with one that nobody has, the most frequent first."""

VALUES_AMONG = 20_000
"""Marks back from the latest (ours): values are those of spans with these, unless they have none; of a key whose values all
differ a look at all would take long."""

CHECKED = 20_000
"""Spans that are looked at for odd ones; of more the checks are asked for by themselves (ours)."""

TREE_ROWS = 20

_KINDS: dict[Field, SuggestionKind] = {
    Field.SERVICE: "service",
    Field.OPERATION: "operation",
    Field.TAG: "value",
}


class Step(msgspec.Struct, frozen=True):
    """A term, and how many spans it and the terms before it leave."""

    term: str
    spans: int
    alone: int
    """What the term leaves by itself."""


class Explanation(msgspec.Struct, frozen=True):
    """What was seen of a query within its bounds (times, latencies, since a mark)."""

    arrived: int
    """Spans within the bounds, matching or not."""
    held: int
    """Spans of the project, within the bounds or not."""
    evicted: int
    """Spans that the project held once, of those after the mark: they had to make room for others."""
    reset: int
    """The same, but they went when the project was reset last, or before."""
    services: list[Suggestion]
    """Where those came from; the largest NEAREST."""
    terms: list[Step]
    """Every term, in the order written."""
    failing: int | None
    """Position in `terms` of the first that leaves nothing; None when all leave something."""
    nearest: list[Suggestion]
    """Values that the failing term's key has among the spans that reach it: similar ones first, then frequent."""
    nearest_among: int | None
    """Of how many spans, the latest, those are; None: of all that reach the term."""
    nearest_keys: list[Suggestion]
    """When no span at all has the failing term's key: keys that are spelled like it."""
    refused: list[str]
    """When nothing arrived: the latest reports that were refused, and why."""
    other_projects: list[str]
    """When nothing arrived: projects that did receive spans, the latest first."""
    evidence: Evidence | None
    """What came to the ports for reports; None when the request log is switched off."""
    findings: list[Finding]
    """What is odd about the spans within the bounds; none of more than CHECKED spans."""
    traces: int | None
    """How many traces those are of; None beyond CHECKED spans."""
    nearest_trace: str | None
    """A trace that came nearest: the latest with a span that every term before the failing one leaves."""
    tree: list[str]
    """That trace, drawn; the first TREE_ROWS."""
    explorer: str
    """The query in the Explorer: path and query string, below the Explorer's address."""
    lines: list[str]
    """All of this for the eye."""


def explain(
    source: Questions,
    project: str,
    plan: Plan,
    others: Sequence[str],
    refused: Sequence[str] = (),
    found: Evidence | None = None,
    wrong: str = "",
    left: Gone = Gone(),  # noqa: B008 - a tuple
) -> Explanation:
    """What was seen of this plan.

    Args:
        source: who is asked.
        project: whose spans.
        plan: what was asked for.
        others: projects that received spans lately.
        refused: reports that were refused lately, in words.
        found: what came to the ports for reports.
        wrong: a trace that is not as it was wanted, to be shown; "": the one that comes nearest.
        left: spans that the project held once, of those after the mark.
    """
    everything, *leaving = source.funnel(project, plan)
    held = everything or source.count(project, ALL)
    steps = [
        Step(
            canonical(Plan((term,))),
            spans,
            source.count(project, replace(plan, terms=(term,))) if i and everything else spans,
        )
        for i, (term, spans) in enumerate(zip(plan.terms, leaving, strict=True))
    ]
    failing = next((i for i, spans in enumerate(leaving) if spans == 0), None) if everything else None
    reaching = plan if failing is None else replace(plan, terms=plan.terms[:failing])
    page = source.find(project, reaching, order="-start", limit=1) if everything else None
    near = _NOTHING_NEAR
    if page is not None and failing is not None:
        near = _near(source, project, plan.terms[failing], reaching, page)
    services = (
        source.suggest(project, "service", replace(plan, terms=()), limit=NEAREST) if everything else []
    )
    elsewhere = [other for other in others if other != project] if not everything else []
    shown = wrong or (page.spans[0].trace_id if page is not None and page.spans else "")
    whole = _whole(source, project, shown)
    checked, traces = _checked(source, project, plan) if everything and everything <= CHECKED else ([], None)
    made = Explanation(
        arrived=everything,
        held=held,
        evicted=left.evicted,
        reset=left.reset,
        services=services,
        terms=steps,
        failing=failing,
        nearest=near.values,
        nearest_among=near.among,
        nearest_keys=near.keys,
        refused=list(refused) if not everything else [],
        other_projects=elsewhere,
        evidence=found,
        findings=checked,
        traces=traces,
        nearest_trace=whole.trace_id if whole is not None else None,
        tree=[] if whole is None else list(drawn(whole, rows=TREE_ROWS, key=_failing_key(plan, failing))),
        explorer=f"/{quote(project)}/explorer?{urlencode({'query': canonical(replace(plan, since=0))})}",
        lines=[],
    )
    lines = [*_before(source, project, plan, (everything, *leaving)[-1]), *_lines(made, plan, wrong)]
    lines += [f"note: {note}" for note in notes_on(plan)]
    return msgspec.structs.replace(made, lines=lines)


class _Near(NamedTuple):
    """What is near a term that leaves nothing; see the fields of Explanation."""

    values: list[Suggestion]
    among: int | None
    keys: list[Suggestion]


_NOTHING_NEAR = _Near([], None, [])


def _near(source: Questions, project: str, term: Term, reaching: Plan, page: Page) -> _Near:
    """`page` has one of the spans that reach the term, the latest, and says how many they are."""
    kind = _KINDS.get(term.field)
    if kind is None:
        return _NOTHING_NEAR
    key = term.key if kind == "value" else ""
    latest = replace(reaching, since=max(reaching.since, page.mark - VALUES_AMONG))
    among = None
    if seen := suggest(source, project, kind, latest, key=key):
        looked_at = source.count(project, latest)
        among = looked_at if looked_at < page.total else None
    else:
        seen = suggest(source, project, kind, reaching, key=key)
    values = _nearest(seen, term.values)
    if values or kind != "value" or _occurs(source, project, term.key):
        return _Near(values, among, [])
    return _Near(values, among, _alike(source, project, term.key))


def _whole(source: Questions, project: str, trace_id: str) -> WholeTrace | None:
    """A trace; None when there is none, or it has left."""
    if not trace_id:
        return None
    try:
        return whole_trace(source, project, trace_id, join=False)
    except SatelliteError:  # it has just left
        return None


def _failing_key(plan: Plan, failing: int | None) -> str:
    if failing is None or plan.terms[failing].field is not Field.TAG:
        return ""
    return plan.terms[failing].key


def _checked(source: Questions, project: str, plan: Plan) -> tuple[list[Finding], int]:
    """What is odd about the spans within the bounds, and of how many traces they are."""
    batches = list(source.batches(project, replace(plan, terms=())))
    ids = [
        np.stack([batch.column("trace_high"), batch.column("trace_low")], axis=1).astype(np.uint64)
        for batch in batches
        if len(batch)
    ]
    return findings(batches), len(np.unique(np.concatenate(ids), axis=0)) if ids else 0


def _occurs(source: Questions, project: str, key: str) -> bool:
    """Whether any span has the key: as a tag, or from its reporter."""
    return source.count(project, Plan((Term(Field.TAG, key, patterns=("(?s).*",)),))) > 0


def _alike(source: Questions, project: str, key: str) -> list[Suggestion]:
    """Keys that occur and are spelled like this one, `service` and `operation` among them; the most alike first."""
    seen = source.suggest(project, "key", ALL, limit=KEYS_LOOKED_AT)
    spans = source.count(project, ALL)
    seen += [Suggestion(name, spans) for name in ("service", "operation")]
    return [one for one in _nearest(seen, (key.lower(),), alike_only=True) if one.value != key]


def _nearest(seen: list[Suggestion], wanted: Sequence[str], *, alike_only: bool = False) -> list[Suggestion]:
    def likeness(suggestion: Suggestion) -> float:
        # Unlike values are all the same to us: they keep the order of their counts.
        ratios = [SequenceMatcher(None, one, suggestion.value[:200]).ratio() for one in wanted[:20]]
        return max((ratio for ratio in ratios if ratio >= 0.6), default=0.0)

    rated = [(likeness(suggestion), suggestion) for suggestion in seen]
    ordered = sorted((one for one in rated if one[0] or not alike_only), key=lambda one: -one[0])
    return [suggestion for _, suggestion in ordered[:NEAREST]]


def _before(source: Questions, project: str, plan: Plan, matching: int) -> Iterator[str]:
    """What matches, but had come before the mark, when nothing since then does."""
    if plan.since and not matching and (before := source.count(project, replace(plan, since=0))):
        yield f"before mark {plan.since} came {counted(before, 'span')} that {'matches' if before == 1 else 'match'}: was the mark taken too late?"


def _lines(found: Explanation, plan: Plan, wrong: str) -> Iterator[str]:
    if found.evicted:
        yield f"{_spans(found.evicted)} gone: others needed the room (bytes_per_project)"
    if found.reset:
        yield f"{_spans(found.reset)} gone: the project was reset, as pytest's fixture does before each example of Hypothesis"
    since = f"since mark {plan.since}" if plan.since else "so far"
    if not found.arrived:
        if found.held and plan.since == 0:
            yield f"{_spans(found.held)} held, but none within these bounds of time and latency"
        elif found.evidence is not None:
            yield f"no span at all arrived {since}"
            yield from nothing_arrived(found.evidence, since)
            return
        else:
            yield f"no span at all arrived {since}: does the program report, here, with this access token?"
        if found.refused:
            yield "refused lately: " + "; ".join(found.refused)
        if found.other_projects:
            yield "projects that did receive spans lately: " + ", ".join(found.other_projects)
        return
    width = max((len(step.term) for step in found.terms), default=0)
    for i, step in enumerate(found.terms):
        joint = "AND " if i else ""
        alone = f"   ({step.alone} alone)" if step.alone != step.spans else ""
        end = "   <- fails here" if i == found.failing else ""
        yield f"{joint + step.term:<{width + 4}} -> {counted(step.spans, 'span'):>{9 + (step.spans != 1)}}{alone}{end}"
        if i != found.failing:
            continue
        key = plan.terms[i].key
        if found.nearest:
            among = f" among the latest {found.nearest_among} spans" if found.nearest_among else ""
            yield f'    values seen for "{key}"{among}: ' + _listed(found.nearest)
        elif found.nearest_keys:
            yield f'    no span has the key "{key}"; did you mean ' + _listed(found.nearest_keys) + "?"
        else:
            yield f'    none of these spans has "{key}"'
    yield f"{since}: {counted(found.arrived, 'span')}{_traces(found)}, from {_listed(found.services)}"
    if found.traces is not None and (found.findings or found.evidence is not None):
        came = "" if found.evidence is None else _reports(found.evidence)
        yield f"{came}protocol checks: {_findings(found.findings)}"
    if found.evidence is not None:
        yield from (refusal(one) for one in found.evidence.refused if one.own)
    if found.tree:
        which = "nearest: " if found.failing is not None else "" if wrong else "the latest: "
        yield f"{which}trace {found.nearest_trace}"
        yield from (f"  {line}" for line in found.tree)


def _traces(found: Explanation) -> str:
    if found.traces is None:
        return ""
    return f" of {counted(found.traces, 'trace')}"


def _reports(found: Evidence) -> str:
    if not found.requests:  # they were imported
        return ""
    refused = found.requests - found.stored
    taken = f"{refused} of them not taken" if refused else "all taken" if found.requests > 1 else "taken"
    hit = "no fault applied" if not found.faults else f"faults applied to {found.faults}"
    return f"{counted(found.requests, 'report')}, {taken}, {hit}; "


def _findings(found: Sequence[Finding]) -> str:
    return ", ".join(f"{one.severity} {one.name} ({one.spans})" for one in found) or "nothing is odd"


def _spans(count: int) -> str:
    return f"{count} span is" if count == 1 else f"{count} spans are"


def _listed(seen: Sequence[Suggestion]) -> str:
    return ", ".join(f"{in_one_line(suggestion.value[:200])} ({suggestion.spans})" for suggestion in seen)
