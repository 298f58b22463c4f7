"""Rules of RFC 9113, by section; h2spec (tests/interop) has more of them."""

from __future__ import annotations

import struct

import pytest

from satellite.edges.http2 import (
    PREFACE,
    Connection,
    Data,
    Drained,
    Ended,
    ErrorCode,
    GoingAway,
    Limits,
    PingAnswered,
    Request,
    Reset,
    Trailers,
    encode,
    patience,
)
from satellite.edges.http2 import frames as f
from tests.edges.http2.client import Client

END = f.END_STREAM | f.END_HEADERS


def test_a_request_and_its_answer() -> None:
    client = Client()
    begun = client.begin(1, ("content-type", "a/b"))
    assert isinstance(begun, Request)
    head = begun.head
    assert (head.method, head.path, head.authority, head.scheme) == (b"POST", b"/x", b"here", b"http")
    assert head.fields == ((b"content-type", b"a/b"),)
    assert client.receive(f.frame(f.DATA, 0, 1, b"hello, ")) == [Data(begun.stream, b"hello, ", ended=False)]
    [last] = client.receive(f.frame(f.DATA, f.END_STREAM, 1, b"world"))
    assert last == Data(begun.stream, b"world", ended=True)
    client.server.send_headers(begun.stream, [(b":status", b"200"), (b"x", b"y" * 300)])
    client.server.send_data(begun.stream, b"answer")
    client.server.send_headers(begun.stream, [(b"trailer", b"z")], end=True)
    headers, data, trailers = client.take()
    assert client.decoder.decode(headers.payload, raw=True) == [(b":status", b"200"), (b"x", b"y" * 300)]
    assert (data.payload, data.flags, trailers.flags) == (b"answer", 0, END)
    assert client.server.streams == {}


@pytest.mark.parametrize("window", [65_535, 6, 5, 0])
@pytest.mark.parametrize("ended", [True, False])
def test_a_whole_answer_is_what_its_parts_are(window: int, ended: bool) -> None:
    taken = []
    for whole in (True, False):
        client = Client(settings={f.INITIAL_WINDOW_SIZE: window})
        stream = client.begin(end=ended).stream
        head, trailers = encode([(b":status", b"200")]), encode([(b"trailer", b"z")])
        if whole:
            client.server.send_answer(stream, head, b"answer", trailers)
        else:
            client.server.send_block(stream, head)
            client.server.send_data(stream, b"answer")
            client.server.send_block(stream, trailers, end=True)
        client.server.want_no_more(stream)
        before = client.take()
        client.receive(f.window_update(1, 6) if window < 6 else b"")
        taken.append((before, client.take(), dict(client.server.streams)))
        client.server.send_answer(stream, head, b"again", trailers)
        assert client.take() == []
    assert taken[0] == taken[1]
    assert taken[0][2] == {}


@pytest.mark.parametrize("work_max", [1, 9, 1 << 62])
@pytest.mark.parametrize(
    "sizes",
    [[16_384, 16_000] * 3 + [300], [16_384, 5, 16_384, 0], [4096, 4095, 16_384], [16_384, 9000, 16_384]],
)
@pytest.mark.parametrize("padding", [b"", b"\2"])
def test_large_frames_of_one_body_are_its_bytes(sizes: list[int], work_max: int, padding: bytes) -> None:
    client = Client()
    stream, other = client.begin(1).stream, client.begin(3).stream
    body = bytes(range(256)) * 400
    wire, at = b"", 0
    for number, size in enumerate(sizes):
        flags = f.END_STREAM if number == len(sizes) - 1 else 0
        payload = body[at : at + size]
        at += size
        if padding and number == 1:
            flags, payload = flags | f.PADDED, padding + payload + bytes(2)
        wire += f.frame(f.DATA, flags, 1, payload)
    wire += f.frame(f.DATA, f.END_STREAM, 3, body[:5000])
    events = client.server.receive(wire, work_max)
    work = client.server.work
    while client.server.waits:
        events += client.server.receive(b"", work_max)
        work += client.server.work
    for one, wanted in ((stream, body[:at]), (other, body[:5000])):
        pieces = [event for event in events if isinstance(event, Data) and event.stream is one]
        assert b"".join(piece.data for piece in pieces) == wanted
        assert [piece.ended for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert work == 4 * (len(sizes) + 1)
    assert client.server.unfinished_bytes == 0


def test_large_frames_beyond_the_streams_window_end_it() -> None:
    client = Client(Limits(stream_window_bytes=65_535))
    client.begin(1)
    [reset] = client.receive(f.frame(f.DATA, 0, 1, bytes(16_384)) * 4)[-1:]
    assert isinstance(reset, Reset)
    assert reset.code == ErrorCode.FLOW_CONTROL_ERROR


def test_our_settings_come_first() -> None:
    settings, window = Client(Limits(streams_max=7)).greeting
    values = dict(struct.iter_unpack(">HL", settings.payload))
    assert values[f.MAX_CONCURRENT_STREAMS] == 7
    assert window.kind == f.WINDOW_UPDATE


def test_bytes_one_by_one() -> None:
    client = Client()
    whole = f.frame(f.HEADERS, f.END_HEADERS, 1, client.block()) + f.frame(f.DATA, f.END_STREAM, 1, b"x" * 40)
    events = [event for at in range(len(whole)) for event in client.receive(whole[at : at + 1])]
    assert [type(event) for event in events] == [Request, Data]
    assert client.server.unfinished_bytes == 0


@pytest.mark.parametrize("hello", [b"GET / HTTP/1.1\r\n", PREFACE + f.frame(f.PING, 0, 0, bytes(8))])
def test_what_does_not_begin_as_it_must(hello: bytes) -> None:
    server = Connection(Limits())
    [ended] = server.receive(hello)
    assert isinstance(ended, Ended)
    assert ended.code == ErrorCode.PROTOCOL_ERROR
    assert server.receive(b"more") == []
    assert server.is_done


def test_padding_priority_and_continuation() -> None:
    client = Client()
    block = client.block()
    first = b"\3" + struct.pack(">LB", 0, 16) + block[:4] + bytes(3)
    assert client.receive(f.frame(f.HEADERS, f.PADDED | f.PRIORITISED, 1, first)) == []
    assert client.receive(f.frame(f.CONTINUATION, 0, 1, block[4:9])) == []
    [begun] = client.receive(f.frame(f.CONTINUATION, f.END_HEADERS, 1, block[9:]))
    assert isinstance(begun, Request)
    [piece] = client.receive(f.frame(f.DATA, f.PADDED | f.END_STREAM, 1, b"\2ab" + bytes(2)))
    assert isinstance(piece, Data)
    assert piece.data == b"ab"
    client.begin(3)
    assert client.end_code(f.frame(f.DATA, f.PADDED, 3, b"\7ab")) == ErrorCode.PROTOCOL_ERROR


def test_the_same_block_is_read_once_while_the_table_stands_still() -> None:
    client = Client()
    client.begin(1)
    again = client.begin(3)
    assert client.begin(5).head is again.head
    client.begin(7, ("x", "changes the table"))
    assert client.begin(9).head is not again.head
    assert client.begin(9 + 2).head.fields == ()


def test_a_table_that_changes_between_equal_blocks() -> None:
    client = Client()
    # Index 62 is the newest entry: the same block means something else after another entry was added.
    plain = b"\x83\x86\x84\xbe"
    client.receive(f.frame(f.HEADERS, END, 1, b"\x83\x86\x84\x40\x01a\x01b"))
    [first] = client.receive(f.frame(f.HEADERS, END, 3, plain))
    client.receive(f.frame(f.HEADERS, END, 5, b"\x83\x86\x84\x40\x01c\x01d"))
    [second] = client.receive(f.frame(f.HEADERS, END, 7, plain))
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert (first.head.fields, second.head.fields) == (((b"a", b"b"),), ((b"c", b"d"),))


class TestWindows:
    def test_more_than_the_windows_waits(self) -> None:
        client = Client(settings={f.INITIAL_WINDOW_SIZE: 10})
        stream = client.begin(1, end=True).stream
        client.server.send_headers(stream, [(b":status", b"200")])
        client.server.send_data(stream, b"x" * 25)
        client.server.send_headers(stream, [(b"a", b"b")], end=True)
        assert [one.payload for one in client.take()][1:] == [b"x" * 10]
        assert (stream.pending_bytes, client.server.pending_bytes) == (15, 15)
        assert client.receive(f.window_update(1, 14)) == []
        assert [one.payload for one in client.take()] == [b"x" * 14]
        assert client.receive(f.window_update(1, 5)) == [Drained(stream)]
        data, trailers = client.take()
        assert (data.payload, trailers.flags) == (b"x", END)

    def test_a_setting_changes_open_windows_below_zero_too(self) -> None:
        client = Client(settings={f.INITIAL_WINDOW_SIZE: 10})
        stream = client.begin(1, end=True).stream
        client.server.send_headers(stream, [(b":status", b"200")])
        client.server.send_data(stream, b"x" * 12, end=True)
        client.take()
        smaller = f.frame(f.SETTINGS, 0, 0, struct.pack(">HL", f.INITIAL_WINDOW_SIZE, 3))
        larger = f.frame(f.SETTINGS, 0, 0, struct.pack(">HL", f.INITIAL_WINDOW_SIZE, 12))
        client.receive(smaller)
        assert [one.kind for one in client.take()] == [f.SETTINGS]
        client.receive(larger)
        assert [one.payload for one in client.take() if one.kind == f.DATA] == [b"xx"]

    def test_an_empty_end_needs_no_window(self) -> None:
        client = Client(settings={f.INITIAL_WINDOW_SIZE: 0})
        stream = client.begin(1, end=True).stream
        client.server.send_headers(stream, [(b":status", b"200")])
        client.server.send_data(stream, b"", end=True)
        assert [(one.kind, one.flags) for one in client.take()][-1] == (f.DATA, f.END_STREAM)

    def test_the_connections_window_is_shared(self) -> None:
        client = Client(settings={f.INITIAL_WINDOW_SIZE: 1 << 20})
        streams = [client.begin(number, end=True).stream for number in (1, 3)]
        for stream in streams:
            client.server.send_headers(stream, [(b":status", b"200")])
            client.server.send_data(stream, bytes(50_000), end=True)
        assert sum(len(one.payload) for one in client.take() if one.kind == f.DATA) == 65_535
        assert client.receive(f.window_update(0, 40_000)) == [Drained(streams[1])]
        assert client.server.streams == {}

    def test_ours_are_opened_as_the_owner_reads(self) -> None:
        limits = Limits(stream_window_bytes=100_000, connection_window_bytes=100_000)
        client = Client(limits)
        stream = client.begin(1).stream
        for _ in range(6):
            client.receive(f.frame(f.DATA, 0, 1, bytes(16_000)))
        updates = [(one.stream, int.from_bytes(one.payload, "big")) for one in client.take()]
        assert updates == [(0, 64_000)]
        client.server.consume(stream, 40_000)
        assert client.take() == []
        client.server.consume(stream, 20_000)
        assert [(one.stream, int.from_bytes(one.payload, "big")) for one in client.take()] == [(1, 60_000)]

    def test_too_much_for_the_stream_and_the_connection(self) -> None:
        client = Client(Limits(stream_window_bytes=65_535, connection_window_bytes=1 << 20))
        client.begin(1)
        for _ in range(4):
            client.receive(f.frame(f.DATA, 0, 1, bytes(16_000)))
        assert client.reset_code(f.frame(f.DATA, 0, 1, bytes(16_000))) == ErrorCode.FLOW_CONTROL_ERROR
        assert client.end_code(f.window_update(0, 2**31 - 1)) == ErrorCode.FLOW_CONTROL_ERROR


class TestStreams:
    def test_more_than_allowed_are_refused(self) -> None:
        client = Client(Limits(streams_max=1))
        client.begin(1)
        assert client.reset_code(f.frame(f.HEADERS, END, 3, client.block())) == ErrorCode.REFUSED_STREAM
        assert isinstance(client.receive(f.frame(f.DATA, f.END_STREAM, 1, b"x"))[0], Data)

    @pytest.mark.parametrize("number", [2, 0])
    def test_numbers_that_no_client_uses(self, number: int) -> None:
        client = Client()
        assert client.end_code(f.frame(f.HEADERS, END, number, client.block())) == ErrorCode.PROTOCOL_ERROR

    def test_what_comes_late(self) -> None:
        client = Client()
        begun = client.begin(1)
        client.server.reset(begun.stream)
        assert [one.kind for one in client.take()] == [f.RST_STREAM]
        assert client.receive(f.frame(f.DATA, 0, 1, b"it did not know yet")) == []
        assert client.receive(f.frame(f.HEADERS, END, 1, client.block(fields=[("a", "b")]))) == []
        client.begin(3, end=True)
        assert client.reset_code(f.frame(f.DATA, 0, 3, b"x")) == ErrorCode.STREAM_CLOSED
        [event] = client.receive(f.frame(f.HEADERS, END, 5, client.block()))
        client.receive(f.rst_stream(5, 8))
        assert client.end_code(f.frame(f.DATA, 0, 5, b"x")) == ErrorCode.STREAM_CLOSED
        assert isinstance(event, Request)

    def test_what_comes_later_than_that(self) -> None:
        client = Client()
        client.server.reset(client.begin(1).stream)
        drops = 0
        while not client.server.ended:  # a client that goes on with a body nobody wants, a byte a second
            client.server.second_passed()
            client.receive(f.frame(f.DATA, 0, 1, b"x"))
            drops += 1
        last = client.take()[-1]
        assert last.kind == f.GOAWAY
        assert int.from_bytes(last.payload[4:8], "big") == ErrorCode.STREAM_CLOSED
        assert drops == patience.LATE_SECONDS + 1

    def test_the_rest_of_a_request_is_not_wanted(self) -> None:
        client = Client(settings={f.INITIAL_WINDOW_SIZE: 5})
        stream = client.begin(1).stream
        client.server.send_headers(stream, [(b":status", b"400")])
        client.server.send_data(stream, b"no, thanks", end=True)
        client.server.want_no_more(stream)
        assert [one.kind for one in client.take()] == [f.HEADERS, f.DATA]
        client.receive(f.window_update(1, 5))
        data, reset = client.take()
        assert (data.payload, data.flags) == (b"hanks", f.END_STREAM)
        assert (reset.kind, reset.payload) == (f.RST_STREAM, bytes(4))
        assert client.server.streams == {}

    def test_a_reset_by_the_client(self) -> None:
        client = Client()
        stream = client.begin(1).stream
        assert client.receive(f.rst_stream(1, ErrorCode.CANCEL)) == [
            Reset(stream, ErrorCode.CANCEL, by_peer=True)
        ]
        client.server.send_headers(stream, [(b":status", b"200")], end=True)
        assert client.take() == []

    @pytest.mark.parametrize("data", [b"four", b"", b"twelve bytes"])
    def test_a_length_that_is_not_kept(self, data: bytes) -> None:
        client = Client()
        client.begin(1, ("content-length", "10"))
        assert client.reset_code(f.frame(f.DATA, f.END_STREAM, 1, data)) == ErrorCode.PROTOCOL_ERROR

    def test_trailers(self) -> None:
        client = Client()
        stream = client.begin(1).stream
        trailers = f.frame(f.HEADERS, END, 1, client.block(fields=[("a", "b")]))
        assert client.receive(trailers) == [Trailers(stream, ((b"a", b"b"),))]
        client.begin(3)
        unfinished = f.frame(f.HEADERS, f.END_HEADERS, 3, client.block(fields=[("a", "b")]))
        assert client.reset_code(unfinished) == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "fields",
    [
        [(":method", "GET"), (":scheme", "http")],
        [(":method", "GET"), (":path", "/")],
        [(":scheme", "http"), (":path", "/")],
        [(":method", "GET"), (":scheme", "http"), (":path", "")],
        [(":method", "GET"), (":scheme", "http"), (":path", "no slash")],
        [(":method", "GET"), (":method", "GET"), (":scheme", "http"), (":path", "/")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":odd", "x")],
        [(":method", "GET"), ("a", "b"), (":scheme", "http"), (":path", "/")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("Capital", "b")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("a b", "b")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("", "b")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("a", "b\r\nc: d")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("connection", "close")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("transfer-encoding", "chunked")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("te", "gzip")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("content-length", "-1")],
        [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            ("content-length", "1"),
            ("content-length", "2"),
        ],
        [(":method", "CONNECT"), (":scheme", "http"), (":path", "/")],
    ],
)
def test_malformed_heads_cost_their_stream(fields: list[tuple[str, str]]) -> None:
    client = Client()
    block = encode([(name.encode(), value.encode()) for name, value in fields])
    assert client.reset_code(f.frame(f.HEADERS, END, 1, block)) == ErrorCode.PROTOCOL_ERROR
    assert isinstance(client.begin(3), Request)


def test_spaces_around_values_go() -> None:
    client = Client()
    block = client.block() + encode([(b"token", b" secret\t")])
    [begun] = client.receive(f.frame(f.HEADERS, END, 1, block))
    assert isinstance(begun, Request)
    assert begun.head.fields == ((b"token", b"secret"),)


def test_large_heads() -> None:
    client = Client(Limits(list_bytes_max=2000, fields_max=20))
    assert client.begin(1, ("a", "b" * 1900)).head.too_large
    assert client.begin(3, *((f"a{number}", "b") for number in range(20))).head.too_large
    assert not client.begin(5, ("a", "b" * 100)).head.too_large
    bomb = client.block(("a", "b" * 4000)) + client.encoder.encode([("a", "b" * 4000)]) * 500
    assert client.end_code(f.frame(f.HEADERS, END, 7, bomb)) == ErrorCode.ENHANCE_YOUR_CALM


def test_a_block_without_end() -> None:
    client = Client()
    client.receive(f.frame(f.HEADERS, 0, 1, client.block()))
    assert client.end_code(f.frame(f.CONTINUATION, 0, 1, bytes(16_384)) * 5) == ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "nuisance",
    [
        f.frame(f.PING, 0, 0, bytes(8)),
        f.frame(f.SETTINGS, 0, 0),
        f.frame(f.SETTINGS, f.ACK, 0),
        f.frame(f.PRIORITY, 0, 1, struct.pack(">LB", 0, 1)),
        f.window_update(0, 1),
        f.window_update(1, 1),
        f.frame(f.DATA, 0, 1),
        f.frame(f.GOAWAY, 0, 0, bytes(8)),
        f.frame(0x77, 0, 0, b"of an extension"),
    ],
)
def test_floods_end(nuisance: bytes) -> None:
    client = Client()
    client.begin(1)
    assert client.end_code(nuisance * 2500) == ErrorCode.ENHANCE_YOUR_CALM


def test_rapid_reset_ends() -> None:
    client = Client()
    flood = b"".join(
        f.frame(f.HEADERS, END, number, client.block()) + f.rst_stream(number, 8)
        for number in range(1, 5000, 2)
    )
    assert client.end_code(flood) == ErrorCode.ENHANCE_YOUR_CALM
    assert client.server.streams == {}


def test_made_to_reset_ends() -> None:
    """CVE-2025-8671: the client makes the server reset, stream after stream."""
    client = Client()
    flood = b"".join(
        f.frame(f.HEADERS, f.END_HEADERS, number, client.block()) + f.window_update(number, 0)
        for number in range(1, 5000, 2)
    )
    assert client.end_code(flood) == ErrorCode.ENHANCE_YOUR_CALM


def test_an_honest_client_may_go_on_for_ever() -> None:
    client = Client(settings={f.INITIAL_WINDOW_SIZE: 2**30})
    for number in range(1, 20_001, 2):
        stream = client.begin(number).stream
        client.receive(f.frame(f.DATA, 0, number, b"\0\0\0\0\5"))  # the prefix by itself
        client.receive(f.frame(f.DATA, f.END_STREAM, number, b"12345"))
        client.server.send_headers(stream, [(b":status", b"200")])
        client.server.send_data(stream, b"answer")
        client.server.send_headers(stream, [(b"grpc-status", b"0")], end=True)
        client.receive(
            f.window_update(0, 6) + f.frame(f.PING, 0, 0, bytes(8)) + f.frame(f.PING, 1, 0, bytes(8))
        )
        client.take()
    assert not client.server.ended


def test_a_quiet_client_may_ping_for_ever() -> None:
    client = Client()
    for _ in range(10_000):
        client.receive(f.frame(f.PING, 0, 0, bytes(8)))
        client.server.second_passed()
    assert not client.server.ended


def test_the_end_in_two_steps() -> None:
    client = Client()
    stream = client.begin(1, end=True).stream
    client.server.announce_end()
    client.server.ping(b"12345678")
    client.begin(3, end=True)  # it was on its way
    assert [one.kind for one in client.take()] == [f.GOAWAY, f.PING]
    assert client.receive(f.frame(f.PING, f.ACK, 0, b"12345678")) == [PingAnswered(b"12345678")]
    client.server.go_away()
    [goaway] = client.take()
    assert int.from_bytes(goaway.payload[:4], "big") == 3
    assert client.receive(f.frame(f.HEADERS, END, 5, client.block())) == []
    assert not client.server.is_done
    for one in (stream, client.server.streams[3]):
        client.server.send_headers(one, [(b":status", b"200")], end=True)
    assert client.server.is_done


def test_a_client_that_goes_away() -> None:
    client = Client()
    assert client.receive(f.frame(f.GOAWAY, 0, 0, bytes(8) + b"bye")) == [GoingAway(0, b"bye")]


def test_long_header_blocks_are_continued() -> None:
    client = Client()
    stream = client.begin(1, end=True).stream
    client.server.send_headers(stream, [(b":status", b"200"), (b"a", b"b" * 40_000)], end=True)
    sent = client.take()
    assert [(one.kind, one.flags) for one in sent] == [
        (f.HEADERS, f.END_STREAM),
        (f.CONTINUATION, 0),
        (f.CONTINUATION, f.END_HEADERS),
    ]
    decoded = list(client.decoder.decode(b"".join(one.payload for one in sent), raw=True))
    assert decoded[1] == (b"a", b"b" * 40_000)


def test_a_client_without_a_table_hears_that_we_use_none() -> None:
    client = Client(settings={f.HEADER_TABLE_SIZE: 0})
    stream = client.begin(1, end=True).stream
    client.server.send_headers(stream, [(b":status", b"200")], end=True)
    [answer] = client.take()
    assert answer.payload == b"\x20\x88"


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 16_000])
def test_lengths_as_hpack_writes_them(size: int) -> None:
    client = Client()
    fields = [(b"n" * max(1, size), b"v" * size)]
    assert client.decoder.decode(encode(fields), raw=True) == fields


class TestWork:
    """One `receive` does no more than it may; what is left is not lost."""

    def test_frames_wait(self) -> None:
        client = Client()
        pings = [f.frame(f.PING, 0, 0, bytes((number,)) * 8) for number in range(10)]
        client.server.receive(b"".join(pings) + pings[0][:5], work_max=4)
        assert client.server.waits
        assert client.server.work == 4
        assert client.server.unfinished_bytes == 6 * len(pings[0]) + 5
        assert [one.payload[0] for one in client.take()] == [0, 1, 2, 3]
        client.server.receive(b"", work_max=4)
        client.server.receive(pings[0][5:])
        assert not client.server.waits
        assert [one.payload[0] for one in client.take()] == [4, 5, 6, 7, 8, 9, 0]

    def test_nothing_is_allowed(self) -> None:
        client = Client()
        assert client.server.receive(f.frame(f.PING, 0, 0, bytes(8)), work_max=0) == []
        assert client.server.waits
        assert client.take() == []

    def test_a_block_that_is_new_is_more_work_than_one_that_is_known(self) -> None:
        client = Client()
        client.begin(1)
        client.begin(3)  # from here on the table stands still
        known = client.server.work
        client.begin(5, *((f"x-{number}", "odd") for number in range(20)))
        assert client.server.work > 3 * known
