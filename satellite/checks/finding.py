"""The kinds of finding: their names are the API's, and stay."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

Severity = Literal["error", "warning", "info"]
"""error: a backend would lose or misplace the span. warning: an analysis goes wrong. info: worth a look."""


class Check(NamedTuple):
    """One kind of finding."""

    name: str
    severity: Severity
    says: str
    advice: str


class Example(msgspec.Struct, frozen=True):
    """A span that a finding is about."""

    trace_id: str
    span_id: str
    service: str
    operation: str


class Finding(msgspec.Struct, frozen=True):
    """A kind of oddity that was met."""

    name: str
    severity: Severity
    message: str
    advice: str
    spans: int
    """How many spans it is true of."""
    services: list[str]
    """Whose they are: alphabetical, the first 20."""
    examples: list[Example]
    """The first of them in order of arrival."""


CHECKS: tuple[Check, ...] = (
    Check("zero-id", "error", "a trace id or span id is 0", "set both: spans with id 0 of all programs fall together"),
    Check(
        "no-start-time",
        "error",
        "no usable start time; the time of arrival stands in its place",
        "send the start in the unit that the protocol wants (a time of 0 counts as none)",
    ),
    Check("negative-duration", "error", "it ends before it starts", "take both times from one monotonic clock"),
    Check("clamped-time", "error", "a time beyond 64 bits of nanoseconds was cut", "look at the unit of times and durations"),
    Check("starts-in-future", "warning", "it starts more than a day after it arrived", "look at the sender's clock, and at the unit of its times"),
    Check("bad-utf8", "warning", "a text is no UTF-8; U+FFFD stands where it breaks", "send texts as UTF-8, other bytes as bytes"),
    Check("no-service", "warning", "its reporter does not say which service it is", "set lightstep.component_name, service.name, or the protocol's own field"),
    Check("no-operation", "warning", "it has no name", "give each span the name of what it does"),
    Check("unknown-parent", "warning", "its parent is not among the spans of its trace", "report the parent too, or look for a lost report: are spans dropped before they are sent?"),
    Check("own-parent", "warning", "it names itself as its parent", "leave the parent out of a root"),
    Check("repeated-id", "error", "another span of its trace has the same span id", "make a new random id for each span; seed the generator anew after a fork"),
    Check("several-roots", "info", "its trace has more than one span without a parent", "pass the context on to what a request calls"),
)  # fmt: skip
"""Every check, the worst first."""

BY_NAME = {check.name: check for check in CHECKS}
