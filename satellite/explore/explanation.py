"""Why a query has no match, or a wait did not get its spans: what was seen, term by term (testing.md §7.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import msgspec

from satellite.explore.suggest import suggest
from satellite.query.forms import canonical
from satellite.query.meaning import notes_on
from satellite.query.plan import ALL, Field, Plan, Term
from satellite.store import Questions, Suggestion, SuggestionKind

NEAREST = 5
"""Values shown for the failing term."""

KEYS_LOOKED_AT = 2000
"""Keys that are compared with one that nobody has, the most frequent first."""

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
    services: list[Suggestion]
    """Where those came from; the largest NEAREST."""
    terms: list[Step]
    """Every term, in the order written."""
    failing: int | None
    """Position in `terms` of the first that leaves nothing; None when all leave something."""
    nearest: list[Suggestion]
    """Values that the failing term's key has among the spans that reach it: similar ones first, then frequent."""
    nearest_keys: list[Suggestion]
    """When no span at all has the failing term's key: keys that are spelled like it."""
    refused: list[str]
    """When nothing arrived: the latest reports that were refused, and why."""
    other_projects: list[str]
    """When nothing arrived: projects that did receive spans, the latest first."""
    lines: list[str]
    """All of this for the eye."""


def explain(
    source: Questions, project: str, plan: Plan, others: Sequence[str], refused: Sequence[str] = ()
) -> Explanation:
    """What was seen of this plan.

    Args:
        source: who is asked.
        project: whose spans.
        plan: what was asked for.
        others: projects that received spans lately.
        refused: reports that were refused lately, in words.
    """
    everything, *left = source.funnel(project, plan)
    held = everything or source.count(project, ALL)
    steps = [
        Step(
            canonical(Plan((term,))),
            spans,
            source.count(project, replace(plan, terms=(term,))) if i and everything else spans,
        )
        for i, (term, spans) in enumerate(zip(plan.terms, left, strict=True))
    ]
    failing = next((i for i, spans in enumerate(left) if spans == 0), None) if everything else None
    nearest, keys = [], []
    if failing is not None and (kind := _KINDS.get(plan.terms[failing].field)):
        term = plan.terms[failing]
        before = replace(plan, terms=plan.terms[:failing])
        key = term.key if kind == "value" else ""
        nearest = _nearest(suggest(source, project, kind, before, key=key), term.values)
        if not nearest and kind == "value" and not _occurs(source, project, term.key):
            keys = _alike(source, project, term.key)
    services = (
        source.suggest(project, "service", replace(plan, terms=()), limit=NEAREST) if everything else []
    )
    elsewhere = [other for other in others if other != project] if not everything else []
    found = Explanation(
        everything,
        held,
        services,
        steps,
        failing,
        nearest,
        keys,
        list(refused) if not everything else [],
        elsewhere,
        [],
    )
    lines = [*_lines(found, plan), *(f"note: {note}" for note in notes_on(plan))]
    return msgspec.structs.replace(found, lines=lines)


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


def _lines(found: Explanation, plan: Plan) -> Iterator[str]:
    since = f"since mark {plan.since}" if plan.since else "so far"
    if not found.arrived:
        if found.held and plan.since == 0:
            yield f"{_spans(found.held)} held, but none within these bounds of time and latency"
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
        yield f"{joint + step.term:<{width + 4}} -> {step.spans:>4} spans{alone}{end}"
        if i != found.failing:
            continue
        key = plan.terms[i].key
        if found.nearest:
            yield f'    values seen for "{key}": ' + _listed(found.nearest)
        elif found.nearest_keys:
            yield f'    no span has the key "{key}"; did you mean ' + _listed(found.nearest_keys) + "?"
        else:
            yield f'    none of these spans has "{key}"'
    yield f"{since}: {found.arrived} spans, from {_listed(found.services)}"


def _spans(count: int) -> str:
    return f"{count} span is" if count == 1 else f"{count} spans are"


def _listed(seen: Sequence[Suggestion]) -> str:
    return ", ".join(f"{suggestion.value[:200]} ({suggestion.spans})" for suggestion in seen)
