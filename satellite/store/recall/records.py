"""What the engine writes into the journal: outcomes, so that nothing is decided a second time when they are read."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from satellite.model.span_bytes import from_bytes, to_bytes
from satellite.model.spans import SpanBatch

_SIZE = 4
_ALIGNMENT = 8


class Kept(msgspec.Struct, tag="kept", omit_defaults=True):
    """One batch: its rows that were kept, and what became of the others."""

    project: str
    arrived_ns: int
    first_mark: int
    """Of the rows, which have consecutive ones."""
    rows: int
    received: int
    dropped: dict[str, int] = {}
    gone: bytes = b""
    """Marks of the rows whose place they take, 64 bits each."""


class Emptied(msgspec.Struct, tag="emptied"):
    """The project was reset: nothing with a mark up to this one is left."""

    project: str
    mark: int


class Forgotten(msgspec.Struct, tag="forgotten"):
    """The project was dropped; one with its name starts anew."""

    project: str


Record = Kept | Emptied | Forgotten

_DECODER: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode(record: Record, batch: SpanBatch | None = None) -> list[Any]:
    """The buffers of a record; `batch`: the rows of a Kept, if it has any."""
    head = msgspec.msgpack.encode(record)
    padding = bytes(-(_SIZE + len(head)) % _ALIGNMENT)
    return [len(head).to_bytes(_SIZE, "little"), head, padding, *([] if batch is None else [to_bytes(batch)])]


def decode(payload: memoryview) -> tuple[Record, SpanBatch | None]:
    """What `encode` wrote. Raises ValueError."""
    end = _SIZE + int.from_bytes(payload[:_SIZE], "little")
    record = _DECODER.decode(payload[_SIZE:end])
    rest = payload[end + -end % _ALIGNMENT :]
    return record, from_bytes(rest) if rest.nbytes else None


def marks_of(gone: bytes) -> npt.NDArray[np.int64]:
    """`Kept.gone` as numbers."""
    return np.frombuffer(gone, np.int64)
