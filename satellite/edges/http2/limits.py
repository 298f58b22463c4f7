"""What one connection may ask of us, and how a peer is told of it (RFC 9113 §6.5.2)."""

from __future__ import annotations

from dataclasses import dataclass

from satellite.edges.http2 import frames


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may ask of us. The peer is told of the first five by settings and window updates."""

    streams_max: int = 256
    """Requests at a time; one more is refused, and may be sent again (§5.1.2)."""
    stream_window_bytes: int = 1 << 20
    """Of a body's bytes how many may come before the owner has dealt with any. Our setting, not yet known to the peer
    in its first flight, so never below the protocol's own 65,535."""
    connection_window_bytes: int = 8 << 20
    """Of all bodies together before we have read them; it is opened again as they are read."""
    list_bytes_max: int = 65_536
    """Of a header section as RFC 9113 §6.5.2 counts it."""
    frame_bytes_max: int = frames.FRAME_BYTES
    fields_max: int = 256
    """Of a header section."""
    block_bytes_max: int = 65_536
    """Of a header block before it is decompressed, all its CONTINUATIONs together."""

    def greeting(self) -> list[bytes]:
        """Our settings, and the connection's window where it is larger than everybody's."""
        greeting = [
            frames.settings(
                {
                    frames.MAX_CONCURRENT_STREAMS: self.streams_max,
                    frames.INITIAL_WINDOW_SIZE: self.stream_window_bytes,
                    frames.MAX_FRAME_SIZE: self.frame_bytes_max,
                    frames.MAX_HEADER_LIST_SIZE: self.list_bytes_max,
                }
            )
        ]
        if self.connection_window_bytes > frames.WINDOW:
            greeting.append(frames.window_update(0, self.connection_window_bytes - frames.WINDOW))
        return greeting
