"""What the query bar offers next: services, operations, keys, values (explorer.md §3.1)."""

from __future__ import annotations

from dataclasses import replace

from satellite.errors import BadRequest
from satellite.query.plan import Field, Plan
from satellite.store import Questions, Suggestion, SuggestionKind

LIMIT = 100
"""Suggestions at most, as in Explorer."""


def suggest(
    source: Questions, project: str, kind: SuggestionKind, plan: Plan, *, key: str = "", text: str = ""
) -> list[Suggestion]:
    """At most LIMIT names that contain `text`, by span count descending, then name.

    Only spans that match the *other* chips of the query count: a chip on the very field asked for is left out,
    so that a second value can be added to it.

    Raises:
        BadRequest: values are asked for without a key.
    """
    if kind == "value" and not key:
        raise BadRequest(
            "kind=value needs key, the tag whose values to suggest", hint="add key=http.status_code"
        )
    field = {"service": Field.SERVICE, "operation": Field.OPERATION, "value": Field.TAG}.get(kind)
    others = tuple(term for term in plan.terms if term.field is not field or (key and term.key != key))
    return source.suggest(project, kind, replace(plan, terms=others), key=key, text=text, limit=LIMIT)
