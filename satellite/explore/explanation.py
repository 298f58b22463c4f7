"""Why a wait did not get its spans: what was seen, term by term (testing.md §7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import msgspec

from satellite.explore.suggest import suggest
from satellite.query.forms import canonical
from satellite.query.meaning import notes_on
from satellite.query.plan import Field, Plan, Term
from satellite.store import Store, Suggestion, SuggestionKind

NEAREST = 5
"""Values shown for the failing term."""

_KINDS: dict[Field, SuggestionKind] = {
    Field.SERVICE: "service",
    Field.OPERATION: "operation",
    Field.TAG: "value",
}


class Step(msgspec.Struct, frozen=True):
    """A term, and how many spans it and the terms before it leave."""

    term: str
    spans: int


class Explanation(msgspec.Struct, frozen=True):
    """What was seen of a query since a mark."""

    arrived: int
    """Spans since the mark, matching or not."""
    services: list[Suggestion]
    """Where those came from; the largest NEAREST."""
    terms: list[Step]
    """Every term, in the order written."""
    failing: int | None
    """Position in `terms` of the first that leaves nothing; None when all leave something."""
    nearest: list[Suggestion]
    """Values that the failing term's key has among the spans that reach it: similar ones first, then frequent."""
    other_projects: list[str]
    """When nothing arrived: projects that did receive spans, the latest first."""
    lines: list[str]
    """All of this for the eye."""


def explain(store: Store, project: str, plan: Plan, others: Sequence[str]) -> Explanation:
    """What was seen of this plan; `others`: projects that received spans lately."""
    everything, *left = store.funnel(project, plan)
    steps = [Step(canonical(Plan((term,))), spans) for term, spans in zip(plan.terms, left, strict=True)]
    failing = next((i for i, spans in enumerate(left) if spans == 0), None) if everything else None
    nearest: list[Suggestion] = []
    if failing is not None and (kind := _KINDS.get(plan.terms[failing].field)):
        term = plan.terms[failing]
        before = replace(plan, terms=plan.terms[:failing])
        key = term.key if kind == "value" else ""
        nearest = _nearest(suggest(store, project, kind, before, key=key), term)
    services = store.suggest(project, "service", replace(plan, terms=()), limit=NEAREST) if everything else []
    elsewhere = [other for other in others if other != project] if not everything else []
    lines = list(_lines(everything, plan, steps, failing, nearest, services, elsewhere))
    lines += [f"note: {note}" for note in notes_on(plan)]
    return Explanation(everything, services, steps, failing, nearest, elsewhere, lines)


def _nearest(seen: list[Suggestion], term: Term) -> list[Suggestion]:
    def likeness(suggestion: Suggestion) -> float:
        # Unlike values are all the same to us: they keep the order of their counts.
        ratios = [
            SequenceMatcher(None, wanted, suggestion.value[:200]).ratio() for wanted in term.values[:20]
        ]
        return max((ratio for ratio in ratios if ratio >= 0.6), default=0.0)

    return sorted(seen, key=likeness, reverse=True)[:NEAREST]


def _lines(
    everything: int,
    plan: Plan,
    steps: Sequence[Step],
    failing: int | None,
    nearest: Sequence[Suggestion],
    services: Sequence[Suggestion],
    elsewhere: Sequence[str],
) -> list[str]:
    since = f"since mark {plan.since}" if plan.since else "so far"
    if not everything:
        lines = [f"no span at all arrived {since}: does the program report, here, with this access token?"]
        if elsewhere:
            lines.append("projects that did receive spans lately: " + ", ".join(elsewhere))
        return lines
    lines = []
    width = max((len(step.term) for step in steps), default=0)
    for i, step in enumerate(steps):
        joint = "AND " if i else ""
        end = "   <- fails here" if i == failing else ""
        lines.append(f"{joint + step.term:<{width + 4}} -> {step.spans:>4} spans{end}")
        if i == failing and nearest:
            key = plan.terms[i].key
            lines.append(f'    values seen for "{key}": ' + _listed(nearest))
        elif i == failing:
            lines.append(f'    none of these spans has "{plan.terms[i].key}"')
    lines.append(f"{since}: {everything} spans, from {_listed(services)}")
    return lines


def _listed(seen: Sequence[Suggestion]) -> str:
    return ", ".join(f"{suggestion.value[:200]} ({suggestion.spans})" for suggestion in seen)
