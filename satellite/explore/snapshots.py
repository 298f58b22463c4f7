"""Snapshots: what a run found, kept with its traces, so that later questions get the same answers (explorer.md §5).

The traces are copied in: what the store evicts afterwards changes nothing. Bounded by bytes over all projects; beyond
it the oldest go first, pinned ones excepted. In a pool each satellite has those of all, in what they have in common: the
snapshot and, under the same name, its file; those that were asked for here are in memory, too.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from satellite.errors import BadRequest, NotFound
from satellite.explore.histogram import LAYERS, LatencyHistogram, histogram, layer_plan
from satellite.explore.snapshot import Kept, Run, Snapshot
from satellite.explore.snapshot_file import decode, encode
from satellite.query.forms import canonical
from satellite.query.plan import Plan
from satellite.store import Histogram, Questions, Store
from satellite.store.assembled import TRACES_MAX, Assembled
from satellite.store.commons import Common, Commons
from satellite.store.durable.state import State

BYTES_MAX = 256 << 20
"""Of all snapshots (ours); pinned ones may take half of it."""

PAGE = 50
"""Spans that a run shows."""

STATE_BYTES_MAX = 64 << 10
"""Of the state of the screen that a snapshot keeps for its page."""

_OVERHEAD_BYTES = 16 << 10
"""What a snapshot costs besides its spans."""

_REMEMBERED = 1000
"""Snapshots that are gone and still known by name."""

_LETTERS = string.ascii_letters + string.digits
_KIND, _FILE = "snapshot", "snapshot_file"


@dataclass(frozen=True)
class _Entry:
    snapshot: Snapshot
    histogram: LatencyHistogram
    traces: Assembled
    source: Questions


class Snapshots:
    """All snapshots, of all projects. Safe for several threads."""

    def __init__(
        self,
        store: Store,
        clock_ns: Callable[[], int],
        *,
        bytes_max: int = BYTES_MAX,
        state: State | None = None,
        commons: Commons | None = None,
    ) -> None:
        """Those that the state holds, none without; it gets the others when they are pinned and at `close`.

        With `commons`, which several satellites have, they are there and the state gets nothing.
        """
        self._store = store
        self._clock_ns = clock_ns
        self._bytes_max = bytes_max
        self._state = state if commons is None else None
        self._commons = commons
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        """Held while it is looked which snapshots may be pinned, and which go; taken before `_lock`."""
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._gone: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)
        for project in self._state.projects(_KIND) if self._state else ():
            for content in self._state.read(_KIND, project).values() if self._state else ():
                self._restore(project, content)

    def run(
        self,
        project: str,
        query: str,
        plan: Plan,
        *,
        name: str = "",
        screen: dict[str, Any] | None = None,
        limit: int = PAGE,
    ) -> Run:
        """Ask the store, and keep what it says; `plan` is the query with its bounds."""
        identifier = self._fresh_id(project)
        now_us = self._clock_ns() // 1000
        found = histogram(self._store, project, plan, layers=LAYERS)
        traces = self._store.assemble(project, plan, traces_max=TRACES_MAX, seed=_seed(identifier))
        snapshot = Snapshot(
            id=identifier,
            project=project,
            query=query,
            canonical=canonical(plan),
            created_us=now_us,
            complete_us=now_us,
            oldest_us=_us(plan.oldest_ns),
            youngest_us=_us(plan.youngest_ns),
            min_latency_us=_us(plan.min_duration_ns),
            max_latency_us=_us(plan.max_duration_ns),
            recall_window_us=self._store.recall_window_us(project),
            mark=self._store.mark(project),
            spans=found.count,
            errors=found.errors,
            traces=found.traces,
            kept_traces=traces.held,
            kept_spans=len(traces.marks),
            bytes=_OVERHEAD_BYTES + traces.nbytes,
            name=name,
            state=_checked(screen or {}),
            url=_url(project, identifier),
        )
        entry = self._entry(snapshot, found, traces)
        page = entry.source.find(project, plan, order="-latency", limit=limit)
        return Run(snapshot, found, page, self._keep(entry))

    def _fresh_id(self, project: str) -> str:
        while True:
            identifier = "".join(secrets.choice(_LETTERS) for _ in range(10))
            if not self._is_taken(project, identifier):
                return identifier

    def _is_taken(self, project: str, identifier: str) -> bool:
        if self._commons is not None:
            return bool(self._commons.read(_KIND, project, identifier, values=False))
        return (project, identifier) in self._entries

    def _entry(self, snapshot: Snapshot, found: LatencyHistogram, traces: Assembled) -> _Entry:
        plan = snapshot.plan
        bare = Histogram(**{name: getattr(found, name) for name in Histogram.__struct_fields__})
        past = {layer_plan(plan, found, layer.name): layer.histogram for layer in found.layers}
        source = self._store.over(
            snapshot.project,
            traces,
            exact={plan: bare, **past},
            recall_window_us=snapshot.recall_window_us,
        )
        return _Entry(snapshot, found, traces, source)

    def _keep(self, entry: _Entry) -> list[str]:
        """Keep it, and make room; who went."""
        snapshot, removed = entry.snapshot, []
        if self._commons is not None:
            self._share(snapshot, encode(Kept(snapshot, entry.histogram), entry.traces))
        with self._lock:
            self._entries[snapshot.project, snapshot.id] = entry
        with self._changing:
            every = self._every()
            held = sum(other.bytes for other in every)
            for oldest in sorted(every, key=lambda other: other.created_us):
                if held <= self._bytes_max or (oldest.project, oldest.id) == (snapshot.project, snapshot.id):
                    break
                if not oldest.pinned:
                    held -= oldest.bytes
                    self._forget(oldest)
                    removed.append(oldest.id)
        return removed

    def _every(self, project: str | None = None) -> list[Snapshot]:
        """All there are, of a project or of all."""
        if self._commons is not None:
            found = [_shared(one) for one in self._commons.read(_KIND, project)]
            if project is None:
                kept = {(one.project, one.id) for one in found}
                with self._lock:  # others' deletions take their memory here, too
                    self._entries = {key: entry for key, entry in self._entries.items() if key in kept}
            return found
        with self._lock:
            return [entry.snapshot for (owner, _), entry in self._entries.items() if project in {None, owner}]

    def _forget(self, snapshot: Snapshot) -> None:
        key = (snapshot.project, snapshot.id)
        with self._lock:
            self._entries.pop(key, None)
            self._gone.append(key)
        if self._state is not None:
            self._state.remove_soon(_KIND, *key)
        if self._commons is not None:
            self._commons.remove(_KIND, *key)
            self._commons.remove(_FILE, *key)

    def of(self, project: str) -> list[Snapshot]:
        """A project's snapshots, the newest first."""
        return sorted(self._every(project), key=lambda snapshot: (-snapshot.created_us, snapshot.id))

    def get(self, project: str, identifier: str) -> Kept:
        """One of them. Raises NotFound, which says what was kept."""
        entry = self._find(project, identifier)
        return Kept(entry.snapshot, entry.histogram)

    def source(self, project: str, identifier: str) -> tuple[Questions, Plan]:
        """What to ask in the store's place, and what the run asked. Raises NotFound."""
        entry = self._find(project, identifier)
        return entry.source, entry.snapshot.plan

    def _find(self, project: str, identifier: str) -> _Entry:
        with self._lock:
            entry = self._entries.get((project, identifier))
        if self._commons is not None:
            entry = self._shared_entry(self._commons, project, identifier, entry)
        if entry is not None:
            return entry
        if (project, identifier) in self._gone:
            raise NotFound(
                f"snapshot {identifier} is gone: it made room for newer ones, or was deleted",
                hint="pin the snapshots that should stay, or export them to a file",
                kept=[snapshot.id for snapshot in self.of(project)[:20]],
            )
        raise NotFound(
            f"project {project} has no snapshot {identifier[:64]}",
            hint="a run makes one; /snapshots lists those that are kept",
            kept=[snapshot.id for snapshot in self.of(project)[:20]],
        )

    def change(
        self,
        project: str,
        identifier: str,
        *,
        name: str | None = None,
        pinned: bool | None = None,
        screen: dict[str, Any] | None = None,
    ) -> Snapshot:
        """Name it, pin it, keep the state of its screen; what is None stays.

        Raises:
            NotFound: there is none.
            BadRequest: pinned ones would take more than half of the room.
        """
        entry = self._find(project, identifier)
        changed = msgspec.structs.replace(
            entry.snapshot,
            name=entry.snapshot.name if name is None else name,
            pinned=entry.snapshot.pinned if pinned is None else pinned,
            state=entry.snapshot.state if screen is None else _checked(screen),
        )
        with self._changing:
            others = [
                other.bytes
                for other in self._every()
                if other.pinned and (other.project, other.id) != (project, identifier)
            ]
            if changed.pinned and sum(others) + changed.bytes > self._bytes_max // 2:
                raise BadRequest(
                    f"{len(others)} pinned snapshots hold {sum(others)} bytes already, with this one they would "
                    f"take more than half of the {self._bytes_max} bytes for snapshots",
                    hint="unpin or delete some, or raise snapshot_bytes",
                )
            self._share(changed)
            entry = replace(entry, snapshot=changed)
            with self._lock:
                self._entries[project, identifier] = entry
        if changed.pinned:
            self._save(entry)
        return changed

    def delete(self, project: str, identifier: str) -> None:
        """Forget it. Raises NotFound."""
        self._forget(self._find(project, identifier).snapshot)

    def drop(self, project: str) -> None:
        """Forget all of a project."""
        for snapshot in self.of(project):
            self._forget(snapshot)

    # Files

    def export(self, project: str, identifier: str) -> bytes:
        """The snapshot as one JSON file, spans and all. Raises NotFound."""
        entry = self._find(project, identifier)
        return encode(Kept(entry.snapshot, entry.histogram), entry.traces)

    def import_(self, project: str, content: bytes) -> tuple[Snapshot, list[str]]:
        """(the snapshot of a file, kept in this project; who went to make room). Its id stays if it is free here.

        Raises:
            BadRequest: the file is none, or is damaged.
        """
        kept, traces = decode(content, Kept)
        identifier = kept.snapshot.id
        if not _is_id(identifier) or self._is_taken(project, identifier):
            identifier = self._fresh_id(project)
        snapshot = msgspec.structs.replace(
            kept.snapshot,
            id=identifier,
            project=project,
            pinned=False,
            bytes=_OVERHEAD_BYTES + traces.nbytes,
            kept_spans=len(traces.marks),
            kept_traces=traces.held,
            state=_checked(kept.snapshot.state),
            url=_url(project, identifier),
        )
        return snapshot, self._keep(self._entry(snapshot, kept.histogram, traces))

    def _restore(self, project: str, content: bytes) -> None:
        kept, traces = decode(content, Kept)
        self._entries[project, kept.snapshot.id] = self._entry(kept.snapshot, kept.histogram, traces)

    # In a pool

    def _share(self, snapshot: Snapshot, file: bytes | None = None) -> None:
        """Every satellite of the pool has it from now on; its file comes first, since it is found by the other."""
        if self._commons is None:
            return
        place, version = (snapshot.project, snapshot.id), self._clock_ns()
        if file is not None:
            self._commons.put(_FILE, *place, file, version=version)
        self._commons.put(_KIND, *place, msgspec.json.encode(snapshot), version=version)

    def _shared_entry(
        self, commons: Commons, project: str, identifier: str, known: _Entry | None
    ) -> _Entry | None:
        """It as the pool has it now; None: nobody has it any more."""
        found = commons.read(_KIND, project, identifier)
        file = commons.read(_FILE, project, identifier) if found and known is None else ()
        entry = None
        if found and known is not None:
            entry = replace(known, snapshot=_shared(found[0]))
        elif found and file:
            kept, traces = decode(file[0].value, Kept)
            entry = self._entry(_shared(found[0]), kept.histogram, traces)
            self._every()  # so that what is in memory stays within its bounds
        elif found:  # changed by one satellite while another deleted it
            commons.remove(_KIND, project, identifier)
        with self._lock:
            self._entries.pop((project, identifier), None)
            if entry is not None:
                self._entries[project, identifier] = entry
        return entry

    def _save(self, entry: _Entry) -> None:
        if self._state is not None:
            content = encode(Kept(entry.snapshot, entry.histogram), entry.traces)
            self._state.write(_KIND, entry.snapshot.project, {entry.snapshot.id: content})

    def close(self) -> None:
        """Hand all of them to the state. Raises StoreFailed."""
        for entry in self._entries.values():
            self._save(entry)


def _shared(found: Common) -> Snapshot:
    return msgspec.json.decode(found.value, type=Snapshot)


def _seed(identifier: str) -> int:
    return int.from_bytes(identifier.encode()[:8])


def _is_id(text: str) -> bool:
    return len(text) == 10 and all(letter in _LETTERS for letter in text)


def _url(project: str, identifier: str) -> str:
    return f"/{project}/explorer?snapshot_id={identifier}"


def _checked(screen: dict[str, Any]) -> dict[str, Any]:
    if len(msgspec.json.encode(screen)) > STATE_BYTES_MAX:
        raise BadRequest(f"the state of the screen is over {STATE_BYTES_MAX} bytes", parameter="state")
    return screen


def _us(ns: int | None) -> int | None:
    return None if ns is None else ns // 1000
