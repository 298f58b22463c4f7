"""Bounds on what a body may unfold to, and many bodies at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import TooLarge
from satellite.model.report import Report
from satellite.protocols.otlp.protobuf import decode
from satellite.protocols.otlp.request import CALL_BYTES, read_requests
from tests.protocols.otlp_requests import NOW_NS, good, request, span


def field(number: int, content: bytes) -> bytes:
    size, length = len(content), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes(length) + bytes([size]) + content


def within(*numbers: int, content: bytes) -> bytes:
    for number in reversed(numbers):
        content = field(number, content)
    return content


FINE = request(span({"a": 1})).SerializeToString()


@pytest.mark.parametrize(
    "bomb",
    [
        within(1, 2, content=b"\x12\x00" * 50_000),  # spans
        within(1, content=b"\x12\x00" * 50_000),  # scopes
        b"\x0a\x00" * 50_000,  # resources
        within(1, 2, 2, content=b"\x4a\x00" * 50_000),  # attributes
        within(1, 2, 2, content=b"\x5a\x00" * 50_000),  # events
        within(1, 2, 2, content=b"\x6a\x00" * 50_000),  # links
        within(1, 2, 2, content=b"\x7a\x00" * 50_000),  # pieces of a status
    ],
)
def test_more_messages_than_bytes_for_them(bomb: bytes) -> None:
    decoded = decode([FINE, bomb, FINE], NOW_NS)
    first, refusal, last = decoded.reports
    assert isinstance(first, Report)
    assert isinstance(refusal, TooLarge)
    assert isinstance(last, Report)
    assert len(decoded.batch) == 2


@pytest.mark.parametrize(
    "filling",
    [
        within(1, 2, content=b"\x12\x00" * CALL_BYTES),
        within(1, content=b"\x12\x00" * CALL_BYTES),
        b"\x0a\x00" * CALL_BYTES,
        within(1, 2, content=b"\x08\x01\x11" + bytes(8) + b"\x1d" + bytes(4) + b"\x12\x00" * CALL_BYTES),
    ],
)
def test_a_long_body_is_counted_before_it_unfolds(filling: bytes) -> None:
    [refusal] = read_requests([filling]).faults
    assert isinstance(refusal, TooLarge)


def test_long_bodies_of_real_spans_are_fine() -> None:
    long = request(*[span({"text": "x" * 5000})] * 1000).SerializeToString()
    assert len(long) > CALL_BYTES
    decoded = decode([FINE, long, FINE, long], NOW_NS)
    assert [said.rows for said in good(decoded)] == [
        slice(0, 1),
        slice(1, 1001),
        slice(1001, 1002),
        slice(1002, 2002),
    ]


@pytest.mark.parametrize("tail", [b"\x0b", b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 12, b"\x0a"])
def test_a_long_body_that_is_none(tail: bytes) -> None:
    long = request(*[span({"text": "x" * 5000})] * 1000).SerializeToString()
    first, refusal, last = decode([FINE, long + tail, FINE], NOW_NS).reports
    assert isinstance(first, Report)
    assert not isinstance(refusal, Report)
    assert isinstance(last, Report)


@given(st.lists(st.sampled_from([FINE, b"", b"\xff\xff", b"\x0a\x00" * 2000]), max_size=6))
def test_each_body_gets_its_own_outcome(bodies: list[bytes]) -> None:
    decoded = decode(bodies, NOW_NS)
    for body, outcome in zip(bodies, decoded.reports, strict=True):
        assert isinstance(outcome, Report) == (body in (FINE, b""))
    assert len(decoded.batch) == bodies.count(FINE)
