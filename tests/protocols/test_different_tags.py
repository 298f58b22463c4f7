"""Reports of very many different tags: what is read in parts reads as a whole, and what would take too much memory is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from satellite.errors import TooLarge
from satellite.model.report import Decoded, Report
from satellite.model.tag import decode_tag
from satellite.model.tags import normalise
from satellite.pb import lightstep_shallow_pb2 as shallow
from satellite.pb.lightstep_collector_pb2 import KeyValue, ReportRequest
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.otlp import protobuf as otlp
from satellite.protocols.otlp.tags import to_tags
from satellite.protocols.readers.columns import DIFFERENT_FREE

NOW_NS = 1_700_000_001_000_000_000
MANY = 40_000
SPANS = 100


def _value_first(number: int) -> bytes:
    text = b"%06d" % number
    return b"\x12\x06" + text + b"\x0a\x01k"


def _broken(number: int) -> bytes:
    return b"\x0a\x01k\x12\x07%06d\xff" % number


def _plain(number: int) -> bytes:
    return KeyValue(key="k", string_value=f"{number:06}").SerializeToString()


def test_tags_read_in_parts_are_those_read_one_by_one() -> None:
    forms = (_plain, _value_first, _broken)
    sent = [forms[number % 3](number) for number in range(MANY)]
    found = normalise(pa.array(sent, pa.binary()), shallow.KeyValue.FromString)
    assert found.mapping is not None
    places = [found.tags[code].as_py() for code in found.mapping.tolist()]
    wanted = [("k", f"{number:06}" + "�" * (number % 3 == 2)) for number in range(MANY)]
    assert [decode_tag(tag) for tag in places] == wanted
    assert found.repaired.tolist() == [*range(2, MANY, 3)]


def test_attributes_read_in_parts_are_those_read_one_by_one() -> None:
    def sent(number: int) -> bytes:
        text = b"%06d" % number + b"\xff" * (number % 3 == 2)
        value = b"\x0a" + bytes([len(text)]) + text
        pair = b"\x12" + bytes([len(value)]) + value, b"\x0a\x01k"
        return b"".join(pair if number % 3 == 1 else pair[::-1])

    found = to_tags(pa.array([sent(number) for number in range(MANY)], pa.binary()))
    mapping = range(MANY) if found.mapping is None else found.mapping.tolist()
    wanted = [("k", f"{number:06}" + "�" * (number % 3 == 2)) for number in range(MANY)]
    assert [decode_tag(found.tags[code].as_py()) for code in mapping] == wanted
    assert found.repaired.tolist() == [*range(2, MANY, 3)]


def _lightstep(different: int, count: int) -> bytes:
    report = ReportRequest()
    for first in range(0, count, count // SPANS):
        span = report.spans.add()
        span.span_context.span_id = span.span_context.trace_id = first + 1
        for number in range(first, first + count // SPANS):
            span.tags.add(key="k", string_value=f"{number % different:06}")
    return report.SerializeToString()


def _otlp(different: int, count: int) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for first in range(0, count, count // SPANS):
        span = scope.spans.add(span_id=b"12345678", trace_id=b"1234567812345678")
        for number in range(first, first + count // SPANS):
            span.attributes.add(key="k").value.int_value = number % different
    return request.SerializeToString()


@pytest.mark.parametrize(
    ("write", "decode"), [(_lightstep, lightstep.decode), (_otlp, otlp.decode)], ids=["lightstep", "otlp"]
)
def test_too_many_different_ones_are_refused_and_repeated_ones_are_not(
    write: Callable[[int, int], bytes], decode: Callable[[Sequence[bytes], int], Decoded]
) -> None:
    count = 4 * DIFFERENT_FREE
    [bad] = decode([write(count, count)], NOW_NS).reports
    assert isinstance(bad, TooLarge)
    [good] = decode([write(1000, count)], NOW_NS).reports
    assert isinstance(good, Report)
    assert len(range(good.rows.start, good.rows.stop)) >= SPANS
