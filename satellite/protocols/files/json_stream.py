"""A stream of JSON documents taken apart into pieces of bounded size, each a JSON document itself.

A file may hold one document, one a line, or several one after another with other text between them; `JsonStream` finds
out which. A long list, at the top or as the first member of a document, is cut between its elements, and each piece has
the same frame around its share of them. Nothing is parsed here: brackets outside of texts are counted, with numpy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from satellite.errors import TooLarge

PIECE_BYTES = 4 << 20
"""Documents beyond it are cut where they can be (ours): some ten thousand spans."""
UNIT_BYTES_MAX = 64 << 20
"""What cannot be cut, a line or an element of a list, is taken up to this size (ours)."""
_WINDOW_BYTES = (4 << 10, 1 << 20)
"""Brackets are counted in so many bytes at once; first, and at most."""

_LONG_LIST = re.compile(
    rb'\s*(?:(?P<top>\[)|\{\s*(?:"(?:trace|result)"\s*:\s*(?P<wrapped>\{)\s*)?'
    rb'"(?:resourceSpans|resource_spans|batches|data)"\s*:\s*\[)'
)
"""How a document begins that is one list in a frame, whose other members say nothing about its elements."""
_FRAME = re.compile(rb'\{\s*"(?:resourceSpans|resource_spans|batches|data)"\s*:\s*\[')
"""How a document begins that is in no other one."""
_BETWEEN = re.compile(rb"[\s,\x1e\x00]*")
"""What may stand between documents: RFC 7464 puts a record separator there."""
_BRACKETED = re.compile(rb"\[(?!(?:null|true|false)\b)[A-Za-z]")
"""How a line of a program's log begins; no list does."""
_UNDECIDED = (b"[null", b"[true", b"[false")
"""What such a line and a list may both begin with."""
_TWO_LINES = re.compile(rb"(?:\A|\n)[ \t\r\x1e]*([^\s\x1e][^\n]*)\n(?:[ \t\r]*\n)*\x1e?([^\n]+)(\n?)")

_QUOTE, _BACKSLASH, _OPEN, _CLOSE = 1, 2, 3, 4
_CLASS = np.zeros(256, np.uint8)
for _characters, _number in ((b'"', _QUOTE), (b"\\", _BACKSLASH), (b"{[", _OPEN), (b"}]", _CLOSE)):
    _CLASS[list(_characters)] = _number


@dataclass(frozen=True, slots=True)
class Piece:
    """A JSON document, or text that is none."""

    text: bytes
    line: int
    """Of its first byte, from 1."""
    is_json: bool = True
    """False for a line between documents that does not begin as one."""


def behind_cut(broken: Piece) -> Piece | None:
    """What stands behind a document whose end is missing, from where the next one begins; None: no other does.

    A program that was killed while it wrote a file, and started again, goes on in the same line.
    """
    found = _FRAME.search(broken.text, 1)
    if found is None:
        return None
    return Piece(broken.text[found.start() :], broken.line + broken.text.count(b"\n", 0, found.start()))


class JsonStream:
    """Bytes in any portions in, pieces out."""

    def __init__(self, line: int = 1) -> None:
        """`line`: of the first byte that is fed."""
        self._text = bytearray()
        self._line = line
        self._lines: bool | None = None
        """Whether there is a document a line; None until enough has come to know."""
        self._document: _Document | None = None
        """The one that `_text` begins with, when its end has not come."""

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that are complete now. Raises TooLarge for one that would not fit into memory."""
        self._text += data
        if self._lines is None:
            found = _TWO_LINES.search(self._text)
            if (found and found[3]) or len(self._text) > PIECE_BYTES:
                self._lines = _is_lines(self._text)
        if self._lines is not None:
            yield from self._complete()
        if len(self._text) > UNIT_BYTES_MAX:
            raise TooLarge(f"line {self._line}: more than {UNIT_BYTES_MAX} bytes that cannot be taken apart")

    def finish(self) -> Iterator[Piece]:
        """The rest."""
        if self._lines is None:
            self._lines = _is_lines(self._text)
        yield from self._complete()
        if self._lines:
            yield from self._line_pieces(bytes(self._text))
        elif self._document is not None:
            yield from self._document.rest(self._text, self._line)
        elif self._text.strip():
            yield Piece(bytes(self._text), self._line, is_json=False)
        self._text.clear()

    def _complete(self) -> Iterator[Piece]:
        if self._lines:
            end = self._text.rfind(b"\n") + 1
            yield from self._line_pieces(self._take(end))
        else:
            yield from self._documents()

    def _line_pieces(self, text: bytes) -> Iterator[Piece]:
        for line in text.splitlines(keepends=True):
            if bare := line.strip(b" \t\r\n\x1e,\x00"):
                yield Piece(bare, self._line, is_json=bare[:1] in b"{[")
            self._line += line.endswith(b"\n")

    def _take(self, size: int) -> bytes:
        """Cut the first bytes off."""
        taken = bytes(self._text[:size])
        del self._text[:size]
        return taken

    def _skip(self, size: int) -> bytes:
        taken = self._take(size)
        self._line += taken.count(b"\n")
        return taken

    def _documents(self) -> Iterator[Piece]:
        while True:
            if self._document is None:
                blank = _BETWEEN.match(self._text)
                self._skip(blank.end() if blank else 0)
                if not self._text:
                    return
                if any(begun.startswith(bytes(self._text[:7])) for begun in _UNDECIDED):
                    return  # whether it begins a list is seen from what follows
                if self._text[0] not in b"{[" or _BRACKETED.match(self._text):
                    end = self._text.find(b"\n") + 1
                    if not end:
                        return
                    line = self._line
                    yield Piece(self._skip(end).strip(), line, is_json=False)
                    continue
                self._document = _Document()
            document = self._document
            size = document.scan(self._text)
            for start, end in document.pieces(size):
                if end > start:
                    line = self._line + self._text.count(b"\n", 0, start)
                    yield Piece(document.framed(self._text, start, end), line)
            self._skip(document.let_go())
            if not document.ended:
                return
            self._document = None


class _Document:
    """How far one document has come; its text is the beginning of the stream's."""

    def __init__(self) -> None:
        self.ended = False
        self._scanned = self._window = 0
        self._depth = 0
        self._in_text = False
        self._head: bytes | None = None
        """What stands before the elements, once it is cut."""
        self._tail = b""
        self._list_depth = 0
        self._start = 0
        """Where what was not given out begins."""
        self._cut = -1
        """Behind the last complete element; -1: none."""
        self._list_over = False

    def scan(self, text: bytearray) -> int:
        """Count the brackets that came; the size of the text that belongs to this document so far."""
        self._window = _WINDOW_BYTES[0]
        while not self.ended and self._scanned < len(text):
            stop = min(len(text), self._scanned + self._window)
            while (
                stop > self._scanned and text[stop - 1] == 0x5C
            ):  # what a backslash escapes must be in sight
                stop -= 1
            if stop == self._scanned:
                break
            self._count(bytes(memoryview(text)[self._scanned : stop]))
            self._window = min(2 * self._window, _WINDOW_BYTES[1])
            if self._head is None and not self.ended and self._scanned > PIECE_BYTES:
                self._try_to_cut(text)
        return self._scanned

    def _count(self, window: bytes) -> None:
        at, depths = self._brackets(window)
        over = np.flatnonzero(depths <= 0)
        if len(over):
            at, depths = at[: over[0] + 1], depths[: over[0] + 1]
            self.ended = True
        if self._head is not None and not self._list_over:
            self._find_cut(at, depths)
        self._scanned += int(at[-1]) + 1 if self.ended else len(window)
        if len(depths):
            self._depth = int(depths[-1])

    def _find_cut(self, at: npt.NDArray[np.intp], depths: npt.NDArray[np.intp]) -> None:
        closed = np.flatnonzero(depths < self._list_depth)
        self._list_over = bool(len(closed))
        end = int(closed[0]) if len(closed) else len(depths)
        before = np.concatenate([[self._depth], depths[: max(0, end - 1)]])[:end]
        cuts = np.flatnonzero((depths[:end] == self._list_depth) & (before > self._list_depth))
        if len(cuts):
            self._cut = self._scanned + int(at[cuts[-1]]) + 1

    def _brackets(self, window: bytes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Where brackets stand outside of texts, and how deep it is behind each."""
        classes = _CLASS[np.frombuffer(window, np.uint8)]
        at = np.flatnonzero(classes)
        classes = classes[at]
        quotes = at[classes == _QUOTE]
        backslashes = at[classes == _BACKSLASH]
        if len(backslashes):
            first = np.flatnonzero(np.diff(backslashes, prepend=-2) != 1)
            last = np.append(first[1:], len(backslashes)) - 1
            odd = (last - first) % 2 == 0
            quotes = quotes[~np.isin(quotes, backslashes[last[odd]] + 1)]
        brackets = at[classes >= _OPEN]
        outside = (np.searchsorted(quotes, brackets) + self._in_text) % 2 == 0
        steps = np.where(classes[classes >= _OPEN][outside] == _OPEN, 1, -1)
        self._in_text ^= bool(len(quotes) % 2)
        return brackets[outside], self._depth + np.cumsum(steps)

    def _try_to_cut(self, text: bytearray) -> None:
        """If this is one long list, count again from its first element on, looking for places to cut."""
        head = _LONG_LIST.match(text)
        if head is None:
            return
        self._head = head[0]
        self._tail = b"]" if head["top"] else b"]}}" if head["wrapped"] else b"]}"
        self._list_depth = self._depth = len(self._tail)
        self._start = self._scanned = head.end()
        self._in_text = False
        self._window = _WINDOW_BYTES[1]

    def pieces(self, size: int) -> Iterator[tuple[int, int]]:
        """The parts of the text that are to be given out."""
        if self._head is None:
            if self.ended:
                yield 0, size
        elif self._cut > self._start and (self._list_over or self._cut - self._start > PIECE_BYTES):
            yield self._start, self._cut
            self._start = self._cut

    def framed(self, text: bytearray, start: int, end: int) -> bytes:
        """Such a part as a document."""
        part = bytes(memoryview(text)[start:end])
        if self._head is None:
            return part
        return self._head + part.lstrip(b" \t\r\n,") + self._tail

    def let_go(self) -> int:
        """How much of the text is not needed any more."""
        done = self._scanned if self.ended or self._list_over else self._start
        self._scanned -= done
        self._cut = -1 if self._cut <= done else self._cut - done
        self._start = max(0, self._start - done)
        return done

    def rest(self, text: bytearray, line: int) -> Iterator[Piece]:
        """Where the stream ends within it: its last complete elements, and what is cut off, which is no JSON."""
        if self._head is not None and self._cut > self._start:
            yield Piece(self.framed(text, self._start, self._cut), line)
            self._start = self._cut
        if not self._list_over:
            line += text.count(b"\n", 0, self._start)
            yield Piece(bytes(text[self._start :]), line)


def _is_lines(text: bytearray) -> bool:
    """Whether there is a document a line: the second line begins as one, in the first column, as no other form's does."""
    found = _TWO_LINES.search(text)
    if found is None:
        return False
    first, second = found[1].rstrip(), found[2].rstrip(b",\r ")
    if first[:1] in (b"{", b"["):
        return second[:1] == first[:1] and not {first, second} & {b"{", b"["}
    return second[:1] + second[-1:] in (b"{}", b"[]") and len(second) > 2
