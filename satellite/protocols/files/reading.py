"""A file of spans, of any known form and any size, as bodies that the wire protocols read.

The file says itself what it is: compression, then JSON or binary, then per document which form of spans. Bytes go in as they
come, bodies come out as soon as they are complete; in memory is one piece of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from satellite.errors import BadReport, SatelliteError
from satellite.protocols.files import json_forms
from satellite.protocols.files.activities import Activities
from satellite.protocols.files.binary_stream import BinaryStream
from satellite.protocols.files.collector import CollectorLines
from satellite.protocols.files.inflating import Inflated
from satellite.protocols.files.json_stream import JsonStream, Piece, behind_cut
from satellite.protocols.files.ruby import RubyLines
from satellite.protocols.wire import WireProtocol

AUTO = "auto"
FAULTS_MAX = 100
"""Faults that are kept in words; further ones are counted (ours)."""
_HEAD_BYTES = 64
"""Behind white space, enough to tell text from what is none."""
_BLANK = b" \t\r\n\x1e"
_TEXT_SHOWN = 40
_CUT_MAX = 30
"""Documents without an end in a file, behind which the next one is looked for (ours)."""
_LINE_BYTES_MAX = 1 << 20
"""Of a line of printed spans (ours)."""


@dataclass(frozen=True, slots=True)
class Body:
    """One body out of a file."""

    protocol: WireProtocol
    content: bytes
    place: str
    """Where in the file, for messages: "line 3"."""
    format: str
    """Of FILE_FORMATS; "" for a form that only an import knows."""


class FileReader:
    """Finds out what a file holds while it comes in."""

    def __init__(self, format_: str = AUTO) -> None:
        """`format_`: one of FILE_FORMATS when the file must be that; AUTO takes whatever it is."""
        self._wanted = format_
        self._inflated = Inflated()
        self._decoded: Callable[[bytes], bytes] | None = None
        self._json: JsonStream | None = None
        self._binary: BinaryStream | None = None
        self._start = b""
        self._printers = (
            (Activities(), json_forms.DOTNET),
            (CollectorLines(), json_forms.COLLECTOR),
            (RubyLines(), json_forms.RUBY),
        )
        self._number = self._cut = 0
        self.titles: Counter[str] = Counter()
        """What was found: documents (messages, lines) by form."""
        self.others: Counter[str] = Counter()
        """Documents of what is no spans: logs, metrics."""
        self.faults: list[str] = []
        """Why documents could not be taken, each with its place."""
        self.faulty = 0
        """How many that were."""

    def feed(self, data: bytes) -> Iterator[Body]:
        """The bodies that are complete now.

        Raises:
            BadReport: nothing can be read from here on: damaged compression, no form at all.
            TooLarge: a part of the file that cannot be cut is too large to be kept in memory.
        """
        for plain in self._inflated.feed(data):
            yield from self._take(plain)

    def finish(self) -> Iterator[Body]:
        """The rest; raises as `feed`."""
        fault: SatelliteError | None = None
        try:
            for plain in self._inflated.finish():
                yield from self._take(plain)
        except SatelliteError as error:
            fault = error
        if self._json is None and self._binary is None:
            yield from self._begin()
        if self._json is not None:
            yield from self._documents(self._json.finish())
            yield from self._printed(last=True)
        if self._binary is not None:
            yield from self._messages(self._binary.finish())
        if fault is not None:
            raise fault

    @property
    def found(self) -> str:
        """What the file turned out to be, in words: "3 documents of OTLP JSON, gzip"."""
        titles = [
            title if count == 1 else f"{count} documents of {title}" for title, count in self.titles.items()
        ]
        titles += [f"{count} of {what}" for what, count in self.others.items()]
        return ", ".join(
            [*titles, *([self._inflated.compression] if self._inflated.compression and titles else [])]
        )

    def fault(self, place: str, reason: str, count: int = 1) -> None:
        """A document could not be taken."""
        self.faulty += count
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"{place}: {reason}" if place else reason)

    def why_nothing(self) -> BadReport:
        """What to say when no span was taken."""
        if self.faults:
            said = "; ".join(self.faults[:3]) + (f"; and {self.faulty - 3} more" if self.faulty > 3 else "")
        elif self.others:
            listed = " and ".join(self.others)
            said = f"it holds {listed}; this takes traces"
        elif self.titles:
            said = f"it is {self.found}, but holds no spans"
        else:
            said = "it is empty"
        return BadReport(f"no span was taken from the file: {said}", hint=json_forms.TAKEN)

    def _take(self, plain: bytes) -> Iterator[Body]:
        if self._json is None and self._binary is None:
            self._start += plain
            if len(self._start.lstrip(_BLANK)) < _HEAD_BYTES:
                return
            yield from self._begin()
        elif self._json is not None:
            yield from self._documents(
                self._json.feed(plain if self._decoded is None else self._decoded(plain))
            )
        elif self._binary is not None:
            yield from self._messages(self._binary.feed(plain))

    def _begin(self) -> Iterator[Body]:
        start, self._start = self._start, b""
        if not start.strip():
            return
        if _is_utf16(start):
            self._decoded = _utf8_from_utf16()
            start = self._decoded(start)
        text = start.removeprefix(b"\xef\xbb\xbf")
        if _is_text(text):
            self._json = JsonStream()
            yield from self._documents(self._json.feed(text))
        else:
            self._binary = BinaryStream()
            yield from self._messages(self._binary.feed(start))

    def _documents(self, pieces: Iterable[Piece]) -> Iterator[Body]:
        for piece in pieces:
            place = f"line {piece.line}"
            found = json_forms.parts(piece.text) if piece.is_json else []
            if not any(part.form or part.other for part in found):
                if self._is_printed(piece):
                    yield from self._printed()
                    continue
                if not piece.text.startswith(b"{"):
                    found = _behind_prefix(piece.text) or found
            if not found:
                what = "JSON that holds no spans" if piece.is_json else "not JSON"
                self.fault(place, f"{what}: {_shown(piece.text)}")
            for part in found:
                if part.fault:
                    self.fault(place, part.fault, part.count)
                elif part.other:
                    self.others[part.other] += part.count
                elif part.form is not None and self._is_wanted(place, part.form.title, part.form.format):
                    self.titles[part.form.title] += 1
                    for body in part.bodies:
                        yield Body(part.form.reader, body, place, part.form.format)
            if any(part.fault.startswith(json_forms.NOT_JSON) for part in found):
                yield from self._behind_cut(piece)

    def _behind_cut(self, broken: Piece) -> Iterator[Body]:
        """The documents that a broken one, which has no end, swallowed."""
        if self._cut < _CUT_MAX and (rest := behind_cut(broken)) is not None:
            self._cut += 1
            stream = JsonStream(rest.line)
            yield from self._documents([*stream.feed(rest.text), *stream.finish()])

    def _is_printed(self, piece: Piece) -> bool:
        """Whether it belongs to spans that are printed line by line."""
        if len(piece.text) > _LINE_BYTES_MAX:
            return False
        lines = json_forms.printed_lines(piece.text) if piece.text[:1] == b"{" else []
        taken = [
            any(printer.take(line) for printer, _ in self._printers)
            for line in lines or [piece.text.decode("utf-8", "replace")]
        ]
        return any(taken)

    def _printed(self, *, last: bool = False) -> Iterator[Body]:
        """The spans that were printed line by line, once they are complete and enough."""
        for printer, form in self._printers:
            body = printer.request(last=last)
            if body and self._is_wanted("", form.title, form.format):
                self.titles[form.title] += 1
                yield Body(form.reader, body, "", form.format)

    def _messages(self, messages: Iterable[bytes]) -> Iterator[Body]:
        for message in messages:
            self._number += 1
            kind = self._binary.kind if self._binary else None
            assert kind is not None
            place = f"message {self._number}"
            if kind.reader is None:
                self.others[kind.title] += 1
            elif self._is_wanted(place, kind.title, kind.format):
                self.titles[kind.title] += 1
                yield Body(kind.reader, message, place, kind.format)

    def _is_wanted(self, place: str, title: str, format_: str) -> bool:
        if self._wanted in (AUTO, format_):
            return True
        said = f"this is {title}, not {self._wanted}; "
        self.fault(
            place, said + (f"format={format_} or auto reads it" if format_ else "format=auto reads it")
        )
        return False


def _behind_prefix(line: bytes) -> list[json_forms.Part]:
    """The spans in a line that a log began: `INFO exporter - {…}`; none where what follows is not of a known form."""
    at = line.find(b'{"')
    found = json_forms.parts(line[at:]) if at > 0 else []
    return found if all(part.form or part.other for part in found) else []


def _is_text(start: bytes) -> bool:
    """Whether this is the beginning of JSON or of lines of text; other forms have control characters in their head."""
    head = start.lstrip(_BLANK)[:_HEAD_BYTES]
    if head[:1] in (b"{", b"["):  # or a message of that length: 123 or 91 bytes
        return not _has_controls(head)
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else the head ends within a character
            return False
    return not _has_controls(head)


def _has_controls(head: bytes) -> bool:
    return any(byte < 0x20 and byte not in b"\t\r\n\x1b" for byte in head)


def _is_utf16(start: bytes) -> bool:
    """Whether it begins with that form's mark, and then with text: every other byte is 0 where letters are Latin ones, most of them here.

    The mark alone may be the length of a report.
    """
    if start[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return False
    upper = start[3 if start[:1] == b"\xff" else 2 : _HEAD_BYTES : 2]
    return upper.count(0) * 2 > len(upper)


def _utf8_from_utf16() -> Callable[[bytes], bytes]:
    """Windows' shells write what a program prints so."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    return lambda data: decoder.decode(data).encode()


def _shown(text: bytes) -> str:
    shown = text[: 4 * _TEXT_SHOWN].decode("utf-8", "replace")
    return repr(shown if len(shown) <= _TEXT_SHOWN else shown[: _TEXT_SHOWN - 1] + "…")
