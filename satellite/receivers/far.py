"""A receiver's view of the store's process: what the edges and the intake ask of it, over sockets."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from satellite.errors import SatelliteError
from satellite.faults.decision import Decision
from satellite.faults.scope import Request
from satellite.intake.intake import LARGE_BYTES
from satellite.intake.parcel import Parcel
from satellite.memory import DECODING
from satellite.model.report import Receipt
from satellite.receivers.lane import Lane
from satellite.receivers.messages import (
    Asked,
    Calls,
    Connected,
    Event,
    Failed,
    Left,
    Noted,
    OfConnection,
    OfHead,
    Refused,
    ShortOfMemory,
)
from satellite.receivers.page import Page
from satellite.requests.entry import Entry

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

UNDER_WAY = 3
"""Parcels of a lane that may be on their way: one is written, one waits for that, one is being sent. Ours."""


class FarWriter:
    """Where a receiver's intake has its parcels written; see `intake.parcel.Destination`."""

    def __init__(self, small: Lane, large: Lane, calls: Calls) -> None:
        """Receipts come once `listen` was called.

        Args:
            small: for parcels of usual size.
            large: for those of one large body, which should not hold others up.
            calls: for what is no parcel.
        """
        self._lanes = {lane: threading.BoundedSemaphore(UNDER_WAY) for lane in (small, large)}
        self._small, self._large = small, large
        self._calls = calls
        self._numbers = itertools.count()
        self._answers: dict[int, Callable[[list[Receipt]], None]] = {}

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take receipts in this event loop."""
        for lane, under_way in self._lanes.items():
            loop.add_reader(lane.fileno(), self._answer, lane, under_way)

    waits = True
    """For the store's process, whose receipts the event loop takes."""

    def write(self, parcel: Parcel, answer: Callable[[list[Receipt]], None]) -> None:
        """Send it; waits while UNDER_WAY are on their way. `answer` is called in the event loop."""
        lane = self._large if parcel.origins[0].size_bytes > LARGE_BYTES else self._small
        self._lanes[lane].acquire()
        number = next(self._numbers)
        self._answers[number] = answer
        try:
            lane.send_parcel(number, parcel)
        except OSError:
            gone()

    def refused(
        self, protocol: str, error: SatelliteError, *, size_bytes: int, peer: str, project: str
    ) -> None:
        """Remember a report of which nothing will be kept, and which comes in no parcel."""
        self._calls.tell(Refused(protocol, error, size_bytes, peer, project))

    def failed(self, what: str, error: Exception) -> None:
        """Something that should not happen did."""
        text = "".join(traceback.format_exception(error))
        self._calls.tell(Failed(what, type(error).__name__, text))

    def _answer(self, lane: Lane, under_way: threading.BoundedSemaphore) -> None:
        came = lane.take()
        if came is None:
            gone()
        for number, receipts in came or ():
            under_way.release()
            self._answers.pop(number)(receipts)


class FarFaults:
    """The book of faults, which is in the store's process: so that a rule for two requests hits two, whoever takes them."""

    def __init__(self, page: Page, calls: Calls) -> None:
        self._page = page
        self._calls = calls

    @property
    def early(self) -> bool:
        """Whether there is any rule to be asked about; as long as there is none, nothing is asked."""
        return self._page.early

    def of_connection(self, port: int, peer: str) -> Decision | None:
        """What to do wrong with a connection that begins; waits for the answer."""
        decision: Decision | None = self._calls.ask(OfConnection(port, peer)) if self.early else None
        return decision

    def of_head(self, request: Request) -> Decision | None:
        """What to do wrong with a request whose body was not read yet; waits for the answer."""
        decision: Decision | None = self._calls.ask(OfHead(request)) if self.early else None
        return decision


class FarMemory:
    """How much more memory there is, as the store's process sees it."""

    def __init__(self, page: Page, calls: Calls) -> None:
        self._page = page
        self._calls = calls

    def refuses(self, size_bytes: int) -> str:
        """Why a report of so many bytes cannot be let in now; "" when it can."""
        if DECODING * size_bytes <= self._page.spare_bytes:
            return ""
        self._calls.tell(ShortOfMemory(size_bytes))
        return "memory is short; send again later"


class FarLog:
    """The request log; an entry is there before its sender can ask for it."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def connected(self, number: int = 1) -> None:
        """So many more connected to a port for reports."""
        self._calls.tell(Connected(number))

    def add(self, entry: Entry) -> None:
        """One more request."""
        self._calls.tell(Noted(entry))


class FarApi:
    """The API, as an ASGI application: requests go to the store's process, what it sends comes back."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._numbers = itertools.count()
        self._events: dict[int, asyncio.Queue[Any]] = {}

    def came(self, event: Event) -> None:
        """Something for whoever waits for it."""
        if event.number in self._events:
            self._events[event.number].put_nowait(event.event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with a whole body."""
        body = (await receive()).get("body", b"")
        number = next(self._numbers)
        events = self._events[number] = asyncio.Queue()
        try:
            await asyncio.to_thread(self._calls.tell, Asked(number, dict(scope), body))
            while (event := await events.get()) is not None:
                await send(event)
        finally:
            del self._events[number]
            self._calls.tell(Left(number))


def gone() -> None:
    """The store's process is no more; nothing that is in hand can be answered."""
    os._exit(1)
