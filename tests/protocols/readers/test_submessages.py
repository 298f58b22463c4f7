from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport, TooLarge
from satellite.pb import jaeger_pb2 as pb
from satellite.protocols.readers import submessages
from satellite.protocols.readers.submessages import read_submessages


@given(st.lists(st.binary(max_size=300)), st.lists(st.binary(max_size=300)))
def test_it_cuts_what_protobuf_wrote(spans: list[bytes], processes: list[bytes]) -> None:
    body = pb.Batch(spans=spans, process=processes).SerializeToString()
    both = read_submessages(body, {1, 2})
    assert ([*both[1]], [*both[2]]) == (spans, processes)
    assert (len(both[1]), both[2].joined()) == (len(spans), b"".join(processes))
    assert {number: [*found] for number, found in read_submessages(body, {2}).items()} == {2: processes}


def test_fields_of_other_types_are_passed_over() -> None:
    body = bytes.fromhex("08ffffffffffffffffff0111000000000000000015000000000a0161")
    assert [*read_submessages(body, {1})[1]] == [b"a"]


@pytest.mark.parametrize(
    "body", ["0a", "0a02", "0a0261", "80", "ff" * 11, "0b", "0d00", "0a" + "ff" * 9 + "01"]
)
def test_what_is_no_protobuf_is_refused(body: str) -> None:
    with pytest.raises(BadReport):
        read_submessages(bytes.fromhex(body), {1})


def test_more_fields_than_real_messages_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submessages, "FIELDS_MAX", 10)
    with pytest.raises(TooLarge):
        read_submessages(b"\x0a\0" * 11, {1})
    assert [*read_submessages(b"\x0a\0" * 10, {1})[1]] == [b""] * 10


def test_fields_that_come_before_the_bytes_for_them_are_refused_without_reading_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(submessages, "AHEAD", 3)
    empty, whole = b"\x0a\0", b"\x0a\x0e" + b"." * 14
    assert len(read_submessages(empty * 2 + whole * 9 + empty, {1})[1]) == 12
    with pytest.raises(TooLarge):
        read_submessages(whole + empty * 10 + b"\x0b", {1})  # what is no protobuf is not reached
