"""Any bytes in any pieces, and a client that keeps the rules in any order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from satellite.edges.http2 import PREFACE, Connection, Data, Ended, Limits, Request
from satellite.edges.http2 import frames as f
from satellite.edges.http2.connection import WORK_MAX
from tests.edges.http2.client import Client, frames_of

KINDS = st.integers(0, 11)
FRAMES = st.builds(
    f.frame,
    KINDS,
    st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x2D, 255]),
    st.sampled_from([0, 1, 1, 2, 3, 5, 2**31 - 1]),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([bytes(8), bytes(4), b"\0\0\0\1", b"\x83\x86\x84", b"\0\4\0\0\0\5"]),
    ),
)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(marks)]


def events_of(data: list[bytes], work_max: int = WORK_MAX) -> tuple[list[Any], bytes]:
    server = Connection(Limits())
    events: list[Any] = []
    out = server.take()
    for piece in data:
        events += server.receive(piece, work_max)
        out += server.take()
    while server.waits:
        events += server.receive(b"", work_max)
        out += server.take()
    assert not events or not server.ended or isinstance(events[-1], Ended)
    return events, out


@given(st.lists(FRAMES, max_size=30), st.binary(max_size=30), st.lists(st.integers(0, 10_000), max_size=8))
def test_any_frames_in_any_pieces(frames: list[bytes], tail: bytes, cuts: list[int]) -> None:
    data = PREFACE + f.frame(f.SETTINGS, 0, 0) + b"".join(frames) + tail
    whole, out = events_of([data])
    in_pieces, out_in_pieces = events_of(pieces_of(data, cuts))
    frames_of(out)
    assert out == out_in_pieces
    assert [type(event) for event in whole] == [type(event) for event in in_pieces]
    little_by_little, out_little_by_little = events_of(pieces_of(data, cuts), work_max=1)
    assert out == out_little_by_little
    assert [type(event) for event in whole] == [type(event) for event in little_by_little]


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data: bytes, begins_well: bool) -> None:
    _, out = events_of([(PREFACE if begins_well else b"") + data])
    frames_of(out)


class Conversation(RuleBasedStateMachine):
    """What a client sends is what the owner reads, and the other way round, within every window."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[int, bytes] = {}
        self.read: dict[int, bytes] = {}
        self.answers: dict[int, bytes] = {}
        self.got: dict[int, bytes] = {}
        self.streams: dict[int, Any] = {}
        self.windows: dict[int, int] = {}
        self.number = -1

    @initialize(window=st.integers(0, 100))
    def greet(self, window: int) -> None:
        self.initial = window
        self.connection_window = 65_535
        self.client = Client(
            Limits(stream_window_bytes=65_535, connection_window_bytes=65_535),
            settings={f.INITIAL_WINDOW_SIZE: window},
        )

    @rule()
    def begin(self) -> None:
        self.number += 2
        event = self.client.begin(self.number)
        assert isinstance(event, Request)
        self.streams[self.number] = event.stream
        self.sent[self.number] = self.read[self.number] = self.answers[self.number] = self.got[
            self.number
        ] = b""
        self.windows[self.number] = self.initial
        self.client.server.send_headers(event.stream, [(b":status", b"200")])

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), body=st.binary(min_size=16, max_size=3000))
    def send(self, data: st.DataObject, body: bytes) -> None:
        number = data.draw(st.sampled_from(sorted(self.streams)))
        self.sent[number] += body
        for event in self.client.receive(f.frame(f.DATA, 0, number, body)):
            if isinstance(event, Data):
                self.read[number] += event.data
                self.client.server.consume(event.stream, len(event.data))

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), body=st.binary(max_size=300))
    def answer(self, data: st.DataObject, body: bytes) -> None:
        number = data.draw(st.sampled_from(sorted(self.streams)))
        self.answers[number] += body
        self.client.server.send_data(self.streams[number], body)

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), more=st.integers(1, 200))
    def open_window(self, data: st.DataObject, more: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.streams)))
        self.windows[number] += more
        self.client.receive(f.window_update(number, more))

    @rule(window=st.integers(0, 200))
    def change_windows(self, window: int) -> None:
        for number in self.windows:
            self.windows[number] += window - self.initial
        self.initial = window
        self.client.receive(f.settings({f.INITIAL_WINDOW_SIZE: window}))

    @invariant()
    def nothing_is_lost_and_no_window_exceeded(self) -> None:
        if not hasattr(self, "client"):
            return
        for frame in self.client.take():
            if frame.kind == f.DATA:
                self.got[frame.stream] += frame.payload
                self.windows[frame.stream] -= len(frame.payload)
                self.connection_window -= len(frame.payload)
                assert not frame.payload or self.windows[frame.stream] >= 0
        assert self.connection_window >= 0
        assert not self.client.server.ended
        for number, stream in self.streams.items():
            assert self.read[number] == self.sent[number]
            assert self.answers[number].startswith(self.got[number])
            assert len(self.got[number]) + stream.pending_bytes == len(self.answers[number])
            if stream.pending_bytes:
                assert self.windows[number] <= 0 or self.connection_window == 0


TestConversation = Conversation.TestCase
TestConversation.settings = settings(stateful_step_count=30)
