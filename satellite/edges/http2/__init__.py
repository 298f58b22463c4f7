"""The server's side of HTTP/2 (RFC 9113) without sockets and clocks: bytes in, events and bytes out.

A room that could be lifted out: it knows nothing of ours, and needs the library `hpack` only.

    connection = Connection(Limits())
    transport.write(connection.take())            # our settings
    for event in connection.receive(data):        # Request, Data, Trailers, Reset, …
        connection.send_headers(event.stream, [(b":status", b"200")])
        connection.send_data(event.stream, b"hello", end=True)
    transport.write(connection.take())

Not here: push, extended CONNECT, and the upgrade from HTTP/1 (RFC 9113 §3.1 dropped it).
"""

from satellite.edges.http2.connection import Connection
from satellite.edges.http2.events import (
    Data,
    Drained,
    Ended,
    Event,
    GoingAway,
    PingAnswered,
    Request,
    Reset,
    Trailers,
)
from satellite.edges.http2.frames import PREFACE, ErrorCode
from satellite.edges.http2.headers import Fields, Head, encode
from satellite.edges.http2.limits import Limits
from satellite.edges.http2.stream import Stream

__all__ = [
    "PREFACE",
    "Connection",
    "Data",
    "Drained",
    "Ended",
    "ErrorCode",
    "Event",
    "Fields",
    "GoingAway",
    "Head",
    "Limits",
    "PingAnswered",
    "Request",
    "Reset",
    "Stream",
    "Trailers",
    "encode",
]
