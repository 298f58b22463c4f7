from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import cramjam
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport, TooLarge
from satellite.protocols.readers.compression import ENCODINGS, GRPC_ENCODINGS, encoding_of, inflate

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIMIT = 100_000


def bare_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


COMPRESS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
    ("zlib", zlib.compress),
    ("zstd", zstd.compress),
    ("snappy", lambda body: bytes(cramjam.snappy.compress_raw(body))),
    ("snappy", lambda body: bytes(cramjam.snappy.compress(body))),
    ("x-snappy-framed", lambda body: bytes(cramjam.snappy.compress(body))),
    ("lz4", lz4.frame.compress),
]
each_codec = pytest.mark.parametrize(
    ("encoding", "compress"), COMPRESS, ids=[f"{at}-{name}" for at, (name, _) in enumerate(COMPRESS)]
)


def test_all_are_here() -> None:
    assert {name for name, _ in COMPRESS} == set(ENCODINGS)
    assert set(GRPC_ENCODINGS) <= set(ENCODINGS)


@each_codec
@given(body=st.binary(max_size=5000))
def test_there_and_back(encoding: str, compress: Callable[[bytes], bytes], body: bytes) -> None:
    assert inflate(compress(body), encoding, LIMIT) == body


@each_codec
def test_limit_is_exact(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    assert len(inflate(compress(bytes(LIMIT)), encoding, LIMIT)) == LIMIT
    with pytest.raises(TooLarge):
        inflate(compress(bytes(LIMIT + 1)), encoding, LIMIT)


@each_codec
def test_large_bodies(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    body = b"".join(b"%d " % number for number in range(500_000))
    assert inflate(compress(body), encoding, 1 << 24) == body


@each_codec
def test_bombs_are_not_unpacked(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(60_000_000))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        inflate(bomb, encoding, 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


@each_codec
@given(body=st.binary(min_size=1, max_size=300), data=st.data())
def test_cut_off_is_refused(
    encoding: str, compress: Callable[[bytes], bytes], body: bytes, data: st.DataObject
) -> None:
    packed = compress(body)
    cut = packed[: data.draw(st.integers(1, len(packed) - 1))]
    with suppress(BadReport):  # a stream of snappy's chunks has no end to miss
        assert inflate(cut, encoding, LIMIT) != body


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(body=st.binary(max_size=300))
def test_any_bytes(encoding: str, body: bytes) -> None:
    try:
        assert len(inflate(body, encoding, 1000)) <= 1000
    except (BadReport, TooLarge):
        return


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("zstd", zstd.compress), ("lz4", lz4.frame.compress)],
)
@given(parts=st.lists(st.binary(max_size=2000), min_size=1, max_size=5))
def test_members_join(encoding: str, compress: Callable[[bytes], bytes], parts: list[bytes]) -> None:
    assert inflate(b"".join(map(compress, parts)), encoding, LIMIT) == b"".join(parts)


def test_zeros_after_gzip() -> None:
    assert inflate(gzip.compress(b"a") + gzip.compress(b"b") + bytes(1_000_000), "gzip", LIMIT) == b"ab"


def test_many_members() -> None:
    assert inflate(gzip.compress(b"a") * 50_000, "gzip", LIMIT) == b"a" * 50_000
    with pytest.raises(BadReport, match="members"):
        inflate(gzip.compress(b"") * 70_000, "gzip", LIMIT)


def test_many_chunks_of_snappy() -> None:
    begin = b"\xff\x06\0\0sNaPpY"
    assert inflate(begin + b"\x80\0\0\0" * 60_000, "snappy", LIMIT) == b"", "chunks that may be left out"
    for chunk in (b"\x80\0\0\0", begin, b"\x01\x04\0\0\0\0\0\0"):
        with pytest.raises(BadReport, match="chunks"):
            inflate(begin + chunk * 70_000, "snappy", LIMIT)


def test_what_comes_after_deflate_is_refused() -> None:
    with pytest.raises(BadReport, match="after its end"):
        inflate(zlib.compress(b"a") * 2, "deflate", LIMIT)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_nothing_holds_nothing(encoding: str) -> None:
    assert inflate(b"", encoding, LIMIT) == b""


def test_encoding_that_no_header_names() -> None:
    assert encoding_of(gzip.compress(b"a")) == "gzip"
    assert encoding_of(zstd.compress(b"a")) == "zstd"
    assert encoding_of(b'{"a": 1}') == ""
