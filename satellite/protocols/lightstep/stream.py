"""The streaming upload of LightStep's C++ core: one ReportRequest that grows for seconds, taken apart as it comes.

Source: wire-protocols.md §2.4. What a sender writes first (reporter, access token, counters) holds for every span after
it, so each piece is a report of its own: that head, then the spans that became complete.
"""

from __future__ import annotations

from satellite.errors import BadReport, SatelliteError, TooLarge

HEAD_BYTES_MAX = 256 * 1024
"""Of what each piece repeats (ours); a real head has some hundred bytes."""

_SPANS, _INTERNAL_METRICS = 3, 6
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BYTES_MAX = 10


class ReportSplitter:
    """Bytes of one ReportRequest in, complete reports with their spans out (a `BodySplitter`)."""

    def __init__(self, field_bytes_max: int) -> None:
        """Args: `field_bytes_max` is the size of the largest span that is waited for."""
        self._field_bytes_max = field_bytes_max
        self._rest = bytearray()
        self._wanted_bytes = 1
        """How much of `_rest` there must be before it is worth another look."""
        self._head = bytearray()
        self._counters = bytearray()
        """Not repeated: they would be counted again."""
        self._handed_over = False
        self.fault: SatelliteError | None = None
        """Why this cannot go on; what came before it was handed over. What comes after it is ignored."""

    @property
    def unfinished_bytes(self) -> int:
        """Size of the field that is not complete yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> bytes | None:
        """A report with all spans that are complete now and were in none before; None when there are none."""
        if self.fault is not None:
            return None
        self._rest += data
        if len(self._rest) < self._wanted_bytes:
            return None
        spans: list[bytes] = []
        try:
            self._split(spans)
        except SatelliteError as fault:
            self.fault = fault
            self._rest.clear()
        return self._piece(spans) if spans else None

    def finish(self) -> bytes | None:
        """At the end of the body: what no piece had, without spans; None when nothing was left out."""
        if self._handed_over and not self._counters:
            return None
        return self._piece([])

    def _piece(self, spans: list[bytes]) -> bytes:
        piece = b"".join((self._head, self._counters, *spans))
        self._counters.clear()
        self._handed_over = True
        return piece

    def _split(self, spans: list[bytes]) -> None:
        """Move all complete fields of `_rest` to where they belong."""
        rest = bytes(self._rest)
        start = 0
        try:
            while (end := self._end_of_field(rest, start)) is not None:
                field = rest[start:end]
                number = _varint(field, 0)[0] >> 3
                start = end
                if number == _SPANS:
                    spans.append(field)
                    continue
                kept = self._counters if number == _INTERNAL_METRICS else self._head
                kept += field
                if len(kept) > HEAD_BYTES_MAX:
                    raise TooLarge(f"what is not spans is larger than {HEAD_BYTES_MAX} bytes")
        finally:
            del self._rest[:start]

    def _end_of_field(self, data: bytes, start: int) -> int | None:
        """Where the field that begins at `start` ends; None when it is not complete."""
        key, here = _varint(data, start)
        self._wanted_bytes = len(data) - start + 1
        if here is None:
            return None
        wire_type = key & 7
        if not key >> 3:
            raise BadReport(_NO_REPORT)
        if wire_type == _VARINT:
            return _varint(data, here)[1]
        if wire_type == _LENGTH:
            size, here = _varint(data, here)
            if here is None:
                return None
            if size > self._field_bytes_max:
                raise TooLarge(f"a field of {size} bytes; the limit is {self._field_bytes_max}")
        elif wire_type in _FIXED_BYTES:
            size = _FIXED_BYTES[wire_type]
        else:
            raise BadReport(_NO_REPORT)
        end = here + size
        if end > len(data):
            self._wanted_bytes = end - start
            return None
        return end


_NO_REPORT = "the body is no ReportRequest"


def _varint(data: bytes, start: int) -> tuple[int, int | None]:
    """(value, the place behind it); the place is None when the data ends before it.

    Raises:
        BadReport: longer than a varint can be.
    """
    value = 0
    for index, byte in enumerate(data[start : start + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, start + index + 1
    if len(data) - start >= _VARINT_BYTES_MAX:
        raise BadReport(_NO_REPORT)
    return 0, None
