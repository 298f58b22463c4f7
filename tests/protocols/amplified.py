"""Bodies that are made of what becomes large when it is read, and how much memory one takes: `python -m tests.protocols.amplified CASE`.

Measured in a process of its own, since memory that was used once is used again.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from satellite.protocols.readers.columns import has_stack
from tests.protocols.soundness import CODECS, NOW_NS
from tests.protocols.test_hostile import field, varint, within

BODY_BYTES = 8 * 2**20
BOUND_BYTES = 8 * BODY_BYTES + 16 * 2**20
"""What a body of that size may take, itself among it."""


def _filled(make: Callable[[int], bytes], between: bytes = b"") -> bytes:
    """Different ones until it is large."""
    parts: list[bytes] = []
    size = 0
    for number in count():
        parts.append(make(number))
        size += len(parts[-1]) + len(between)
        if size >= BODY_BYTES:
            return between.join(parts)
    raise AssertionError


def _text(number: int, length: int = 4) -> bytes:
    """A number as hex digits, of one length as long as there are enough."""
    return b"%0*x" % (length, number)


def _time(number: int) -> bytes:
    return b"\x09" + (NOW_NS + number).to_bytes(8, "little")


def _pair(key: bytes, value: bytes) -> bytes:
    return field(1, key) + field(2, field(1, value))


def _span(number: int, rest: bytes = b"") -> bytes:
    ids = field(1, (number + 1).to_bytes(16, "big")) + field(2, (number + 1).to_bytes(8, "big"))
    return field(2, ids + b"\x39" + _time(0)[1:] + b"\x41" + _time(5)[1:] + rest)


def _in_span(make: Callable[[int], bytes]) -> bytes:
    return within(1, 2, content=_span(0, _filled(make)))


def _spans(make: Callable[[int], bytes]) -> bytes:
    return within(1, 2, content=_filled(lambda number: _span(number, make(number))))


def _resources(make: Callable[[int], bytes]) -> bytes:
    return _filled(lambda number: field(1, make(number)))


def _json(spans: bytes, more: bytes = b"") -> bytes:
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + spans + b"]}]}]" + more + b"}"


def _json_span(number: int, rest: bytes) -> bytes:
    return b'{"traceId":"%032x","spanId":"%016x","name":"n"%b}' % (number + 1, number + 1, rest)


def _json_attributes(value: bytes) -> bytes:
    return b",".join(b'{"key":"k%d","value":{"%b":"v"}}' % (place, value) for place in range(6))


def _json_spans(value: bytes, last: bytes = b"") -> bytes:
    rest = b',"attributes":[' + _json_attributes(value) + last + b"]"
    return _json(_filled(lambda number: _json_span(number, rest), b","))


def _list(items: bytes) -> bytes:
    return b"[" + items + b"]"


def _zipkin(number: int, rest: bytes) -> bytes:
    return field(1, field(1, (number + 1).to_bytes(8, "big")) + field(3, b"12345678") + rest)


def _jaeger(number: int, rest: bytes) -> bytes:
    return field(1, field(1, (number + 1).to_bytes(16, "big")) + field(2, b"12345678") + rest)


def _jaeger_json(spans: bytes, processes: bytes = b"") -> bytes:
    return b'{"data":[{"traceID":"1","spans":[%b],"processes":{%b}}]}' % (spans, processes)


def _structs(make: Callable[[int], bytes], count: int = 0) -> bytes:
    """A list of Thrift, of so many, or until it is large."""
    items = [make(number) for number in range(count)] if count else [_filled(make)]
    number = count or len(items[0]) // len(make(0))
    return b"\x0c" + number.to_bytes(4, "big") + b"".join(items)


def _thrift_text(number: int, text: bytes) -> bytes:
    return b"\x0b\x00" + bytes([number]) + len(text).to_bytes(4, "big") + text


def _thrift_number(number: int, value: int) -> bytes:
    return b"\x0a\x00" + bytes([number]) + value.to_bytes(8, "big")


def _thrift_span(number: int, rest: bytes) -> bytes:
    return _thrift_number(1, number + 1) + _thrift_number(3, 1) + _thrift_number(4, 1) + rest + b"\0"


def _thrift_tags(number: int) -> bytes:
    return _structs(lambda i: _thrift_text(1, _text(number * 30 + i, 6)) + b"\0", 30)


def _call_of_report(records: bytes) -> bytes:
    head = b"\x80\x01\x00\x01" + (6).to_bytes(4, "big") + b"Report" + bytes(4)
    return head + b"\x0c\x00\x02\x0f\x00\x03" + records + bytes(2)


def _datadog(make: Callable[[int], bytes]) -> bytes:
    spans = _filled(make)
    return b"\x91\xdd" + (len(spans) // len(make(0))).to_bytes(4, "big") + spans


CASES: dict[str, Callable[[], bytes]] = {
    "otlp broken events": lambda: _in_span(lambda i: field(11, _time(i) + field(2, b"\xff" * 100))),
    "otlp broken states": lambda: _spans(lambda i: field(3, b"\xff" * 200 + _text(i))),
    "otlp different attributes": lambda: _in_span(lambda i: field(9, _pair(b"k", _text(i, 20)))),
    "otlp malformed attributes": lambda: _in_span(lambda i: field(9, b"\x0f" + _text(i, 22))),
    "otlp large lists": lambda: _in_span(
        lambda i: field(9, field(1, _text(i)) + field(2, field(5, field(1, b"") * 60_000)))
    ),
    "otlp long event": lambda: _in_span(
        lambda i: field(11, field(2, "\U0001f600".encode() + b"x" * BODY_BYTES))
    ),
    "otlp long field of an event": lambda: _in_span(
        lambda i: field(11, field(3, _pair(b"k", "\U0001f600".encode() + b"x" * BODY_BYTES)))
    ),
    "otlp different states": lambda: _spans(lambda i: field(3, _text(i, 20))),
    "otlp different statuses": lambda: _spans(lambda i: field(15, field(2, _text(i, 14)))),
    "otlp odd spans": lambda: _spans(
        lambda i: field(4, _text(i)) + field(3, _text(i)) + b"\x30\x09\x50" + varint(i + 1) + b"\x60\x01"
    ),
    "otlp different events": lambda: _in_span(lambda i: field(11, _time(i) + field(2, _text(i, 45)))),
    "otlp empty attributes of events": lambda: _in_span(
        lambda i: field(11, _time(i) + field(3, b"") * 32_000)
    ),
    "otlp links": lambda: _in_span(
        lambda i: field(13, field(1, _text(i, 16)) + field(2, b"12345678") + field(3, b"x" * 24))
    ),
    "otlp tiny resources": lambda: _resources(
        lambda i: field(1, field(1, _pair(b"k", _text(i)))) + field(3, b"x" * 33)
    ),
    "otlp entities": lambda: within(1, 1, 3, content=field(3, b"") * (BODY_BYTES // 2)),
    "otlp empty attributes of resources": lambda: _resources(
        lambda i: field(1, field(1, b"") * 32_000 + field(1, _pair(b"k", _text(i))))
    ),
    "otlp mesh": lambda: within(
        1,
        content=field(1, field(1, _pair(b"service.name", b"unknown_service:envoy")))
        + field(
            2,
            _filled(lambda i: _span(i, field(9, _pair(b"node_id", b"sidecar~1~p" + _text(i) + b".n~d")))),
        ),
    ),
    "otlp_json snake_case": lambda: _json_spans(b"string_value").replace(b"resourceSpans", b"resource_spans"),
    "otlp_json NaN": lambda: _json_spans(b"stringValue", b',{"key":"d","value":{"doubleValue":NaN}}'),
    "otlp_json backslashes": lambda: _json(
        _json_span(0, b',"x":"%b\\ud800"' % (b"\\\\" * (BODY_BYTES // 2)))
    ),
    "otlp_json halves": lambda: _json(_json_span(0, b',"x":"%b"' % (b"\\ud800" * (BODY_BYTES // 6)))),
    "lightstep broken operations": lambda: _filled(lambda i: field(3, field(2, b"\xff" * 200 + _text(i)))),
    "lightstep different tags": lambda: field(
        3, _filled(lambda i: field(6, field(1, b"k") + field(2, _text(i, 17))))
    ),
    "lightstep nearly too many different tags": lambda: field(
        3, _filled(lambda i: field(6, field(1, b"k") + field(6, b"[1,2,3,4,%06d]" % (i * 10 // 11))))
    ),
    "lightstep long tag": lambda: field(
        3,
        field(1, b"\x08\x01\x10\x02")
        + field(6, field(1, b"k") + field(2, "\U0001f600".encode() + b"x" * BODY_BYTES)),
    ),
    "lightstep baggage": lambda: field(
        3, field(1, _filled(lambda i: field(3, field(1, _text(i)) + field(2, b"v"))))
    ),
    "lightstep_thrift different tags": lambda: _call_of_report(
        _structs(lambda i: _thrift_text(1, _text(i + 1, 7)) + b"\x0f\x00\x08" + _thrift_tags(i) + b"\0")
    ),
    "zipkin tiny": lambda: _list(_filled(lambda i: b'{"traceId":"1","id":"2"}', b",")),
    "zipkin different ids": lambda: _list(
        _filled(lambda i: b'{"traceId":"no-%b","id":"not-%b"}' % (_text(i), _text(i)), b",")
    ),
    "zipkin services": lambda: _filled(lambda i: _zipkin(i, field(8, field(1, _text(i))))),
    "zipkin annotations of a span": lambda: _structs(
        lambda _: _thrift_span(
            0, b"\x0f\x00\x06" + _structs(lambda i: _thrift_number(1, i) + _thrift_text(2, b"") + b"\0")
        ),
        1,
    ),
    "jaeger tiny": lambda: field(1, _filled(lambda i: _jaeger(i, b""))),
    "jaeger logs": lambda: field(1, _filled(lambda i: _jaeger(i, field(9, field(2, b"")) * 100))),
    "jaeger fields of a span": lambda: field(1, _jaeger(0, field(8, b"") * 2**20) * 3),
    "jaeger_thrift different tags": lambda: (
        b"\x0f\x00\x02" + _structs(lambda i: _thrift_span(i, b"\x0f\x00\x0a" + _thrift_tags(i))) + b"\0"
    ),
    "jaeger_json tiny": lambda: _jaeger_json(_filled(lambda i: b'{"spanID":"%x"}' % (i + 1), b",")),
    "jaeger_json small": lambda: _jaeger_json(
        _filled(lambda i: b'{"traceID":"1","spanID":"%x","duration":1}' % (i + 1), b",")
    ),
    "jaeger_json references": lambda: _jaeger_json(
        _filled(lambda i: b'{"spanID":"%x","references":[%b{}]}' % (i + 1, b'{"spanID":"1"},' * 50), b",")
    ),
    "jaeger_json processes": lambda: _jaeger_json(
        _filled(lambda i: b'{"spanID":"%x","processID":"%b"}' % (i + 1, _text(i)), b","),
        b",".join(b'"%b":{"serviceName":"%b"}' % (_text(i), _text(i)) for i in range(100_000)),
    ),
    "datadog names": lambda: _datadog(
        lambda i: b"\x84\xa8trace_id\x01\xa7span_id\x01\xa4name\xa6%b\xa7service\xa6%b" % ((_text(i, 6),) * 2)
    ),
    "datadog events": lambda: _datadog(
        lambda i: (
            b"\x83\xa8trace_id\x01\xa7span_id\x01\xabspan_events\xdc\x00\x1e" + b"\x81\xa4name\xa1a" * 30
        )
    ),
}
"""By protocol and what there is too much of."""


def main() -> None:
    """Print how many bytes more there were in memory while it was read, and what came of it."""
    thread_size = threading.stack_size(8 * 2**20)
    thread = threading.Thread(target=_measure, args=(sys.argv[1],))
    thread.start()
    thread.join()
    threading.stack_size(thread_size)


def _measure(case: str) -> None:
    has_stack(8 * 2**20)
    codec = CODECS[case.partition(" ")[0]]
    codec.protocol.decode([codec.good], NOW_NS)
    body = CASES[case]()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak is counted from here
    before = _kilobytes("VmRSS")
    [outcome] = codec.protocol.decode([body], NOW_NS).reports
    print(len(body) + 1024 * (_kilobytes("VmHWM") - before), type(outcome).__name__)


def _kilobytes(name: str) -> int:
    return int(next(_lines(name)).split()[1])


def _lines(name: str) -> Iterator[str]:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return (line for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
