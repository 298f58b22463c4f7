"""What a query means: a Plan, the only form of a query that engines see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from satellite.model.span import META_EVENT_TAG

LOG_PREFIX = "log:"
"""What the key of a term begins with that looks into a span's logs (ours)."""


class Field(Enum):
    """What a term looks at."""

    SERVICE = "service"
    OPERATION = "operation"
    SPAN_ID = "lightstep.span_id"
    TRACE_ID = "lightstep.trace_id"
    TRACER_ID = "lightstep.tracer_id"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition on one field of one span (explorer.md §4.4).

    `values`: the span matches when its value equals one of them, as canonical text; of a list, the whole or an element
    (ours). Ids are lower-case digits
    without leading zeros; a text that is no number means the id that `model.ids.hashed` makes of it. `patterns`: used instead of `values` when not empty; it matches when one RE2 pattern
    matches the whole value. `negated`: the span matches exactly when it would not match the plain term, so a span
    without the field matches.
    """

    field: Field
    key: str
    """The tag's key; for the other fields their own name."""
    values: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    negated: bool = False

    @property
    def log_key(self) -> str | None:
        """For a tag's key with the prefix `log:` what follows: fields of that name in logs (OTLP events) match too."""
        is_log = self.field is Field.TAG and self.key.startswith(LOG_PREFIX)
        return self.key.removeprefix(LOG_PREFIX) if is_log else None

    @property
    def asks_for_errors(self) -> bool:
        """`"error" IN ("true")`, which all error spans match, whatever their sender wrote into the tag, if anything."""
        return self.field is Field.TAG and self.key == "error" and "true" in self.values


@dataclass(frozen=True, slots=True)
class Plan:
    """Which spans: those that satisfy every term and every bound. `Plan()` is all spans."""

    terms: tuple[Term, ...] = ()
    oldest_ns: int | None = None
    """Start time at or after this (ns since the epoch)."""
    youngest_ns: int | None = None
    """Start time before this."""
    min_duration_ns: int | None = None
    """Duration at least this."""
    max_duration_ns: int | None = None
    """Duration below this."""
    since: int = 0
    """Only spans whose arrival mark is greater."""
    until: int | None = None
    """Only spans whose arrival mark is not greater."""

    @property
    def meta_events(self) -> bool:
        """Whether spans in which a tracer speaks of itself count too: only when a term asks for them (ours)."""
        return any(term.key == META_EVENT_TAG for term in self.terms)

    def bounded(
        self,
        *,
        oldest_ns: int | None = None,
        youngest_ns: int | None = None,
        min_duration_ns: int | None = None,
        max_duration_ns: int | None = None,
        since: int = 0,
    ) -> Plan:
        """The same terms with these bounds in place of its own."""
        return replace(
            self,
            oldest_ns=oldest_ns,
            youngest_ns=youngest_ns,
            min_duration_ns=min_duration_ns,
            max_duration_ns=max_duration_ns,
            since=since,
            until=None,
        )

    def starting(self, oldest_ns: int, youngest_ns: int) -> Plan:
        """The same, of spans that start in [oldest, youngest) only."""
        return self.within(Plan(oldest_ns=oldest_ns, youngest_ns=youngest_ns))

    def lasting(self, min_ns: int | None, max_ns: int | None) -> Plan:
        """The same, of spans that last [min, max) only; None: no bound."""
        least = [bound for bound in (min_ns, self.min_duration_ns) if bound is not None]
        most = [bound for bound in (max_ns, self.max_duration_ns) if bound is not None]
        return replace(
            self,
            min_duration_ns=max(least, default=None),
            max_duration_ns=min(most, default=None),
        )

    def within(self, other: Plan) -> Plan:
        """The same, of spans that lie within the other's bounds too."""
        plan = self.lasting(other.min_duration_ns, other.max_duration_ns)
        oldest = [bound for bound in (self.oldest_ns, other.oldest_ns) if bound is not None]
        youngest = [bound for bound in (self.youngest_ns, other.youngest_ns) if bound is not None]
        return replace(
            plan,
            oldest_ns=max(oldest, default=None),
            youngest_ns=min(youngest, default=None),
            since=max(self.since, other.since),
        )

    def also(self, other: Plan) -> Plan:
        """The same, of spans that satisfy the other's terms too."""
        return replace(self, terms=self.terms + other.terms)


ALL = Plan()
