"""Objects as Node's `util.inspect` writes them, which JavaScript's console exporter prints: read into JSON's values.

Keys stand without quotes, texts in any of three, and what is too deep as `[Object]`. What JSON cannot have is None.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from satellite.errors import BadReport

TEXT_BYTES_MAX = 4 << 20
"""Of one object. Ours."""
DEPTH_MAX = 64

_BEGIN = re.compile(rb"\s*\{\s*[A-Za-z_$][\w$]*:\s")
_SPACE = re.compile(r"\s*")
_NAME = re.compile(
    r"(?:<ref \*\d+>\s*)?(?:(?:\[?[A-Za-z_$][\w$.]*(?:: null prototype)?\]?(?:\(\d+\))?(?: \[[^\]\n]*\])?)\s+(?=[{\[]))?"
)
"""What stands before the bracket of an object that is an instance of a class."""
_KEY = re.compile(r"""(?:[A-Za-z_$][\w$]*|\[[^\]\n]*\]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?=:)""")
_CUT = re.compile(r"\[[A-Z][^\]\n]*\](?!\s*[{\[])")
_MORE = re.compile(r"\.\.\. \d+ more [a-z]+")
"""What is too deep, or a function; and what is too long."""
_TEXT = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`""", re.DOTALL)
_MORE_TEXT = re.compile(r"\s*\+\s*(?=['\"`])")
_BARE = re.compile(r"[^,\s}\]]+")
_NUMBER = re.compile(r"-?\d{1,400}(?:\.\d{1,400})?(?:e[+-]?\d{1,4})?", re.ASCII)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}


def is_inspected(text: bytes) -> bool:
    """Whether it begins as an object does, and as no JSON."""
    return _BEGIN.match(text) is not None


def to_json(text: bytes) -> bytes:
    """The object as JSON. Raises BadReport."""
    if len(text) > TEXT_BYTES_MAX:
        raise BadReport(f"an object of util.inspect of more than {TEXT_BYTES_MAX} bytes")
    return json.dumps(_Reader(text.decode("utf-8", "replace")).whole()).encode()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Any:
        """The value that the text is."""
        value = self._value(0)
        self._skip()
        if self._at < len(self._text):
            raise self._fault()
        return value

    def _value(self, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise BadReport("nested too deeply")
        self._skip()
        if self._take(_CUT):
            return None
        self._take(_NAME)
        if self._next("{"):
            return self._object(depth)
        if self._next("["):
            return self._array(depth)
        if found := self._take(_TEXT):
            text = _plain(found)
            while self._take(_MORE_TEXT):
                text += _plain(self._take(_TEXT))
            return text
        if not (word := self._take(_BARE)):
            raise self._fault()
        return _bare(word)

    def _object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not self._ends("}"):
            if not self._take(_MORE):
                key = self._take(_KEY)
                if not self._next(":"):
                    raise self._fault()
                members[_plain(key) if key[:1] in "'\"" else key] = self._value(depth + 1)
        return members

    def _array(self, depth: int) -> list[Any]:
        elements = []
        while not self._ends("]"):
            if not self._take(_MORE):
                elements.append(self._value(depth + 1))
        return elements

    def _ends(self, bracket: str) -> bool:
        """Whether a list of members is over; past the comma before the next one."""
        self._skip()
        if self._next(","):
            self._skip()
        if self._at >= len(self._text):
            raise self._fault()
        return self._next(bracket)

    def _skip(self) -> None:
        self._take(_SPACE)

    def _next(self, character: str) -> bool:
        found = self._text.startswith(character, self._at)
        self._at += found
        return found

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def _fault(self) -> BadReport:
        return BadReport(f"not what util.inspect writes (character {self._at})")


def _plain(quoted: str) -> str:
    return _ESCAPE.sub(
        lambda found: (
            chr(int(found[1] or found[2], 16)) if not found[3] else _ESCAPED.get(found[3], found[3])
        ),
        quoted[1:-1],
    )


def _bare(word: str) -> Any:
    """A number, a word of JavaScript, or what else stands without quotes: a date, a big integer, a function."""
    if word in _WORDS:
        return _WORDS[word]
    number = word.removesuffix("n")
    if not _NUMBER.fullmatch(number):
        return word
    if "." in number or "e" in number:
        return read if math.isfinite(read := float(number)) else word
    return int(number)
