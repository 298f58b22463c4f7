"""Large JSON documents, read a part at a time: what takes a few bytes of a body may take twenty times that as objects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.errors import BadReport, TooLarge
from satellite.protocols.readers.columns import FREE
from satellite.protocols.readers.json_document import (
    BYTE_ORDER_MARK,
    UNCOUNTED_BYTES,
    VALUE_BYTES_MIN,
    check_values,
    read_json,
)

PART_VALUE_BYTES_MIN = 24
"""A large part may hold the values that `check_values` lets go uncounted, and one for each so many bytes: a tag `"a":"b"` takes 8 of a
body, but thousands of such in one span are an attack. Ours."""

ELEMENT_BYTES_MIN = 32
"""Of a large body; a span has an id at least. Ours."""


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of an array in a large body; each is read when its turn comes, so that one at a time is in memory."""

    _body: bytes
    _ranges: npt.NDArray[np.int64]
    """Where each begins and ends."""
    _read: Callable[[bytes], Any]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ranges)

    def __iter__(self) -> Iterator[Any]:
        """Each as `read_json` gives it, and with its errors."""
        return (self._read(self._body[start:end]) for start, end in self._ranges)

    def behind(self, count: int, read: Callable[[Any], Any]) -> Elements:
        """Those that follow so many others; each as `read` makes it of its value."""
        return Elements(self._body, self._ranges[count:], lambda part: read(self._read(part)))


def read_members(body: bytes, name: str) -> dict[str, Any]:
    """The members of an object, as `read_json` gives them; in a large body the array of that name comes as Elements.

    Raises:
        BadReport: as `read_json`, or no object. What is wrong within an element is told when its turn comes.
        TooLarge: as `cut_array`, or when what is no element has more values than PART_VALUE_BYTES_MIN allows.
    """
    if len(body) <= UNCOUNTED_BYTES:
        members, elements = read_json(body), None
    else:
        check_values(body, VALUE_BYTES_MIN)
        rest, elements = cut_array(body, (name,))
        members = read_part(rest)
    if not isinstance(members, dict):
        raise BadReport("not a report: the JSON is no object")
    if elements is not None:
        members[name] = elements
    return members


def cut_array(
    body: bytes,
    path: Sequence[str | int],
    left: bytes = b"[]",
    read: Callable[[bytes], Any] | None = None,
) -> tuple[bytes, Elements | None]:
    """(the document with something short in place of the array at that path, the array); the document itself, None: there is none.

    A path goes by keys of objects and places in arrays. Nobody looked yet at what follows the array, nor at its elements, each of
    which `read` makes a value of (`read_part`, if none is given).

    Raises:
        BadReport: what stands before the end of the array is no JSON.
        TooLarge: more elements than ELEMENT_BYTES_MIN allows.
    """
    # A character for each byte, so that places in both are the same; all that JSON itself consists of is ASCII.
    walk = _Walk(body.decode("latin-1"), _SKIMMER, 3 * body.startswith(BYTE_ORDER_MARK))
    if not all(map(walk.enter, path)) or not walk.is_next("["):
        return body, None
    begin = walk.at
    ranges = np.fromiter(
        (place for _ in walk.elements() for place in (walk.began, walk.at)), np.int64
    ).reshape(-1, 2)
    if len(ranges) > FREE + len(body) // ELEMENT_BYTES_MIN:
        raise TooLarge(f"the JSON has more {path[-1]!r} than a body of this size can hold")
    return b"%b%b%b" % (body[:begin], left, body[walk.at :]), Elements(body, ranges, read or read_part)


def read_part(part: bytes) -> Any:
    """The value of a part of a large document."""
    return read_json(part, PART_VALUE_BYTES_MIN)


def read_elements(body: bytes) -> Iterator[Any]:
    """The elements of an array one after the other, by the rules of Python's own reader; for bodies that msgspec refuses.

    Raises:
        BadReport: not JSON, or too deep; what came before that has been given.
    """
    walk = _Walk(body.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "surrogateescape"), _READER)
    yield from walk.elements()
    walk.end()


_READER = json.JSONDecoder()
_SKIMMER = json.JSONDecoder(object_pairs_hook=len)
"""Finds out where a value ends, and keeps little of it."""

_SPACE = re.compile(r"[ \t\r\n]*").match


class _Walk:
    """Goes through the outermost levels of a document; BadReport where that is no JSON."""

    def __init__(self, text: str, decoder: json.JSONDecoder, at: int = 0) -> None:
        self._text = text
        self._decoder = decoder
        self.at = at
        """Behind what was taken last."""
        self.began = at
        """Where the last value began."""

    def enter(self, step: str | int) -> bool:
        """Go to the member, or element, that this names, of what comes next; False: it has none."""
        if not self.is_next("{" if isinstance(step, str) else "["):
            return False
        if isinstance(step, int):
            for place, _ in enumerate(self._places("[", "]")):
                if place == step:
                    return True
                self.value()
            return False
        for _ in self._places("{", "}"):
            key = self.value()
            self._take(":")
            if key == step:
                return True
            self.value()
        return False

    def elements(self) -> Iterator[Any]:
        """The values of the array that comes next."""
        for _ in self._places("[", "]"):
            yield self.value()

    def value(self) -> Any:
        """The value that comes next, as the decoder gives it."""
        self.began = self._behind_space()
        try:
            value, self.at = self._decoder.raw_decode(self._text, self.began)
        except RecursionError as error:
            raise BadReport("JSON is nested too deeply") from error
        except ValueError as error:
            raise BadReport(f"not JSON: {error}") from error
        return value

    def is_next(self, character: str) -> bool:
        """Whether this comes next."""
        return self._text.startswith(character, self._behind_space())

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self._behind_space() < len(self._text):
            raise BadReport(f"not JSON: something follows its end (char {self.at})")

    def _places(self, opening: str, closing: str) -> Iterator[None]:
        """Stops wherever a member or an element begins between these brackets."""
        self._take(opening)
        more = not self.is_next(closing)
        while more:
            yield
            more = not self.is_next(closing)
            if more:
                self._take(",", f", or {closing}")
        self._take(closing)

    def _take(self, character: str, expected: str = "") -> None:
        if not self.is_next(character):
            raise BadReport(f"not JSON: expected {expected or character} (char {self.at})")
        self.at += 1

    def _behind_space(self) -> int:
        self.at = _SPACE(self._text, self.at).end()  # type: ignore[union-attr]
        return self.at
