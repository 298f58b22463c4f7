"""Spans one after the other: what the codecs share that read a span at a time (Thrift, Zipkin, Jaeger, Datadog, JSON).

`Rows` puts spans in columns and meets each distinct tag once only; what single values mean is in `values`. Reading a format
is the codec's own.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.errors import BadReport, SatelliteError, TooLarge
from satellite.model.access_tokens import without_tokens
from satellite.model.few_keys import FewKeys
from satellite.model.logs import first_time_ns
from satellite.model.report import Decoded, Report
from satellite.model.reporter import Reporter
from satellite.model.span import TagValue
from satellite.model.spans import SCHEMA, Kind, Marks, SpanBatch, Status, encode_log
from satellite.model.tag import decode_tag, encode_tag
from satellite.protocols.readers.json_document import BROKEN_FREE, REPLACED, TOO_BROKEN, broken_max
from satellite.protocols.values import FUTURE_NS, TELLING, SpanId, Times, plain_value, sound_text

SPANS_MAX = 2**20
LEAST_SPAN_BYTES = 16
"""Spans one body may hold (ours), and what one has at least: two ids. Less than that many bytes a span is an attack,
since spans of a byte or two cost as much time as others."""

TAKES_FREE, TAKES_BYTES = 8 * 2**20, 5
"""Bytes that all spans of a body may take as rows, and more for each byte of it: texts take what is left to eight times. Ours."""

SPAN_BYTES_MAX = 4 * 2**20
"""A longer span is dropped (ours)."""

_SPAN_TAKES, _TAG_TAKES, _ENTRY_TAKES, _DIFFERENT_TAKES, _REPORTER_TAKES = 180, 8, 80, 250, 1000
"""Bytes of memory for a span; each tag of it; each log or reference, beside twice its own bytes; each different tag, name or extra;
each reporter. Measured, until they are in columns."""

_TAGS_KNOWN, _KEYS_KNOWN, _KNOWN_CHARACTERS = 2**14, 2**10, 200
"""As they were sent, so that repeated ones need not be encoded again; long ones rarely repeat."""

_ITEMS_AT_ONCE = 2**12
"""Keys and values of tags as objects. Ours."""

_TELLING = FewKeys(sorted(TELLING))

_LIMIT_NS = 2**63 - 1
_NO_MARKS = Marks(0)

_LISTS = ("tags", "logs", "references")
_ROW = np.dtype(
    [(field.name, field.type.to_pandas_dtype()) for field in SCHEMA if field.name not in _LISTS]
    + [(name, np.int32) for name in _LISTS]
)
"""A span while others are added: its numbers, and how long its lists are."""

_CHARS = {"u8": "Q", "i8": "q", "i4": "i", "u2": "H", "u1": "B"}
_PACK = struct.Struct("=" + "".join(_CHARS[_ROW[i].str[1:]] for i in range(len(_ROW.names or ())))).pack


class Rows:
    """Puts spans in columns. Dictionaries are joint; a codec keeps one for all bodies of a call."""

    def __init__(self) -> None:
        self._rows = bytearray()
        self._codes = array("i")
        """Of the tags of all spans, one after the other; so are logs and references."""
        self._logs: list[bytes] = []
        self._references: list[bytes] = []
        self._tags: dict[bytes, int] = {}
        self._known_keys: dict[str, bytes] = {}
        """How the tag of a short text begins, up to the text's length."""
        self._known_texts: dict[tuple[Any, ...], int] = {}
        self._known_others: dict[tuple[Any, ...], int] = {}
        self._known_sent: dict[bytes, int] = {}
        self._telling: dict[int, tuple[str, TagValue]] = {}
        self._names: dict[str, int] = {}
        self._broken_tags: set[int] = set()
        self._broken_logs: set[bytes] = set()
        self.broken = 0
        """Spans added so far that held invalid UTF-8."""
        self._reporters: dict[bytes, int] = {}
        self._extras: dict[bytes, int] = {}
        self._taken = 0
        self._taken_max = TAKES_FREE
        self._broken_left = BROKEN_FREE

    def __len__(self) -> int:
        """Spans added so far."""
        return len(self._rows) // _ROW.itemsize

    @contextmanager
    def of_body(self, size_bytes: int) -> Iterator[None]:
        """Whatever is added within is of one body; when an error ends that, none of its spans stays.

        Raises:
            TooLarge: its spans take more memory than TAKES_BYTES for each byte; or more of it is no UTF-8.
        """
        columns: tuple[Any, ...] = self._rows, self._codes, self._logs, self._references
        dictionaries: tuple[dict[Any, int], ...] = self._tags, self._names, self._reporters, self._extras
        lengths = [len(column) for column in columns]
        known = [len(dictionary) for dictionary in dictionaries]
        broken = self.broken
        self._taken = -self._different_take  # of the bodies before
        self._taken_max = TAKES_FREE + TAKES_BYTES * size_bytes
        self._broken_left = broken_max(size_bytes)
        try:
            yield
            self._check_taken()
        except BaseException:
            for column, length in zip(columns, lengths, strict=True):
                del column[length:]
            for dictionary, length in zip(dictionaries, known, strict=True):
                while len(dictionary) > length:
                    dictionary.popitem()  # what came last goes first
            self._known_texts.clear()
            self._known_others.clear()
            self._known_sent.clear()
            self._telling = {code: tag for code, tag in self._telling.items() if code < known[0]}
            self._broken_tags = {code for code in self._broken_tags if code < known[0]}
            self.broken = broken
            raise

    @property
    def _different_take(self) -> int:
        different = len(self._tags) + len(self._names) + len(self._extras)
        return _DIFFERENT_TAKES * different + _REPORTER_TAKES * len(self._reporters)

    def since(self, start: int) -> npt.NDArray[Any]:
        """The numbers of the spans from the one at `start` on, under the names of SCHEMA's columns; to be written, too.

        To be let go of before another span is added.
        """
        return np.frombuffer(self._rows, _ROW)[start:]

    def reporter(self, reporter: Reporter) -> int:
        """The code of a reporter, for `add`."""
        return self._reporters.setdefault(reporter.encoded, len(self._reporters))

    def tags(self, sent: Mapping[Any, Any]) -> list[int]:
        """The codes of tags as JSON and MessagePack may bring them, for `add`; keys that are no text become text."""
        return self._items([*sent.items()])

    def all_tags(self, sent: Iterator[tuple[Any, Any]]) -> list[int]:
        """As `tags`, the keys and values of many spans one after the other, for `add_columns`."""
        codes: list[int] = []
        while items := [*islice(sent, _ITEMS_AT_ONCE)]:
            codes += self._items(items)
        return codes

    def _items(self, items: list[tuple[Any, Any]]) -> list[int]:
        codes: list[Any]
        try:
            codes = [*map(self._known_texts.get, items)]
        except TypeError:  # a list or a map cannot be looked up
            codes = [None] * len(items)
        if None in codes:
            for place in [place for place, code in enumerate(codes) if code is None]:
                key, value = items[place]
                codes[place] = self.tag(
                    key if type(key) is str else repr(key),
                    value if type(value) is str else plain_value(value),
                )
        return codes

    def tag(self, key: str, value: TagValue) -> int:
        """The code of a tag, for `add`."""
        kind = type(value)
        if kind is str:
            code = self._known_texts.get((key, value))
            return self._text((key, value)) if code is None else code
        known = self._known_others
        # 0.0 and -0.0 are equal, and not the same.
        place = (key, kind, repr(value) if kind is float else value)
        code = known.get(place)
        if code is None:
            code = self._code(key, value)
            if len(known) >= _TAGS_KNOWN:
                known.clear()  # the tags themselves stay known by their bytes
            known[place] = code
        return code

    def _text(self, tag: tuple[str, str]) -> int:
        """The code of a tag that is a text, and not known as it was sent."""
        key, value = tag
        beginning = self._known_keys.get(key)
        if beginning is not None and len(value) < 128 and value.isascii():
            encoded = b"%b%c%b" % (beginning, len(value), value.encode())
            code = self._tags.setdefault(encoded, len(self._tags))
        else:
            code = self._code(key, value)
            if (
                len(self._known_keys) < _KEYS_KNOWN
                and 0 < len(key) < 128
                and key.isascii()
                and key not in TELLING
            ):
                self._known_keys[key] = encode_tag(key, "")[:-1]
        if len(value) <= _KNOWN_CHARACTERS:
            known = self._known_texts
            if len(known) >= _TAGS_KNOWN:
                known.clear()
            known[tag] = code
        return code

    def sent_tags(
        self, sent: Iterable[bytes], read: Callable[[bytes], tuple[str, TagValue] | None]
    ) -> list[int]:
        """The codes of tags in the bytes of their format, for `add`; `read` is asked for each different one, None: it is none."""
        known = self._known_sent
        codes: list[int] = []
        for tag in sent:
            code = known.get(tag)
            if code is None:
                said = read(tag)
                if said is None:
                    continue
                code = self._code(*said)
                if len(tag) <= _KNOWN_CHARACTERS:
                    if len(known) >= _TAGS_KNOWN:
                        known.clear()
                    known[tag] = code
            codes.append(code)
        return codes

    def canonical_tags(self, tags: pa.BinaryArray) -> list[int]:
        """The codes of different tags in canonical form, of sound text, for `add_columns`."""
        known = self._tags
        encoded: list[bytes] = tags.to_pylist()
        codes = [known.setdefault(tag, len(known)) for tag in encoded]
        for place in (_TELLING.places(tags) >= 0).nonzero()[0].tolist():
            self._telling[codes[place]] = decode_tag(encoded[place])
        return codes

    def telling(self, codes: Sequence[int]) -> list[tuple[int, tuple[str, TagValue]]]:
        """Place, key and value of those among these tags whose key is TELLING."""
        known = self._telling
        return [(place, known[code]) for place, code in enumerate(codes) if code in known]

    def told(self, codes: Iterable[int]) -> list[tuple[str, TagValue]]:
        """Key and value of those among these tags whose key is TELLING, in order."""
        telling = self._telling
        return [telling[code] for code in codes if code in telling]

    def _code(self, key: str, value: TagValue) -> int:
        if key.isascii() and (type(value) is not str or value.isascii()):
            code = self._tags.setdefault(encode_tag(key, value), len(self._tags))
        else:
            sound = self._sound(key), self._sound(value) if isinstance(value, str) else value
            code = self._tags.setdefault(encode_tag(*sound), len(self._tags))
            if sound[0] is not key or sound[1] is not value:
                self._broken_tags.add(code)
        if key in TELLING:
            self._telling[code] = key, value
        return code

    def _sound(self, text: str) -> str:
        """As `sound_text`. Raises TooLarge where more is broken than a body of this size may hold."""
        sound = sound_text(text)
        if sound is not text:
            self._broken_left -= sound.count(REPLACED)
            if self._broken_left < 0:
                raise TooLarge(TOO_BROKEN)
        return sound

    def _check_taken(self) -> None:
        if self._taken + self._different_take > self._taken_max:
            raise TooLarge("more spans, logs or different tags than a report of this size can hold")

    def _take(self, entries: Sequence[bytes]) -> None:
        """Count logs or references that are kept."""
        self._taken += 2 * sum(map(len, entries)) + _ENTRY_TAKES * len(entries)

    def log(self, time_ns: int, fields: Iterable[tuple[str, TagValue]]) -> bytes:
        """A log for `add`; a time beyond 64 bits is cut to the limit."""
        sent = list(fields)
        sound = [
            (self._sound(key), self._sound(value) if isinstance(value, str) else value) for key, value in sent
        ]
        encoded = encode_log(max(-_LIMIT_NS, min(_LIMIT_NS, time_ns)), sound)
        self._take((encoded,))
        self._check_taken()
        if any(
            one[0] is not other[0] or one[1] is not other[1] for one, other in zip(sent, sound, strict=True)
        ):
            self._broken_logs.add(encoded)
        return encoded

    def add(
        self,
        *,
        reporter: int,
        operation: str,
        trace: SpanId,
        span_id: SpanId,
        times: Times,
        parent: int = 0,
        kind: Kind = Kind.UNSPECIFIED,
        status: Status = Status.UNSET,
        marks: Marks = _NO_MARKS,
        tags: Sequence[int] = (),
        logs: Sequence[bytes] = (),
        references: Sequence[bytes] = (),
        extra: dict[str, TagValue] | None = None,
    ) -> bool:
        """Add one span, unless it has neither trace nor span id: then False.

        Args:
            reporter: as `reporter` gave it.
            operation: what was done.
            trace: its trace; the text of an odd id goes to `extra["trace_id_text"]`.
            span_id: its id; likewise `extra["span_id_text"]`.
            times: as `read_times` gave them; their marks are joined with `marks`. Without a start that was sent it is that of the first log.
            parent: the parent's id, 0 for none.
            kind: what part it plays.
            status: how it ended.
            marks: what else was out of the ordinary.
            tags: as `tag` gave them, in order.
            logs: as `log` gives them.
            references: as `encode_reference` gives them; none when there is but the parent.
            extra: what only its protocol has.
        """
        self._taken += _SPAN_TAKES + _TAG_TAKES * len(tags)
        if references:
            self._take(references)
        self._check_taken()
        has_trace = trace.high or trace.low
        if not has_trace or not span_id.low:
            if not has_trace and not span_id.low:
                return False
            marks |= Marks.ZERO_ID
        if (
            (self._broken_tags and not self._broken_tags.isdisjoint(tags))
            or (self._broken_logs and not self._broken_logs.isdisjoint(logs))
            or (not operation.isascii() and self._sound(operation) is not operation)
        ):
            marks |= Marks.BAD_UTF8
            self.broken += 1
        if logs and times.marks & Marks.TIME_INVENTED and (told_ns := first_time_ns(logs)):
            marks |= Marks.FUTURE if told_ns > times.start_ns + FUTURE_NS else Marks(0)
            times = times._replace(start_ns=told_ns)
        if trace.text or span_id.text:
            extra = dict(extra or {})
            extra |= {"trace_id_text": trace.text} if trace.text else {}
            extra |= {"span_id_text": span_id.text} if span_id.text else {}
        self._rows += _PACK(
            trace.high,
            trace.low,
            span_id.low,
            parent,
            times.start_ns,
            times.duration_ns,
            self.name(operation),
            reporter,
            self.packed(extra),
            kind,
            status,
            marks | times.marks if marks else times.marks,
            len(tags),
            len(logs),
            len(references),
        )
        self._codes.extend(tags)
        self._logs += logs
        self._references += references
        return True

    def add_columns(
        self, numbers: Mapping[str, npt.ArrayLike], *, tags: Iterable[int], logs: Iterable[bytes]
    ) -> None:
        """Add many spans of sound text, each with ids and times as `add` keeps them; see there.

        Args:
            numbers: columns under the names of SCHEMA; reporter, name and extra as `reporter`, `name` and `packed` gave them, of tags
                and logs how many each span has. Without references.
            tags: of all spans, as `tag` gave them.
            logs: of all spans, as `log` gives them.
        """
        added = np.zeros(len(np.asarray(numbers["span_id"])), _ROW)
        for name, column in numbers.items():
            added[name] = column
        self._taken += _SPAN_TAKES * len(added) + _TAG_TAKES * int(added["tags"].sum())
        self._check_taken()
        self._rows += added.tobytes()
        self._codes.extend(tags)
        self._logs += logs

    def name(self, operation: str) -> int:
        """The code of an operation."""
        return self._names.setdefault(operation, len(self._names))

    def packed(self, extra: dict[str, TagValue] | None) -> int:
        """The code of what only a protocol has."""
        packed = msgspec.msgpack.encode(extra) if extra else b""
        return self._extras.setdefault(packed, len(self._extras))

    def extras(self) -> list[bytes]:
        """What stands behind the codes that `packed` gives, as `decode_extra` reads it."""
        return list(self._extras)

    def build(self) -> SpanBatch:
        """Everything added so far."""
        rows = self.since(0)
        names = pa.array([sound_text(name).encode() for name in self._names], pa.binary()).dictionary_encode()
        columns = {name: pa.array(rows[name]) for name in SCHEMA.names if name not in _LISTS}
        columns["name"] = names.indices.take(columns["name"])
        for name, values in (
            ("tags", pa.array(np.frombuffer(self._codes, np.int32))),
            ("logs", pa.array(self._logs, pa.binary())),
            ("references", pa.array(self._references, pa.binary())),
        ):
            ends = np.zeros(len(rows) + 1, np.int32)
            np.cumsum(rows[name], out=ends[1:])
            columns[name] = pa.ListArray.from_arrays(pa.array(ends), values)
        return SpanBatch(
            pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA),
            tags=pa.array(self._tags, pa.binary()),
            names=names.dictionary,
            reporters=pa.array(self._reporters, pa.binary()),
            extras=pa.array(self._extras, pa.binary()),
        )


def decode_rows(bodies: Sequence[bytes], read: Callable[[bytes, Rows], Report]) -> Decoded:
    """What `decode` of a codec gives, whose `read` adds the spans of one body to rows, or raises why it is none."""
    rows = Rows()
    outcomes: list[Report | SatelliteError] = []
    for body in bodies:
        try:
            with rows.of_body(len(body)):
                outcomes.append(read(body, rows))
        except SatelliteError as refusal:
            outcomes.append(refusal)
    return without_tokens(Decoded(rows.build(), outcomes), bare=True)


def emptied(elements: list[Any]) -> Iterator[Any]:
    """The elements of a list; one that was given is not in it any longer, so that its memory can be that of rows."""
    elements.reverse()
    while elements:
        yield elements.pop()


def check_spans(count: int, size_bytes: int) -> None:
    """Make sure that a body of this size holds no more spans than are worth looking at.

    Raises:
        TooLarge: more than SPANS_MAX.
        BadReport: more than there is room for.
    """
    if count > SPANS_MAX:
        raise TooLarge(f"the report has more than {SPANS_MAX} spans")
    if count > 1000 and count * LEAST_SPAN_BYTES > size_bytes:
        raise BadReport(f"{count} spans in {size_bytes} bytes cannot be")


def say_dropped(report: Report, reason: str, count: int, text: str) -> None:
    """Note in a report that spans were dropped, and why; nothing when none were."""
    if count:
        report.dropped[reason] = report.dropped.get(reason, 0) + count
        report.warnings.append(f"{count} spans {text} were dropped")


def say_broken(report: Report, count: int) -> None:
    """Note in a report that spans held invalid UTF-8; nothing when none did."""
    if count:
        report.warnings.append(f"{count} spans held invalid UTF-8; it was replaced by U+FFFD")
