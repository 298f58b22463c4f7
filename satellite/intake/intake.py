"""The one way in: what a socket received becomes spans that queries see, and a receipt for the sender.

Bodies wait in two lanes (`queue`), large ones in their own. The worker of each takes what waits, some of each sender, has
it decoded in one call, hands that on as a parcel (`writer` says what becomes of it), and lets the senders know. What
nobody waits for any more is not decoded.

A lane's worker is its thread. Where writing waits for nothing, calls that will be short are worked off by the event loop
itself, one in each of its turns: decoding and the loop are both Python, so two threads would only take the interpreter
from each other, and what arrives during a call makes the next one larger (ADR 022).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from satellite.errors import Overloaded, SatelliteError, StoreFailed
from satellite.intake.head import NOWHERE, Head
from satellite.intake.parcel import Destination, Origin, Parcel
from satellite.intake.queue import Queue, Waiter, Waiting
from satellite.model.report import Receipt
from satellite.protocols.readers.columns import has_stack
from satellite.protocols.wire import WireProtocol

LARGE_BYTES = 2**20
"""Bodies beyond it wait in a lane of their own, so that none that takes long holds up others. Ours."""

WAIT_SECONDS_MAX = 2.0
"""What would wait longer is refused at once: senders give up after a few seconds, and send again. Ours."""

STALLED_SECONDS = 5.0
"""When the call in hand takes longer, as when the disk has stalled, nothing more joins those that wait. Ours."""

TURN_SECONDS = 0.005
"""What a call in the event loop may take, going by the latest of its protocol: others who want the loop wait no longer than
they would for the interpreter. Ours."""

GATHER_SECONDS = 0.002
"""A call in the event loop is not begun as long as each turn brings more for it, so long at most: without it calls of one report
each could follow, each with its fixed cost. Who is alone waits for nothing. Ours."""

TURN_BODY_BYTES = 16 * 2**10
"""A larger body is no matter for the event loop: the fixed cost of a call is little of its own, several reads bring it, and while
the loop decodes, the rest of others' is not read, so that calls of one body each follow. Measured; ours."""

STACK_BYTES = 32 * 2**20
"""Of the threads that decode, which decoders of deep bodies count on (`readers.columns`); taken as far as it is used."""

_PEEK_BYTES = 2**20
"""From so many waiting bytes on, a body is looked into for its sender."""


class Delivery(NamedTuple):
    """One body, as an edge hands it over."""

    protocol: WireProtocol
    body: bytes
    header_token: str = ""
    peer: str = ""
    project: str | None = None
    """Where its spans go, whatever token they bring: for whoever imports spans, not for reporters."""
    head: Head = NOWHERE
    fences: int | None = None
    """How many there were when its sender began to send it; None: not known."""


@dataclass(slots=True)
class _Lane:
    """Bodies that one worker decodes, one call after the other."""

    came: threading.Condition
    """The thread has something to do."""
    queue: Queue = field(default_factory=Queue)
    loop: asyncio.AbstractEventLoop | None = None
    """Which works off what is here, so that the thread does not; None: none does."""


class Intake:
    """Takes reports from any edge; see the module."""

    def __init__(
        self,
        destination: Destination,
        *,
        clock_ns: Callable[[], int],
        max_waiting_bytes: int,
        short_of_memory: Callable[[int], str] = lambda _: "",
        elsewhere_bytes: Callable[[], int] = lambda: 0,
        tell: Callable[[int, bool], None] = lambda _bytes, _full: None,
        fences: Callable[[], int] = lambda: 0,
    ) -> None:
        """Start the threads; `close` ends them.

        Args:
            destination: where decoded reports go.
            clock_ns: ns since the epoch.
            max_waiting_bytes: bound of the queue; what does not fit is refused with Overloaded.
            short_of_memory: why a report of so many bytes cannot be let in now; "" when it can.
            elsewhere_bytes: what waits at other intakes of this satellite, which have the bound together.
            tell: hears what waits here, and whether more is refused, whenever that changes.
            fences: how many there are, see `explore/fence.py`.
        """
        self._elsewhere_bytes = elsewhere_bytes
        self._tell = tell
        self._short_of_memory = short_of_memory
        self._destination = destination
        self._clock_ns = clock_ns
        self._fences = fences
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting_bytes = 0
        self._open = True
        self._full = False
        self._came: dict[asyncio.AbstractEventLoop, list[tuple[Delivery, Waiter]]] = {}
        """In this turn of each event loop."""
        self._lock = threading.Lock()
        self._small = _Lane(threading.Condition(self._lock))
        self._large = _Lane(threading.Condition(self._lock))
        self._threads = [
            _start(lambda: self._work(self._small), "intake"),
            _start(lambda: self._work(self._large), "intake-large"),
        ]

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the reports that wait, are being decoded or written."""
        return self._waiting_bytes

    @property
    def ready(self) -> bool:
        """False while the queue is full, from the first refusal until half of it is free again, and when closing."""
        return self._open and not self._full

    async def submit(
        self,
        protocol: WireProtocol,
        body: bytes,
        *,
        header_token: str = "",
        peer: str = "",
        project: str | None = None,
        head: Head = NOWHERE,
        fences: int | None = None,
    ) -> Receipt:
        """The receipt, once the spans of this body are visible to queries or it is known why they never will be.

        Never raises for what a body holds; `Receipt.refusal` says what was wrong. With a `project` no token is
        looked at: that is for whoever imports spans, not for reporters.
        """
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.hand_over(Delivery(protocol, body, header_token, peer, project, head, fences), receipt)
        return await receipt

    def hand_over(self, delivery: Delivery, waiter: Waiter) -> None:
        """The same for whoever needs no task: the waiter gets the receipt. What comes in one turn of the loop waits as a group."""
        loop = asyncio.get_running_loop()
        came = self._came.get(loop)
        if came is None:
            came = self._came[loop] = []
            loop.call_soon(self._put, loop)
        came.append((delivery, waiter))

    def _put(self, loop: asyncio.AbstractEventLoop) -> None:
        came = self._came.pop(loop)
        now_ns, fences = self._clock_ns(), self._fences()
        items = [
            Waiting(
                one.protocol,
                one.body,
                Origin(
                    len(one.body),
                    one.header_token,
                    one.peer,
                    one.project,
                    one.head,
                    now_ns,
                    fences if one.fences is None else one.fences,
                ),
                self._sender(one),
                loop,
                waiter,
            )
            for one, waiter in came
        ]
        refused: list[tuple[Waiting, Overloaded]] = []
        short = bool(self._short_of_memory(sum(len(item.body) for item in items)))
        with self._lock:
            for item in items:
                lane = self._large if len(item.body) > LARGE_BYTES else self._small
                refusal = self._refuse_full(item, lane.queue, short=short)
                if refusal is None:
                    lane.queue.put(item)
                    self._waiting_bytes += len(item.body)
                else:
                    refused.append((item, refusal))
            in_turn = self._begin(self._small, loop)
            self._begin(self._large, loop)
            self._tell(self._waiting_bytes, self._full)
        _set_results([(item.waiter, self._refused(item, refusal)) for item, refusal in refused])
        if in_turn:
            loop.call_soon(self._gather, loop, time.monotonic())

    def _begin(self, lane: _Lane, loop: asyncio.AbstractEventLoop) -> bool:
        """Have somebody work off what waits in a lane; True: the caller does, in its turn of the loop."""
        if not lane.queue or (lane.loop is not None and not lane.loop.is_closed()):
            return False
        lane.loop = None
        if lane.queue.began is not None:  # the thread has a call in hand, and will look for more
            return False
        if self._fits_turn(lane.queue):
            lane.loop = loop
            return True
        lane.came.notify()
        return False

    def _fits_turn(self, queue: Queue) -> bool:
        """Whether the event loop may have what is first there; never of the lane of large bodies."""
        first = queue.next
        return (
            self._open
            and not self._destination.waits
            and len(first.body) <= TURN_BODY_BYTES
            and queue.seconds(first) <= TURN_SECONDS
        )

    def _sender(self, one: Delivery) -> str:
        """Who waits together: a project, those with one token, or those at one address."""
        if one.project is not None:
            return f"project {one.project}"
        token: bytes = one.header_token.encode("utf-8", "surrogatepass")
        if not token and self._waiting_bytes > _PEEK_BYTES:
            token = one.protocol.sender(one.body)
        if token:
            return f"token {hash(token)}"
        return f"peer {one.peer.rpartition(':')[0]}"

    def refuse(self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "") -> None:
        """Remember a report that an edge had to refuse before it was one (too large, wrong content type)."""
        self._destination.refused(protocol, error, size_bytes=size_bytes, peer=peer, project="")

    def busy_for(
        self, protocol: WireProtocol, size_bytes: int, *, header_token: str = "", peer: str = ""
    ) -> Overloaded | None:
        """Why a body of which only the head has come will not be let in: it would wait too long. None: it may come.

        Said only where reports are refused already, so that what is not taken need not be read.
        """
        if not self._full:
            return None
        sender = self._sender(Delivery(protocol, b"", header_token, peer))
        with self._lock:
            queue = (self._large if size_bytes > LARGE_BYTES else self._small).queue
            waits = queue.wait_seconds_of(sender, queue.seconds_of(protocol.name, size_bytes))
        return _waits_too_long() if waits > WAIT_SECONDS_MAX else None

    def _refuse_full(self, item: Waiting, queue: Queue, *, short: bool) -> Overloaded | None:
        """Why it cannot wait here. `short`: memory is, for all that came with it, though perhaps not for it alone."""
        if not self._open:
            return Overloaded("the satellite is stopping; send again", hint="retry")
        if short and (reason := self._short_of_memory(len(item.body))):
            return Overloaded(reason, hint="retry with back-off")
        if queue.busy_seconds(time.monotonic()) > STALLED_SECONDS:
            self._full = True
            return Overloaded(
                f"reports before this one have been in hand for over {STALLED_SECONDS:g} s; send again later",
                hint="retry with back-off",
            )
        if not queue:
            return None
        if self._waiting_bytes + self._elsewhere_bytes() + len(item.body) > self._max_waiting_bytes:
            self._full = True
            return Overloaded("too many reports are waiting; send again later", hint="retry with back-off")
        if queue.wait_seconds_of(item.sender, queue.seconds(item)) > WAIT_SECONDS_MAX:
            self._full = True
            return _waits_too_long()
        return None

    def _refused(self, item: Waiting, refusal: SatelliteError) -> Receipt:
        origin = item.origin
        self._destination.refused(
            item.protocol.name,
            refusal,
            size_bytes=origin.size_bytes,
            peer=origin.peer,
            project=origin.project or "",
        )
        return Receipt(origin.received_ns, self._clock_ns(), refusal)

    def close(self, timeout_s: float) -> bool:
        """Take nothing more, finish what waits, end the thread. False when that took longer than `timeout_s`."""
        with self._lock:
            self._open = False
            self._small.came.notify()
            self._large.came.notify()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    # In the event loop, or in the threads

    def _gather(self, loop: asyncio.AbstractEventLoop, began: float) -> None:
        """Work off what waits once a turn of the loop brought nothing more, or after GATHER_SECONDS."""
        if loop in self._came and time.monotonic() - began < GATHER_SECONDS:
            loop.call_soon(self._gather, loop, began)
        else:
            self._take_turn(loop)

    def _take_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """One call of what is small; another in the loop's next turn, as long as anything waits."""
        lane = self._small
        with self._lock:
            if not lane.queue or not self._fits_turn(lane.queue):
                lane.loop = None
                lane.came.notify()
                return
            taken = lane.queue.take(TURN_SECONDS)
            lane.queue.began = time.monotonic()
        try:
            self._work_off(taken, lane.queue, loop)
        finally:
            with self._lock:
                lane.loop = loop if lane.queue else None
        if lane.loop is not None:
            loop.call_soon(self._gather, loop, time.monotonic())

    def _work(self, lane: _Lane) -> None:
        queue = lane.queue
        while True:
            with self._lock:
                lane.came.wait_for(lambda: not self._open or (queue and lane.loop is None))
                if queue and self._fits_turn(queue) and self._give_back(lane):
                    continue
                taken = queue.take()
                if not taken:
                    return
                queue.began = time.monotonic()
            self._work_off(taken, queue)

    def _give_back(self, lane: _Lane) -> bool:
        """Have the loop of whoever is next go on, after what was too long for it."""
        loop = lane.queue.next.loop
        try:
            loop.call_soon_threadsafe(self._take_turn, loop)
        except RuntimeError:  # it is closed
            return False
        lane.loop = loop
        return True

    def _work_off(
        self, taken: Sequence[Waiting], queue: Queue, here: asyncio.AbstractEventLoop | None = None
    ) -> None:
        items, abandoned = list[Waiting](), list[Waiting]()
        for item in taken:
            (abandoned if item.abandoned else items).append(item)
        if abandoned:
            self._give_up(abandoned)
        if items:
            self._process(items, here)
        with self._lock:
            if items:
                queue.measured(items, queue.busy_seconds(time.monotonic()))
            queue.began = None

    def _give_up(self, abandoned: Sequence[Waiting]) -> None:
        for item in abandoned:
            self._refused(item, Overloaded("its sender gave up before its turn came"))
        self._done(abandoned)

    def _done(self, items: Sequence[Waiting]) -> None:
        with self._lock:
            self._waiting_bytes -= sum(len(item.body) for item in items)
            self._full = self._full and not self._relieved()
            self._tell(self._waiting_bytes, self._full)

    def _relieved(self) -> bool:
        waits = max(self._small.queue.wait_seconds, self._large.queue.wait_seconds)
        return self._waiting_bytes <= self._max_waiting_bytes // 2 and waits <= WAIT_SECONDS_MAX / 2

    def _process(self, items: list[Waiting], here: asyncio.AbstractEventLoop | None) -> None:
        unanswered = True

        def answer(receipts: list[Receipt]) -> None:
            nonlocal unanswered
            unanswered = False
            self._done(items)
            _answer(items, receipts, here)

        def fail(what: str, error: Exception) -> None:
            self._destination.failed(what, error)
            if unanswered:
                failure = StoreFailed("the satellite failed; see its log")
                answer([self._refused(item, failure) for item in items])

        arrived_ns = self._clock_ns()
        protocol = items[0].protocol
        try:
            decoded = protocol.decode([item.body for item in items], arrived_ns)
        except Exception as error:  # noqa: BLE001 - a codec's mistake must not end the satellite
            fail("decode", error)
            return
        for outcome in decoded.reports:
            if isinstance(outcome, SatelliteError):
                outcome.bare()
        parcel = Parcel(protocol.name, arrived_ns, [item.origin for item in items], decoded)
        try:
            self._destination.write(parcel, answer)
        except Exception as error:  # noqa: BLE001 - nor must that of whoever hears of it; the next call is another's
            fail("write", error)


def _waits_too_long() -> Overloaded:
    return Overloaded(
        f"reports wait longer than {WAIT_SECONDS_MAX:g} s; send again later", hint="retry with back-off"
    )


def _start(work: Callable[[], None], name: str) -> threading.Thread:
    def run() -> None:
        has_stack(STACK_BYTES)
        work()

    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
    finally:
        threading.stack_size(before)
    return thread


def _answer(
    items: Sequence[Waiting], receipts: Sequence[Receipt], here: asyncio.AbstractEventLoop | None
) -> None:
    """Hand each waiting edge its receipt; one wake-up per event loop but the one whose turn this is."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Waiter, Receipt]]] = {}
    for item, receipt in zip(items, receipts, strict=True):
        by_loop.setdefault(item.loop, []).append((item.waiter, receipt))
    for loop, answers in by_loop.items():
        if loop is here:
            _set_results(answers)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_set_results, answers)


def _set_results(answers: Sequence[tuple[Waiter, Receipt]]) -> None:
    for waiter, receipt in answers:
        if waiter.cancelled():  # the sender may have gone
            continue
        try:
            waiter.set_result(receipt)
        except Exception as error:  # noqa: BLE001 - one edge's mistake must not keep the others waiting
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "an answer failed", "exception": error})
