"""One connection's state (RFC 9113): frames in, events and frames out; here its requests, their heads and bodies."""

from __future__ import annotations

from satellite.edges.http2 import frames, patience
from satellite.edges.http2.control import Control
from satellite.edges.http2.events import Data, Ended, Event, Request, Reset, Trailers
from satellite.edges.http2.frames import ConnectionFault, ErrorCode, StreamFault
from satellite.edges.http2.headers import HeaderReader
from satellite.edges.http2.limits import Limits
from satellite.edges.http2.sending import KNOWN
from satellite.edges.http2.stream import Stream

WORK_MAX = 1 << 62
"""All that came."""
_WORK_OF_REQUEST = 16
_WORK_OF_DATA = 3
"""What the owner is thought to have of it, beside the frame's own 1."""
_LARGE_DATA_BYTES = 4096
"""A DATA frame from so many bytes on is taken together with those behind it."""


class Connection(Control):
    """The server's end of one connection. Not safe for threads.

    `receive` takes what came and tells what it meant; the `send_…` methods and answers of the protocol itself
    (acknowledgements, window updates, errors) gather in `take`, in one piece for one write.
    """

    def __init__(self, limits: Limits) -> None:
        """Our settings are in `take` already; nothing was received."""
        super().__init__(limits.greeting())
        self.limits = limits
        self.settled = False
        """Whether the client's settings have come."""
        self._headers = HeaderReader(list_bytes_max=limits.list_bytes_max, fields_max=limits.fields_max)
        self._rest = b""
        self._rest_at = 0
        """Where of the rest the next frame begins."""
        self._work_left = 0
        self.work = 0
        """What the last `receive` had to do, in frames; one that begins a request is worth some."""
        self.waits = False
        """Whether it left frames for later: `receive(b"")` goes on."""
        self._greeted = False
        self._block: tuple[int, int, list[bytes], int] | None = None
        """A header block that goes on: stream, flags, its parts, their bytes."""
        self._receive_window = limits.connection_window_bytes

    @property
    def unfinished_bytes(self) -> int:
        """What is held of a frame or header block that is not complete."""
        return len(self._rest) - self._rest_at + (self._block[3] if self._block else 0)

    def consume(self, stream: Stream, size: int) -> None:
        """The owner has dealt with so many bytes of a body; the client may send as many more."""
        stream.consumed += size
        if stream.remote_open and stream.consumed * 2 >= self.limits.stream_window_bytes:
            self._out.append(frames.window_update(stream.id, stream.consumed))
            stream.receive_window += stream.consumed
            stream.consumed = 0

    def second_passed(self) -> None:
        """Somebody with a clock says so; floods and what comes late are counted against it."""
        self._seconds += 1
        self._patience.earn(patience.PER_SECOND)

    # In

    def receive(self, data: bytes, work_max: int = WORK_MAX) -> list[Event]:
        """What these bytes meant, as far as that is not more work than allowed. After `Ended` nothing is read any more."""
        events: list[Event] = []
        if self.ended:
            return events
        self._work_left = work_max
        self.waits = False
        try:
            data, at = self._joined(data, events)
            if not self._greeted:
                at = self._greet(data)
            if not self.waits:
                at = self._read(data, at, events)
        except ConnectionFault as fault:
            self._fail(fault, events)
        else:
            if self.waits:
                self._rest, self._rest_at = data, at
            else:
                self._rest, self._rest_at = data[at:], 0
        self.work = work_max - self._work_left
        return events

    def _joined(self, data: bytes, events: list[Event]) -> tuple[bytes, int]:
        """What is to be read, and from where on: what was left with what came. A frame that began before is taken by itself,
        so that the rest of a large read is not copied to stand behind it.
        """
        rest, at = self._rest, self._rest_at
        if not rest:
            return data, 0
        if not data:
            return rest, at
        if self._greeted and len(rest) - at >= frames.HEADER_BYTES:
            high, low, *_ = frames.head_of(rest, at)
            missing = frames.HEADER_BYTES + (high << 8 | low) - (len(rest) - at)
            if 0 < missing < len(data) - missing:
                first = rest[at:] + data[:missing]
                at = self._read(first, 0, events)
                return (first + data[missing:], at) if self.waits else (data, missing)
        return rest[at:] + data, 0

    def _greet(self, data: bytes) -> int:
        """§3.4."""
        if not data.startswith(frames.PREFACE):
            if frames.PREFACE.startswith(data):
                return 0
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the connection does not begin as HTTP/2 does")
        self._greeted = True
        return len(frames.PREFACE)

    def _read(self, data: bytes, at: int, events: list[Event]) -> int:
        """Take whole frames; where the rest begins."""
        if not self._greeted:
            return at
        end = len(data)
        frame_bytes_max = self.limits.frame_bytes_max
        while end - at >= frames.HEADER_BYTES:
            high, low, kind, flags, stream_id = frames.head_of(data, at)
            length = high << 8 | low
            if length > frame_bytes_max:
                # A stream error would do for some kinds; what sends such frames does not know our settings.
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame is larger than our settings allow")
            begin = at + frames.HEADER_BYTES
            if end - begin < length:
                break
            if self._work_left <= 0:
                self.waits = True
                break
            self._work_left -= 1
            at = begin + length
            stream_id &= 0x7FFFFFFF
            if kind == frames.DATA and length >= _LARGE_DATA_BYTES and not flags:
                payload, flags, at = self._run(data, begin, at, stream_id)
            else:
                payload = data[begin:at]
            if self._block is not None and (kind != frames.CONTINUATION or stream_id != self._block[0]):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted")
            if not self.settled:
                if kind != frames.SETTINGS or flags & frames.ACK:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
                self.settled = True
            try:
                if kind == frames.DATA:
                    self._data(flags, stream_id, payload, events)
                elif kind == frames.HEADERS:
                    self._header_frame(flags, stream_id, payload, events)
                elif kind < len(self._RARE):
                    self._RARE[kind](self, flags, stream_id, payload, events)
                else:  # §5.5: of an extension we do not know
                    self._spend(patience.COST_OF_EMPTY_FRAME)
            except StreamFault as fault:
                self._reset_for(fault, events)
        return at

    def _run(self, data: bytes, begin: int, end: int, stream_id: int) -> tuple[bytes, int, int]:
        """(payload, flags, where it ends) of a DATA frame together with those of its stream that stand right behind it: a body of
        many frames costs what its reads do. Each is work; windows and lengths are looked at for all of them.
        """
        parts = [memoryview(data)[begin:end]]
        flags = 0
        while not flags and self._work_left > _WORK_OF_DATA and len(data) - end >= frames.HEADER_BYTES:
            high, low, kind, next_flags, next_id = frames.head_of(data, end)
            length = high << 8 | low
            begin = end + frames.HEADER_BYTES
            if (
                kind != frames.DATA
                or next_id & 0x7FFFFFFF != stream_id
                or next_flags & frames.PADDED
                or not (length >= _LARGE_DATA_BYTES or next_flags & frames.END_STREAM)
                or length > self.limits.frame_bytes_max
                or begin + length > len(data)
            ):
                break
            self._work_left -= 1 + _WORK_OF_DATA
            end, flags = begin + length, next_flags
            parts.append(memoryview(data)[begin:end])
        return b"".join(parts), flags, end

    def _data(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.1."""
        size = len(payload)
        self._receive_window -= size
        if self._receive_window < 0:
            raise ConnectionFault(
                ErrorCode.FLOW_CONTROL_ERROR, "more data than the connection's window allows"
            )
        if self._receive_window * 2 < self.limits.connection_window_bytes:
            more = self.limits.connection_window_bytes - self._receive_window
            self._out.append(frames.window_update(0, more))
            self._receive_window += more
        stream = self.streams.get(stream_id)
        if stream is None or not stream.remote_open:
            self._late(stream_id, stream, "DATA")
            return
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamFault(
                stream_id, ErrorCode.FLOW_CONTROL_ERROR, "more data than the stream's window allows"
            )
        body = frames.unpadded(flags, payload) if flags & frames.PADDED else payload
        if size != len(body):
            self.consume(stream, size - len(body))
        ended = bool(flags & frames.END_STREAM)
        if len(body) < patience.SMALL_DATA_BYTES and not ended:
            self._spend(patience.COST_OF_EMPTY_FRAME)
        self._work_left -= _WORK_OF_DATA
        stream.received_bytes += len(body)
        if ended:
            stream.remote_open = False
        self._check_length(stream)
        events.append(Data(stream, body, ended))
        if ended and not stream.local_open and not stream.queue:
            self._close(stream)

    def _header_frame(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.2."""
        if stream_id == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "HEADERS for stream 0")
        block = frames.unpadded(flags, payload) if flags & frames.PADDED else payload
        if flags & frames.PRIORITISED:
            if len(block) < 5:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
            itself = int.from_bytes(block[:4], "big") & 0x7FFFFFFF == stream_id
            block = block[5:]
            if itself:  # its fields must be read all the same, for the table's sake
                self._headers.request(block) if flags & frames.END_HEADERS else None
                self._begin(stream_id)
                raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
        if flags & frames.END_HEADERS:
            self._section(flags, stream_id, block, events)
        else:
            self._block = (stream_id, flags, [block], len(block))

    def _continuation(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.10."""
        if self._block is None:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
        self._spend(patience.COST_OF_CONTINUATION)
        _, first_flags, parts, size = self._block
        size += len(payload)
        if size > self.limits.block_bytes_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too large")
        parts.append(payload)
        self._block = (stream_id, first_flags, parts, size)
        if flags & frames.END_HEADERS:
            self._block = None
            self._section(first_flags, stream_id, b"".join(parts), events)

    def _section(self, flags: int, stream_id: int, block: bytes, events: list[Event]) -> None:
        """A header section is complete: a request's (§8.3.1), or trailers (§8.1)."""
        ended = bool(flags & frames.END_STREAM)
        if stream_id <= self.last_stream_id:
            self._trailers(stream_id, block, events, ended=ended)
            return
        head = self._headers.request(block)
        self._work_left -= _WORK_OF_REQUEST
        self._pay_for_decoding()
        if self._goaway_at is not None:  # §6.8: as if it had never come
            self._begin(stream_id, ours=True)
            return
        if len(self.streams) >= self.limits.streams_max:
            self._begin(stream_id)
            raise StreamFault(
                stream_id, ErrorCode.REFUSED_STREAM, "more streams at a time than our settings allow"
            )
        if head.fault:
            self._begin(stream_id)
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, head.fault)
        self._number(stream_id)
        stream = self.streams[stream_id] = Stream(
            stream_id,
            head,
            receive_window=self.limits.stream_window_bytes,
            send_window=self._initial_send_window,
        )
        if ended:
            stream.remote_open = False
            if stream.expected_bytes:
                self._check_length(stream)
        events.append(Request(stream, head, ended))

    def _begin(self, stream_id: int, *, ours: bool = False) -> None:
        """A client uses a new stream that is not to open: remembered as closed."""
        self._number(stream_id)
        self._remember(stream_id, ours=ours)

    def _number(self, stream_id: int) -> None:
        """A client uses a new stream: odd, and higher than all before (§5.1.1)."""
        if stream_id % 2 == 0 or stream_id <= self.last_stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a stream's number is even or was left behind")
        self.last_stream_id = stream_id

    def _trailers(self, stream_id: int, block: bytes, events: list[Event], *, ended: bool) -> None:
        fields, fault = self._headers.trailers(block)
        self._pay_for_decoding()
        stream = self.streams.get(stream_id)
        if stream is None or not stream.remote_open:
            self._late(stream_id, stream, "HEADERS")
            return
        if fault or not ended:
            raise StreamFault(
                stream_id, ErrorCode.PROTOCOL_ERROR, fault or "trailers that do not end their stream"
            )
        stream.remote_open = False
        self._check_length(stream)
        events.append(Trailers(stream, fields))
        if not stream.local_open and not stream.queue:
            self._close(stream)

    def _check_length(self, stream: Stream) -> None:
        """§8.1.1."""
        expected = stream.expected_bytes
        if expected is None:
            return
        if stream.received_bytes > expected or (not stream.remote_open and stream.received_bytes < expected):
            raise StreamFault(
                stream.id, ErrorCode.PROTOCOL_ERROR, "a body that is not as long as its content-length"
            )

    def _late(self, stream_id: int, stream: Stream | None, kind: str) -> None:
        """A frame for a stream on which nothing more may come (§5.1)."""
        if stream_id == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{kind} for stream 0")
        if stream is not None:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, f"{kind} after the end of its stream")
        if stream_id > self.last_stream_id or stream_id % 2 == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{kind} for a stream that was not begun")
        reset_at = self._closed.get(stream_id)
        if reset_at is None:
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR if kind == "HEADERS" else ErrorCode.STREAM_CLOSED,
                f"{kind} for a stream that was left behind",
            )
        if reset_at == KNOWN:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"{kind} for a stream that is closed")
        if self._seconds - reset_at > patience.LATE_SECONDS:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"{kind} for a stream that was reset long ago")
        self._spend(patience.COST_OF_EMPTY_FRAME)  # the peer may not know yet

    _RARE = (
        _data,
        _header_frame,
        Control._priority,
        Control._rst_stream,
        Control._settings,
        Control._push_promise,
        Control._ping,
        Control._goaway,
        Control._window_update,
        _continuation,
    )
    """By the type of frame."""

    def _pay_for_decoding(self) -> None:
        """Nothing, for a block that is known."""
        if self._headers.work:
            self._work_left -= self._headers.work
            self._headers.work = 0
            self._spend(patience.COST_OF_NEW_BLOCK)

    def _reset_for(self, fault: StreamFault, events: list[Event]) -> None:
        self._spend(patience.COST_OF_RESET)
        self._out.append(frames.rst_stream(fault.stream_id, fault.code))
        stream = self.streams.get(fault.stream_id)
        if stream is not None:
            self._close(stream, ours=True)
            events.append(Reset(stream, fault.code, by_peer=False, detail=fault.detail))
        elif self._closed.get(fault.stream_id) == KNOWN:
            self._remember(fault.stream_id, ours=True)

    def _fail(self, fault: ConnectionFault, events: list[Event]) -> None:
        self.ended = True
        self.waits = False
        self._rest, self._rest_at = b"", 0
        self._block = None
        self._out.append(frames.goaway(self.last_stream_id, fault.code, fault.detail))
        for stream in list(self.streams.values()):
            self._close(stream)
            events.append(Reset(stream, fault.code, by_peer=False, detail=fault.detail))
        events.append(Ended(fault.code, fault.detail))
