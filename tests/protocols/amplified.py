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


CASES: dict[str, Callable[[], bytes]] = {
    "otlp broken events": lambda: _in_span(lambda i: field(11, _time(i) + field(2, b"\xff" * 100))),
    "otlp broken states": lambda: _spans(lambda i: field(3, b"\xff" * 200 + _text(i))),
    "otlp different attributes": lambda: _in_span(lambda i: field(9, _pair(b"k", _text(i, 20)))),
    "otlp malformed attributes": lambda: _in_span(lambda i: field(9, b"\x0f" + _text(i, 22))),
    "otlp large lists": lambda: _in_span(
        lambda i: field(9, field(1, _text(i)) + field(2, field(5, field(1, b"") * 60_000)))
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
    "lightstep baggage": lambda: field(
        3, field(1, _filled(lambda i: field(3, field(1, _text(i)) + field(2, b"v"))))
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
