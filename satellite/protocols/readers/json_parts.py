"""Large JSON documents, read a part at a time: what takes a few bytes of a body may take twenty times that as objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
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
    clean_text,
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

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ranges)

    def __iter__(self) -> Iterator[Any]:
        """Each as `read_json` gives it, and with its errors."""
        return (_read_part(self._body[start:end]) for start, end in self._ranges)


def read_members(body: bytes, name: str) -> dict[str, Any]:
    """The members of an object, as `read_json` gives them; in a large body the array of that name comes as Elements.

    Raises:
        BadReport: as `read_json`, or no object. What is wrong within an element is told when its turn comes.
        TooLarge: more values than `check_values` allows, more elements than ELEMENT_BYTES_MIN does; or in one part (an element,
            another member) more values than PART_VALUE_BYTES_MIN does.
    """
    if len(body) <= UNCOUNTED_BYTES:
        members = read_json(body)
        if not isinstance(members, dict):
            raise BadReport("not a report: the JSON is no object")
        return members
    check_values(body, VALUE_BYTES_MIN)
    # A character for each byte, so that places in both are the same; all that JSON itself consists of is ASCII.
    walk = _Walk(body.decode("latin-1"), _SKIMMER, 3 * body.startswith(BYTE_ORDER_MARK))
    found: dict[str, Any] = {}
    for key in walk.members():
        if key in found:
            shown = clean_text(key.encode("latin-1", "replace").decode("utf-8", "replace"))[:40]
            raise BadReport(f"not JSON: the key {shown!r} stands twice in one object")
        if key == name and walk.is_next("["):
            places = (place for _ in walk.elements() for place in (walk.began, walk.at))
            ranges = np.fromiter(places, np.int64).reshape(-1, 2)
            if len(ranges) > FREE + len(body) // ELEMENT_BYTES_MIN:
                raise TooLarge(f"the JSON has more {name!r} than a body of this size can hold")
            found[key] = Elements(body, ranges)
        else:
            walk.value()
            found[key] = _read_part(body[walk.began : walk.at])
    walk.end()
    return found


def _read_part(part: bytes) -> Any:
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

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; whoever gets one takes what stands behind it."""
        for _ in self._places("{", "}"):
            key = self.value()
            if not isinstance(key, str):
                raise BadReport(f"not JSON: a key is no text (char {self.began})")
            self._take(":")
            yield key

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
