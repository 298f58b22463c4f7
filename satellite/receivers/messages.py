"""What a receiver and the store's process tell each other besides parcels; pickled, see `lane`."""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from satellite.errors import SatelliteError
from satellite.faults.scope import Request
from satellite.requests.entry import Entry
from satellite.settings import Loaded

_SIZE = struct.Struct("<I")


@dataclass(frozen=True)
class Begin:
    """To a receiver: what it is to be."""

    number: int
    """Which of `Page`'s it is."""
    receivers: int
    """How many there are."""
    loaded: Loaded
    """Without access tokens."""
    sockets: Mapping[str, int]
    """Setting of a port → file descriptor of a bound socket."""
    serves_mixed: bool
    logs_requests: bool


class Stop(NamedTuple):
    """To a receiver: take nothing new, answer what is in hand, and end."""

    grace_seconds: float


class Certificates(NamedTuple):
    """To a receiver: look at the certificates' files, they changed."""


class Event(NamedTuple):
    """To a receiver: what the API sends in answer to a request; None at its end."""

    number: int
    event: Any


class Started(NamedTuple):
    """From a receiver: all its ports answer."""


class Refused(NamedTuple):
    """From a receiver: a report of which nothing will be kept, and which comes in no parcel."""

    protocol: str
    error: SatelliteError
    size_bytes: int
    peer: str
    project: str


class Trapped(NamedTuple):
    """From a receiver: a connection or request that came to nothing."""

    kind: str
    port: int
    peer: str
    detail: str
    right: str


class Mixed(NamedTuple):
    """From a receiver: a client that is served though it speaks TLS where none is expected, or the other way round."""

    kind: str
    port: int
    peer: str


class Failed(NamedTuple):
    """From a receiver: what should not have happened, with its traceback."""

    what: str
    kind: str
    text: str


class Noted(NamedTuple):
    """From a receiver: a request and its answer, for the log."""

    entry: Entry


class Connected(NamedTuple):
    """From a receiver: so many more connected to a port for reports."""

    number: int


class ShortOfMemory(NamedTuple):
    """From a receiver: a report of so many bytes was refused for want of memory."""

    size_bytes: int


class Asked(NamedTuple):
    """From a receiver: a request to the API."""

    number: int
    scope: Mapping[str, Any]
    body: bytes


class Left(NamedTuple):
    """From a receiver: nobody waits any more for the answer to this request."""

    number: int


class OfConnection(NamedTuple):
    """From a receiver, which waits for a Decision or None: a connection that begins."""

    port: int
    peer: str


class OfHead(NamedTuple):
    """From a receiver, which waits for a Decision or None: a request whose body was not read yet."""

    request: Request


def framed(message: Any) -> bytes:
    """As it goes over a socket."""
    encoded = pickle.dumps(message, 5)
    return _SIZE.pack(len(encoded)) + encoded


async def read(reader: asyncio.StreamReader) -> Any:
    """The next message. Raises EOFError when there will be none."""
    try:
        (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
        return pickle.loads(await reader.readexactly(size))  # noqa: S301 - see `lane`
    except (OSError, asyncio.IncompleteReadError) as error:
        raise EOFError from error


class Calls:
    """A receiver's end of what it tells and asks; from any thread, one at a time, and waits while nobody listens."""

    def __init__(self, end: socket.socket) -> None:
        """Over a socket that blocks."""
        self._socket = end
        self._lock = threading.Lock()

    def tell(self, message: Any) -> None:
        """Send it. When the store's process is gone, nothing happens: the receiver ends by that itself."""
        with self._lock:
            self._send(message)

    def ask(self, message: Any) -> Any:
        """Send it and wait for the answer; None when the store's process is gone."""
        with self._lock:
            self._send(message)
            answer = self._exactly(_SIZE.size)
            answer = answer and self._exactly(*_SIZE.unpack(answer))
            return pickle.loads(answer) if answer else None  # noqa: S301 - see `lane`

    def _send(self, message: Any) -> None:
        with suppress(OSError):
            self._socket.sendall(framed(message))

    def _exactly(self, size: int) -> bytes:
        """So many bytes; b"" when the other end is gone."""
        came = b""
        while len(came) < size:
            try:
                part = self._socket.recv(size - len(came))
            except OSError:
                return b""
            if not part:
                return b""
            came += part
        return came
