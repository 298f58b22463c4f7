"""The rules there are, and what they decide for one request: thread-safe, and nothing to do while there are none."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from satellite.errors import BadRequest, NotFound, SatelliteError
from satellite.faults.decision import Decision
from satellite.faults.rule import Fault, checked, read_fault, reporter_plan
from satellite.faults.scope import Request, fits
from satellite.query.plan import Plan

RULES_MAX = 100
"""In one project, and for the whole satellite (ours)."""


class Listed(msgspec.Struct, frozen=True):
    """A rule as it stands."""

    id: str
    fault: Fault
    seen: int
    """Requests that fitted since it was added."""
    applied: int
    """Those that it hit."""
    active: bool
    """False when `times` are used up or `for_ms` is over; it stays in the list until it is removed."""


@dataclass(slots=True)
class _Rule:
    id: str
    fault: Fault
    ends_ns: int | None
    random: random.Random
    plan: Plan | None
    lasting: bool
    """Whether it is there again after a restart."""
    seen: int = 0
    applied: int = 0

    def active(self, now_ns: int) -> bool:
        used_up = self.fault.times is not None and self.applied >= self.fault.times
        return not used_up and (self.ends_ns is None or now_ns < self.ends_ns)


@dataclass(slots=True)
class _Shelf:
    """The rules of one project, or of the satellite."""

    rules: dict[str, _Rule] = field(default_factory=dict)
    added: int = 0
    kept: bool = True
    """Whether all that is known of them was written down."""


class _KeptRule(msgspec.Struct, frozen=True):
    """A rule as it is written down."""

    id: str
    fault: msgspec.Raw
    ends_ns: int | None
    seen: int
    applied: int
    random: Any
    """Where its sequence of chances was; None when it takes none."""


class _KeptShelf(msgspec.Struct, frozen=True):
    """The same of a shelf."""

    added: int
    rules: list[_KeptRule]


class State(Protocol):
    """Where rules are written down; see `store.durable.state`."""

    def projects(self, kind: str) -> list[str]:
        """Those with values of this kind."""
        ...

    def read(self, kind: str, project: str = "") -> dict[str, bytes]:
        """The values by name."""
        ...

    def write_soon(self, kind: str, project: str, values: dict[str, bytes]) -> None:
        """Write them behind whoever asks."""
        ...

    def remove_soon(self, kind: str, project: str, name: str) -> None:
        """Remove one."""
        ...


_KIND, _NAME = "faults", "rules"


class EarlyFaults(Protocol):
    """What an edge asks before it reads a report."""

    @property
    def early(self) -> bool:
        """Whether there is any rule to be asked about."""
        ...

    def of_connection(self, port: int, peer: str) -> Decision | None:
        """What to do wrong with a connection that begins."""
        ...

    def of_head(self, request: Request) -> Decision | None:
        """What to do wrong with a request whose body was not read yet."""
        ...


class Faults:
    """All rules of a satellite; any thread may ask."""

    def __init__(
        self,
        clock_ns: Callable[[], int],
        *,
        tell: Callable[[bool], None] = lambda _: None,
        state: State | None = None,
    ) -> None:
        """Those that the state holds, none without; `tell` hears of `early` whenever rules change."""
        self._clock_ns = clock_ns
        self._tell = tell
        self._state = state
        self._lock = threading.Lock()
        self._everywhere = _Shelf()
        self._projects: dict[str, _Shelf] = {}
        self.early = False
        """Whether any rule is to be asked about connections and heads."""
        self.late = False
        """Whether any rule is to be asked about reports."""
        for project in {None, *state.projects(_KIND)} - {""} if state else ():
            self._restore(project, state.read(_KIND, project or "").get(_NAME) if state else None)
        self._note()

    def add(self, faults: Iterable[Fault], project: str | None, *, lasting: bool = True) -> list[Listed]:
        """Rules from now on, in this order, after those there are; None: for the whole satellite.

        `lasting`: they are there again after a restart, where the state lasts.

        Raises:
            BadRequest: one of them cannot be (then none is added), or there are RULES_MAX.
        """
        return self._put(faults, project, lasting=lasting, instead=False)

    def replace(self, faults: Iterable[Fault], project: str | None) -> list[Listed]:
        """The same in place of those there are; none: nothing goes wrong any more. Raises BadRequest, then all stays."""
        return self._put(faults, project, lasting=True, instead=True)

    def _put(
        self, faults: Iterable[Fault], project: str | None, *, lasting: bool, instead: bool
    ) -> list[Listed]:
        wanted = [checked(fault, project=project is not None) for fault in faults]
        with self._lock:
            shelf = self._shelf(project)
            there = 0 if instead else len(shelf.rules)
            if there + len(wanted) > RULES_MAX:
                raise BadRequest(
                    f"there are {there} faults, and {len(wanted)} more: at most {RULES_MAX} can be",
                    hint="remove some first" if there else None,
                )
            if instead:
                shelf.rules.clear()
            now_ns = self._clock_ns()
            made = []
            for fault in wanted:
                shelf.added += 1
                identifier = f"f{shelf.added}" if project is not None else f"s{shelf.added}"
                made.append(_rule(identifier, fault, now_ns, lasting=lasting))
            shelf.rules |= {rule.id: rule for rule in made}
            self._settle(project, shelf)
            return [_listed(rule, now_ns) for rule in made]

    def change(self, project: str | None, rule: str, fault: Fault) -> Listed:
        """Another fault in this rule's place, which begins anew. Raises BadRequest; NotFound for a rule that is not there."""
        wanted = checked(fault, project=project is not None)
        with self._lock:
            shelf = self._shelf(project)
            before = _there(shelf, rule)
            now_ns = self._clock_ns()
            shelf.rules[rule] = _rule(rule, wanted, now_ns, lasting=before.lasting)
            self._settle(project, shelf)
            return _listed(shelf.rules[rule], now_ns)

    def one(self, project: str | None, rule: str) -> Listed:
        """A rule as it stands. Raises NotFound."""
        with self._lock:
            return _listed(_there(self._shelf(project), rule), self._clock_ns())

    def all(self, project: str | None) -> list[Listed]:
        """The rules of a project, or of the satellite, in the order in which they are asked."""
        with self._lock:
            now_ns = self._clock_ns()
            return [_listed(rule, now_ns) for rule in self._shelf(project).rules.values()]

    def remove(self, project: str | None, rule: str | None = None) -> int:
        """Take one rule away, or all; how many. Raises NotFound for one that is not there."""
        with self._lock:
            shelf = self._shelf(project)
            gone = [_there(shelf, rule).id] if rule is not None else list(shelf.rules)
            for one in gone:
                del shelf.rules[one]
            if gone:
                self._settle(project, shelf)
            return len(gone)

    def drop(self, project: str) -> None:
        """Its project is gone."""
        self.remove(project)

    def of_connection(self, port: int, peer: str) -> Decision | None:
        """What to do wrong with a connection that begins."""
        if not self.early:
            return None
        return self._decide(Request("", "", port, peer), None, early=True, wants=_is_of_connection)

    def of_head(self, request: Request) -> Decision | None:
        """What to do wrong with a request whose body was not read yet."""
        if not self.early:
            return None
        return self._decide(request, None, early=True, wants=_is_of_head)

    def of_report(self, request: Request, project: str) -> Decision | None:
        """What to do wrong with a report that was read and decoded."""
        if not self.late:
            return None
        return self._decide(request, project, early=False, wants=lambda _: True)

    def _decide(
        self, request: Request, project: str | None, *, early: bool, wants: Callable[[Fault], bool]
    ) -> Decision | None:
        with self._lock:
            now_ns = self._clock_ns()
            rules = [*self._everywhere.rules.values()]
            if project is not None and project in self._projects:
                rules += self._projects[project].rules.values()
            for shelf in (self._everywhere, self._projects.get(project or "", self._everywhere)):
                shelf.kept = False
            hit = [
                rule
                for rule in rules
                if rule.fault.early == early
                and wants(rule.fault)
                and rule.active(now_ns)
                and fits(rule.fault, rule.plan, request)
                and _hits(rule)
            ]
            return _together(hit) if hit else None

    def keep(self) -> None:
        """Write down how often rules were asked and hit, as far as that changed."""
        with self._lock:
            for project, shelf in [(None, self._everywhere), *self._projects.items()]:
                if not shelf.kept and any(rule.lasting for rule in shelf.rules.values()):
                    self._write_down(project, shelf)

    def _write_down(self, project: str | None, shelf: _Shelf) -> None:
        shelf.kept = True
        if self._state is None:
            return
        rules = [
            _KeptRule(
                rule.id,
                msgspec.Raw(msgspec.json.encode(rule.fault)),
                rule.ends_ns,
                rule.seen,
                rule.applied,
                rule.random.getstate() if rule.fault.probability < 1 or rule.fault.jitter_ms else None,
            )
            for rule in shelf.rules.values()
            if rule.lasting
        ]
        if rules:
            value = msgspec.json.encode(_KeptShelf(shelf.added, rules))
            self._state.write_soon(_KIND, project or "", {_NAME: value})
        else:
            self._state.remove_soon(_KIND, project or "", _NAME)

    def _restore(self, project: str | None, value: bytes | None) -> None:
        if value is None:
            return
        kept = msgspec.json.decode(value, type=_KeptShelf)
        shelf = self._everywhere if project is None else _Shelf()
        shelf.added = kept.added
        for one in kept.rules:
            try:
                fault = read_fault(bytes(one.fault), project=project is not None)
            except SatelliteError:
                continue  # another version's: it cannot be done any more
            chances = random.Random(fault.seed)
            if one.random is not None:
                version, internal, gauss = one.random
                chances.setstate((version, tuple(internal), gauss))
            plan = None if fault.reporter is None else reporter_plan(fault.reporter)
            shelf.rules[one.id] = _Rule(
                one.id, fault, one.ends_ns, chances, plan, lasting=True, seen=one.seen, applied=one.applied
            )
        if project is not None and shelf.rules:
            self._projects[project] = shelf

    def _shelf(self, project: str | None) -> _Shelf:
        return self._everywhere if project is None else self._projects.get(project, _Shelf())

    def _settle(self, project: str | None, shelf: _Shelf) -> None:
        """Its rules have changed."""
        if project is not None:
            self._projects.pop(project, None)
            if shelf.rules:
                self._projects[project] = shelf
        self._write_down(project, shelf)
        self._note()

    def _note(self) -> None:
        everywhere = [rule.fault for rule in self._everywhere.rules.values()]
        self.early = any(fault.early for fault in everywhere)
        self._tell(self.early)
        self.late = bool(self._projects) or not all(fault.early for fault in everywhere)


def _rule(identifier: str, fault: Fault, now_ns: int, *, lasting: bool) -> _Rule:
    """A rule that begins now."""
    return _Rule(
        identifier,
        fault,
        None if fault.for_ms is None else now_ns + fault.for_ms * 1_000_000,
        random.Random(fault.seed),
        None if fault.reporter is None else reporter_plan(fault.reporter),
        lasting,
    )


def _there(shelf: _Shelf, rule: str) -> _Rule:
    """The rule of this id. Raises NotFound."""
    if rule not in shelf.rules:
        raise NotFound(f"there is no fault {rule}", hint="GET …/faults lists them")
    return shelf.rules[rule]


def _listed(rule: _Rule, now_ns: int) -> Listed:
    return Listed(rule.id, rule.fault, rule.seen, rule.applied, rule.active(now_ns))


def _is_of_connection(fault: Fault) -> bool:
    return not fault.read_delay_ms


def _is_of_head(fault: Fault) -> bool:
    return bool(fault.read_delay_ms)


def _hits(rule: _Rule) -> bool:
    """Count the request, and say whether the rule's turn has come."""
    rule.seen += 1
    if rule.seen <= rule.fault.after:
        return False
    if rule.fault.probability < 1 and rule.random.random() >= rule.fault.probability:
        return False
    rule.applied += 1
    return True


def _together(rules: list[_Rule]) -> Decision:
    made: dict[str, Any] = {}
    delay_s = read_delay_s = 0.0
    for rule in rules:
        fault = rule.fault
        delay_s += (
            fault.delay_ms + (rule.random.random() * fault.jitter_ms if fault.jitter_ms else 0)
        ) / 1000
        read_delay_s += fault.read_delay_ms / 1000
        for name in fault.actions:
            if name not in {"delay_ms", "jitter_ms", "read_delay_ms"}:
                made.setdefault(name, getattr(fault, name))
        if fault.retry_after_ms is not None:
            made.setdefault("retry_after_s", fault.retry_after_ms / 1000)
        if fault.drop is not None:
            made.setdefault("drop_seed", rule.random.getrandbits(32))
    if "status" in made and "grpc_status" in made:  # of two rules; the first has its say
        first = next(rule.fault for rule in rules if rule.fault.status or rule.fault.grpc_status)
        del made["grpc_status" if first.status is not None else "status"]
    return Decision(
        rules=tuple(rule.id for rule in rules),
        delay_s=delay_s,
        read_delay_s=read_delay_s,
        **made,
    )
