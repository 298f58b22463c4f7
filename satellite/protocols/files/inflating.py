"""A file's bytes as they were before compression; what is not compressed passes through."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator

from satellite.errors import BadReport
from satellite.protocols.readers.compression import Member, ZlibMember

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_OUT_BYTES = 1 << 20
_NAMED = {
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
}


_KINDS: tuple[tuple[bytes, str, Callable[[], Member]], ...] = (
    (b"\x1f\x8b", "gzip", lambda: ZlibMember(31)),
    (b"\x28\xb5\x2f\xfd", "zstd", zstd.ZstdDecompressor),
)


class Inflated:
    """Bytes in any portions in; out what they mean, in portions that are bounded however much a few bytes hold."""

    def __init__(self) -> None:
        self.compression = ""
        """Its name; "" for none."""
        self._start = b""
        self._known = False
        self._new: Callable[[], Member] | None = None
        self._member: Member | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What can be read now. Raises BadReport for a compression that is not taken, or a damaged one."""
        if not self._known:
            self._start += data
            if len(self._start) < 6:
                return
            data = self._begin()
        yield from self._plain(data)

    def finish(self) -> Iterator[bytes]:
        """The rest. Raises BadReport when the file is cut off."""
        if not self._known and self._start:
            yield from self._plain(self._begin())
        if self._member is not None and not self._member.eof:
            raise BadReport(f"the {self.compression} file is cut off; what came before the end is kept")

    def _begin(self) -> bytes:
        self._known = True
        for magic, what in _NAMED.items():
            if self._start.startswith(magic):
                raise BadReport(
                    f"the file is {what}", hint="unpack it first; gzip and zstd are taken as they are"
                )
        for magic, name, new in _KINDS:
            if self._start.startswith(magic):
                self.compression, self._new = name, new
        return self._start

    def _plain(self, data: bytes) -> Iterator[bytes]:
        if self._new is None:
            yield data
            return
        try:
            while data:
                if self._member is None or self._member.eof:
                    data = data.lstrip(b"\0")  # padding between members is legal
                    if not data:
                        return
                    self._member = self._new()
                piece = self._member.decompress(data, _OUT_BYTES)
                while piece:
                    yield piece
                    piece = b"" if self._member.eof else self._member.decompress(b"", _OUT_BYTES)
                data = self._member.unused_data if self._member.eof else b""
        except (zlib.error, zstd.ZstdError) as error:
            raise BadReport(f"the {self.compression} file is damaged: {error}") from error
