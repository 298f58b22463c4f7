"""Reports of which nothing was kept, for diagnostics: the newest of each project and kind, so that none hides another."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

import msgspec

KEPT_OF_A_KIND = 10
KINDS_KEPT = 500
"""Project, protocol and code; those without news longest go first. Ours."""
MESSAGE_CHARACTERS = 500


class Refusal(msgspec.Struct, frozen=True):
    """A report of which nothing was kept. Never holds the token or anything of the body."""

    time_ns: int
    protocol: str
    code: str
    message: str
    peer: str
    project: str = ""
    """"" when the report did not come so far that it had one."""


class Refusals:
    """Remembers them; safe to use from any thread."""

    def __init__(self) -> None:
        """None yet."""
        self._lock = threading.Lock()
        self._kinds: OrderedDict[tuple[str, str, str], deque[tuple[int, Refusal]]] = OrderedDict()
        self._number = 0

    def add(self, refusal: Refusal) -> None:
        """One more."""
        kind = (refusal.project, refusal.protocol, refusal.code)
        if len(refusal.message) > MESSAGE_CHARACTERS:
            refusal = msgspec.structs.replace(refusal, message=refusal.message[:MESSAGE_CHARACTERS] + "…")
        with self._lock:
            kept = self._kinds.setdefault(kind, deque(maxlen=KEPT_OF_A_KIND))
            self._kinds.move_to_end(kind)
            self._number += 1
            kept.append((self._number, refusal))
            if len(self._kinds) > KINDS_KEPT:
                self._kinds.popitem(last=False)

    def all(self) -> list[Refusal]:
        """Those remembered, in the order in which they came."""
        with self._lock:
            numbered = [entry for kept in self._kinds.values() for entry in kept]
        return [refusal for _, refusal in sorted(numbered, key=lambda entry: entry[0])]
