"""Parcels from a receiver to the store's process, and receipts back: frames on a pair of Unix sockets.

A frame is a number (which parcel), a pickled head, and for a parcel its spans as one Arrow record batch. Both ends are one program on one machine and one user's, of the same release; what
clients sent is inside as text and bytes.
"""

from __future__ import annotations

import pickle
import select
import socket
import struct
from contextlib import suppress
from typing import Any, NamedTuple

import pyarrow as pa

from satellite.intake.parcel import Parcel
from satellite.model.report import Decoded
from satellite.model.span_bytes import PACKED, pack, unpack

_PREFIX = struct.Struct("<QQQ")


class Frame(NamedTuple):
    """What came."""

    number: int
    head: Any
    spans: pa.Buffer

    def parcel(self) -> Parcel:
        """The parcel that it is."""
        protocol, arrived_ns, origins, reports = self.head
        batch = unpack(pa.ipc.read_record_batch(self.spans, PACKED))
        return Parcel(protocol, arrived_ns, origins, Decoded(batch, reports))


class Lane:
    """One end. One thread may send while another receives."""

    def __init__(self, end: socket.socket) -> None:
        """Over a socket that blocks, or that an event loop listens at: uvloop makes such a one not block."""
        self._socket = end
        self._came = bytearray()
        self._room = select.poll()
        self._room.register(end, select.POLLOUT)

    def fileno(self) -> int:
        """The socket's."""
        return self._socket.fileno()

    def close(self) -> None:
        """End it, for the other end and for whoever waits at this one."""
        with suppress(OSError):  # the other end is gone
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def send_parcel(self, number: int, parcel: Parcel) -> None:
        """Send a parcel; waits while the other end is slow. Raises OSError when it is gone."""
        head = pickle.dumps((parcel.protocol, parcel.arrived_ns, parcel.origins, parcel.decoded.reports), 5)
        self._send(number, head, pack(parcel.decoded.batch).serialize())

    def send(self, number: int, head: Any) -> None:
        """Send what is no parcel."""
        self._send(number, pickle.dumps(head, 5))

    def _send(self, number: int, head: bytes, spans: Any = b"") -> None:
        prefix = _PREFIX.pack(number, len(head), len(spans))
        left = [memoryview(part) for part in (prefix + head, spans) if len(part)]
        while left:
            try:
                sent = self._socket.sendmsg(left)
            except BlockingIOError:
                self._room.poll()
                continue
            while left and sent >= len(left[0]):
                sent -= len(left.pop(0))
            if left:
                left[0] = left[0][sent:]

    def receive(self) -> Frame | None:
        """Wait for the next frame; None when the other end is gone."""
        prefix = self._exactly(_PREFIX.size)
        if prefix is None:
            return None
        number, *sizes = _PREFIX.unpack(prefix)
        head, spans = (self._exactly(size) for size in sizes)
        if head is None or spans is None:
            return None
        return Frame(number, pickle.loads(head), spans)  # noqa: S301 - see the module

    def _exactly(self, size: int) -> pa.Buffer | None:
        buffer = pa.allocate_buffer(size)
        left = memoryview(buffer)
        while left:
            try:
                came = self._socket.recv_into(left)
            except OSError:  # closed here, or reset there
                return None
            if not came:
                return None
            left = left[came:]
        return buffer

    def take(self) -> list[tuple[int, Any]] | None:
        """What came of frames without spans, without waiting; None when the other end is gone."""
        try:
            data = self._socket.recv(2**18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self._came += data
        found = []
        while len(self._came) >= _PREFIX.size:
            number, size, _ = _PREFIX.unpack_from(self._came)
            end = _PREFIX.size + size
            if len(self._came) < end:
                break
            found.append((number, pickle.loads(memoryview(self._came)[_PREFIX.size : end])))  # noqa: S301
            del self._came[:end]
        return found
