"""What is known of clients' addresses: who brought nothing but trouble has to wait, for a connection or for an answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from satellite.edges.brake import Brake

_PATIENCE = 200.0
"""Points: connections that came to nothing, before their address waits. A browser, a probe or a scanner of ports has a few."""
_FORGOTTEN_PER_SECOND = 20.0
FLOOD = 50.0
"""What a flood is worth; a few may be mistakes of a library."""
_CALM_SECONDS = 10.0
"""How long an address waits, from its last trouble on."""
SERVED_PER_SECOND = 5.0
"""Connections of an address that waits."""
_ADDRESSES = 10_000

VAIN_AT_ONCE = 500
VAIN_PER_SECOND = 200.0
"""Requests of an address that bring nothing and are answered at once; beyond them their answers wait. A fleet of exporters with a
wrong path, or a test that sends nothing but bad reports, hardly notices. Ours."""
VAIN_WAIT_SECONDS_MAX = 5.0
"""Clients wait longer as a rule, and need the answer to know what is wrong."""


class _Record:
    __slots__ = ("at", "next", "points", "until", "vain")

    def __init__(self, at: float) -> None:
        self.at = at
        self.points = 0.0
        self.until = 0.0
        self.next = 0.0
        self.vain = Brake(
            at_once=VAIN_AT_ONCE, per_second=VAIN_PER_SECOND, wait_seconds_max=VAIN_WAIT_SECONDS_MAX
        )


class Peers:
    """The records of one satellite's clients, by address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nobody is known. `clock`: seconds, only ever forward."""
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()
        """The last one in trouble last."""

    def trouble(self, host: str, points: float = 1.0) -> bool:
        """A connection of this address came to nothing; whether its next ones have to wait from now on."""
        now = self._clock()
        record = self._record(host, now)
        record.points = max(0.0, record.points - (now - record.at) * _FORGOTTEN_PER_SECOND) + points
        record.at = now
        if record.points < _PATIENCE:
            return False
        record.points = _PATIENCE
        waited = record.until > now
        record.until = now + _CALM_SECONDS
        return not waited

    def wait_seconds(self, host: str) -> float:
        """How long a new connection of this address has to wait for its turn; nearly always 0."""
        record = self._records.get(host)
        if record is None:
            return 0.0
        now = self._clock()
        if record.until <= now:
            return 0.0
        record.next = max(now, record.next + 1 / SERVED_PER_SECOND)
        return record.next - now

    def vain_wait_seconds(self, host: str) -> float:
        """A request of this address brought nothing (400, 404, 405); how long its answer is to wait, nearly always 0."""
        now = self._clock()
        return self._record(host, now).vain.wait_seconds(now)

    def _record(self, host: str, now: float) -> _Record:
        """Of this address, which is in trouble now."""
        record = self._records.pop(host, None) or _Record(now)
        self._records[host] = record
        if len(self._records) > _ADDRESSES:
            self._records.popitem(last=False)
        return record
