"""What a client says of the connection itself (RFC 9113, §6.3 to §6.9): settings, pings, resets, windows; no request, no body."""

from __future__ import annotations

import struct

from satellite.edges.http2 import frames, patience
from satellite.edges.http2.events import Event, GoingAway, PingAnswered, Reset
from satellite.edges.http2.frames import ConnectionFault, ErrorCode, StreamFault
from satellite.edges.http2.sending import Sending

_LONGEST_FRAME_SENT = 65_536
"""Even when the peer allows more: others want their turn."""


class Control(Sending):
    """The frames that steer what is sent. Each costs the client some of its patience."""

    _work_left: int
    """What the call in hand may still do."""

    def _priority(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.3: read and left."""
        del flags, events
        if stream_id == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY for stream 0")
        self._spend(patience.COST_OF_PRIORITY)
        if len(payload) != 5:
            raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not 5 bytes long")
        if int.from_bytes(payload[:4], "big") & 0x7FFFFFFF == stream_id:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")

    def _rst_stream(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.4."""
        del flags
        self._check_size("RST_STREAM", payload, 4)
        self._check_begun("RST_STREAM", stream_id)
        self._spend(patience.COST_OF_RESET)
        stream = self.streams.get(stream_id)
        if stream is not None:
            self._close(stream)
            events.append(Reset(stream, int.from_bytes(payload, "big"), by_peer=True))

    def _settings(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.5."""
        if stream_id != 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS for a stream")
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS with ACK and a payload")
            self._spend(patience.COST_OF_EMPTY_FRAME)
            return
        if len(payload) % 6:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS is not a multiple of 6 bytes long")
        self._spend(patience.COST_OF_SETTINGS + len(payload) // 60)
        self._work_left -= len(payload) // 24
        for name, value in struct.iter_unpack(">HL", payload):
            self._set(name, value)
        self._out.append(frames.frame(frames.SETTINGS, frames.ACK, 0))
        if self._blocked:
            self._pump_all(events)

    def _set(self, name: int, value: int) -> None:
        if name == frames.INITIAL_WINDOW_SIZE:
            if value > frames.WINDOW_MAX:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "an initial window over 2^31-1")
            change = value - self._initial_send_window
            self._initial_send_window = value
            for stream in self.streams.values():  # §6.9.2: may become negative
                stream.send_window += change
                if stream.send_window > frames.WINDOW_MAX:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window over 2^31-1")
        elif name == frames.MAX_FRAME_SIZE:
            if not frames.FRAME_BYTES <= value < 1 << 24:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a largest frame that may not be")
            self._frame_bytes = min(value, _LONGEST_FRAME_SENT)
        elif name == frames.ENABLE_PUSH and value > 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1")
        elif name == frames.HEADER_TABLE_SIZE:
            self._table_prefix = b"\x20"  # we use none, and say so (RFC 7541 §4.2): some readers insist

    def _push_promise(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§8.4."""
        del flags, stream_id, payload, events
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def _ping(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.7."""
        if stream_id != 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING for a stream")
        self._check_size("PING", payload, 8)
        self._spend(patience.COST_OF_PING)
        if flags & frames.ACK:
            events.append(PingAnswered(payload))
        else:
            self._out.append(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _goaway(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.8."""
        del flags
        if stream_id != 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY for a stream")
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY is too short")
        self._spend(patience.COST_OF_SETTINGS)
        events.append(GoingAway(int.from_bytes(payload[4:8], "big"), payload[8:]))

    def _window_update(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        """§6.9."""
        del flags
        self._check_size("WINDOW_UPDATE", payload, 4)
        self._spend(patience.COST_OF_WINDOW_UPDATE)
        increment = int.from_bytes(payload, "big") & 0x7FFFFFFF
        if stream_id == 0:
            if increment == 0:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
            self._send_window += increment
            if self._send_window > frames.WINDOW_MAX:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window over 2^31-1")
            if self._blocked:
                self._pump_all(events)
            return
        self._check_begun("WINDOW_UPDATE", stream_id)
        stream = self.streams.get(stream_id)
        if increment == 0:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
        if stream is None:  # it is closed, and this was on its way (§5.1)
            return
        stream.send_window += increment
        if stream.send_window > frames.WINDOW_MAX:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window over 2^31-1")
        if stream.queue:
            self._pump(stream, events)

    @staticmethod
    def _check_size(kind: str, payload: bytes, size: int) -> None:
        if len(payload) != size:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"{kind} is not {size} bytes long")

    def _check_begun(self, kind: str, stream_id: int) -> None:
        if stream_id == 0 or stream_id % 2 == 0 or stream_id > self.last_stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{kind} for a stream that was not begun")

    def _spend(self, cost: int) -> None:
        if not self._patience.spend(cost):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that bring nothing")
