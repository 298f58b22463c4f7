"""The Thrift call, as the tracers' own library writes it, and the answers that it reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.model.report import Decoded, Receipt, Report
from satellite.protocols.lightstep import crouton
from satellite.protocols.lightstep.thrift import (
    JSON_PROTOCOL,
    PROTOCOL,
    decode,
    decode_json,
    encode,
    encode_json,
)
from satellite.protocols.readers import thrift, tjson
from satellite.protocols.readers.thrift import Message
from satellite.protocols.wire import Reply, RequestHead
from tests.protocols.neighbours import stay_whole

Encode = Callable[[Receipt, RequestHead], Reply]

NOW_NS = 1_700_000_001_000_000_000
DATA = Path(__file__).parents[1] / "data" / "lightstep_thrift"
MINIMAL = bytes.fromhex((DATA / "minimal.hex").read_text())
FULL = bytes.fromhex((DATA / "full.hex").read_text())
NOT_STRICT = bytes.fromhex((DATA / "full_not_strict.hex").read_text())
TJSON = (DATA / "full.tjson").read_bytes()
HEAD = RequestHead()
CALL = Message("Report", thrift.CALL, 7)


def good(decoded: Decoded) -> list[Report]:
    assert all(isinstance(outcome, Report) for outcome in decoded.reports)
    return [outcome for outcome in decoded.reports if isinstance(outcome, Report)]


def test_the_vector_means_what_the_reference_says() -> None:
    decoded = decode([MINIMAL], NOW_NS)
    [said], [kept] = good(decoded), decoded.batch.spans()
    assert (said.token, said.reporter.service, said.reporter.id) == ("tok", "shop", 0xA1)
    assert (kept.trace_id, kept.span_id, kept.parent_span_id) == (f"{1:016x}", f"{2:016x}", f"{5:016x}")
    assert (kept.operation, kept.start_us, kept.duration_us) == ("buy", 1_700_000_000_250_000, 1500)
    assert (kept.protocol, kept.tags, kept.error) == ("lightstep_thrift", {}, False)


@pytest.mark.parametrize("form", ["strict", "not strict", "json"])
def test_all_that_a_tracer_can_say(form: str) -> None:
    decoded = {
        "strict": lambda: decode([FULL], NOW_NS),
        "not strict": lambda: decode([NOT_STRICT], NOW_NS),
        "json": lambda: decode_json([TJSON], NOW_NS),
    }[form]()
    [said], [kept] = good(decoded), decoded.batch.spans()
    assert said.echo == CALL._replace(strict=form != "not strict")
    assert said.token == "tok"
    assert said.counters == {"spans.dropped": 5, "logs.dropped": 1.5, "dropped_counters": 0}
    assert said.reporter.attribute("lightstep.tracer_platform") == "python"
    assert (kept.service, kept.kind, kept.error, kept.start_us) == (
        "shop",
        "server",
        True,
        1_700_000_000_249_958,
    )
    assert kept.tags == {"span.kind": "server", "ü": "ß", "join:order": "o-1", "join:user": "u-1"}
    assert kept.extra["join_ids"] == [["join:order", "o-1"], ["user", "u-1"]]
    assert [entry.time_us for entry in kept.logs] == [1_700_000_000_250_458, 1_700_000_000_250_558]
    assert kept.logs[0].fields == {
        "event": "hit",
        "stable_name": "cache",
        "message": "hit",
        "level": "W",
        "thread_id": 9,
        "filename": "a.c",
        "line_number": 12,
        "payload_json": '{"a":1}',
        "stack_frames": ["f", "g"],
        "error_flag": True,
    }


def call(name: str = "Report", kind: int = thrift.CALL, content: bytes = b"\0") -> bytes:
    return thrift.write_message(Message(name, kind, 7), content)


def test_an_empty_report_is_a_report() -> None:
    content = thrift.write_struct({"auth": {"access_token": "tok"}, "request": {}}, crouton.ARGUMENTS)
    [said] = good(decode([call(content=content)], NOW_NS))
    assert (said.token, said.rows, said.reporter.service) == ("tok", slice(0, 0), "unknown_service")
    [oneway] = good(decode([call(kind=thrift.ONEWAY, content=content)], NOW_NS))
    assert oneway.token == "tok"


@pytest.mark.parametrize("bad", [b"", b"\xff\xff", FULL[:-30], call("Other"), call(kind=2), call(), b"{}"])
def test_a_bad_report_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode, FULL, bad)


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_give_a_report_or_bad_report(body: bytes, as_content: bool) -> None:
    for read in (decode, decode_json):
        [outcome] = read([call(content=body) if as_content else body], NOW_NS).reports
        assert isinstance(outcome, Report | BadReport)


@given(st.integers(0, len(FULL) - 1), st.integers(0, 255), st.booleans())
def test_a_mutated_report_never_harms_its_neighbours(place: int, byte: int, cut: bool) -> None:
    mutated = FULL[:place] if cut else FULL[:place] + bytes([byte]) + FULL[place + 1 :]
    decoded = decode([FULL, mutated, FULL], NOW_NS)
    [expected] = decode([FULL], NOW_NS).batch.spans()
    first, _, last = decoded.reports
    for outcome in (first, last):
        assert isinstance(outcome, Report)
        [kept] = decoded.batch.slice(outcome.rows.start, outcome.rows.stop).spans()
        assert kept == expected
    decoded.batch.spans()


@given(st.integers(0, len(TJSON) - 1), st.integers(0, 255), st.booleans())
def test_mutated_tjson_gives_a_report_or_bad_report(place: int, byte: int, cut: bool) -> None:
    mutated = TJSON[:place] if cut else TJSON[:place] + bytes([byte]) + TJSON[place + 1 :]
    decoded = decode_json([TJSON, mutated], NOW_NS)
    assert isinstance(decoded.reports[0], Report)
    decoded.batch.spans()


def test_a_large_call_in_tjson_is_read_span_by_span(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = decode_json([TJSON], NOW_NS)
    monkeypatch.setattr(tjson, "UNCOUNTED_BYTES", 0)
    in_parts = decode_json([TJSON], NOW_NS)
    assert in_parts.batch.spans() == at_once.batch.spans()
    assert good(in_parts) == good(at_once)


@given(st.integers(0, len(TJSON) - 1), st.integers(0, 255), st.booleans())
def test_a_mutated_large_call_in_tjson_means_what_it_meant(place: int, byte: int, cut: bool) -> None:
    mutated = TJSON[:place] + (b"" if cut else bytes([byte]) + TJSON[place + 1 :])
    [at_once] = decode_json([mutated], NOW_NS).reports
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tjson, "UNCOUNTED_BYTES", 0)
        [in_parts] = decode_json([mutated], NOW_NS).reports
    if isinstance(in_parts, Report):
        assert in_parts == at_once
    else:  # what is no list of structs is refused there, not passed over
        assert isinstance(in_parts, BadReport)


def test_a_large_call_in_tjson_whose_request_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tjson, "UNCOUNTED_BYTES", 0)
    body = b'[1,"Report",1,7,{"2":{"rec":{"3":{"lst":["rec",0]}},"and":1}}]'
    [refusal] = decode_json([body], NOW_NS).reports
    assert isinstance(refusal, BadReport)


def test_deep_tjson_is_refused() -> None:
    [fault] = decode_json([b'[1,"Report",1,7,' + b'{"1":{"rec":' * 50_000], NOW_NS).reports
    assert isinstance(fault, BadReport)


# Answers


@pytest.mark.parametrize(
    ("receipt", "vector"),
    [
        (
            Receipt(
                1_700_000_001_000_000_000, 1_700_000_001_001_000_000, echo=Message("Report", thrift.CALL, 0)
            ),
            "80010002000000065265706f7274000000000c00000c00020a000100060a24182d82400a000200060a24182d8628000000",
        ),
        (
            Receipt(0, 0, BadReport("bad", call=CALL._replace(sequence=0))),
            "80010003000000065265706f7274000000000b0001000000036261640800020000000700",
        ),
    ],
)
def test_the_vectors_of_answers(receipt: Receipt, vector: str) -> None:
    assert encode(receipt, HEAD).body.hex() == vector


def test_an_answer_has_the_name_sequence_and_form_of_its_call() -> None:
    for echo in (CALL, CALL._replace(sequence=-5, strict=False)):
        reply = encode(Receipt(1000, 2000, echo=echo), HEAD)
        message, at = thrift.read_message(reply.body)
        assert message == echo._replace(type=thrift.REPLY)
        assert thrift.read_struct(reply.body, crouton.RESULT, at) == {
            "success": {"timing": {"receive_micros": 1, "transmit_micros": 2}}
        }
        assert (reply.status, reply.content_type) == (200, "application/x-thrift")


def test_a_refused_token_is_answered_in_a_report_response() -> None:
    receipt = Receipt(1000, 2000, AccessDenied("unknown 5%"), echo=CALL)
    reply = encode(receipt, HEAD)
    message, at = thrift.read_message(reply.body)
    assert (reply.status, message.type, message.sequence) == (400, thrift.REPLY, 7)
    assert thrift.read_struct(reply.body, crouton.RESULT, at)["success"]["errors"] == ["unknown 5percent "]
    reply = encode_json(receipt, HEAD)
    answer = json.loads(reply.body)
    assert answer[:4] == [1, "Report", 2, 7]
    assert answer[4]["0"]["rec"]["3"] == {"lst": ["str", 1, "unknown 5percent "]}


@pytest.mark.parametrize(
    ("body", "kind", "sequence"),
    [
        (b"no thrift at all", thrift.PROTOCOL_ERROR, 0),
        (call("Other"), thrift.UNKNOWN_METHOD, 7),
        (call(kind=thrift.REPLY), thrift.INVALID_MESSAGE_TYPE, 7),
        (call(content=b"\x0c"), thrift.PROTOCOL_ERROR, 7),
        (call(), thrift.PROTOCOL_ERROR, 7),
    ],
)
def test_what_was_no_call_is_answered_by_an_exception(body: bytes, kind: int, sequence: int) -> None:
    [refusal] = decode([body], NOW_NS).reports
    assert isinstance(refusal, BadReport)
    reply = encode(Receipt(1, 2, refusal), HEAD)
    message, at = thrift.read_message(reply.body)
    assert (reply.status, message.type, message.sequence) == (400, thrift.EXCEPTION, sequence)
    exception = thrift.read_struct(reply.body, thrift.APPLICATION_EXCEPTION, at)
    assert exception == {"message": refusal.message, "type": kind}


def test_exceptions_in_tjson() -> None:
    [refusal] = decode_json([b'[1,"Other",1,7,{}]'], NOW_NS).reports
    assert isinstance(refusal, BadReport)
    reply = encode_json(Receipt(1, 2, refusal), HEAD)
    answer = json.loads(reply.body)
    assert answer == [1, "Other", 3, 7, {"1": {"str": refusal.message}, "2": {"i32": thrift.UNKNOWN_METHOD}}]


@pytest.mark.parametrize("answer", [encode, encode_json])
@pytest.mark.parametrize(
    ("refusal", "status"), [(TooLarge("big"), 413), (Overloaded("later"), 503), (StoreFailed("broken"), 503)]
)
def test_statuses(answer: Encode, refusal: SatelliteError, status: int) -> None:
    reply = answer(Receipt(1, 2, refusal, echo=CALL if status == 503 else None), HEAD)
    assert reply.status == status
    assert (reply.content_type == "text/plain; charset=utf-8") is (status == 503)


def test_the_records_name_what_the_edges_need() -> None:
    assert PROTOCOL.http_routes == (("POST", "/_rpc/v1/reports/binary"),)
    assert "application/x-thrift" in PROTOCOL.content_types
    assert JSON_PROTOCOL.http_routes == (("POST", "/_rpc/v1/reports/json"),)
