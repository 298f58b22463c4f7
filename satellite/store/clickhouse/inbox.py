"""What waits for the thread that writes: batches, and errands that only it may do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from satellite.errors import Overloaded, StoreFailed
from satellite.model.spans import SpanBatch
from satellite.store import Written

SHARED_SPANS = 100_000
"""Spans that share one insert at most (ours)."""

ENOUGH_SPANS = 5_000
"""So many are not made to wait for more (ours)."""

WAITING_BYTES = 256 * 2**20
"""Of batches that wait for their insert; beyond it senders are told to try later (ours)."""


NO_ANSWER = "ClickHouse does not answer"

PATIENCE_SECONDS = 30.0
"""For an insert; then its sender is told to try later (ours)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch whose sender waits."""

    project: str
    batch: SpanBatch
    arrived_ns: int
    dropped: Mapping[str, int]
    done: Future[Written]

    def outcome(self, patience_seconds: float) -> Written:
        """What became of it.

        Raises:
            StoreFailed: that is not known in time. What nobody has begun with is withdrawn; else it may be there, and its sender,
                who sends it again, is told so then.
        """
        try:
            return self.done.result(patience_seconds)
        except TimeoutError:
            if self.done.done():
                return self.done.result()
            self.done.cancel()
            raise StoreFailed(NO_ANSWER, hint="send again later") from None


@dataclass(frozen=True, slots=True)
class Errand:
    """Something else that only the writing thread may do."""

    run: Callable[[], Any]
    done: Future[Any]

    def settle(self) -> None:
        """Do it."""
        try:
            self.done.set_result(self.run())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            self.done.set_exception(error)


class Inbox:
    """In the order of arrival; filled by any thread, emptied by one."""

    def __init__(self) -> None:
        self._waiting: list[Arrival | Errand] = []
        self._waiting_bytes = 0
        self._closed = False
        self._wake = threading.Condition()

    def put(self, one: Arrival | Errand) -> None:
        """Have it wait.

        Raises:
            Overloaded: too much waits.
            StoreFailed: it is closed.
        """
        with self._wake:
            if self._closed:
                raise StoreFailed("the store is closed")
            if isinstance(one, Arrival):
                if self._waiting_bytes > WAITING_BYTES:
                    raise Overloaded("too much waits for ClickHouse already", hint="send again later")
                self._waiting_bytes += one.batch.nbytes
            self._waiting.append(one)
            self._wake.notify_all()

    def take(self, timeout_seconds: float | None) -> list[Arrival] | Errand | None:
        """The arrivals before the next errand, that errand, or [] when nothing came in time; None: closed, and empty."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._closed, timeout_seconds)
            if not self._waiting:
                return None if self._closed else []
            taken: list[Arrival] = []
            spans = 0
            while self._waiting and spans < SHARED_SPANS:
                first = self._waiting[0]
                if isinstance(first, Errand):
                    if taken:
                        break
                    del self._waiting[0]
                    return first
                spans += len(first.batch) * (not first.done.cancelled())
                self._waiting_bytes -= first.batch.nbytes
                if first.done.set_running_or_notify_cancel():
                    taken.append(first)
                del self._waiting[0]
            return taken

    def gather(self, seconds: float) -> None:
        """Let more come for so long, unless that is enough for an insert already or an errand waits."""
        with self._wake:
            self._wake.wait_for(self._is_due, seconds)

    def _is_due(self) -> bool:
        if self._closed or any(isinstance(one, Errand) for one in self._waiting):
            return True
        return sum(len(one.batch) for one in self._waiting if isinstance(one, Arrival)) >= ENOUGH_SPANS

    def close(self) -> None:
        """Take nothing more; what waits is still given out."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
