"""What came to the ports for reports while somebody waited for spans, whatever became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from satellite.faults.decision import asked_for
from satellite.requests.entry import Entry
from satellite.requests.log import NOBODY, RequestLog, Trouble

KINDS = 3
"""Kinds of refusals, and other projects, that are told (ours)."""


class Refused(msgspec.Struct, frozen=True):
    """Requests that were refused alike."""

    requests: int
    protocol: str
    status: str
    """Of HTTP, or the name of gRPC's."""
    reason: str
    peer: str
    """The last one's."""
    fault: bool
    """Whether a fault had asked for it."""
    own: bool
    """Whether it reached this project; else it reached none."""


class Elsewhere(msgspec.Struct, frozen=True):
    """Requests whose access token named another project."""

    project: str
    requests: int
    spans: int


class Troubled(msgspec.Struct, frozen=True):
    """Connections that came to nothing alike."""

    connections: int
    kind: str
    port: int
    peer: str
    """The last one's."""
    advice: str


class Evidence(msgspec.Struct, frozen=True):
    """Of the requests that are in the log since a mark was given out."""

    connections: int
    """Of anybody, to ports for reports; those of `grpc_engine = grpcio` are not counted."""
    earlier: int
    """Connections that were made before, by anybody; they may still be used."""
    requests: int
    """Of this project."""
    stored: int
    """Those of them that were taken."""
    faults: int
    """Those of them that a fault hit."""
    aborted: int
    """Requests without an answer, of this project or of none."""
    refused: list[Refused]
    """Of this project or of none: the most frequent KINDS."""
    strangers: int
    """Requests that reached no project."""
    elsewhere: list[Elsewhere]
    """Projects that reports came for instead: the KINDS with the most."""
    troubles: list[Troubled]
    """Of anybody, to any port: the most frequent KINDS of the last ones."""


def evidence(log: RequestLog, project: str, since: int) -> Evidence | None:
    """What is known of them; None when the log is switched off."""
    if not log.on:
        return None
    own = log.since(project, since) if since else log.entries(project)
    around = log.around(project, since)
    strange = around.others.get(NOBODY, [])
    refused: dict[tuple[str, str, str, bool, bool], list[Entry]] = {}
    for entry in [*own, *strange]:
        if entry.outcome == "refused" or (entry.outcome == "other" and entry.status >= 400):
            status = entry.grpc_status or str(entry.status)
            reason = entry.message or f"no report: {entry.method} {entry.path}"
            kind = (entry.protocol, status, reason, entry.fault is not None, entry.project == project)
            refused.setdefault(kind, []).append(entry)
    often = sorted(refused.items(), key=lambda one: -len(one[1]))[:KINDS]
    spans = {
        name: Counter(requests=len(found), spans=sum(entry.stored for entry in found))
        for name, found in around.others.items()
        if name != NOBODY
    }
    most = sorted(spans.items(), key=lambda one: (-one[1]["spans"], -one[1]["requests"], one[0]))[:KINDS]
    return Evidence(
        around.connections,
        around.earlier,
        len(own),
        sum(entry.outcome == "stored" for entry in own),
        sum(entry.fault is not None for entry in own),
        sum(entry.outcome == "aborted" for entry in [*own, *strange]),
        [
            Refused(len(found), protocol, status, reason, found[-1].peer, by_fault, own)
            for (protocol, status, reason, by_fault, own), found in often
        ],
        len(strange),
        [Elsewhere(name, counts["requests"], counts["spans"]) for name, counts in most],
        _troubles(around.troubles),
    )


def _troubles(found: list[Trouble]) -> list[Troubled]:
    alike: dict[tuple[str, int, str], list[str]] = {}
    for one in found:
        alike.setdefault((one.kind, one.port, one.advice), []).append(one.peer)
    often = sorted(alike.items(), key=lambda one: -len(one[1]))[:KINDS]
    return [Troubled(len(peers), kind, port, peers[-1], advice) for (kind, port, advice), peers in often]


def nothing_arrived(found: Evidence, since: str) -> Iterator[str]:
    """Why no span came, in lines: the first cause that is known, then what else is."""
    for trouble in found.troubles:
        yield (
            f"{_count(trouble.connections, 'connection')} from {trouble.peer.rpartition(':')[0]} to port {trouble.port} came to nothing "
            f"({trouble.kind}): {trouble.advice}"
        )
    if not found.connections and not found.requests and not found.strangers and not found.elsewhere:
        if found.troubles:
            return
        yield f"nobody connected to a port for reports {since}: does the program run, and has it this satellite's address?"
        if found.earlier:
            yield f"nor did a report come on the {_count(found.earlier, 'connection')} that were made before"
        return
    if not found.requests and not found.strangers and not found.elsewhere:
        if found.connections <= sum(trouble.connections for trouble in found.troubles):
            return
        yield (
            f"{_count(found.connections, 'connection')} came {since}, but no report on {'it' if found.connections == 1 else 'them'}: "
            "has the program made a span and flushed it, and does it speak TLS where the port does (see /diagnostics)?"
        )
        return
    if found.stored:
        which = "it" if found.stored == found.faults == 1 else f"{found.faults} of them"
        hit = f" (a fault hit {which})" if found.faults else ""
        none = "it brought no new span" if found.stored == 1 else "none of them brought a new span"
        yield f"{_count(found.stored, 'report')} of this project came {since}{hit}, and {none}"
    elif not found.requests:
        yield f"no report came for this project {since}"
    yield from map(refusal, found.refused)
    if found.aborted:
        yield f"aborted: {_count(found.aborted, 'request')} ended before there was an answer"
    for other in found.elsewhere:
        yield (
            f"with another access token: {_count(other.requests, 'report')} with {_count(other.spans, 'span')} "
            f"came for project {other.project}"
        )


def refusal(one: Refused) -> str:
    """In a line: how many, of whom, and why."""
    asked = " (a fault asked for it)" if one.fault else ""
    why = "" if one.reason == asked_for(one.status) else f": {one.reason}"
    who = f"{one.protocol or 'HTTP'} from {one.peer.rpartition(':')[0]}"
    return f"refused: {_count(one.requests, 'request')} of {who} with {one.status}{asked}{why}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
