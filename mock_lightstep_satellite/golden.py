"""Golden traces: what a program's traces look like, without what differs from run to run, in a file beside the test.

A golden file is JSON: a list of traces, each a tree of spans with service, operation, kind, error, tags, logs and
children. Ids, times, durations, hosts and ports are not in it. Children stand in the order of their content where
their order in time means nothing: two runs of one program give the same text.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from mock_lightstep_satellite.errors import BadRequest, is_told
from mock_lightstep_satellite.selector import text_of
from mock_lightstep_satellite.trace import Trace, TracedSpan

__tracebackhide__ = is_told

VOLATILE_TAGS = frozenset(
    {
        "guid:x-request-id", "x-request-id", "node_id", "zone", "peer.address", "peer.ipv4", "peer.ipv6", "peer.port",
        "net.peer.ip", "net.peer.port", "net.host.ip", "net.host.port", "net.sock.peer.addr", "net.sock.peer.port",
        "net.sock.host.addr", "net.sock.host.port", "network.peer.address", "network.peer.port", "network.local.address",
        "network.local.port", "client.address", "client.port", "server.port", "thread.id", "thread.name", "process.pid",
        "host.name", "hostname", "user_agent", "user_agent.original", "http.user_agent", "request_size", "response_size",
        "otel.scope.version", "otel.library.version", "lightstep.guid",
    }
)  # fmt: skip
"""Tags that differ between machines or runs by nature; `ignore` adds more."""

_VALUES = (
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\blocalhost(?::\d+)?\b"), "<address>"),
    (re.compile(r"(?<![0-9a-zA-Z])(?:[0-9a-f]{32}|[0-9a-f]{16})(?![0-9a-zA-Z])"), "<id>"),
    (re.compile(r"0x[0-9a-f]{6,16}\b"), "<address>"),
)


def normalised(traces: Iterable[Trace], *, ignore: Collection[str] = ()) -> list[dict[str, Any]]:
    """Traces as a golden file holds them: `{"spans": n, "tree": […]}` each, in the order of their content.

    `ignore` names further tags to leave out; one that ends in `*` stands for all keys that begin so.
    """
    left_out = _LeftOut(ignore)
    found = [{"spans": len(one), "tree": _trees(_tops(one), left_out)} for one in traces]
    return sorted(found, key=_content)


def compare(
    path: Path,
    traces: Iterable[Trace],
    *,
    ignore: Collection[str] = (),
    update: bool = False,
    create: bool = True,
) -> None:
    """Hold the traces against the file.

    Args:
        path: the golden file.
        traces: what arrived.
        ignore: tags to leave out, as in `normalised`.
        update: write it anew instead.
        create: write it when there is none yet; False (in CI): a missing file is a failure.

    Raises:
        AssertionError: they differ (the text is a unified diff), or the file is missing.
        BadRequest: the file is not a golden file.
    """
    got = _written(normalised(traces, ignore=ignore))
    if update or (create and not path.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(got, "utf-8")
        return
    if not path.exists():
        message = (
            f"there is no golden file {path}: run once without CI=true, or with --satellite-update-golden"
        )
        raise AssertionError(message)
    if diff := _difference(_written(_read(path)), got, path.name):
        message = f"the traces differ from {path}; --satellite-update-golden takes them as right\n{diff}"
        raise AssertionError(message)


def difference(paths: Sequence[Path], traces: Iterable[Trace], *, ignore: Collection[str] = ()) -> str:
    """How the traces differ from those of all these files together, as a unified diff; "" when they do not.

    Raises BadRequest: a file is not a golden file.
    """
    wanted = sorted((trace for path in paths for trace in _read(path)), key=_content)
    named = ", ".join(path.name for path in paths)
    return _difference(_written(wanted), _written(normalised(traces, ignore=ignore)), named)


def _difference(wanted: str, got: str, named: str) -> str:
    lines = difflib.unified_diff(
        wanted.splitlines(), got.splitlines(), f"{named} (golden)", "what arrived", lineterm=""
    )
    return "\n".join(lines)


def _read(path: Path) -> list[dict[str, Any]]:
    """Its content; how a person has laid it out does not matter."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise BadRequest(f"{path} is no golden file: {error}") from error
    if not isinstance(content, list) or not all(isinstance(one, dict) and "tree" in one for one in content):
        raise BadRequest(f"{path} is no golden file: a list of traces, each with its `tree`, is wanted")
    return content


def _written(content: list[dict[str, Any]]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


class _LeftOut:
    def __init__(self, ignore: Collection[str]) -> None:
        self._keys = VOLATILE_TAGS | {key for key in ignore if not key.endswith("*")}
        self._beginnings = tuple(key[:-1] for key in ignore if key.endswith("*"))

    def __contains__(self, key: str) -> bool:
        return key in self._keys or (bool(self._beginnings) and key.startswith(self._beginnings))


def _tops(trace: Trace) -> list[TracedSpan]:
    return [*trace.roots, *trace.orphans]


def _trees(spans: Iterable[TracedSpan], left_out: _LeftOut) -> list[dict[str, Any]]:
    """Trees of spans; worked off without recursion, since a trace may be deeper than Python's stack."""
    made: dict[int, dict[str, Any]] = {}
    tops = list(spans)
    ordered: list[TracedSpan] = []
    for top in tops:
        ordered += [top, *top.descendants]
    for span in reversed(ordered):  # children before their parents
        children = sorted((made[id(child)] for child in span.children), key=_content)
        made[id(span)] = _span(span, left_out) | ({"children": children} if children else {})
    return sorted((made[id(top)] for top in tops), key=_content)


def _span(span: TracedSpan, left_out: _LeftOut) -> dict[str, Any]:
    tags = {key: _plain(value) for key, value in sorted(span.tags.items()) if key not in left_out}
    logs = [
        {key: _plain(value) for key, value in sorted(log.fields.items()) if key not in left_out}
        for log in span.logs
    ]
    return {
        "service": span.service,
        "operation": _plain(span.operation),
        **({"kind": span.kind} if span.kind else {}),
        **({"error": True} if span.error else {}),
        **({"orphan": True} if id(span) in span.trace._orphans else {}),
        **({"tags": tags} if tags else {}),
        **({"logs": logs} if logs else {}),
    }


def _plain(value: Any) -> str:
    text = text_of(value)
    for pattern, stands_for in _VALUES:
        text = pattern.sub(stands_for, text)
    return text


def _content(tree: dict[str, Any]) -> str:
    return json.dumps(tree, ensure_ascii=False, sort_keys=True)
