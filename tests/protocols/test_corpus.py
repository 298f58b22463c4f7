"""Every payload file through every decoder of its family, as it is and mutated; findings of `make fuzz` among them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import SatelliteError
from satellite.model.report import Report
from satellite.protocols import PROTOCOLS
from satellite.protocols.jaeger import json as jaeger_json
from tests.protocols.soundness import CODECS, DATA, NOW_NS, SUBJECTS, payload, payload_files

FOLDERS = sorted({subject.folder for subject in SUBJECTS.values()})
FILES = [
    pytest.param(name, path, id=f"{name}-{path.name}")
    for name, subject in SUBJECTS.items()
    for path in payload_files(subject.folder)
]
RECORDED = [
    path
    for folder in sorted({codec.folder for codec in CODECS.values()})
    for path in payload_files(folder)
    if not path.name.startswith("found-") and path.suffix != ".http"
]
JSON_CODECS = [name for name, codec in CODECS.items() if codec.good[:1] in (b"{", b"[")]
BINARY_CODECS = [name for name in CODECS if name not in (*JSON_CODECS, "lightstep_uri")]
PROTOBUF_CODECS = ["lightstep", "tracer_metrics", "otlp", "otlp_metrics", "otlp_logs", "zipkin", "jaeger"]
DEEP = 100_000


def test_every_protocol_is_a_subject_and_every_folder_is_read() -> None:
    assert {codec.protocol for codec in CODECS.values()} == {*PROTOCOLS, jaeger_json.PROTOCOL}
    assert sorted(path.name for path in DATA.iterdir()) == FOLDERS


@pytest.mark.parametrize(("name", "path"), FILES)
def test_a_payload_file(name: str, path: Path) -> None:
    SUBJECTS[name].check(payload(path))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_recorded_is_understood(path: Path) -> None:
    codecs = [codec for codec in CODECS.values() if codec.folder == path.parent.name]
    outcomes = [codec.protocol.decode([payload(path)], NOW_NS).reports[0] for codec in codecs]
    assert any(isinstance(one, Report) for one in outcomes), outcomes


# Mutations


def flip(draw: st.DrawFn, body: bytes) -> bytes:
    at = draw(st.integers(0, len(body) - 1))
    return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]


def truncate(draw: st.DrawFn, body: bytes) -> bytes:
    return body[: draw(st.integers(0, len(body) - 1))]


def repeat(draw: st.DrawFn, body: bytes) -> bytes:
    start, end = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
    return body[:start] + body[start:end] * draw(st.sampled_from([0, 2, 3, 50])) + body[end:]


HUGE = [
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff" * 9 + b"\1",
    b"\xdd\xff\xff\xff\xff",
    b"9" * 40,
]


def enlarge(draw: st.DrawFn, body: bytes) -> bytes:
    at, huge = draw(st.integers(0, len(body))), draw(st.sampled_from(HUGE))
    return body[:at] + huge + body[at + draw(st.sampled_from([0, 1, len(huge)])) :]


@st.composite
def mutated(draw: st.DrawFn, folder: str) -> bytes:
    """A payload of a family, with up to three things wrong."""
    bodies = [payload(path) for path in payload_files(folder)]
    body = draw(st.sampled_from(bodies))
    for _ in range(draw(st.integers(1, 3))):
        if not body:
            return body
        how = draw(st.sampled_from([flip, truncate, repeat, enlarge, None]))
        if how is not None:
            body = how(draw, body)
            continue
        other = draw(st.sampled_from(bodies))
        body = body[: draw(st.integers(0, len(body)))] + other[draw(st.integers(0, len(other))) :]
    return body


@pytest.mark.parametrize("name", SUBJECTS)
@given(data=st.data())
def test_mutated_payloads(name: str, data: st.DataObject) -> None:
    subject = SUBJECTS[name]
    subject.check(data.draw(mutated(subject.folder)))


@pytest.mark.thorough
@pytest.mark.parametrize("name", SUBJECTS)
@given(data=st.data())
def test_mutated_payloads_at_length(name: str, data: st.DataObject) -> None:
    subject = SUBJECTS[name]
    subject.check(data.draw(mutated(subject.folder)))


# JSON


def in_first_object(body: bytes, members: bytes) -> bytes:
    return body.replace(b"{", b"{" + members + b",", 1)


UNKNOWN_MEMBERS = [
    b'"zzz":' + b"[" * DEEP + b"]" * DEEP,
    b'"zzz":' + b'{"z":' * DEEP + b"1" + b"}" * DEEP,
    b'"zzz":' + b"[" * DEEP,
    b'"zzz":1,"zzz":2',
    b'"zzz":NaN',
    b'"zzz":-Infinity',
    b'"zzz":1e999',
    b'"zzz":' + b"9" * 5000,
    b'"zzz":-' + b"9" * DEEP,
    b'"zzz":1.' + b"0" * DEEP + b"1",
    b'"zzz":"\\ud800"',
    b'"zzz":"\xff\xfe"',
    b'"zzz":"\0"',
    b'"\xff":1',
    b'"' + b"z" * DEEP + b'":1',
    b",".join(b'"z%d":{}' % number for number in range(1000)),
]


@pytest.mark.parametrize(
    "members", UNKNOWN_MEMBERS, ids=lambda members: members[:16].decode("ascii", "replace")
)
@pytest.mark.parametrize("name", JSON_CODECS)
def test_json_with_a_member_that_nobody_asked_for(name: str, members: bytes) -> None:
    codec = CODECS[name]
    codec.check(in_first_object(codec.good, members))


@pytest.mark.parametrize("name", JSON_CODECS)
def test_json_with_every_key_twice(name: str) -> None:
    codec = CODECS[name]
    codec.check(re.sub(rb'("\w+")\s*:\s*([\w.-]+|"[^"]*")([,}])', rb"\1:\2,\1:\2\3", codec.good))


ODD_VALUES = [
    b"null", b"true", b"[]", b"{}", b'""', b"-1", b"0.5", b"1e400", b"NaN", b"9223372036854775807", b"9223372036854775808",
    b"18446744073709551615", b"18446744073709551616", b'"18446744073709551616"', b"-9223372036854775809", b"9" * 5000,
    b'"' + b"9" * 5000 + b'"', b'"1e5"', b'"\\ud800"', b'"\xc3"', b"[" * 500 + b"]" * 500,
]  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("name", JSON_CODECS)
def test_json_with_an_odd_value_in_each_place(name: str) -> None:
    """Each scalar of a good report (every other one of a long one) becomes odd values, in turn: it stays quick."""
    codec = CODECS[name]
    good = codec.good
    scalars = list(
        re.finditer(rb'(?<=[:,\[])\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)(?=\s*[,\]}])', good)
    )
    codec.check_all(
        good[: scalar.start(1)] + odd + good[scalar.end(1) :]
        for number, scalar in enumerate(scalars[:: 1 + len(scalars) // 40])
        for odd in ODD_VALUES[number % 5 :: 5]
    )


BIG = 2**53 + 1  # what a JavaScript number cannot hold
ID = 2**64 - 3


def lightstep_json(value: str) -> str:
    span = f'{{"spanContext":{{"traceId":{value},"spanId":7}},"operationName":"o"}}'
    return f'{{"reporter":{{"reporterId":1}},"spans":[{span}]}}'


def otlp_json(value: str) -> str:
    span = f'{{"traceId":"{1:032x}","spanId":"{2:016x}","name":"o","startTimeUnixNano":{value}}}'
    return f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'


def thrift_json(value: str) -> str:
    span = f'{{"span_guid":"2","trace_guid":"1","oldest_micros":{value},"youngest_micros":{value}}}'
    return f'{{"runtime":{{"guid":"1","start_micros":1}},"span_records":[{span}]}}'


def zipkin_json(value: str) -> str:
    return f'[{{"traceId":"1","id":"2","timestamp":{value}}}]'


def jaeger_ui(value: str) -> str:
    span = f'{{"traceID":"1","spanID":"2","operationName":"o","startTime":{value},"duration":1}}'
    return f'{{"data":[{{"traceID":"1","spans":[{span}],"processes":{{}}}}]}}'


@pytest.mark.parametrize(
    ("name", "form", "value", "column", "expected"),
    [
        ("lightstep_json", lightstep_json, str(ID), "trace_low", ID),
        ("lightstep_json", lightstep_json, f'"{ID}"', "trace_low", ID),
        ("lightstep_thrift_json", thrift_json, str(BIG), "start_ns", BIG * 1000),
        ("otlp_json", otlp_json, str(BIG), "start_ns", BIG),
        ("otlp_json", otlp_json, f'"{BIG}"', "start_ns", BIG),
        ("zipkin", zipkin_json, str(BIG), "start_ns", BIG * 1000),
        ("jaeger_json", jaeger_ui, str(BIG), "start_ns", BIG * 1000),
    ],
)
def test_numbers_of_64_bits_stay_exact(
    name: str, form: Callable[[str], str], value: str, column: str, expected: int
) -> None:
    body = form(value).encode()
    assert json.loads(body)
    decoded = CODECS[name].protocol.decode([body], NOW_NS)
    assert isinstance(decoded.reports[0], Report), decoded.reports
    assert decoded.batch.column(column).tolist() == [expected]


# Binary


@pytest.mark.parametrize("name", BINARY_CODECS)
def test_lengths_and_counts_that_lie(name: str) -> None:
    codec = CODECS[name]
    good = codec.good
    codec.check_all(
        good[:at] + huge + good[at + len(huge) :]
        for number, at in enumerate(range(0, len(good), 1 + len(good) // 40))
        for huge in (HUGE[number % len(HUGE)],)
    )


def lied_to(good: bytes) -> Iterator[bytes]:
    for at in range(0, len(good), 1 + len(good) // 150):
        yield good[:at]
        for huge in HUGE:
            yield good[:at] + huge + good[at + len(huge) :]
            yield good[:at] + huge + good[at + 1 :]


@pytest.mark.thorough
@pytest.mark.parametrize("name", BINARY_CODECS)
def test_lengths_and_counts_that_lie_in_many_places(name: str) -> None:
    codec = CODECS[name]
    codec.check_all(lied_to(codec.good))


@pytest.mark.parametrize("name", PROTOBUF_CODECS)
@pytest.mark.parametrize("end", [b"", b"\x0c" * DEEP], ids=["open", "closed"])
def test_groups_within_groups(name: str, end: bytes) -> None:
    codec = CODECS[name]
    codec.check(codec.good + b"\x0b" * DEEP + end)


THRIFT_OPEN = {  # up to where fields of a struct come
    "lightstep_thrift": b"\x80\1\0\1\0\0\0\6Report\0\0\0\7",
    "jaeger_thrift": b"",
    "zipkin": b"\x0c\0\0\0\1",
}


@pytest.mark.parametrize(
    "field", [b"\x0c\x7f\xff", b"\x0f\x7f\xff\x0c\0\0\0\1", b"\x0d\x7f\xff\x0b\x0c\0\0\0\1\0\0\0\0"]
)
@pytest.mark.parametrize("name", THRIFT_OPEN)
def test_skipped_thrift_fields_within_each_other(name: str, field: bytes) -> None:
    codec = CODECS[name]
    codec.check(THRIFT_OPEN[name] + field * DEEP + b"\0" * DEEP)
    codec.check(THRIFT_OPEN[name] + field * DEEP)


@pytest.mark.parametrize("name", THRIFT_OPEN)
@pytest.mark.parametrize("count", [-1, -(2**31), 2**31 - 1, 2**24])
@pytest.mark.parametrize("kind", [0, 2, 8, 10, 11, 12, 13, 15, 99])
def test_thrift_counts_that_no_body_can_hold(name: str, count: int, kind: int) -> None:
    codec = CODECS[name]
    size = struct.pack(">i", count)
    for field in (
        b"\x0f\x7f\xff" + bytes([kind]) + size,
        b"\x0d\x7f\xff" + bytes([kind, kind]) + size,
        b"\x0b\x7f\xff" + size,
    ):
        outcome = codec.protocol.decode([codec.good, THRIFT_OPEN[name] + field, codec.good], NOW_NS).reports
        assert isinstance(outcome[0], Report)
        assert isinstance(outcome[2], Report)
        assert isinstance(outcome[1], SatelliteError)


def nested(depth: int, *tags: int) -> bytes:
    """Protobuf messages within each other, each the only field of the one around it; `tags` in turn."""
    parts: list[bytes] = []
    size = 0
    for level in range(depth):
        prefix = bytes([tags[-1 - level % len(tags)]]) + varint(size)
        parts.append(prefix)
        size += len(prefix)
    return b"".join(reversed(parts))


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + varint(len(content)) + content


@pytest.mark.parametrize("depth", [50, 500, DEEP])
@pytest.mark.parametrize("tags", [(0x2A, 0x0A), (0x32, 0x0A, 0x12)], ids=["arrays", "maps"])
def test_any_value_within_any_value(depth: int, tags: tuple[int, ...]) -> None:
    value = nested(depth * len(tags), *tags)
    attribute = field(0x0A, b"k") + field(0x12, value)
    span = field(0x0A, b"\1" * 16) + field(0x12, b"\2" * 8) + field(0x2A, b"o") + field(0x4A, attribute)
    in_span = field(0x0A, field(0x12, field(0x12, span)))
    in_resource = field(0x0A, field(0x0A, field(0x0A, attribute)) + field(0x12, field(0x12, span)))
    CODECS["otlp"].check(in_span)
    CODECS["otlp"].check(in_resource)
    CODECS["otlp_metrics"].check(in_resource)
    CODECS["otlp_logs"].check(in_resource)


@pytest.mark.parametrize("depth", [50, 500, DEEP])
@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ('{"arrayValue":{"values":[', "]}}"),
        ('{"kvlistValue":{"values":[{"key":"k","value":', "}]}}"),
    ],
)
def test_any_value_within_any_value_as_json(depth: int, begin: str, end: str) -> None:
    value = begin * depth + "{}" + end * depth
    attribute = f'{{"key":"k","value":{value}}}'
    span = f'{{"traceId":"{1:032x}","spanId":"{2:016x}","name":"o","attributes":[{attribute}]}}'
    body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'
    CODECS["otlp_json"].check(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"\x91" * DEEP,
        b"\x91" * DEEP + b"\xc0",
        b"\x81\xa1k" * DEEP,
        b"\xdd\xff\xff\xff\xff",
        b"\xdd\x7f\xff\xff\xff" + b"\x90" * 1000,
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\1",
        b"\xdc\xff\xff" * 1000,
        b"\x91\x91\x82\xa8trace_id\xdd\xff\xff\xff\xff\xa7span_id\1",
        b"\xdd\0\1\0\0" + b"\xdd\0\0\0\0" * 2**16,
        b"\xc1",
    ],
    ids=lambda body: body[:8].hex(),
)
def test_messagepack_bombs(body: bytes) -> None:
    CODECS["datadog"].check(body)
