"""Bodies made to end the process or to fill its memory: each is refused like any other bad report, and fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from satellite.errors import BadReport, SatelliteError, TooLarge
from satellite.model.report import Report
from satellite.protocols.readers.columns import AHEAD, STACK_BYTES, hold_more
from tests.protocols.soundness import CODECS, NOW_NS

MESSAGES = {
    "lightstep": [(), (1,), (2,), (3,), (3, 1), (3, 3), (3, 3, 2), (3, 4), (3, 6), (3, 7), (6,), (6, 4)],
    "otlp": [(), (1,), (1, 1), (1, 2), (1, 2, 1), (1, 2, 2), (1, 2, 2, 9), (1, 2, 2, 11), (1, 2, 2, 13)],
    "otlp_metrics": [(), (1,), (1, 2), (1, 2, 2)],
    "otlp_logs": [(), (1,), (1, 2), (1, 2, 2)],
    "tracer_metrics": [(), (1,), (4,)],
    "zipkin": [(), (1,)],
    "jaeger": [(), (1,), (1, 1), (1, 2)],
}
"""By protocol, the field numbers on the way to each kind of message."""


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def within(*numbers: int, content: bytes) -> bytes:
    for number in reversed(numbers):
        content = field(number, content)
    return content


WAYS = [(name, numbers) for name, ways in MESSAGES.items() for numbers in ways]


def refuse_groups(name: str, numbers: tuple[int, ...], depth: int, group: bytes) -> None:
    body = within(*numbers, content=group * depth)
    (outcome,) = CODECS[name].protocol.decode([body], NOW_NS).reports
    assert isinstance(outcome, Report | SatelliteError)  # where groups are bytes to it, it may be a report


@pytest.mark.parametrize(("name", "numbers"), WAYS, ids=str)
def test_groups_within_groups(name: str, numbers: tuple[int, ...]) -> None:
    refuse_groups(name, numbers, STACK_BYTES // 32, b"\x08\x01\x0b")


@pytest.mark.thorough
@pytest.mark.parametrize("group", [b"\x0b", b"\x7b", b"\xfb\xff\xff\xff\x0f", b"\x7b\x12\x00"])
@pytest.mark.parametrize(("name", "numbers"), WAYS, ids=str)
@pytest.mark.parametrize("depth", [99, 5_000, 60_000, 70_000, 4 * 2**20])
def test_groups_of_any_depth(name: str, numbers: tuple[int, ...], depth: int, group: bytes) -> None:
    refuse_groups(name, numbers, depth, group)


def test_groups_do_not_harm_others() -> None:
    fine = within(3, content=field(1, b"\x08\x01\x10\x02"))
    decoded = CODECS["lightstep"].protocol.decode([fine, b"\x0b" * STACK_BYTES, fine], NOW_NS)
    first, refusal, last = decoded.reports
    assert isinstance(first, Report)
    assert isinstance(refusal, BadReport)
    assert isinstance(last, Report)
    assert len(decoded.batch) == 2


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x1a\x00" * 50_000,  # spans
        b"\x9a\x00\x00" * 50_000,  # with a number in more bytes than it needs
        b"\x13\x14" + b"\x1a\x00" * 50_000,  # behind a group
        within(3, content=b"\x1a\x00" * 50_000),  # references
        within(3, content=b"\x32\x00" * 50_000),  # tags
        within(3, content=b"\x3a\x00" * 50_000),  # logs
    ],
)
def test_more_messages_than_bytes_for_them(bomb: bytes) -> None:
    (outcome,) = CODECS["lightstep"].protocol.decode([bomb], NOW_NS).reports
    assert isinstance(outcome, TooLarge)


@pytest.mark.parametrize(
    ("name", "numbers", "content"),
    [
        ("zipkin", (1,), field(10, b"") * 50_000),
        ("jaeger", (1, 1), field(9, b"") * 50_000),
        ("jaeger", (1, 1), field(4, b"") * 50_000),
        ("jaeger", (1, 1, 9), field(2, b"") * 50_000),
    ],
)
def test_more_of_a_span_than_bytes_for_it(name: str, numbers: tuple[int, ...], content: bytes) -> None:
    (outcome,) = CODECS[name].protocol.decode([within(*numbers, content=content)], NOW_NS).reports
    assert isinstance(outcome, TooLarge)


def test_messages_that_come_before_the_bytes_for_them_are_not_counted_to_the_end() -> None:
    asked = 0

    def messages(body: bytes) -> Iterator[tuple[int, int]]:
        nonlocal asked
        for at in range(0, len(body), 2):
            asked += 1
            yield at, at + 2

    assert hold_more([b"\x1a\x00" * 10 * AHEAD], 32, (3,), messages)
    assert asked < 2 * AHEAD


JSON_AROUND = {
    "zipkin": b'[{"traceId":"1","id":"2","timestamp":1,"tags":{"k":"%b"}}]',
    "zipkin annotations": b'[{"traceId":"1","id":"2","timestamp":1,"annotations":[{"timestamp":1,"value":"%b"}]}]',
    "zipkin names": b'[{"traceId":"1","id":"2","timestamp":1,"name":"%b"}]',
    "lightstep_json": b'{"spans":[{"spanContext":{"traceId":1,"spanId":2},"tags":[{"key":"k","stringValue":"%b"}]}]}',
    "lightstep_thrift_json": b'{"span_records":[{"trace_guid":"1","span_guid":"2","attributes":[{"Key":"%b"}]}]}',
    "otlp_json": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"%b"}]}]}]}',
    "datadog": b'[[{"trace_id":1,"span_id":2,"start":1,"meta":{"k":"%b"}}]]',
}


@pytest.mark.parametrize("case", JSON_AROUND)
def test_a_body_that_is_hardly_any_text_at_all(case: str) -> None:
    decode, around = CODECS[case.partition(" ")[0]].protocol.decode, JSON_AROUND[case]
    much, some = around % (b"\xff" * 200_000), around % (b"\xff" * 100_000)
    refusal, kept = decode([much, some], NOW_NS).reports
    assert isinstance(refusal, TooLarge)
    assert isinstance(kept, Report)


def _pair(text: bytes) -> bytes:
    return field(1, b"k") + field(2, text)


def _attribute(text: bytes) -> bytes:
    return field(1, b"k") + field(2, field(1, text))


TEXTS: dict[str, tuple[str, tuple[int, ...], Callable[[bytes], bytes]]] = {
    "lightstep tag": ("lightstep", (3, 6), _pair),
    "lightstep operation": ("lightstep", (3,), lambda text: field(2, text)),
    "lightstep log": ("lightstep", (3, 7, 2), _pair),
    "lightstep baggage": ("lightstep", (3, 1, 3), _pair),
    "lightstep reporter": ("lightstep", (1, 4), _pair),
    "otlp attribute": ("otlp", (1, 2, 2, 9), _attribute),
    "otlp key": ("otlp", (1, 2, 2, 9), lambda text: field(1, text)),
    "otlp list": ("otlp", (1, 2, 2), lambda text: _many(9, 5, text)),
    "otlp map": ("otlp", (1, 2, 2), lambda text: _many(9, 6, text)),
    "otlp name": ("otlp", (1, 2, 2), lambda text: field(5, text)),
    "otlp trace state": ("otlp", (1, 2, 2), lambda text: field(3, text)),
    "otlp status": ("otlp", (1, 2, 2, 15), lambda text: field(2, text)),
    "otlp event": ("otlp", (1, 2, 2, 11), lambda text: field(2, text)),
    "otlp event's attribute": ("otlp", (1, 2, 2, 11, 3), _attribute),
    "otlp link's state": ("otlp", (1, 2, 2, 13), lambda text: field(3, text)),
    "otlp link's attribute": ("otlp", (1, 2, 2, 13, 4), _attribute),
    "otlp scope": ("otlp", (1, 2, 1), lambda text: field(1, text)),
    "otlp scope's attribute": ("otlp", (1, 2, 1, 3), _attribute),
    "otlp scope's schema": ("otlp", (1, 2), lambda text: field(3, text)),
    "otlp resource": ("otlp", (1, 1, 1), _attribute),
    "otlp resource's schema": ("otlp", (1,), lambda text: field(3, text)),
}
"""Wherever a text may be: protocol, the field numbers on the way to it, what it stands in there."""


def _many(number: int, kind: int, text: bytes) -> bytes:
    """Lists or maps that are small enough to be taken apart."""
    parts = (text[at : at + 99_000] for at in range(0, len(text), 99_000))
    elements = [(b"" if kind == 5 else field(1, b"k") + b"\x12", field(1, part)) for part in parts]
    values = [field(1, head + varint(len(value)) + value if head else value) for head, value in elements]
    return b"".join(field(number, field(1, b"k") + field(2, field(kind, value))) for value in values)


@pytest.mark.parametrize("case", TEXTS)
def test_texts_of_protobuf_that_are_hardly_any(case: str) -> None:
    name, numbers, value = TEXTS[case]
    bodies = [
        within(*numbers, content=value(text))
        for text in (
            b"\xff" * 1_300_000,
            b"x" * 1_300_000 + b"\xff" * 100_000,
            "€".encode() * 500_000,
            "�".encode() * 500_000,
        )
    ]
    refusal, *kept = CODECS[name].protocol.decode(bodies, NOW_NS).reports
    assert isinstance(refusal, TooLarge)
    assert all(isinstance(one, Report) for one in kept), kept


@pytest.mark.parametrize(
    ("numbers", "content"),
    [
        ((1, 2, 2, 9), field(1, b"k") + field(2, field(7, b"\xff" * 1_300_000))),
        ((1, 2, 2), field(13, field(1, b"\xff" * 16) + field(2, b"\xff" * 8) + field(3, b"x" * 40)) * 20_000),
    ],
    ids=["bytes", "ids of links"],
)
def test_bytes_need_be_no_text(numbers: tuple[int, ...], content: bytes) -> None:
    [kept] = CODECS["otlp"].protocol.decode([within(*numbers, content=content)], NOW_NS).reports
    assert isinstance(kept, Report)
