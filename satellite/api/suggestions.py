"""Names for the query bar."""

from __future__ import annotations

import msgspec
from pydantic import Field
from starlette.responses import Response

from satellite.api.parameters import Bounds, Project
from satellite.api.routes import Routes, json
from satellite.explore.asked import Sources
from satellite.explore.suggest import suggest
from satellite.store import Suggestion, SuggestionKind


class SuggestionList(msgspec.Struct, frozen=True):
    """Names that occur, the most frequent first."""

    suggestions: list[Suggestion]


class SuggestAsked(Bounds):
    """Parameters of …/suggest."""

    kind: SuggestionKind
    key: str = Field("", description="The tag whose values to suggest, for kind=value.")
    q: str = Field("", max_length=1000, description="Only names that contain this, letter case aside.")


_ALL_SERVICES = SuggestAsked.model_validate({"kind": "service"})


def routes(sources: Sources) -> Routes:
    """Their endpoint."""
    routes = Routes()

    def all_services(project: Project, asked: SuggestAsked) -> Response | None:
        is_all = asked == _ALL_SERVICES and sources.store.at_hand(project)
        return suggestions(project, asked) if is_all else None

    @routes.get("/projects/{project}/suggest", SuggestionList, at_once=all_services)
    def suggestions(project: Project, asked: SuggestAsked) -> Response:
        """At most 100 names for the query bar, among the spans that match the query's other terms."""
        where = asked.asked(sources, project)
        found = suggest(where.source, project, asked.kind, where.plan, key=asked.key, text=asked.q)
        return json(SuggestionList(found))

    return routes
