"""The half of a connection that sends (RFC 9113 §5.2, §6.9): frames that wait to be written, and bodies that wait for a window."""

from __future__ import annotations

from collections import OrderedDict

from satellite.edges.http2 import frames, patience
from satellite.edges.http2.events import Drained, Event
from satellite.edges.http2.frames import ErrorCode
from satellite.edges.http2.headers import Fields, encode
from satellite.edges.http2.patience import Patience
from satellite.edges.http2.stream import Stream

_CLOSED_REMEMBERED = 1024
"""Streams whose late frames are told from mistakes."""
KNOWN = -1
"""When a stream ended that the peer knows to have ended."""


class Sending:
    """What `Connection` sends, and the streams that it sends on."""

    def __init__(self, greeting: list[bytes]) -> None:
        """`greeting`: frames that are written first."""
        self.streams: dict[int, Stream] = {}
        """Those that are open in either direction."""
        self.last_stream_id = 0
        """The highest that a client began."""
        self.ended = False
        """Whether GOAWAY was sent for a fault: nothing is read any more."""
        self._patience = Patience()
        self._seconds = 0
        """That we were told of."""
        self._closed: OrderedDict[int, int] = OrderedDict()
        """Streams that ended lately: at which second we reset them, so that the peer may not know yet; else KNOWN."""
        self._blocked: dict[int, Stream] = {}
        """Streams that wait for a window, longest first."""
        self._goaway_at: int | None = None
        """The last stream that is still taken, once we told that."""
        self._send_window = frames.WINDOW
        self._initial_send_window = frames.WINDOW
        self._frame_bytes = frames.FRAME_BYTES
        self._table_prefix = b""
        self._out = greeting

    def take(self) -> bytes:
        """What is to be written now; b"" when there is nothing."""
        out = self._out
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    @property
    def pending_bytes(self) -> int:
        """What waits for the peer's windows."""
        return sum(stream.pending_bytes for stream in self._blocked.values())

    def send_headers(
        self, stream: Stream, fields: Fields | list[tuple[bytes, bytes]], *, end: bool = False
    ) -> None:
        """Our header section; its first field is `:status`. Nothing is sent on a stream that has ended or was reset."""
        self.send_block(stream, encode(fields), end=end)

    def send_block(self, stream: Stream, block: bytes, *, end: bool = False) -> None:
        """The same as a header block that `encode` made; as trailers when there was a body or header section before.

        They wait for the body that is queued before them.
        """
        if not stream.local_open:
            return
        if end:
            stream.local_open = False
        if stream.queue:
            stream.ending, stream.trailers = True, block
            return
        self._write_block(stream, block, end=end)

    def send_data(self, stream: Stream, data: bytes, *, end: bool = False) -> None:
        """A piece of our body, as far as the windows allow; the rest is queued, and `Drained` tells when it is out."""
        if not stream.local_open:
            return
        if end:
            stream.local_open = False
        if not stream.queue and len(data) <= self._frame_bytes:
            size = len(data)
            if size <= stream.send_window and size <= self._send_window:
                stream.send_window -= size
                self._send_window -= size
                self._out.append(frames.frame(frames.DATA, frames.END_STREAM if end else 0, stream.id, data))
                self._patience.earn(patience.EARNED_BY_DATA_SENT)
                if end:
                    self._answered(stream)
                return
        stream.queue.append(memoryview(data))
        stream.pending_bytes += len(data)
        stream.ending = end
        self._blocked[stream.id] = stream
        self._pump(stream, [])

    def send_answer(self, stream: Stream, head: bytes, body: bytes, trailers: bytes) -> None:
        """A whole answer, its sections as blocks of `encode`: in one piece where nothing has to wait, as nearly always."""
        size = len(body)
        if (
            stream.queue
            or self._table_prefix
            or not stream.local_open
            or max(size, len(head), len(trailers)) > self._frame_bytes
            or size > stream.send_window
            or size > self._send_window
        ):
            self.send_block(stream, head)
            self.send_data(stream, body)
            self.send_block(stream, trailers, end=True)
            return
        stream.send_window -= size
        self._send_window -= size
        stream.local_open = False
        stream.answered = True
        self._out.append(frames.answer(stream.id, head, body, trailers))
        self._patience.earn(patience.EARNED_BY_DATA_SENT)
        self._answered(stream)

    def reset(self, stream: Stream, code: ErrorCode = ErrorCode.CANCEL) -> None:
        """End a stream at once in both directions; what it has queued is dropped."""
        if self.streams.get(stream.id) is stream:
            self._out.append(frames.rst_stream(stream.id, code))
            self._close(stream, ours=True)

    def want_no_more(self, stream: Stream) -> None:
        """What is left of the request is not wanted (§8.1): once our end is written, the stream is reset."""
        stream.unwanted = True
        if not stream.local_open and not stream.queue:
            self.reset(stream, ErrorCode.NO_ERROR)

    def ping(self, payload: bytes) -> None:
        """Ask for a sign of life; eight bytes, which come back in `PingAnswered`."""
        self._out.append(frames.frame(frames.PING, 0, 0, payload))

    def announce_end(self) -> None:
        """Ask the client to begin no more streams, but take those that are on their way (§6.8); `go_away` follows."""
        if self._goaway_at is None:
            self._out.append(frames.goaway(frames.WINDOW_MAX, ErrorCode.NO_ERROR))

    def go_away(self, code: ErrorCode = ErrorCode.NO_ERROR, detail: str = "") -> None:
        """Take no stream beyond those that began; theirs go on."""
        if self._goaway_at is None:
            self._goaway_at = self.last_stream_id
            self._out.append(frames.goaway(self.last_stream_id, code, detail))

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do but to close: a fault ended it, or it goes away and its last stream is over."""
        return self.ended or (self._goaway_at is not None and not self.streams)

    # Within

    def _pump_all(self, events: list[Event]) -> None:
        for stream in list(self._blocked.values()):
            if self._send_window <= 0:
                break
            self._pump(stream, events)

    def _pump(self, stream: Stream, events: list[Event]) -> None:
        """Write what the windows allow of a stream's queue; others get their turn before it comes again."""
        queue = stream.queue
        while queue:
            allowed = min(stream.send_window, self._send_window, self._frame_bytes)
            data = queue[0]
            if data and allowed <= 0:
                break
            part = data[:allowed]
            if len(part) == len(data):
                queue.popleft()
            else:
                queue[0] = data[allowed:]
            stream.send_window -= len(part)
            self._send_window -= len(part)
            stream.pending_bytes -= len(part)
            last = not queue and stream.ending and stream.trailers is None
            self._out.append(frames.frame(frames.DATA, frames.END_STREAM if last else 0, stream.id, part))
            self._patience.earn(patience.EARNED_BY_DATA_SENT)
        self._blocked.pop(stream.id, None)
        if queue:
            self._blocked[stream.id] = stream
            return
        if stream.trailers is not None:
            self._write_block(stream, stream.trailers, end=True)
        elif stream.ending:
            self._answered(stream)
        events.append(Drained(stream))

    def _write_block(self, stream: Stream, block: bytes, *, end: bool) -> None:
        if self._table_prefix:
            block, self._table_prefix = self._table_prefix + block, b""
        self._out.append(frames.headers(stream.id, block, end=end, frame_bytes=self._frame_bytes))
        stream.answered = True
        if end:
            self._answered(stream)

    def _answered(self, stream: Stream) -> None:
        """Our half is over."""
        self._patience.earn(patience.PER_ANSWER)
        if not stream.remote_open:
            self._close(stream)
        elif stream.unwanted:
            self.reset(stream, ErrorCode.NO_ERROR)

    def _close(self, stream: Stream, *, ours: bool = False) -> None:
        stream.local_open = stream.remote_open = False
        stream.queue.clear()
        stream.pending_bytes = 0
        self._blocked.pop(stream.id, None)
        if self.streams.pop(stream.id, None) is not None:
            self._remember(stream.id, ours=ours)

    def _remember(self, stream_id: int, *, ours: bool) -> None:
        self._closed[stream_id] = self._seconds if ours else KNOWN
        if len(self._closed) > _CLOSED_REMEMBERED:
            self._closed.popitem(last=False)
