"""A file's bytes as they were before compression; what is not compressed passes through."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from satellite.errors import BadReport

_GZIP = b"\x1f\x8b"
_OUT_BYTES = 1 << 20
_NAMED = {
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}


class Inflated:
    """Bytes in any portions in; out what they mean, in portions that are bounded however much a few bytes hold."""

    def __init__(self) -> None:
        self.gzip = False
        self._start = b""
        self._known = False
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What can be read now. Raises BadReport for a compression that is not taken, or a damaged one."""
        if not self._known:
            self._start += data
            if len(self._start) < 6:
                return
            data = self._begin()
        yield from self._inflate(data) if self.gzip else (data,)

    def finish(self) -> Iterator[bytes]:
        """The rest. Raises BadReport when the file is cut off."""
        if not self._known and self._start:
            data = self._begin()
            yield from self._inflate(data) if self.gzip else (data,)
        if self._member is not None and not self._member.eof:
            raise BadReport("the gzip file is cut off; what came before the end is kept")

    def _begin(self) -> bytes:
        self._known = True
        for magic, what in _NAMED.items():
            if self._start.startswith(magic):
                raise BadReport(f"the file is {what}", hint="unpack it first; gzip is taken as it is")
        self.gzip = self._start.startswith(_GZIP)
        return self._start

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._member is None or self._member.eof:
                    data = data.lstrip(b"\0")  # padding between members is legal
                    self._member = zlib.decompressobj(wbits=31)
                if piece := self._member.decompress(data, _OUT_BYTES):
                    yield piece
                data = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error as error:
            raise BadReport(f"the gzip file is damaged: {error}") from error
