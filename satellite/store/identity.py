"""When two arrivals are one span. The rule is the contract's, so that all engines keep the same spans.

* **Identity**: the whole trace id, the span id, the half of a shared id (Zipkin), the reporter (service and process)
  and the start as sent, before clock correction. What differs in one of these is another span and kept beside it.
* **The same content again** is a repeat (`duplicate`): what is held stays. Clock correction, and what else depends on
  the sending and not on the span (order of the reporter's tags, its protocol), do not count as content.
* **Another content** is a later version (`replaced`) and takes the place of the one held; but one that has not ended
  (duration 0) never takes the place of one that has: then it is the arrival that is left out.
* **A part**, which came without a time (`Marks.TIME_INVENTED`), adds what it says to the span it belongs to
  (`merged`), whichever comes first: same trace, span id and half, and a reporter that `fits`. Of several the one of the
  same reporter, then one that has a time, then the last to arrive. Without any it is a span of its own.
* A span that took up parts (`Marks.MERGED`) keeps what they said when a later version of it comes. How far it was moved
  in time says only the version or span that is kept, never a part.

`docs/adr/013-identity-of-spans.md` has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.codes import same_lists
from satellite.model.reporter import decode_reporter
from satellite.model.span import TagValue
from satellite.model.spans import SCHEMA, Marks, SpanBatch, decode_extra

Keys = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

SPAN_BITS = 40
"""The upper bits of a key say which span id it is, the others which of the spans that share it."""

NO_START_NS = -(2**63)
"""Start as sent of a part that has none; no real span starts there."""

_OTHER_BITS = np.uint64(2 ** (64 - SPAN_BITS) - 1)
_OF_THE_SENDING = Marks.OFFSET_APPLIED | Marks.FUTURE | Marks.MERGED
_OFFSET = "offset_us"


@dataclass(frozen=True, slots=True)
class Identities:
    """What the identity of each row of a batch consists of, as columns."""

    high: Keys
    low: Keys
    span_id: Keys
    shared: npt.NDArray[np.uint16]
    process: Keys
    """Of the reporter: `process_key`."""
    start_ns: npt.NDArray[np.int64]
    """As sent; NO_START_NS for parts."""

    @staticmethod
    def of(batch: SpanBatch) -> Identities:
        """The identities of all rows."""
        marks = batch.column("marks")
        processes = np.array([process_key(encoded) for encoded in batch.reporters.to_pylist()], np.uint64)
        return Identities(
            batch.column("trace_high"),
            batch.column("trace_low"),
            batch.column("span_id"),
            marks & np.uint16(Marks.SHARED),
            processes[batch.column("reporter")],
            _start_as_sent(batch, marks),
        )

    @property
    def parts(self) -> Mask:
        """Which rows are parts: they came without a start."""
        found: Mask = self.start_ns == NO_START_NS
        return found

    def keys(self) -> Keys:
        """One number per row: equal for equal identities, and its SPAN_BITS upper bits for equal span ids of a trace.

        A mixed hash. Two spans of different ids share one with a chance of 2⁻⁶⁴, two of one id with 2⁻²⁴: look at
        `equal` before anything is left out.
        """
        span = _mixed(self.low ^ (self.high * _ODD_1)) + self.span_id
        span = _mixed(span * _ODD_2 + self.shared)
        other = _mixed(self.start_ns.view(np.uint64) * _ODD_1 + self.process)
        keys: Keys = (span & ~_OTHER_BITS) | (other & _OTHER_BITS)
        return keys

    def take(self, rows: npt.NDArray[np.int64]) -> Identities:
        """Those of some rows."""
        return Identities(*(getattr(self, name)[rows] for name in self.__slots__))

    def equal(self, other: Identities) -> Mask:
        """Row by row whether the two are one span."""
        equal = np.ones(len(self.low), np.bool_)
        for name in self.__slots__:
            equal &= getattr(self, name) == getattr(other, name)
        return equal


_ODD_1, _ODD_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


def _mixed(numbers: Keys) -> Keys:
    """Every bit of each number spread over all 64."""
    numbers = (numbers ^ (numbers >> np.uint64(31))) * _ODD_1
    return numbers ^ (numbers >> np.uint64(29))


def span_of(keys: Keys) -> Keys:
    """The part of each key that says which span id of which trace it is."""
    upper: Keys = keys & ~_OTHER_BITS
    return upper


@lru_cache(maxsize=65_536)
def process_key(encoded: bytes) -> int:
    """The identity of an encoded reporter as 64 bits."""
    return decode_reporter(encoded).process_key()


def _start_as_sent(batch: SpanBatch, marks: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """Start of each row before clock correction; NO_START_NS for parts."""
    start_ns: npt.NDArray[np.int64] = batch.column("start_ns")
    seen = int(np.bitwise_or.reduce(marks)) if len(marks) else 0
    if seen & Marks.OFFSET_APPLIED:
        codes = batch.column("extra")
        moved = (marks & np.uint16(Marks.OFFSET_APPLIED)) > 0
        offsets = np.zeros(len(batch.extras), np.int64)
        for code in np.flatnonzero(np.bincount(codes[moved])).tolist():
            offsets[code] = decode_extra(batch.extras[code].as_py()).get(_OFFSET, 0)
        start_ns = start_ns - np.where(moved, offsets[codes] * 1000, 0)
    if seen & Marks.TIME_INVENTED:
        start_ns = np.where((marks & np.uint16(Marks.TIME_INVENTED)) > 0, NO_START_NS, start_ns)
    return start_ns


def same_content(one: SpanBatch, other: SpanBatch) -> Mask:
    """Row by row whether two arrivals of one identity say the same; both have as many rows."""
    size = len(one)
    joint = SpanBatch.concat([_without_offsets(one), _without_offsets(other)])
    equal = np.ones(size, np.bool_)
    for name in SCHEMA.names:
        column = joint.rows.column(name)
        if pa.types.is_list(column.type):
            equal &= same_lists(column, size)
        elif name == "marks":
            marks = np.asarray(column) & ~np.uint16(_OF_THE_SENDING)
            equal &= marks[:size] == marks[size:]
        elif name not in {"start_ns", "reporter"}:  # parts of the identity
            values = np.asarray(column)
            equal &= values[:size] == values[size:]
    return equal


def _without_offsets(batch: SpanBatch) -> SpanBatch:
    """The same spans without the number of µs they were moved by, whoever wrote it and whatever the marks say."""
    if not pc.any(pc.match_substring(batch.extras, _OFFSET)).as_py():
        return batch
    extras = [_without_offset(encoded) for encoded in batch.extras.to_pylist()]
    return SpanBatch(batch.rows, batch.tags, batch.names, batch.reporters, pa.array(extras, pa.binary()))


@lru_cache(maxsize=1024)
def _without_offset(encoded: bytes) -> bytes:
    left = _unmoved(encoded)
    return msgspec.msgpack.encode(left) if left else b""


def _unmoved(encoded: bytes) -> dict[str, TagValue]:
    """What an encoded extra says of the span, without how far it was moved."""
    return {key: value for key, value in decode_extra(encoded).items() if key != _OFFSET}


Row = dict[str, Any]
"""One row of a batch by the names of SCHEMA."""

_CONTENT = tuple(name for name in SCHEMA.names if name not in {"start_ns", "reporter", "marks", "extra"})


class Merger:
    """Compares and joins arrivals row by row, which only parts and their spans need; all are rows of one batch."""

    def __init__(self, batch: SpanBatch) -> None:
        """Rows point into the dictionaries of this batch."""
        self._batch = batch
        self._extras: list[bytes] = batch.extras.to_pylist()
        self._nameless = {code for code, name in enumerate(batch.names.to_pylist()) if not name}

    def same(self, one: Row, other: Row) -> bool:
        """Whether two arrivals of one identity say the same."""
        return (
            not (one["marks"] ^ other["marks"]) & ~_OF_THE_SENDING
            and all(one[name] == other[name] for name in _CONTENT)
            and _unmoved(self._extras[one["extra"]]) == _unmoved(self._extras[other["extra"]])
        )

    def merged(self, held: Row, new: Row) -> Row:
        """What is held and what is new as one.

        The one with a time says when it was, of two with a time the new one; what it leaves out the other says.
        """
        main, other = (held, new) if new["marks"] & Marks.TIME_INVENTED else (new, held)
        row = dict(main)
        if main["name"] in self._nameless:
            row["name"] = other["name"]
        for column in ("duration_ns", "parent_id", "kind"):
            row[column] = main[column] or other[column]
        row["status"] = max(main["status"], other["status"])
        for column in ("tags", "logs", "references"):
            row[column] = held[column] + [entry for entry in new[column] if entry not in held[column]]
        row["extra"] = self._joint_extra(other["extra"], main["extra"])
        lasting = other["marks"] & ~(Marks.TIME_INVENTED | Marks.NEGATIVE_DURATION | _OF_THE_SENDING)
        row["marks"] = main["marks"] | lasting | Marks.MERGED
        return row

    def _joint_extra(self, first: int, second: int) -> int:
        """The code of both maps in one; of a key in both the second counts, and only the second was moved in time."""
        joint = _unmoved(self._extras[first]) | decode_extra(self._extras[second])
        encoded = msgspec.msgpack.encode(joint) if joint else b""
        if encoded not in self._extras:
            self._extras.append(encoded)
        return self._extras.index(encoded)

    def batch(self, rows: list[Row]) -> SpanBatch:
        """These rows as a batch."""
        known, extras = self._batch, pa.array(self._extras, pa.binary())
        columns = pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
        return SpanBatch(columns, known.tags, known.names, known.reporters, extras).compact()
