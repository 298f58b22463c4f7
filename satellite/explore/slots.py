"""Colour slots: each service of a project gets one of 14 at its first arrival, and keeps it.

The same in every browser and every session, and a new service never recolours an old one (the UI draws the colours).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import msgspec

from satellite.query.plan import Field, Plan, Term
from satellite.store import Questions
from satellite.store.durable.state import State

SLOTS = 14
_STEP = 5
"""To the next slot when one is taken: neighbours in the palette are not given one after another."""

SERVICES_MAX = 10_000
"""Services of a project that are remembered; further ones get the slot of their name alone."""

_KIND, _NAME = "slots", "services"


def slot_of_name(service: str) -> int:
    """Where a service is put when the slot is free: FNV-1a of its name, upper half, modulo 14."""
    value = 0x811C9DC5
    for byte in service.encode("utf-8", "surrogatepass"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return (value >> 16) % SLOTS


class Slots:
    """The slots that were given, of all projects. Safe for several threads."""

    def __init__(self, state: State | None = None) -> None:
        """Those that the state holds, none without; it learns of new ones soon."""
        self._state = state
        self._lock = threading.Lock()
        self._given: dict[str, dict[str, int]] = {}
        for project in state.projects(_KIND) if state else ():
            for content in state.read(_KIND, project).values() if state else ():
                self._given[project] = msgspec.json.decode(content, type=dict[str, int])

    def of(self, source: Questions, project: str, services: Iterable[str]) -> dict[str, int]:
        """The slot of each service; new ones get theirs in the order in which the source's spans arrived."""
        wanted = list(services)
        with self._lock:
            given = self._given.setdefault(project, {})
            new = [service for service in wanted if service not in given][: SERVICES_MAX - len(given)]
            for service in sorted(new, key=lambda service: _first_mark(source, project, service)):
                given[service] = _free(service, set(given.values()))
            if new and self._state is not None:
                self._state.write_soon(_KIND, project, {_NAME: msgspec.json.encode(given)})
            return {
                service: given[service] if service in given else slot_of_name(service) for service in wanted
            }

    def drop(self, project: str) -> None:
        """Forget those of a project."""
        with self._lock:
            self._given.pop(project, None)
            if self._state is not None:
                self._state.remove_soon(_KIND, project, _NAME)


def _first_mark(source: Questions, project: str, service: str) -> int:
    plan = Plan((Term(Field.SERVICE, "service", (service,)),))
    first = source.find(project, plan, order="arrival", limit=1).spans
    return first[0].mark if first else 0


def _free(service: str, taken: set[int]) -> int:
    start = slot_of_name(service)
    slots = [(start + i * _STEP) % SLOTS for i in range(SLOTS)]
    return next((slot for slot in slots if slot not in taken), start)
