"""From what an endpoint is asked to a Plan: the query's text, and the bounds beside it."""

from __future__ import annotations

from satellite.errors import BadRequest
from satellite.query import parse
from satellite.query.plan import Plan


def plan_of(
    query: str,
    *,
    oldest_us: int | None = None,
    youngest_us: int | None = None,
    min_latency_us: int | None = None,
    max_latency_us: int | None = None,
    since: int = 0,
) -> Plan:
    """The spans of a query that start in [oldest, youngest), last [min, max) µs, and arrived after a mark.

    Raises:
        BadQuery: the text is no query.
        BadRequest: a window that ends before it begins.
    """
    for name, low, high in (
        ("youngest_us", oldest_us, youngest_us),
        ("max_latency_us", min_latency_us, max_latency_us),
    ):
        if low is not None and high is not None and high < low:
            raise BadRequest(
                f"{name} ends the window before it begins", hint="the end is exclusive", parameter=name
            )
    return parse(query).plan.bounded(
        oldest_ns=_ns(oldest_us),
        youngest_ns=_ns(youngest_us),
        min_duration_ns=_ns(min_latency_us),
        max_duration_ns=_ns(max_latency_us),
        since=since,
    )


def _ns(us: int | None) -> int | None:
    return None if us is None else us * 1000
