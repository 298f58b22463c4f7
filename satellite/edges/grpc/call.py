"""A call on our engine: what its head says, its messages as they come in pieces, its deadline, its status at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from satellite.edges import http2
from satellite.edges.budget import ReadingBudget
from satellite.edges.grpc import status
from satellite.edges.grpc.messages import Messages
from satellite.edges.grpc.metadata import Metadata, to_wire
from satellite.edges.grpc.status import CallFailed
from satellite.edges.pace import Pace
from satellite.errors import SatelliteError
from satellite.intake.head import NOWHERE, Head
from satellite.intake.intake import Delivery
from satellite.protocols.grpc_web import percent_encoded
from satellite.protocols.readers.compression import GRPC_ENCODINGS
from satellite.protocols.wire import WireProtocol

CONTENT_TYPE = (b"content-type", b"application/grpc")
ACCEPT_ENCODING = (b"grpc-accept-encoding", ",".join(("identity", *GRPC_ENCODINGS)).encode())
HEADERS = ((b":status", b"200"), CONTENT_TYPE, ACCEPT_ENCODING)
"""What every answer begins with."""

STOPPING = "the satellite is stopping; send again"
_NEAR_SECONDS = 3.0
"""A deadline so near has a timer: more than the second between two looks, which a busy loop may be late for (ours)."""
ONE_MESSAGE = "more than one message in a call that has one"


class Wire(Protocol):
    """What a call needs of its connection."""

    http2: http2.Connection
    peer: str
    """`host:port` of the client."""
    port: int
    """Ours."""
    stopping: bool

    def write_soon(self) -> None:
        """Something is to be written; once for all that happens now."""
        ...

    def deliver(self, delivery: Delivery, call: Any) -> None:
        """A report for the intake; the call, which is a `Waiter`, gets its Receipt."""
        ...

    def refused(self, protocol: str, refusal: SatelliteError) -> None:
        """A report that was refused before it could be delivered."""
        ...

    def later_wait_seconds(self) -> float:
        """How long a report waits before it is told to come later."""
        ...

    def is_too_slow(self, pace: Pace, now: float) -> bool:
        """Whether a message or body comes below the least rate."""
        ...

    def slow_body(self, path: str) -> None:
        """One was given up."""
        ...

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run it; None when nothing is begun any more."""
        ...

    async def writable(self) -> None:
        """Wait until the client takes what was written."""
        ...

    def cut(self) -> None:
        """End it with a reset."""
        ...

    def end_soon(self) -> None:
        """Take no more streams; those in hand are finished."""
        ...


@dataclass(frozen=True, slots=True)
class CallHead:
    """What the header section of a call says; made once for each block that a client repeats."""

    protocol: WireProtocol | None
    """For a report method."""
    handler: grpc.RpcMethodHandler[Any, Any] | None
    """For a method of a servicer."""
    fields: http2.Fields
    token: str
    encoding: str
    timeout_seconds: float | None
    failure: CallFailed | None
    """Why it is answered before its first message."""
    noted: bytes = b""
    """Its fields for the request log; b"" without one."""
    where: Head = NOWHERE
    """For the intake."""


class Call:
    """What all calls have in common; itself it is one that has failed already."""

    __slots__ = (
        "_deadline",
        "_owed_bytes",
        "_pace",
        "_share",
        "_timer",
        "done",
        "head",
        "messages",
        "over",
        "sent_headers",
        "stream",
        "wire",
    )

    def __init__(
        self,
        wire: Wire,
        stream: http2.Stream,
        head: CallHead,
        *,
        message_bytes_max: int,
        budget: ReadingBudget,
    ) -> None:
        self.wire = wire
        self.stream = stream
        self.head = head
        self.messages = Messages(message_bytes_max)
        self.done = False
        """Whether the client has said all."""
        self.over = False
        """Whether its status was sent, or nobody is left to hear it."""
        self.sent_headers = False
        self._share = budget.share(wire.peer, wire.port)
        self._owed_bytes = 0
        """What the client may send again, once a message that waits is taken."""
        self._pace: Pace | None = None
        """Of a message that is not complete."""
        self._deadline: float | None = None
        """In the time of the event loop."""
        self._timer: asyncio.TimerHandle | None = None
        if head.timeout_seconds is not None:
            now = asyncio.get_running_loop().time()
            self._deadline = now + head.timeout_seconds
            self._watch_deadline(now)

    # What the connection tells

    def data(self, data: bytes, *, ended: bool) -> None:
        """A piece of the body; `ended`: the last."""

    def ended(self) -> None:
        """The client has said all, with trailers, which mean nothing here."""

    def reset(self) -> None:
        """The client is gone."""
        self.release()

    def drained(self) -> None:
        """What was queued is written."""

    def stop(self) -> None:
        """We stop: calls that only wait should end."""

    def tick(self, now: float) -> None:
        """A second passed."""
        self._watch_deadline(now)
        if self._pace is not None and not self.over and self.wire.is_too_slow(self._pace, now):
            self.wire.slow_body(self.stream.head.path.decode("latin-1"))
            self.fail(CallFailed(grpc.StatusCode.UNAVAILABLE, "the message comes too slowly"))

    def _watch_deadline(self, now: float) -> None:
        """Set a timer when it comes near; most calls are over long before, and a timer would be a good part of their cost."""
        if self._deadline is None or self._timer is not None or self.over:
            return
        seconds = self._deadline - now
        if seconds <= _NEAR_SECONDS:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._expired)

    # For those that are one

    def feed(self, data: bytes) -> None:
        """A piece of its body. Raises SatelliteError when it cannot go on."""
        messages = self.messages
        messages.feed(data)
        self._share.hold(messages.held_bytes)
        self._owed_bytes += len(data)
        if len(messages.whole) <= 1:
            self.consume()
        if not messages.unfinished_bytes:
            self._pace = None
        else:
            if self._pace is None:
                self._pace = Pace(asyncio.get_running_loop().time)
            self._pace.came(len(data))

    def take(self) -> tuple[bool, bytes]:
        """The first message that waits: (compressed, message)."""
        compressed, body = self.messages.take()
        self._share.hold(self.messages.held_bytes)
        if len(self.messages.whole) <= 1:
            self.consume()
        return compressed, body

    def check_only(self) -> None:
        """For a method that has one message, which was taken. Raises CallFailed when more has come: it would be lost."""
        if not self.messages.is_empty:
            raise CallFailed(grpc.StatusCode.INTERNAL, ONE_MESSAGE)

    def consume(self) -> None:
        """Let the client send more."""
        if self._owed_bytes:
            self.wire.http2.consume(self.stream, self._owed_bytes)
            self._owed_bytes = 0

    def encoding(self) -> str:
        """Of a message that says it is compressed. Raises CallFailed: the call's head names none."""
        if self.head.encoding in {"", "identity"}:
            raise CallFailed(grpc.StatusCode.INTERNAL, "a compressed message in a call without grpc-encoding")
        return self.head.encoding

    def fail(self, failure: CallFailed, trailers: Metadata = ()) -> None:
        """Answer with a status that is not OK."""
        if self.over:
            return
        fields = [(b"grpc-status", b"%d" % status.number(failure.code))]
        if failure.message:
            fields.append((b"grpc-message", percent_encoded(failure.message)))
        if failure.details is not None:
            trailers = (*trailers, (status.DETAILS_TRAILER, failure.details))
        fields += to_wire(trailers)
        self.end(http2.encode(fields if self.sent_headers else [*HEADERS, *fields]))

    def end(self, block: bytes) -> None:
        """Send the status and let go."""
        self.wire.http2.send_block(self.stream, block, end=True)
        self.ended_by_us()

    def ended_by_us(self) -> None:
        """Our last frame is written or waits: let go."""
        if self.stream.remote_open:
            self.wire.http2.want_no_more(self.stream)
        self.wire.write_soon()
        self.release()

    def release(self) -> None:
        """It is over."""
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._share.held_bytes:
            self._share.release()

    def seconds_left(self) -> float | None:
        """Until its deadline; None without one."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    def _expired(self) -> None:
        self.fail(CallFailed(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline of the call has passed"))
