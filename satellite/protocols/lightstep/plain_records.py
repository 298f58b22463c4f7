"""The span records of a Thrift call in which nothing is odd, as nearly all are: found all at once, without a look at each.

Thrift says how long a text is and not where a struct ends, so that each must be read before the next is known. But what begins
like a pair of texts, and ends as one by the lengths it says, is one; pairs that follow each other without a gap are a list; and
what begins like a record and is one by its fields and lists, each right behind the other, is a record. All of these are found
by their first bytes, wherever they stand. Where the records so found do not follow each other, from the place where the list
begins, there is something odd, and whoever reads one field after the other goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.tag import KEY
from satellite.model.tag import STRING as STRING_TAG
from satellite.model.tags import gather, layout
from satellite.protocols.readers.thrift import BOOL, I64, LIST, STRING, STRUCT, read_texts

WINDOW_BYTES = 2**20
"""So much of a body is looked at at a time: the places of what begins like something take up to eight times that. Ours."""

RECORDS_MIN = 8
"""Fewer are read sooner one by one. Ours."""

PAIR_BYTES_MIN = 15
"""A pair of empty texts."""

_PADDING = 32

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Data = npt.NDArray[np.uint8]


class Texts(NamedTuple):
    """A text, or a struct, of each record: where it begins in the window, and its bytes."""

    at: Ints
    length: Ints


class Lists(NamedTuple):
    """A list of each record: its structs one after the other."""

    counts: Ints
    structs: Texts


@dataclass(frozen=True, slots=True)
class PlainRecords:
    """Records one after the other, of which none has a field but these, and each log a time and fields only."""

    window: bytes
    ends: Ints
    """Where each ends."""
    span_guids: Texts
    runtime_guids: Texts
    names: Texts
    trace_guids: Texts
    oldest_us: Ints
    youngest_us: Ints
    failed: Mask
    attributes: Lists
    logs: Lists
    log_times_us: Ints
    """Of each log."""
    log_fields: Lists
    """Of each log."""

    def __len__(self) -> int:
        """How many records."""
        return len(self.ends)

    @property
    def elements(self) -> int:
        """How many structs their lists hold."""
        return sum(len(one.structs.at) for one in (self.attributes, self.logs, self.log_fields))

    @property
    def nbytes(self) -> int:
        """How long they are."""
        return int(self.ends[-1])

    def picked(self, texts: Texts) -> pa.BinaryArray:
        """The bytes of texts or structs."""
        return gather(np.frombuffer(self.window, np.uint8), texts.at, texts.length)

    def records(self) -> list[bytes]:
        """Each as it was sent."""
        starts = [0, *self.ends.tolist()]
        return [self.window[start:end] for start, end in zip(starts, self.ends.tolist(), strict=False)]


def find(body: bytes, at: int, count: int) -> PlainRecords | None:
    """The first of `count` records that begin at a place, as far as they are plain and within a window; None: the first is not."""
    if count < RECORDS_MIN:
        return None
    window = body[at : at + WINDOW_BYTES]
    return _Window(window).records(count)


class _Run(NamedTuple):
    """Structs of one kind, in the order of their places; false ones, which lie within the texts of true ones, among them."""

    at: Ints
    end: Ints
    run: Ints
    """Equal for those that follow each other without a gap."""

    @staticmethod
    def of(at: Ints, end: Ints) -> _Run:
        gaps = at[1:] != end[:-1]
        return _Run(at, end, np.concatenate([[0], np.cumsum(gaps)]) if len(at) else at)

    def lists(self, begin: Ints, count: Ints) -> tuple[Mask, Ints, Ints]:
        """(whether so many structs follow each other from a place on, which is the first, where the last ends) of each list."""
        first = np.searchsorted(self.at, begin)
        if not len(self.at):
            return count == 0, first, begin
        most = len(self.at) - 1
        last = np.minimum(first + np.maximum(count, 1) - 1, most)
        near = np.minimum(first, most)
        found = (self.at[near] == begin) & (first + count - 1 == last) & (self.run[near] == self.run[last])
        return (count == 0) | found, first, np.where(count == 0, begin, self.end[last])


class _Window:
    def __init__(self, window: bytes) -> None:
        self._window = window
        self._size = len(window)
        self._data: Data = np.frombuffer(window + bytes(_PADDING), np.uint8)

    def records(self, count: int) -> PlainRecords | None:
        """See `find`."""
        at = self._begins(STRING, 1)
        if len(at) > self._size // PAIR_BYTES_MIN:
            return None
        second, ok = self._behind_text(at)
        ok &= self._is(second, STRING, 2)
        at, second = at[ok], second[ok]
        third, ok = self._behind_text(second)
        ended = ok & (self._data[third] == 0)
        pairs = _Run.of(at[ended], third[ended] + 1)
        named = ok & self._is(third, STRING, 3)
        return self._of(at[named], second[named], third[named], pairs, count)

    def _of(self, start: Ints, second: Ints, third: Ints, pairs: _Run, count: int) -> PlainRecords | None:
        """The records among those that begin with three texts."""
        behind, ok = self._behind_text(third)
        joined = self._is(behind, LIST, 4)
        ok &= ~joined | (self._number(behind + 4, 4) == 0)
        oldest = self._clipped(behind + np.where(joined, 8, 0))
        ok &= self._is(oldest, I64, 5)
        youngest = self._clipped(oldest + 11)
        ok &= self._is(youngest, I64, 6)
        tagged = self._clipped(youngest + 11)
        fine, tags, tag_counts, behind = self._list(tagged, 8, pairs)
        ok &= fine & self._is(tagged, LIST, 8)
        flagged = self._is(behind, BOOL, 9)
        failed = flagged & (self._data[self._clipped(behind + 3)] != 0)
        logged = self._clipped(behind + np.where(flagged, 4, 0))
        logs, log_counts_of, log_fields_of = self._logs(pairs)
        fine, log, log_counts, behind = self._list(logged, 10, logs)
        has_logs = self._is(logged, LIST, 10)
        ok &= fine | ~has_logs
        log_counts[~has_logs] = 0
        trace = np.where(has_logs, behind, logged)
        ok &= self._is(trace, STRING, 11)
        behind, fine = self._behind_text(trace)
        ok &= fine & (behind < self._size) & (self._data[behind] == 0)
        end = behind + 1
        # Those that follow each other from the window's begin on.
        places = np.flatnonzero(ok)[:count]
        follow = start[places] == np.concatenate([[0], end[places][:-1]])
        places = places[: int(np.argmin(follow)) if not follow.all() else len(places)]
        if not len(places):
            return None
        logs_of = _spread(log[places], log_counts[places])
        field_first, field_counts = log_fields_of[logs_of], log_counts_of[logs_of]
        return PlainRecords(
            window=self._window,
            ends=end[places],
            span_guids=self._texts(start[places]),
            runtime_guids=self._texts(second[places]),
            names=self._texts(third[places]),
            trace_guids=self._texts(trace[places]),
            oldest_us=self._number(oldest[places] + 3, 8),
            youngest_us=self._number(youngest[places] + 3, 8),
            failed=failed[places],
            attributes=_lists(pairs, tags[places], tag_counts[places]),
            logs=_lists(logs, log[places], log_counts[places]),
            log_times_us=self._number(logs.at[logs_of] + 3, 8),
            log_fields=_lists(pairs, field_first, field_counts),
        )

    def _logs(self, pairs: _Run) -> tuple[_Run, Ints, Ints]:
        """(the logs that consist of a time and fields, how many fields each has, which pair is the first)."""
        at = self._begins(I64, 1)
        at = at[self._is(self._clipped(at + 11), LIST, 13)]
        fine, first, counts, behind = self._list(at + 11, 13, pairs)
        fine &= (behind < self._size) & (self._data[behind] == 0)
        return _Run.of(at[fine], behind[fine] + 1), counts[fine], first[fine]

    def _list(self, at: Ints, number: int, of: _Run) -> tuple[Mask, Ints, Ints, Ints]:
        """(whether a list of these structs stands there, which is its first, how many, where it ends)."""
        begin = self._clipped(at + 8)
        counts = self._number(self._clipped(at + 4), 4)
        structs = (self._data[self._clipped(at + 3)] == STRUCT) | (counts == 0)
        found, first, end = of.lists(begin, counts)
        return (
            self._is(at, LIST, number) & structs & (begin == at + 8) & found,
            first,
            counts,
            self._clipped(end),
        )

    def _begins(self, kind: int, number: int) -> Ints:
        """Where something looks like a field of this type and id."""
        data = self._data
        found: Ints = ((data[:-2] == kind) & (data[1:-1] == 0) & (data[2:] == number)).nonzero()[0]
        return found

    def _is(self, at: Ints, kind: int, number: int) -> Mask:
        data = self._data
        found: Mask = (data[at] == kind) & (data[at + 1] == 0) & (data[at + 2] == number)
        return found

    def _behind_text(self, at: Ints) -> tuple[Ints, Mask]:
        """(where the text field ends that begins at a place, whether that is within the window)."""
        end = at + 7 + self._number(at + 3, 4)
        return self._clipped(end), (at + 7 <= self._size) & (end <= self._size)

    def _texts(self, at: Ints) -> Texts:
        return Texts(at + 7, self._number(at + 3, 4))

    def _number(self, at: Ints, width: int) -> Ints:
        """The number of so many bytes; of four without a sign, of eight with one."""
        octets = self._data[self._clipped(at)[:, None] + np.arange(width)]  # behind the window are zeros
        numbers: Ints = octets.view(">u4" if width == 4 else ">i8").ravel().astype(np.int64)
        return numbers

    def _clipped(self, at: Ints) -> Ints:
        return np.minimum(at, self._size)


_TEXT_BYTES_MAX = 2**14
"""Of a key or value whose length takes two bytes in a tag."""


def tags_of(pairs: pa.BinaryArray) -> pa.BinaryArray | None:
    """The canonical tags of pairs of texts as Thrift writes them, one for each; None when one is very long, or is no UTF-8."""
    start, end, data = layout(pairs)
    if not len(start):
        return pairs
    base = int(start[0])
    made, start, end = data[base : int(end[-1])].copy(), start - base, end - base
    stays = np.ones(len(made), np.bool_)
    dropped = np.ones(len(start), np.int64)  # the struct's end
    stays[end - 1] = False
    at = start
    for mark in (KEY, STRING_TAG):
        length = np.zeros(len(at), np.int64)
        for place in range(3, 7):
            length = (length << 8) | made[at + place]
        if (length >= _TEXT_BYTES_MAX).any():
            return None
        long = length >= 128
        # Seven bytes, type, id and length, become a mark and a length of one or two.
        made[at + 6] = np.where(long, length >> 7, length)
        made[at + 5] = np.where(long, length & 0x7F | 0x80, mark)
        made[at[long] + 4] = mark
        for place in range(4):
            stays[at + place] = False
        stays[at[~long] + 4] = False
        dropped += np.where(long, 4, 5)
        at = at + 7 + length
    offsets = np.concatenate([[0], np.cumsum(end - start - dropped)])
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(made[stays])]
    tags = pa.Array.from_buffers(pa.binary(), len(start), buffers)
    high = (made >= 0x80).nonzero()[0]
    odd = np.unique(np.searchsorted(end, high, "right")).tolist()
    return None if any(read_texts(pairs[place].as_py()) is None for place in odd) else tags


def _spread(first: Ints, counts: Ints) -> Ints:
    """first, first + 1, … of each, so many, one after the other."""
    ends = np.cumsum(counts)
    return np.repeat(first - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)


def _lists(structs: _Run, first: Ints, counts: Ints) -> Lists:
    places = _spread(first, counts)
    at = structs.at[places]
    return Lists(counts, Texts(at, structs.end[places] - at))
