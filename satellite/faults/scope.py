"""Whether a request is one that a fault means: where it came in, from whom, by which protocol and reporter."""

from __future__ import annotations

import re
from typing import NamedTuple

from satellite.faults.rule import Fault
from satellite.model.reporter import Reporter
from satellite.model.tag import text_of
from satellite.query.plan import Field, Plan, Term


class Request(NamedTuple):
    """What is known of a request when its faults are decided."""

    transport: str
    """grpc or http; "" for a connection on which nothing was said yet."""
    path: str
    port: int
    peer: str
    """Address, with or without port."""
    protocol: str = ""
    reporter: Reporter | None = None


def fits(fault: Fault, reporters: Plan | None, request: Request) -> bool:
    """Whether all that the fault asks for is so; `reporters`: its predicate on them."""
    return (
        (fault.transport is None or fault.transport == request.transport)
        and (fault.protocol is None or fault.protocol == request.protocol)
        and (fault.port is None or fault.port == request.port)
        and (fault.peer is None or fault.peer == _address(request.peer))
        and (fault.path is None or _is_path(fault.path, request.path))
        and (
            reporters is None or (request.reporter is not None and _is_reporter(reporters, request.reporter))
        )
    )


def _address(peer: str) -> str:
    if peer.startswith("["):
        return peer[1:].partition("]")[0]
    return peer.rpartition(":")[0] if peer.count(":") == 1 else peer


def _is_path(wanted: str, path: str) -> bool:
    return path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted


def _is_reporter(plan: Plan, reporter: Reporter) -> bool:
    return all(_holds(term, reporter) for term in plan.terms)


def _holds(term: Term, reporter: Reporter) -> bool:
    found: str | None
    if term.field is Field.SERVICE:
        found = reporter.service
    elif term.field is Field.TRACER_ID:
        found = f"{reporter.id:x}"
    else:
        texts = {key: text_of(value) for key, value in reporter.attributes}
        found = texts.get(term.key)
    if found is None:
        return term.negated
    if term.patterns:
        hit = any(re.fullmatch(pattern, found) for pattern in term.patterns)
    else:
        hit = found in term.values
    return hit != term.negated
